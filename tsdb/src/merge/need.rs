//! The memory that a merge takes however little there is.
//!
//! ```text
//! tables     4 bytes for each symbol and each series of each input; the merged strings
//! working    two windows for each input and thread; ranges being built or waiting; writers' buffers
//! log        4 bytes for each series and each string of the result; the least that pairs are gathered in
//! ```
//!
//! It is reserved before anything is read, so that a merge waits while others hold the memory and fails at once where it can
//! never fit. What grows with the result beyond it is put aside ([`crate::index::runs`]).

use super::RANGE_BYTES;
use super::input::{Head, Input};
use super::pipeline::AHEAD;
use crate::error::{Result, ResultExt as _};
use crate::index::writer::LOG_BYTES_MIN;

/// Memory of one range, in bytes: its records and what describes them. What a range takes beyond it is reserved apart.
pub const RANGE_MEMORY_BYTES: u64 = 4 * RANGE_BYTES;

/// Buffers of the writers of index and segments.
const WRITER_BYTES: u64 = 4 << 20;

/// Bytes by what they are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Need {
    /// Tables of the inputs and the merged strings, these guessed by the longest table.
    pub tables: u64,
    /// The guess within `tables`.
    pub strings: u64,
    /// Windows, ranges, buffers.
    pub working: u64,
    /// The log of pairs.
    pub log: u64,
}

impl Need {
    /// What merging `inputs` takes, by the heads of their indexes.
    ///
    /// # Errors
    /// Where an index is damaged or cannot be read.
    pub fn of<I: Input>(inputs: &[I], threads: usize) -> Result<Self> {
        let mut need = Self::default();
        let (mut symbols, mut series, mut windows) = (0, 0, 0);
        for input in inputs {
            let head = Head::read(&mut input.index_probe()?);
            let head = head.at(|| format!("{}: index", input.name()))?;
            need.tables += 4 * (head.symbols + head.series);
            need.strings = need.strings.max(head.string_bytes + 4 * head.symbols);
            (symbols, series) = (head.symbols.max(symbols), head.series.max(series));
            windows += 2 * input.window_bytes();
        }
        let threads = threads.max(1) as u64;
        need.tables += need.strings;
        need.working =
            threads * windows + (AHEAD as u64 * threads + 1) * RANGE_MEMORY_BYTES + WRITER_BYTES;
        need.log = 4 * (symbols + series) + LOG_BYTES_MIN;
        Ok(need)
    }

    /// All of it.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.tables + self.working + self.log
    }
}
