//! `stratal block …`: one function per tool, in the order of the help text.
//!
//! Each opens what it was given, calls the library that does the work, and prints.

mod compact;
mod digest;
mod downsample;
mod generate;
mod import;
mod index_header;
mod look;
mod threads;
mod verify;

use super::{Outcome, Usage};
use crate::cli::block::BlockCommand;

/// Runs one tool.
///
/// # Errors
/// Whatever the tool failed with.
pub(super) fn run(command: BlockCommand) -> anyhow::Result<Outcome> {
    match command {
        BlockCommand::Digest(flags) => digest::run(&flags),
        BlockCommand::Compact(flags) => compact::run(&flags),
        BlockCommand::Downsample(flags) => downsample::run(&flags),
        BlockCommand::IndexHeader(flags) => index_header::run(&flags),
        BlockCommand::Verify(flags) => verify::run(&flags),
        BlockCommand::Analyze(flags) => look::analyze(&flags),
        BlockCommand::Dump(flags) => look::dump(&flags),
        BlockCommand::Import(flags) => import::run(&flags),
        BlockCommand::Generate(flags) => generate::run(&flags),
    }
}

/// What a library found wrong with the values of flags.
fn usage(error: tsdb::Error) -> anyhow::Error {
    Usage(error.chain()).into()
}
