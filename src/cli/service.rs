//! Flags of what comes later, the daemon and the StoreAPI: known to the parser only to be refused with a reason.
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
/// What `query` takes where it asks other stores.
const STORES: &[&str] = &[
    "alert.query-url",
    "endpoint",
    "endpoint-group",
    "endpoint-group-strict",
    "endpoint-strict",
    "endpoint.info-timeout",
    "endpoint.sd-config",
    "endpoint.sd-config-file",
    "endpoint.sd-config-reload-interval",
    "grpc-address",
    "grpc-client-server-name",
    "grpc-client-tls-ca",
    "grpc-client-tls-cert",
    "grpc-client-tls-key",
    "grpc-client-tls-min-version",
    "grpc-compression",
    "grpc-grace-period",
    "grpc-server-max-connection-age",
    "grpc-server-tls-cert",
    "grpc-server-tls-ciphers",
    "grpc-server-tls-client-ca",
    "grpc-server-tls-curves",
    "grpc-server-tls-key",
    "grpc-server-tls-min-version",
    "grpc.proxy-strategy",
    "http.config",
    "inject-test-addresses",
    "query.active-query-path",
    "query.conn-metric.label",
    "query.default-tenant-id",
    "query.lazy-retrieval-max-buffered-responses",
    "query.max-concurrent-select",
    "query.mode",
    "query.partition-label",
    "query.telemetry.request-duration-seconds-quantiles",
    "query.telemetry.request-samples-quantiles",
    "query.telemetry.request-series-seconds-quantiles",
    "query.tenant-certificate-field",
    "query.tenant-header",
    "query.tenant-label-name",
    "request.logging-config",
    "request.logging-config-file",
    "selector-label",
    "selector.relabel-config",
    "selector.relabel-config-file",
    "store.limits.request-samples",
    "store.limits.request-series",
    "store.response-timeout",
    "store.sd-dns-interval",
    "store.sd-dns-resolver",
    "store.sd-files",
    "store.sd-interval",
    "store.unhealthy-timeout",
    "tracing.config",
    "tracing.config-file",
    "web.external-prefix",
    "web.prefix-header",
];
/// Its switches.
const STORE_SWITCHES: &[&str] = &[
    "grpc-client-tls-secure",
    "grpc-client-tls-skip-verify",
    "query.disable-fallback",
    "query.distributed-with-overlapping-interval",
    "query.dynamic-lookback-delta",
    "query.enforce-tenancy",
];

/// Its switches that mean nothing here: a block is there or damaged, so nothing is ever partial.
const PARTIAL: &[&str] = &[
    "exemplar.partial-response",
    "metric-metadata.partial-response",
    "query.partial-response",
    "rule.partial-response",
    "status.partial-response",
    "target.partial-response",
];

/// A flag of something that is not there yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Early {
    /// Its name.
    pub(crate) flag: String,
    /// What it comes with, and what is there instead.
    pub(crate) reason: &'static str,
}

/// `compact` with the daemon's flags.
pub(crate) fn compact(command: Command) -> Command {
    add(command, COMPACT).args(switches(SWITCHES))
}

/// `query` with the flags of a querier of stores.
pub(crate) fn query(command: Command) -> Command {
    add(command, STORES)
        .args(switches(STORE_SWITCHES))
        .args(switches(PARTIAL))
}

fn switches(names: &'static [&'static str]) -> impl Iterator<Item = Arg> {
    names.iter().map(|name| {
        let switch = Arg::new(*name)
            .long(*name)
            .action(ArgAction::SetTrue)
            .hide(true);
        if *name == "wait" {
            switch.short('w')
        } else {
            switch
        }
    })
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

/// The flag that was given too early, if any.
pub(crate) fn requested(matches: &ArgMatches) -> Option<Early> {
    const DAEMON: &str = "comes with the service; this version makes one pass and ends";
    const QUERIER: &str = "comes with the StoreAPI; this version queries the blocks of --block-dir";
    let (name, inner) = matches.subcommand()?;
    let (known, reason) = match name {
        "query" => ([STORES, STORE_SWITCHES].concat(), QUERIER),
        _ => ([COMPACT, DOWNSAMPLE, SWITCHES].concat(), DAEMON),
    };
    let given = |name: &&str| {
        inner.ids().any(|id| id.as_str() == *name)
            && inner.value_source(name) == Some(ValueSource::CommandLine)
    };
    let flag = known.into_iter().find(|name| given(name));
    flag.map(|flag| Early {
        flag: flag.to_owned(),
        reason,
    })
    .or_else(|| requested(inner))
}
