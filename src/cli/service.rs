//! Flags of the daemon, which comes later: known to the parser only to be refused with a reason.
//!
//! They are hidden and their values are not looked at. A daemon's switch turned off (`--no-wait`) is no request for the
//! daemon, so it passes.

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

/// What `compact` of a running service takes.
const COMPACT: &[&str] = &[
    "block-viewer.global.sync-block-interval",
    "block-viewer.global.sync-block-timeout",
    "compact.cleanup-interval",
    "compact.progress-interval",
    "http-address",
    "http-grace-period",
    "http.config",
    "tracing.config",
    "tracing.config-file",
    "wait-interval",
    "web.external-prefix",
    "web.prefix-header",
    "web.route-prefix",
];
/// What `bucket downsample` of a running service takes.
const DOWNSAMPLE: &[&str] = &[
    "http-address",
    "http-grace-period",
    "http.config",
    "wait-interval",
];
/// Its switches.
const SWITCHES: &[&str] = &["wait", "web.disable", "web.disable-cors"];
const ALL: &[&[&str]] = &[COMPACT, DOWNSAMPLE, SWITCHES];

/// `compact` with the daemon's flags.
pub(crate) fn compact(command: Command) -> Command {
    let switches = SWITCHES.iter().map(|name| {
        let switch = Arg::new(*name)
            .long(*name)
            .action(ArgAction::SetTrue)
            .hide(true);
        if *name == "wait" {
            switch.short('w')
        } else {
            switch
        }
    });
    add(command, COMPACT).args(switches)
}

/// `bucket` with the daemon's flags of its tools.
pub(crate) fn bucket(command: Command) -> Command {
    command.mut_subcommand("downsample", |tool| add(tool, DOWNSAMPLE))
}

fn add(command: Command, names: &'static [&'static str]) -> Command {
    let flags = names.iter().map(|name| {
        Arg::new(*name)
            .long(*name)
            .num_args(1)
            .allow_hyphen_values(true)
            .hide(true)
    });
    command.args(flags)
}

/// The daemon's flag that was given, if any.
pub(crate) fn requested(matches: &ArgMatches) -> Option<&str> {
    if let Some((_, inner)) = matches.subcommand() {
        return requested(inner);
    }
    let given = |name: &str| matches.value_source(name) == Some(ValueSource::CommandLine);
    let known = |name: &str| ALL.iter().any(|names| names.contains(&name));
    let mut names = matches.ids().map(clap::Id::as_str);
    names.find(|name| known(name) && given(name))
}
