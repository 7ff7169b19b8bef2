//! Both evaluators over generated queries and data: they agree, and do not where the engine was broken on purpose.

use proptest::strategy::Strategy as _;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use query::error::Result;
use query::request::{Answer, Request};
use query::testing::evaluation::essence;
use query::testing::evaluator::{Evaluator as _, Fast, Naive};
use query::testing::fault::Fault;
use query::testing::queries::requests;
use query::testing::recorded::{Rules, agree};
use query::testing::samples::generated;

/// Data sets that queries meet.
const SEEDS: u64 = 6;

/// What differs between two outcomes.
fn difference(naive: &Result<Answer>, engine: &Result<Answer>) -> Option<String> {
    let (naive, engine) = match (naive, engine) {
        (Ok(naive), Ok(engine)) => (naive, engine),
        (Err(a), Err(b)) if essence(&a.to_string()) == essence(&b.to_string()) => return None,
        (a, b) => return Some(format!("naive {a:?}\n engine {b:?}")),
    };
    let rules = Rules {
        order: naive.is_ordered,
        ..Rules::default()
    };
    let notes = |answer: &Answer| (answer.warnings.clone(), answer.infos.clone());
    let agrees = agree(&engine.value, &naive.value, rules) && notes(naive) == notes(engine);
    (!agrees).then(|| format!("naive {naive:?}\n engine {engine:?}"))
}

/// Queries that both are asked.
const QUERIES: usize = 8000;
const SHOWN: usize = 10;

#[test]
fn evaluators_agree_on_generated_queries() {
    let engine = Fast::new().unwrap();
    let sets: Vec<_> = (0..SEEDS).map(generated).collect();
    let mut runner = TestRunner::deterministic();
    let mut differences = Vec::new();
    for at in 0..QUERIES {
        let request = requests().new_tree(&mut runner).unwrap().current();
        let seed = at % sets.len();
        let naive = Naive.evaluate(&request, &sets[seed]);
        let fast = engine.evaluate(&request, &sets[seed]);
        if let Some(difference) = difference(&naive, &fast) {
            let Request {
                text,
                when,
                features,
                ..
            } = request;
            differences.push(format!(
                "{text}\n data {seed} {when:?} {features:?}\n {difference}"
            ));
        }
    }
    // The shortest say most.
    differences.sort_by_key(String::len);
    let shown: Vec<&str> = differences.iter().take(SHOWN).map(String::as_str).collect();
    assert!(
        differences.is_empty(),
        "{} differ\n{}",
        differences.len(),
        shown.join("\n")
    );
}

/// Queries tried before a fault counts as missed.
const TRIES: usize = 1500;

#[test]
fn every_fault_in_an_operator_is_found() {
    let data = generated(1);
    let mut runner = TestRunner::deterministic();
    let cases: Vec<(Request, Result<Answer>)> = (0..TRIES)
        .map(|_| {
            let request = requests().new_tree(&mut runner).unwrap().current();
            let answer = Naive.evaluate(&request, &data);
            (request, answer)
        })
        .collect();
    for fault in Fault::ALL {
        let engine = Fast::broken(fault).unwrap();
        let found = cases.iter().position(|(request, naive)| {
            difference(naive, &engine.evaluate(request, &data)).is_some()
        });
        let at = found.unwrap_or_else(|| panic!("{fault:?} was not found"));
        println!("{fault:?} found by query {at}: {}", cases[at].0.text);
    }
}
