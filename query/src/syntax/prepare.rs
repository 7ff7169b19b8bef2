//! What is known before a query runs: computed lengths, `@ start()` and `@ end()`, `start() end() step() range()`.
//!
//! They become plain numbers in place, so an evaluator meets no [`Expr::Duration`], no [`At::Start`] and no such call. The
//! first error in a walk from the root is reported, with the bytes `start:end` of the length rather than a line.

use super::ast::{At, DurationExpr, DurationOp, Expr, Length, NodeId, Span, Tree};
use crate::error::{Error, Result};
use crate::request::When;

/// Seconds of 2^63 nanoseconds.
const SECONDS_MAX: f64 = 9_223_372_036.854_776;

/// Settles all that depends only on when the query runs.
///
/// # Errors
/// [`Error::BadData`] where a computed length is none.
pub fn prepare(mut tree: Tree, when: When) -> Result<Tree> {
    for id in tree.walk() {
        let settled = match tree.expr(id).clone() {
            Expr::Vector(mut selector) => {
                settle(&tree, when, &mut selector.moment.offset, Sign::Any)?;
                selector.moment.at = selector.moment.at.map(|at| pinned(at, when));
                Expr::Vector(selector)
            }
            Expr::Matrix {
                selector,
                mut range,
            } => {
                settle(&tree, when, &mut range, Sign::Positive)?;
                Expr::Matrix { selector, range }
            }
            Expr::Subquery(mut subquery) => {
                settle(&tree, when, &mut subquery.moment.offset, Sign::Any)?;
                settle(&tree, when, &mut subquery.step, Sign::Positive)?;
                settle(&tree, when, &mut subquery.range, Sign::Positive)?;
                subquery.moment.at = subquery.moment.at.map(|at| pinned(at, when));
                Expr::Subquery(subquery)
            }
            Expr::Call { function, args } if args.is_empty() => {
                match context(function.name, when) {
                    Some(value) => Expr::Number {
                        value,
                        duration: false,
                    },
                    None => continue,
                }
            }
            _ => continue,
        };
        tree.nodes_mut()[id.index()].expr = settled;
    }
    Ok(tree)
}

/// The value of a function that asks about the query itself, in seconds.
fn context(function: &str, when: When) -> Option<f64> {
    let millis = match function {
        "start" => when.start(),
        "end" => when.end(),
        "step" => when.step(),
        "range" => when.end() - when.start(),
        _ => return None,
    };
    Some(seconds(millis))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "times of queries are far below 2^53 ms"
)]
fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}

fn pinned(at: At, when: When) -> At {
    match at {
        At::Time(_) => at,
        At::Start => At::Time(when.start()),
        At::End => At::Time(when.end()),
    }
}

/// Which lengths make sense.
#[derive(Clone, Copy, PartialEq)]
enum Sign {
    Any,
    Positive,
}

/// Computes a length; one that is a number stays.
fn settle(tree: &Tree, when: When, length: &mut Length, sign: Sign) -> Result<()> {
    let Some(id) = length.expr else {
        return Ok(());
    };
    let seconds = compute(tree, when, id)?;
    let span = tree.span(id);
    if sign == Sign::Positive && seconds <= 0.0 {
        return refuse(span, "duration must be greater than 0");
    }
    if seconds.is_nan() || seconds.abs() > SECONDS_MAX {
        return refuse(span, "duration is out of range");
    }
    *length = Length {
        nanos: super::number::saturating(seconds * 1000.0).saturating_mul(1_000_000),
        expr: None,
    };
    Ok(())
}

fn refuse<T>(span: Span, why: &str) -> Result<T> {
    Err(Error::BadData(format!(
        "{}:{}: {why}",
        span.start, span.end
    )))
}

/// A length in seconds.
fn compute(tree: &Tree, when: When, id: NodeId) -> Result<f64> {
    let duration = match tree.expr(id) {
        Expr::Number { value, .. } => return Ok(*value),
        Expr::Duration(duration) => duration,
        _ => return refuse(tree.span(id), "not a duration"),
    };
    let side = |side: Option<NodeId>| side.map_or(Ok(0.0), |id| compute(tree, when, id));
    let (lhs, rhs) = (side(duration.lhs)?, side(duration.rhs)?);
    match *duration {
        DurationExpr {
            op: DurationOp::Div,
            ..
        } if rhs == 0.0 => refuse(tree.span(id), "division by zero"),
        DurationExpr {
            op: DurationOp::Mod,
            ..
        } if rhs == 0.0 => refuse(tree.span(id), "modulo by zero"),
        DurationExpr { op, .. } => Ok(apply(op, lhs, rhs, when)),
    }
}

fn apply(op: DurationOp, lhs: f64, rhs: f64, when: When) -> f64 {
    match op {
        DurationOp::Add => lhs + rhs,
        DurationOp::Sub => lhs - rhs,
        DurationOp::Mul => lhs * rhs,
        DurationOp::Div => lhs / rhs,
        DurationOp::Mod => lhs % rhs,
        DurationOp::Pow => lhs.powf(rhs),
        DurationOp::Step => seconds(when.step()),
        DurationOp::Range => seconds(when.end() - when.start()),
        DurationOp::MinOf => lhs.min(rhs),
        DurationOp::MaxOf => lhs.max(rhs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::{Options, parse};

    const WHEN: When = When::Range {
        start: 10_000,
        end: 70_500,
        step: 15_000,
    };

    fn options() -> Options {
        Options {
            experimental_functions: true,
            ..Options::default()
        }
    }

    #[test]
    fn a_prepared_query_is_made_of_numbers() {
        fn check(text: &str, want: &str) {
            let tree = parse(text, options()).unwrap();
            assert_eq!(prepare(tree, WHEN).unwrap().to_string(), want, "{text}");
        }
        check("x[2*step()]", "x[30s]");
        check("x[range()] offset (step()-20s)", "x[1m500ms] offset -5s");
        check("x[max_of(5m, 2 * step()):min_of(step(), 1s)]", "x[5m:1s]");
        check("x @ start() + y @ end()", "x @ 10.000 + y @ 70.500");
        check(
            "start() + end() + step() + range()",
            "10 + 70.5 + 15 + 60.5",
        );
        check("x[10 % 4]", "x[2s]");
        check("x[1.0009999 + 1]", "x[2s]");
    }

    #[test]
    fn a_length_that_is_none_is_refused_with_its_bytes() {
        fn check(text: &str, want: &str) {
            let tree = parse(text, options()).unwrap();
            let got = prepare(tree, When::Instant(0)).unwrap_err();
            assert_eq!(got.to_string(), want, "{text}");
        }
        check("up[step()]", "3:9: duration must be greater than 0");
        check("up[5m:step()]", "6:12: duration must be greater than 0");
        check("up[1h/(1-1)]", "3:10: division by zero");
        check("up[1h%(1-1)]", "3:10: modulo by zero");
        check("up[1e9*1e9]", "3:10: duration is out of range");
    }
}
