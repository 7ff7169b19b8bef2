//! Coarser blocks that were made before they were due, while what they are made of was merged or downsampled.
//!
//! They wait in scratch space for the pass that asks for them: so the bucket looks at any time as if each had been made in its
//! turn, and a run that dies loses nothing but work. Where scratch space gets short, they go first.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tsdb::error::Error as BlockError;
use tsdb::id::BlockId;
use tsdb::meta::Resolution;

use super::block::Downsampled;
use crate::error::Result;
use crate::work_dir;

/// The blocks that wait, by what they were made of and resolution.
#[derive(Debug, Default)]
pub(crate) struct Ready(Mutex<BTreeMap<(BlockId, Resolution), Downsampled>>);

impl Ready {
    /// Takes coarser blocks of `source`, each made of the one before, over into `dir`. Where that fails they are made again later.
    pub(crate) fn keep(
        &self,
        source: BlockId,
        made: impl IntoIterator<Item = Downsampled>,
        dir: &Path,
    ) {
        if let Err(error) = self.put(source, made, dir) {
            let error = error.chain();
            tracing::warn!(%source, error, "what was downsampled already is lost and will be made again");
        }
    }

    fn put(
        &self,
        mut source: BlockId,
        made: impl IntoIterator<Item = Downsampled>,
        dir: &Path,
    ) -> Result<()> {
        fs::create_dir_all(dir).map_err(|error| BlockError::io("create", dir, error))?;
        for mut made in made {
            let id = made.meta.ulid;
            let to = dir.join(id.to_string());
            fs::rename(&made.dir, &to).map_err(|error| BlockError::io("rename", &to, error))?;
            made.dir = to;
            self.lock().insert((source, made.meta.resolution()), made);
            source = id;
        }
        Ok(())
    }

    /// The block made of `source`, if it is there.
    pub(crate) fn take(&self, source: BlockId, to: Resolution) -> Option<Downsampled> {
        self.lock().remove(&(source, to))
    }

    /// Removes all that wait, and says whether there were any.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub(crate) fn clear(&self) -> Result<bool> {
        let waiting = std::mem::take(&mut *self.lock());
        for made in waiting.values() {
            work_dir::remove(&made.dir)?;
        }
        Ok(!waiting.is_empty())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(BlockId, Resolution), Downsampled>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
