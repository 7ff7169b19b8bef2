//! The functions of the language: names, argument types, what they need and what they allow.
//!
//! The one table that the parser, the checker and the printer agree on; bodies are the engine's. Sorted by name, looked
//! up by bisection. Thanos' x-functions stand apart: they are known only where [`super::Options::x_functions`] says so.

use super::types::ValueType::{self, Matrix, Scalar, String, Vector};

const EXPERIMENTAL: u8 = 1;
const TIME: u8 = 2;
const ANCHORED: u8 = 4;
const SMOOTHED: u8 = 8;

/// A function's signature.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// Declared argument types.
    pub args: &'static [ValueType],
    /// 0: exactly these; n > 0: the last may be left out or stand up to n times; -1: any number of times.
    pub variadic: i32,
    /// What it gives.
    pub returns: ValueType,
    flags: u8,
}

impl Function {
    /// Whether it needs `promql-experimental-functions`.
    #[must_use]
    pub fn is_experimental(&self) -> bool {
        self.flags & EXPERIMENTAL != 0
    }

    /// Whether its result depends on the evaluation time even where its arguments are fixed.
    #[must_use]
    pub fn depends_on_time(&self) -> bool {
        self.flags & TIME != 0
    }

    /// Whether its range may be `anchored`.
    #[must_use]
    pub fn allows_anchored(&self) -> bool {
        self.flags & ANCHORED != 0
    }

    /// Whether its range may be `smoothed`.
    #[must_use]
    pub fn allows_smoothed(&self) -> bool {
        self.flags & SMOOTHED != 0
    }

    /// The type declared for argument `index`; none past the end of a function of fixed length.
    #[must_use]
    pub fn arg(&self, index: usize) -> Option<ValueType> {
        let last = if self.variadic == 0 {
            None
        } else {
            self.args.last()
        };
        self.args.get(index).or(last).copied()
    }
}

const fn entry(
    name: &'static str,
    args: &'static [ValueType],
    variadic: i32,
    returns: ValueType,
    flags: u8,
) -> Function {
    Function {
        name,
        args,
        variadic,
        returns,
        flags,
    }
}

/// Stands for an unknown function until parsing fails.
pub(super) static UNKNOWN: Function = entry("", &[], -1, Vector, 0);

/// The functions of Prometheus, by name.
pub static FUNCTIONS: [Function; 90] = [
    entry("abs", &[Vector], 0, Vector, 0),
    entry("absent", &[Vector], 0, Vector, 0),
    entry("absent_over_time", &[Matrix], 0, Vector, 0),
    entry("acos", &[Vector], 0, Vector, 0),
    entry("acosh", &[Vector], 0, Vector, 0),
    entry("asin", &[Vector], 0, Vector, 0),
    entry("asinh", &[Vector], 0, Vector, 0),
    entry("atan", &[Vector], 0, Vector, 0),
    entry("atanh", &[Vector], 0, Vector, 0),
    entry("avg_over_time", &[Matrix], 0, Vector, 0),
    entry("ceil", &[Vector], 0, Vector, 0),
    entry("changes", &[Matrix], 0, Vector, ANCHORED),
    entry("clamp", &[Vector, Scalar, Scalar], 0, Vector, 0),
    entry("clamp_max", &[Vector, Scalar], 0, Vector, 0),
    entry("clamp_min", &[Vector, Scalar], 0, Vector, 0),
    entry("cos", &[Vector], 0, Vector, 0),
    entry("cosh", &[Vector], 0, Vector, 0),
    entry("count_over_time", &[Matrix], 0, Vector, 0),
    entry("day_of_month", &[Vector], 1, Vector, TIME),
    entry("day_of_week", &[Vector], 1, Vector, TIME),
    entry("day_of_year", &[Vector], 1, Vector, TIME),
    entry("days_in_month", &[Vector], 1, Vector, TIME),
    entry("deg", &[Vector], 0, Vector, 0),
    entry("delta", &[Matrix], 0, Vector, ANCHORED | SMOOTHED),
    entry("deriv", &[Matrix], 0, Vector, 0),
    entry(
        "double_exponential_smoothing",
        &[Matrix, Scalar, Scalar],
        0,
        Vector,
        EXPERIMENTAL,
    ),
    entry("end", &[], 0, Scalar, EXPERIMENTAL | TIME),
    entry("exp", &[Vector], 0, Vector, 0),
    entry("first_over_time", &[Matrix], 0, Vector, 0),
    entry("floor", &[Vector], 0, Vector, 0),
    entry("histogram_avg", &[Vector], 0, Vector, 0),
    entry("histogram_count", &[Vector], 0, Vector, 0),
    entry(
        "histogram_fraction",
        &[Scalar, Scalar, Vector],
        0,
        Vector,
        0,
    ),
    entry("histogram_quantile", &[Scalar, Vector], 0, Vector, 0),
    entry(
        "histogram_quantiles",
        &[Vector, String, Scalar, Scalar],
        9,
        Vector,
        EXPERIMENTAL,
    ),
    entry("histogram_stddev", &[Vector], 0, Vector, 0),
    entry("histogram_stdvar", &[Vector], 0, Vector, 0),
    entry("histogram_sum", &[Vector], 0, Vector, 0),
    entry("hour", &[Vector], 1, Vector, TIME),
    entry("idelta", &[Matrix], 0, Vector, 0),
    entry("increase", &[Matrix], 0, Vector, ANCHORED | SMOOTHED),
    entry("info", &[Vector, Vector], 1, Vector, EXPERIMENTAL),
    entry("irate", &[Matrix], 0, Vector, 0),
    entry(
        "label_join",
        &[Vector, String, String, String],
        -1,
        Vector,
        0,
    ),
    entry(
        "label_replace",
        &[Vector, String, String, String, String],
        0,
        Vector,
        0,
    ),
    entry("last_over_time", &[Matrix], 0, Vector, 0),
    entry("ln", &[Vector], 0, Vector, 0),
    entry("log10", &[Vector], 0, Vector, 0),
    entry("log2", &[Vector], 0, Vector, 0),
    entry("mad_over_time", &[Matrix], 0, Vector, EXPERIMENTAL),
    entry("max_of", &[Scalar, Scalar], 0, Scalar, EXPERIMENTAL),
    entry("max_over_time", &[Matrix], 0, Vector, 0),
    entry("min_of", &[Scalar, Scalar], 0, Scalar, EXPERIMENTAL),
    entry("min_over_time", &[Matrix], 0, Vector, 0),
    entry("minute", &[Vector], 1, Vector, TIME),
    entry("month", &[Vector], 1, Vector, TIME),
    entry("pi", &[], 0, Scalar, 0),
    entry("predict_linear", &[Matrix, Scalar], 0, Vector, TIME),
    entry("present_over_time", &[Matrix], 0, Vector, 0),
    entry("quantile_over_time", &[Scalar, Matrix], 0, Vector, 0),
    entry("rad", &[Vector], 0, Vector, 0),
    entry("range", &[], 0, Scalar, EXPERIMENTAL | TIME),
    entry("rate", &[Matrix], 0, Vector, ANCHORED | SMOOTHED),
    entry("resets", &[Matrix], 0, Vector, ANCHORED),
    entry("round", &[Vector, Scalar], 1, Vector, 0),
    entry("scalar", &[Vector], 0, Scalar, 0),
    entry("sgn", &[Vector], 0, Vector, 0),
    entry("sin", &[Vector], 0, Vector, 0),
    entry("sinh", &[Vector], 0, Vector, 0),
    entry("sort", &[Vector], 0, Vector, 0),
    entry("sort_by_label", &[Vector, String], -1, Vector, EXPERIMENTAL),
    entry(
        "sort_by_label_desc",
        &[Vector, String],
        -1,
        Vector,
        EXPERIMENTAL,
    ),
    entry("sort_desc", &[Vector], 0, Vector, 0),
    entry("sqrt", &[Vector], 0, Vector, 0),
    entry("start", &[], 0, Scalar, EXPERIMENTAL | TIME),
    entry("start_timestamp", &[Vector], 0, Vector, EXPERIMENTAL),
    entry("stddev_over_time", &[Matrix], 0, Vector, 0),
    entry("stdvar_over_time", &[Matrix], 0, Vector, 0),
    entry("step", &[], 0, Scalar, EXPERIMENTAL | TIME),
    entry("sum_over_time", &[Matrix], 0, Vector, 0),
    entry("tan", &[Vector], 0, Vector, 0),
    entry("tanh", &[Vector], 0, Vector, 0),
    entry("time", &[], 0, Scalar, TIME),
    entry("timestamp", &[Vector], 0, Vector, TIME),
    entry("ts_of_first_over_time", &[Matrix], 0, Vector, EXPERIMENTAL),
    entry("ts_of_last_over_time", &[Matrix], 0, Vector, EXPERIMENTAL),
    entry("ts_of_max_over_time", &[Matrix], 0, Vector, EXPERIMENTAL),
    entry("ts_of_min_over_time", &[Matrix], 0, Vector, EXPERIMENTAL),
    entry("vector", &[Scalar], 0, Vector, 0),
    entry("year", &[Vector], 1, Vector, TIME),
];

/// Thanos' functions with extended lookback.
pub static X_FUNCTIONS: [Function; 3] = [
    entry("xdelta", &[Matrix], 0, Vector, 0),
    entry("xincrease", &[Matrix], 0, Vector, 0),
    entry("xrate", &[Matrix], 0, Vector, 0),
];

/// The function of a name.
#[must_use]
pub fn lookup(name: &str, x_functions: bool) -> Option<&'static Function> {
    let found = FUNCTIONS.binary_search_by(|function| function.name.cmp(name));
    match found {
        Ok(at) => Some(&FUNCTIONS[at]),
        Err(_) if x_functions => X_FUNCTIONS.iter().find(|function| function.name == name),
        Err(_) => None,
    }
}
