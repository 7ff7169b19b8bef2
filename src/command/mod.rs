//! What the commands do: flags to a `Config`, construct, run; one function per subcommand, in the order of the help text.
//!
//! Decisions and effects are in the libraries; here is only wiring. A command answers with an [`Outcome`], which is the
//! exit code, or with an error, which is exit code 1.

mod block;
mod bucket;
mod compact;
mod demo;
mod documentation;
mod open;
mod promql;
mod query;

pub(crate) use open::Usage;

use crate::cli::{self, Cli, Command, LogLevel, ToolsCommand};
use crate::output;

/// How a command ended; the number is the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All is well.
    Done = 0,
    /// It did not work.
    Failed = 1,
    /// The command line can never work.
    Usage = 2,
    /// Finished, but something needs a person.
    NeedsPerson = 3,
}

/// What to log where the flags say nothing: the demo tells its own story.
pub(crate) fn log_level(cli: &Cli) -> LogLevel {
    match cli.command {
        Some(Command::Demo(_)) => LogLevel::Warn,
        _ => LogLevel::Info,
    }
}

/// Runs what the command line asks for.
///
/// # Errors
/// Whatever the command failed with; the exit code is then 1.
pub(crate) fn run(cli: Cli) -> anyhow::Result<Outcome> {
    match cli.command {
        None => {
            output::text(&cli::command().render_long_help().to_string())?;
            Ok(Outcome::Done)
        }
        Some(Command::Compact(flags)) => compact::run(&flags),
        Some(Command::Query(flags)) => query::run(&flags),
        Some(Command::Bucket(flags) | Command::Tools(ToolsCommand::Bucket(flags))) => {
            bucket::run(&flags)
        }
        Some(Command::Block(command) | Command::Tools(ToolsCommand::Block(command))) => {
            block::run(command)
        }
        Some(Command::Tools(ToolsCommand::Promql(command))) => promql::run(&command),
        Some(Command::Demo(flags)) => demo::run(&flags),
        Some(Command::Completions { shell }) => documentation::completions(shell),
        Some(Command::Man { out }) => documentation::man(out.as_deref()),
    }
}
