//! Runs a corpus of recorded answers: `cargo run --release -p stratal-query --example corpus -- DIR`.

#![expect(clippy::print_stdout, reason = "an example prints what it found")]

use std::path::Path;
use std::process::ExitCode;

use query::testing::corpus::run;
use query::testing::evaluation::Naive;

fn main() -> ExitCode {
    let Some(directory) = std::env::args().nth(1) else {
        println!("usage: corpus DIR");
        return ExitCode::FAILURE;
    };
    let tallies = match run(Path::new(&directory), &[&Naive]) {
        Ok(tallies) => tallies,
        Err(why) => {
            println!("{why}");
            return ExitCode::FAILURE;
        }
    };
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for ((file, evaluator), tally) in &tallies {
        for failure in &tally.failures {
            println!("FAIL {file} {evaluator} {failure}");
        }
        println!(
            "{file} {evaluator}: {} passed, {} failed, {} skipped",
            tally.passed,
            tally.failures.len(),
            tally.skipped
        );
        passed += tally.passed;
        failed += tally.failures.len();
        skipped += tally.skipped;
    }
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
