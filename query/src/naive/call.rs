//! Calls: from the name of a function to its body in [`super::function`].
//!
//! Three kinds: functions of a range give a sample per series and step, elementwise ones a float per float, and the rest
//! see whole vectors. Functions that make no vector are scalars: `time`, `scalar`, `pi`, `min_of`, `max_of`.

use super::Query;
use super::function::{absent, date, histogram, info, label, math, order, range, time};
use super::vector::{Element, Vector, check_unique};
use crate::error::Result;
use crate::syntax::ValueType;
use crate::syntax::ast::{Expr, NodeId};
use crate::syntax::function::Function;
use crate::value::SampleValue;

impl Query<'_> {
    /// A call that gives a scalar at each time.
    pub(super) fn scalar_call(
        &mut self,
        id: NodeId,
        function: &Function,
        args: &[NodeId],
        times: &[i64],
    ) -> Result<Vec<f64>> {
        match function.name {
            "pi" => Ok(vec![std::f64::consts::PI; times.len()]),
            "time" => Ok(times.iter().map(|t| super::window::seconds(*t)).collect()),
            "scalar" => {
                let vectors = self.vectors(args[0], times)?;
                Ok(vectors.iter().map(only_float).collect())
            }
            "min_of" | "max_of" => {
                let lhs = self.scalars(args[0], times)?;
                let rhs = self.scalars(args[1], times)?;
                let pick = if function.name == "min_of" {
                    math::min
                } else {
                    math::max
                };
                Ok(lhs.into_iter().zip(rhs).map(|(a, b)| pick(a, b)).collect())
            }
            _ => Err(self.misplaced(id)),
        }
    }

    /// A call that gives a vector at each time.
    pub(super) fn call(
        &mut self,
        id: NodeId,
        function: &'static Function,
        args: &[NodeId],
        times: &[i64],
    ) -> Result<Vec<Vector>> {
        let before = self.wants_hints;
        self.wants_hints = match function.name {
            "histogram_count" | "histogram_sum" | "histogram_avg" => true,
            name if name.starts_with("histogram_") => false,
            _ => before,
        };
        let result = self.called(id, function, args, times);
        self.wants_hints = before;
        let vectors = result?;
        check_unique(&vectors)?;
        Ok(vectors)
    }

    fn called(
        &mut self,
        id: NodeId,
        function: &'static Function,
        args: &[NodeId],
        times: &[i64],
    ) -> Result<Vec<Vector>> {
        if function.name == "absent_over_time" {
            return absent::absent_over_time(self, args[0], times);
        }
        let takes_range = args
            .iter()
            .any(|arg| self.type_of(*arg) == ValueType::Matrix);
        if takes_range {
            return range::call(self, function, args, times);
        }
        if let Some(field) = date::field(function.name) {
            return self.date(field, args, times);
        }
        if let Some(body) = math::elementwise(function.name) {
            return self.map_floats(args[0], times, |_, value| Some(body(value)));
        }
        match function.name {
            "vector" => {
                let floats = self.scalars(args[0], times)?;
                let vector = |float| vec![Element::float(tsdb::label::Labels::default(), float)];
                Ok(floats.into_iter().map(vector).collect())
            }
            "round" | "clamp" | "clamp_min" | "clamp_max" => self.bounded(function, args, times),
            "absent" => absent::absent(self, args[0], times),
            "timestamp" => time::timestamp(self, args[0], times),
            "start_timestamp" => time::start_timestamp(self, args[0], times),
            "label_replace" => label::replace(self, args, times),
            "label_join" => label::join(self, args, times),
            "sort" | "sort_desc" => order::by_value(self, id, function, args, times),
            "sort_by_label" | "sort_by_label_desc" => {
                order::by_label(self, id, function, args, times)
            }
            "info" => info::info(self, args, times),
            _ => histogram::call(self, function, args, times),
        }
    }

    /// A function of each float; histograms and what it gives nothing for are left out, and the names.
    pub(super) fn map_floats(
        &mut self,
        arg: NodeId,
        times: &[i64],
        body: impl Fn(usize, f64) -> Option<f64>,
    ) -> Result<Vec<Vector>> {
        let vectors = self.vectors(arg, times)?;
        let mut mapped = Vec::with_capacity(vectors.len());
        for (step, vector) in vectors.into_iter().enumerate() {
            let mut out = Vector::new();
            for mut element in vector {
                let result = element.value.float().and_then(|float| body(step, float));
                let Some(result) = result else {
                    continue;
                };
                element.value = SampleValue::Float(result);
                self.drop_name(&mut element);
                out.push(element);
            }
            mapped.push(out);
        }
        Ok(mapped)
    }

    fn date(
        &mut self,
        field: fn(i64) -> f64,
        args: &[NodeId],
        times: &[i64],
    ) -> Result<Vec<Vector>> {
        let Some(arg) = args.first() else {
            let vector = |t: &i64| {
                let value = field(t / 1000);
                vec![Element::float(tsdb::label::Labels::default(), value)]
            };
            return Ok(times.iter().map(vector).collect());
        };
        self.map_floats(*arg, times, |_, value| Some(field(date::whole(value))))
    }

    /// `round` and the clamps: functions of a float and of scalars.
    fn bounded(
        &mut self,
        function: &Function,
        args: &[NodeId],
        times: &[i64],
    ) -> Result<Vec<Vector>> {
        let mut params = Vec::new();
        for arg in &args[1..] {
            params.push(self.scalars(*arg, times)?);
        }
        let name = function.name;
        self.map_floats(args[0], times, |step, value| {
            let param = |index: usize| params.get(index).map(|param: &Vec<f64>| param[step]);
            match (name, param(0), param(1)) {
                ("round", to, _) => Some(math::round(value, to.unwrap_or(1.0))),
                ("clamp_min", Some(min), _) => Some(math::max(min, value)),
                ("clamp_max", Some(max), _) => Some(math::min(max, value)),
                (_, Some(min), Some(max)) if max >= min || max.is_nan() || min.is_nan() => {
                    Some(math::max(min, math::min(max, value)))
                }
                _ => None,
            }
        })
    }

    /// The selector that an argument is, if it is nothing else.
    pub(super) fn bare_selector(&self, id: NodeId) -> Option<crate::syntax::ast::VectorSelector> {
        match self.expr(id) {
            Expr::Paren(inner) => self.bare_selector(*inner),
            Expr::Vector(selector) => Some((**selector).clone()),
            _ => None,
        }
    }
}

/// The float of a vector with exactly one, else NaN.
fn only_float(vector: &Vector) -> f64 {
    let mut floats = vector.iter().filter_map(|element| element.value.float());
    match (floats.next(), floats.next()) {
        (Some(float), None) => float,
        _ => f64::NAN,
    }
}
