//! Recorded evaluations of Prometheus 3.14 on the engine: all of them where `STRATAL_GOLDEN` names the corpus, else the
//! committed selection.
//!
//! `STRATAL_CORPUS_FILTER=text` runs only lines whose file, id or expression contains the text.

use query::testing::corpus::{Filter, evaluate_all, root};
use query::testing::evaluator::Fast;

/// Lines that differ, or need what the engine says it cannot do yet. Goes down with each that is mended, never up.
const LACKING_MAX: usize = 5;
const FAILURES_SHOWN: usize = 20;

#[test]
fn golden_evaluations_agree_on_the_engine() {
    let engine = Fast::new().unwrap();
    let report = evaluate_all(&root(), &[&engine], &Filter::from_env()).unwrap();
    println!("{}", report.text(FAILURES_SHOWN));
    let total = report.total();
    assert!(total.passed > 0, "nothing was run");
    let lacking = total.failures.len() + total.open();
    assert!(lacking <= LACKING_MAX, "{lacking} lines differ or are open");
}
