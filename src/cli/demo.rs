//! `stratal demo`: everything on generated data.

use std::path::PathBuf;

use clap::Args;

use super::shared::ObjstoreFlags;

/// Flags of `stratal demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoFlags {
    /// Bucket for the demo, in place of one in its directory; it must be empty, or hold what an earlier demo left.
    #[command(flatten)]
    pub(crate) objstore: ObjstoreFlags,
    /// Directory to work in; by default one among the temporary files. What an earlier demo left there is replaced.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Three days of few targets instead of seventeen of more; takes seconds.
    #[arg(long)]
    pub(crate) small: bool,
}
