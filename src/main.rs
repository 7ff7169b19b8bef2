//! The `stratal` command: parse, start telemetry, dispatch, turn an error into one line and an exit code.
//!
//! Exit codes, everywhere: 0 done, 1 failed, 2 usage, 3 finished but something needs a person. The tree of commands is
//! in [`cli`], what each does in [`command`]; the rest of the work is done by the libraries.

mod cli;
mod clock;
mod command;
mod memory;
mod objstore;
mod output;
mod progress;
mod shutdown;
mod telemetry;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::FromArgMatches as _;
use clap::error::ErrorKind;
use command::Outcome;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let cli = match parse(&arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            // Help and version go to standard output, which may be closed: nothing to say about that.
            drop(error.print());
            return ExitCode::from(code);
        }
    };
    telemetry::start(&cli.log, command::log_level(&cli));
    shutdown::listen();
    match command::run(cli) {
        Ok(outcome) => ExitCode::from(outcome as u8),
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&error);
            let is_usage = error.is::<command::Usage>();
            ExitCode::from(if is_usage {
                Outcome::Usage
            } else {
                Outcome::Failed
            } as u8)
        }
    }
}

fn parse(arguments: &[OsString]) -> Result<cli::Cli, clap::Error> {
    let mut command = cli::command();
    let matches = command.try_get_matches_from_mut(arguments)?;
    if let Some(early) = cli::service::requested(&matches) {
        let text = format!("--{} {}", early.flag, early.reason);
        return Err(command.error(ErrorKind::UnknownArgument, text));
    }
    cli::Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}
