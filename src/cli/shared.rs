//! Flags that several commands share: which bucket, which of its blocks, how long to keep them.
//!
//! Every configuration comes twice, as a file and as content, as in Thanos; giving both is an error.

use std::path::PathBuf;

use clap::Args;

use super::value;

/// Where the bucket is.
#[derive(Debug, Args)]
#[group(id = "objstore", multiple = false)]
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
        conflicts_with = "selector_relabel_config",
        help_heading = "Bucket"
    )]
    pub(crate) selector_relabel_config_file: Option<PathBuf>,
    /// The same rules as content, instead of a file.
    #[arg(
        long = "selector.relabel-config",
        value_name = "YAML",
        help_heading = "Bucket"
    )]
    pub(crate) selector_relabel_config: Option<String>,
}

/// Times between which a block must lie.
#[derive(Debug, Args)]
pub(crate) struct TimeFlags {
    /// Start of the time range of blocks to look at: RFC 3339, Unix seconds, or relative to now like -2w.
    #[arg(long = "min-time", value_name = "TIME", default_value = "0000-01-01T00:00:00Z", value_parser = value::moment, allow_hyphen_values = true, help_heading = "Bucket")]
    pub(crate) min_time: value::Moment,
    /// End of the time range of blocks to look at.
    #[arg(long = "max-time", value_name = "TIME", default_value = "9999-12-31T23:59:59Z", value_parser = value::moment, allow_hyphen_values = true, help_heading = "Bucket")]
    pub(crate) max_time: value::Moment,
}
