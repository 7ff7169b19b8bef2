//! Answers are the same to the bit for any number of threads: recorded queries on one and on three.
#![expect(clippy::unwrap_used, reason = "a failure here is the test's")]

use std::sync::Mutex;

use query::error::Result;
use query::request::{Answer, Request};
use query::testing::corpus::{Filter, root, run};
use query::testing::dataset::DataSet;
use query::testing::evaluator::{Evaluator, Fast};

/// Asks an engine with one thread and one with three, and remembers where their answers differ in any bit.
struct Threads {
    one: Fast,
    three: Fast,
    asked: Mutex<usize>,
    differing: Mutex<Vec<String>>,
}

impl Evaluator for Threads {
    fn name(&self) -> &'static str {
        "threads"
    }

    fn evaluate(&self, request: &Request, data: &DataSet) -> Result<Answer> {
        let one = self.one.evaluate(request, data);
        // Floats are shown with all their digits, so equal texts are equal bits.
        let shown = format!("{one:?}");
        *self.asked.lock().unwrap() += 1;
        if shown != format!("{:?}", self.three.evaluate(request, data)) {
            self.differing.lock().unwrap().push(request.text.clone());
        }
        one
    }
}

#[test]
fn golden_answers_do_not_depend_on_the_number_of_threads() {
    let threads = Threads {
        one: Fast::with_threads(1).unwrap(),
        three: Fast::with_threads(3).unwrap(),
        asked: Mutex::default(),
        differing: Mutex::default(),
    };
    run(&root(), &[&threads], &Filter::from_env()).unwrap();
    assert!(*threads.asked.lock().unwrap() > 0, "nothing was asked");
    let differing = threads.differing.lock().unwrap();
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}
