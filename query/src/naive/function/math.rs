//! Functions of one float, and the four that take bounds.

use std::f64::consts::PI;

/// The function of a name, if it maps a float to a float.
pub(in crate::naive) fn elementwise(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "abs" => f64::abs,
        "ceil" => f64::ceil,
        "floor" => f64::floor,
        "exp" => f64::exp,
        "ln" => f64::ln,
        "log2" => f64::log2,
        "log10" => f64::log10,
        "sqrt" => f64::sqrt,
        "sgn" => sign,
        "sin" => f64::sin,
        "cos" => f64::cos,
        "tan" => f64::tan,
        "asin" => f64::asin,
        "acos" => f64::acos,
        "atan" => f64::atan,
        "sinh" => f64::sinh,
        "cosh" => f64::cosh,
        "tanh" => f64::tanh,
        "asinh" => f64::asinh,
        "acosh" => inverse_cosh,
        "atanh" => f64::atanh,
        "deg" => |value| value * 180.0 / PI,
        "rad" => |value| value * PI / 180.0,
        _ => return None,
    })
}

/// -1, 1, or the value itself where it is neither below nor above zero.
fn sign(value: f64) -> f64 {
    if value < 0.0 {
        -1.0
    } else if value > 0.0 {
        1.0
    } else {
        value
    }
}

/// As `acosh`, also where the square of the value is infinite.
fn inverse_cosh(value: f64) -> f64 {
    if value > 1e10 {
        return value.ln() + std::f64::consts::LN_2;
    }
    value.acosh()
}

/// Half up, to a multiple.
pub(in crate::naive) fn round(value: f64, multiple: f64) -> f64 {
    let inverse = 1.0 / multiple;
    (value * inverse + 0.5).floor() / inverse
}

/// The larger; NaN if either is.
pub(in crate::naive) fn max(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        return f64::NAN;
    }
    a.max(b)
}

/// The smaller; NaN if either is.
pub(in crate::naive) fn min(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        return f64::NAN;
    }
    a.min(b)
}
