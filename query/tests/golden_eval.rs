//! Recorded evaluations of Prometheus 3.14 on the naive evaluator: all of them where `STRATAL_GOLDEN` names the corpus.
//!
//! The corpus may not be copied here, so a plain clone runs the committed selection in `testdata/promql`.

use std::path::{Path, PathBuf};

use query::testing::corpus::run;
use query::testing::evaluation::Naive;

/// Lines that differ for a reason: NaN in trims and spreads, last bits of `cosh`, how often one info was counted, a string
/// that is not UTF-8.
const FAILURES_MAX: usize = 30;

fn root() -> PathBuf {
    std::env::var_os("STRATAL_GOLDEN").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/promql"),
        |root| Path::new(&root).join("promql"),
    )
}

#[test]
fn golden_evaluations_agree_on_the_naive_evaluator() {
    let tallies = run(&root(), &[&Naive]).unwrap();
    let (mut passed, mut failed) = (0, 0);
    for ((file, evaluator), tally) in &tallies {
        for failure in &tally.failures {
            println!("{file} {evaluator} {failure}");
        }
        passed += tally.passed;
        failed += tally.failures.len();
    }
    println!("{passed} passed, {failed} failed");
    assert!(passed > 0, "nothing was run");
    assert!(failed <= FAILURES_MAX, "{failed} lines differ");
}
