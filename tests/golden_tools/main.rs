//! What `thanos tools bucket …` printed and changed, and what `thanos compact` did, against the real binary on copies of the
//! same buckets.
//!
//! A record says the command line, what came out and which objects changed; all that is expected follows from it. Where we
//! mean to differ, `docs/compat.md` says why, and [`record::Record::is_refused`] says how such a line is known.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]
#![expect(clippy::print_stdout, reason = "a test that cannot run says why")]

mod bucket;
mod changing;
mod compacting;
mod looking;
mod record;
