//! Runs a corpus of recorded answers: `cargo run --release -p stratal-query --example corpus -- DIR`.

#![expect(clippy::print_stdout, reason = "an example prints what it found")]

use std::path::Path;
use std::process::ExitCode;

use query::testing::corpus::{Filter, run};
use query::testing::evaluator::{Fast, Naive};

fn main() -> ExitCode {
    let Some(directory) = std::env::args().nth(1) else {
        println!("usage: corpus DIR");
        return ExitCode::FAILURE;
    };
    let report = Fast::new()
        .map_err(|error| error.to_string())
        .and_then(|engine| {
            run(
                Path::new(&directory),
                &[&Naive, &engine],
                &Filter::from_env(),
            )
        });
    match report {
        Ok(report) => {
            println!("{}", report.text(usize::MAX));
            let total = report.total();
            match total.failures.len() + total.open() {
                0 => ExitCode::SUCCESS,
                _ => ExitCode::FAILURE,
            }
        }
        Err(why) => {
            println!("{why}");
            ExitCode::FAILURE
        }
    }
}
