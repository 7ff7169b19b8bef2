//! What functions make of windows of downsampled series: which value they want, and whether it is as good as the samples.

use crate::storage::Reading;

/// Which value of a window a function wants.
pub(super) fn reading(function: &str) -> Reading {
    match function {
        "min_over_time" => Reading::Min,
        "max_over_time" => Reading::Max,
        "count_over_time" => Reading::Count,
        "sum_over_time" => Reading::Sum,
        "rate" | "increase" | "irate" | "resets" | "xrate" | "xincrease" => Reading::Counter,
        _ => Reading::Average,
    }
}

/// Whether a function gives the same of windows as of their samples, but for where they end.
pub(super) fn is_exact(function: &str) -> bool {
    const EXACT: [&str; 9] = [
        "avg_over_time",
        "count_over_time",
        "increase",
        "max_over_time",
        "min_over_time",
        "present_over_time",
        "rate",
        "sum_over_time",
        "xincrease",
    ];
    EXACT.contains(&function)
}

/// Coarsest samples that will do: functions that need two of them want both inside of the range.
pub(super) fn coarsest(function: &str, range: i64, max_resolution: i64) -> i64 {
    const TWO: [&str; 8] = [
        "rate",
        "irate",
        "increase",
        "delta",
        "idelta",
        "deriv",
        "predict_linear",
        "double_exponential_smoothing",
    ];
    if TWO.contains(&function) {
        max_resolution.min(range / 2)
    } else {
        max_resolution
    }
}
