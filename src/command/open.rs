//! What the flags that many commands share stand for: a bucket, a choice of blocks, the world, an event loop.
//!
//! A mistake in the flags themselves is a [`Usage`] error, which is exit code 2; a configuration that cannot be read or
//! does not make sense is a failure like others.

use std::fs;
use std::future::Future;
use std::path::Path;

use anyhow::Context as _;
use tsdb::bucket::Bucket;
use tsdb::id::BlockId;
use tsdb::relabel::{Actions, Relabel, RelabelConfig};
use tsdb::time::{Clock, Millis};

use crate::cli::shared::{ObjstoreFlags, SelectorFlags};
use crate::objstore::Opened;
use crate::{clock, objstore};

/// A command line that can never work; the text says what to change.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// The bucket that the flags name, with its surroundings.
pub(super) fn opened(flags: &ObjstoreFlags) -> anyhow::Result<Opened> {
    let file = flags.objstore_config_file.as_deref();
    let text = flags.objstore_config.as_deref();
    let Some(yaml) = content("objstore.config", file, text)? else {
        let text = "which bucket? give --objstore.config-file=FILE or --objstore.config=YAML";
        return Err(Usage(text.to_owned()).into());
    };
    described(&yaml)
}

/// Whether the flags name a bucket.
pub(super) fn is_given(flags: &ObjstoreFlags) -> bool {
    flags.objstore_config_file.is_some() || flags.objstore_config.is_some()
}

/// The bucket that a configuration describes.
pub(super) fn described(yaml: &str) -> anyhow::Result<Opened> {
    let opened = objstore::open(yaml, &|name| std::env::var(name).ok())
        .context("object store configuration")?;
    for warning in &opened.warnings {
        tracing::warn!(warning, "object store configuration");
    }
    Ok(opened)
}

/// The bucket, ready to be written; called in the event loop that writes.
pub(super) async fn writable(opened: Opened) -> anyhow::Result<Bucket> {
    Ok(opened.prepare(clock::fresh_id()).await?.bucket)
}

/// The rules that keep or drop blocks; none keep all.
pub(super) fn selector(flags: &SelectorFlags) -> anyhow::Result<Relabel> {
    let file = flags.selector_relabel_config_file.as_deref();
    let text = flags.selector_relabel_config.as_deref();
    let yaml = content("selector.relabel-config", file, text)?;
    let Some(yaml) = yaml.filter(|yaml| !yaml.trim().is_empty()) else {
        return Ok(Relabel::default());
    };
    let configs: Vec<RelabelConfig> =
        serde_saphyr::from_str(&yaml).context("selector relabel configuration")?;
    Relabel::new(&configs, Actions::Selector).context("selector relabel configuration")
}

/// A configuration that comes as a file or as content; empty content is none, as in Thanos.
fn content(flag: &str, file: Option<&Path>, text: Option<&str>) -> anyhow::Result<Option<String>> {
    match (file, text.filter(|text| !text.is_empty())) {
        (Some(_), Some(_)) => {
            let text = format!("--{flag}-file and --{flag} say the same thing: give one of them");
            Err(Usage(text).into())
        }
        (Some(path), None) => {
            let text = fs::read_to_string(path);
            Ok(Some(
                text.with_context(|| format!("read {}", path.display()))?,
            ))
        }
        (None, text) => Ok(text.map(str::to_owned)),
    }
}

/// Runs `work` on an event loop of its own.
///
/// # Errors
/// Where the loop cannot be had.
pub(super) fn block_on<T>(work: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = runtime()?;
    let done = runtime.block_on(work);
    // Dropping the loop would wait for a merge whose result nobody wants after a stop.
    runtime.shutdown_background();
    Ok(done)
}

/// An event loop.
///
/// # Errors
/// Where it cannot be had.
pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("start the event loop")
}

/// The real time, and names made of it.
#[derive(Debug)]
pub(super) struct System;

impl Clock for System {
    fn now(&self) -> Millis {
        clock::now()
    }
}

impl compactor::World for System {
    fn block_id(&self) -> BlockId {
        clock::fresh_id()
    }
}
