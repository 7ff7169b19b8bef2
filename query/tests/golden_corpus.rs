//! Every file of the corpus that needs no evaluator: the language, the notation of series, the forms of numbers.
//!
//! All of them where `STRATAL_GOLDEN` names the corpus; most may not be copied here, so a plain clone has a selection.

use query::testing::corpus::{check_rest, root};

/// Lines that differ for a reason that `docs/compat.md` tells: texts that are not UTF-8, and what is said after the first
/// error. Goes down, never up.
const FAILURES_MAX: usize = 361;
const FAILURES_SHOWN: usize = 40;

#[test]
fn golden_lines_without_evaluation_agree() {
    let report = check_rest(&root()).unwrap();
    println!("{}", report.text(FAILURES_SHOWN));
    let total = report.total();
    assert!(total.passed > 0, "nothing was run");
    assert!(total.failures.len() <= FAILURES_MAX, "more lines differ");
}
