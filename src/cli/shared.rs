//! Flags that several commands share: which bucket, which of its blocks, how long to keep them.
//!
//! Every configuration comes twice, as a file and as content, as in Thanos; giving both is an error.

use std::path::PathBuf;

use clap::Args;
use tsdb::time::Millis;

use super::value;

/// Where the bucket is.
#[derive(Debug, Args)]
pub(crate) struct ObjstoreFlags {
    /// Path to a YAML file with the object store configuration; its form is Thanos'.
    #[arg(
        long = "objstore.config-file",
        value_name = "FILE",
        global = true,
        help_heading = "Bucket"
    )]
    pub(crate) objstore_config_file: Option<PathBuf>,
    /// The same configuration as content, instead of a file.
    #[arg(
        long = "objstore.config",
        value_name = "YAML",
        global = true,
        help_heading = "Bucket"
    )]
    pub(crate) objstore_config: Option<String>,
}

/// Which blocks of the bucket, by their external labels.
#[derive(Debug, Args)]
pub(crate) struct SelectorFlags {
    /// Path to a YAML file with relabel rules that keep or drop blocks by their external labels.
    #[arg(
        long = "selector.relabel-config-file",
        value_name = "FILE",
        help_heading = "Which blocks"
    )]
    pub(crate) selector_relabel_config_file: Option<PathBuf>,
    /// The same rules as content, instead of a file.
    #[arg(
        long = "selector.relabel-config",
        value_name = "YAML",
        help_heading = "Which blocks"
    )]
    pub(crate) selector_relabel_config: Option<String>,
}

/// How long to keep samples of each resolution; zero is for ever.
#[derive(Debug, Args)]
pub(crate) struct RetentionFlags {
    /// How long to keep raw samples; 0d is for ever.
    #[arg(long = "retention.resolution-raw", value_name = "DURATION", default_value = "0d", value_parser = value::millis, help_heading = "Retention")]
    pub(crate) retention_raw: Millis,
    /// How long to keep samples of resolution 5 minutes; 0d is for ever.
    #[arg(long = "retention.resolution-5m", value_name = "DURATION", default_value = "0d", value_parser = value::millis, help_heading = "Retention")]
    pub(crate) retention_5m: Millis,
    /// How long to keep samples of resolution 1 hour; 0d is for ever.
    #[arg(long = "retention.resolution-1h", value_name = "DURATION", default_value = "0d", value_parser = value::millis, help_heading = "Retention")]
    pub(crate) retention_1h: Millis,
}

/// Times between which a block must lie.
#[derive(Debug, Args)]
pub(crate) struct TimeFlags {
    /// Start of the time range of blocks to look at: RFC 3339, Unix seconds, or relative to now like -2w.
    #[arg(long = "min-time", value_name = "TIME", default_value = "0000-01-01T00:00:00Z", value_parser = value::moment, allow_hyphen_values = true, help_heading = "Which blocks")]
    pub(crate) min_time: value::Moment,
    /// End of the time range of blocks to look at.
    #[arg(long = "max-time", value_name = "TIME", default_value = "9999-12-31T23:59:59Z", value_parser = value::moment, allow_hyphen_values = true, help_heading = "Which blocks")]
    pub(crate) max_time: value::Moment,
}

/// Hash of uploaded files that `meta.json` should name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HashFunc {
    /// None.
    None,
    /// SHA-256.
    Sha256,
}

/// `SHA256`, or nothing.
pub(crate) fn hash_func(text: &str) -> Result<HashFunc, String> {
    match text {
        "" => Ok(HashFunc::None),
        "SHA256" => Ok(HashFunc::Sha256),
        _ => Err("must be SHA256 or empty".to_owned()),
    }
}
