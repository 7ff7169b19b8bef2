//! `stratal demo`: everything on generated data.

use std::path::PathBuf;

use clap::Args;

/// Flags of `stratal demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoFlags {
    /// Directory for the bucket; by default one among the temporary files. What an earlier demo left there is replaced.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Three days of few targets instead of seventeen of more; takes seconds.
    #[arg(long)]
    pub(crate) small: bool,
}
