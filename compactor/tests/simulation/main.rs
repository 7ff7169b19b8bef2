//! The compactor in a simulated world, seed by seed: nothing lost, nothing doubled, nothing deleted too early.
//!
//! Two streams of two replicas upload to a bucket in memory while uploads break off, blocks rot, the clock jumps both ways, and runs
//! fail, are stopped or die at any change. [`invariants`] says what must hold after every step, [`town`] what happens.
//! `just sim N` lives through N seeds; a failure prints its seed, what happened, and the command to see it again.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod clock;
mod content;
mod dice;
mod fleet;
mod invariants;
mod store;
mod town;

use std::str::FromStr;

use town::Town;

/// Seeds where the environment names no other number: a few seconds.
const SEEDS: u64 = 20;

fn variable<T: FromStr>(name: &str, default: T) -> T {
    std::env::var(name).map_or(default, |text| {
        let number = text.parse().ok();
        number.unwrap_or_else(|| panic!("{name} is not a number: {text:?}"))
    })
}

/// Tells the story where a test fails in the middle of it.
struct Story {
    seed: u64,
    town: Town,
}

impl Drop for Story {
    #[expect(
        clippy::print_stderr,
        reason = "the test's output is where a failure is read"
    )]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let seed = self.seed;
            for (at, line) in self.town.diary.iter().enumerate() {
                eprintln!("{at:4} {line}");
            }
            eprintln!(
                "seed {seed} failed; again: STRATAL_SIM_SEED={seed} STRATAL_SIM_SEEDS=1 cargo test -p stratal-compactor --test simulation"
            );
        }
    }
}

#[test]
fn nothing_is_lost_doubled_or_deleted_too_early_whatever_happens() {
    let first: u64 = variable("STRATAL_SIM_SEED", 0);
    for seed in first..first + variable("STRATAL_SIM_SEEDS", SEEDS) {
        let town = Town::new(seed);
        Story { seed, town }.town.live();
    }
}
