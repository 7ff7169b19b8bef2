//! Functions of one number: rounding, roots, logarithms, trigonometry, clamping.
//!
//! Cells without a float are computed as well, which is cheaper than asking; their bits stay clear. Histograms are
//! ignored, so they leave the row.

use super::{Args, Entry, map_floats, rows};
use crate::annotation::Annotations;
use crate::error::Result;
use crate::exec::batch::{Batch, words};

macro_rules! unary {
    ($compute:expr) => {
        rows(|batch, _, _| {
            map_floats(batch, |_, value: f64| $compute(value));
            Ok(())
        })
    };
}

/// The functions of this family.
pub(super) fn lookup(name: &str) -> Option<Entry> {
    match name {
        "abs" => unary!(f64::abs),
        "ceil" => unary!(f64::ceil),
        "floor" => unary!(f64::floor),
        "exp" => unary!(f64::exp),
        "ln" => unary!(f64::ln),
        "log2" => unary!(f64::log2),
        "log10" => unary!(f64::log10),
        "sqrt" => unary!(f64::sqrt),
        "sgn" => unary!(sign),
        "sin" => unary!(f64::sin),
        "cos" => unary!(f64::cos),
        "tan" => unary!(f64::tan),
        "asin" => unary!(f64::asin),
        "acos" => unary!(f64::acos),
        "atan" => unary!(f64::atan),
        "sinh" => unary!(f64::sinh),
        "cosh" => unary!(f64::cosh),
        "tanh" => unary!(f64::tanh),
        "asinh" => unary!(f64::asinh),
        "acosh" => unary!(inverse_cosh),
        "atanh" => unary!(f64::atanh),
        "deg" => unary!(|value: f64| value * 180.0 / std::f64::consts::PI),
        "rad" => unary!(|value: f64| value * std::f64::consts::PI / 180.0),
        "round" => rows(round),
        "clamp" => rows(clamp),
        "clamp_min" => rows(clamp_min),
        "clamp_max" => rows(clamp_max),
        _ => None,
    }
}

fn sign(value: f64) -> f64 {
    if value < 0.0 {
        -1.0
    } else if value > 0.0 {
        1.0
    } else {
        value
    }
}

/// Half rounds up. Multiplying by the inverse keeps decimal fractions exact where dividing would not.
fn round(batch: &mut Batch, args: &Args<'_>, _: &mut Annotations) -> Result<()> {
    let nearest = args.scalars.first();
    map_floats(batch, |step, value| {
        let inverse = nearest.map_or(1.0, |nearest| 1.0 / nearest[step]);
        (value * inverse + 0.5).floor() / inverse
    });
    Ok(())
}

fn clamp(batch: &mut Batch, args: &Args<'_>, _: &mut Annotations) -> Result<()> {
    let (low, high) = (args.scalars[0], args.scalars[1]);
    map_floats(batch, |step, value| {
        greater(low[step], lesser(high[step], value))
    });
    for row in batch.present.chunks_exact_mut(words(batch.steps).max(1)) {
        let empty = (0..batch.steps).filter(|step| high[*step] < low[*step]);
        for step in empty {
            row[step / 64] &= !(1 << (step % 64));
        }
    }
    batch.drop_empty();
    Ok(())
}

fn clamp_min(batch: &mut Batch, args: &Args<'_>, _: &mut Annotations) -> Result<()> {
    let low = args.scalars[0];
    map_floats(batch, |step, value| greater(low[step], value));
    Ok(())
}

fn clamp_max(batch: &mut Batch, args: &Args<'_>, _: &mut Annotations) -> Result<()> {
    let high = args.scalars[0];
    map_floats(batch, |step, value| lesser(high[step], value));
    Ok(())
}

/// The greater; NaN if one is, but infinity beats NaN; of two zeros the positive.
#[must_use]
pub fn greater(a: f64, b: f64) -> f64 {
    if a == f64::INFINITY || b == f64::INFINITY {
        f64::INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if a == 0.0 && b == 0.0 {
        if a.is_sign_negative() { b } else { a }
    } else {
        a.max(b)
    }
}

/// The lesser, in the same way.
#[must_use]
pub fn lesser(a: f64, b: f64) -> f64 {
    -greater(-a, -b)
}

/// As `acosh`, also where the square of the value is infinite.
fn inverse_cosh(value: f64) -> f64 {
    if value > 1e150 {
        return value.ln() + std::f64::consts::LN_2;
    }
    value.acosh()
}
