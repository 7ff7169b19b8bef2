//! Recorded evaluations of Prometheus 3.14 on the naive evaluator: all of them where `STRATAL_GOLDEN` names the corpus.
//!
//! The corpus may not be copied here, so a plain clone runs the committed selection in `testdata/promql`.

use query::testing::corpus::{Filter, evaluate_all, root};
use query::testing::evaluator::Naive;

/// Lines that differ for a reason that `docs/compat.md` tells: last bits of `cosh` and `^`, a median over NaN, a string
/// that is not UTF-8. Goes down, never up.
const FAILURES_MAX: usize = 5;

#[test]
fn golden_evaluations_agree_on_the_naive_evaluator() {
    let report = evaluate_all(&root(), &[&Naive], &Filter::from_env()).unwrap();
    println!("{}", report.text(FAILURES_MAX));
    let total = report.total();
    assert!(total.passed > 0, "nothing was run");
    assert!(total.failures.len() <= FAILURES_MAX, "more lines differ");
    assert_eq!(total.open(), 0, "the naive evaluator lacks nothing");
}
