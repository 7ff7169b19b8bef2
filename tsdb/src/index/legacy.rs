//! Label indices and their table, as writers before Prometheus 3.7 made them: skipped, never written.
//!
//! ```text
//! label index:        len u32 | 1 u32 | count u32 | count x value symbol u32 | crc32c u32        one per name, at multiples of 4
//! label index table:  len u32 | count u32 | count x (1 uvarint, name len uvarint, bytes, offset uvarint) | crc32c u32
//! ```
//!
//! Nothing reads them: label values come from [`super::offsets`]. A comparison of two files section by section needs to know
//! where they are, and `verify` whether they are sound.

use std::ops::Range;

use super::Toc;
use crate::codec::{Cursor, crc};
use crate::error::{Corruption, Result};

/// Where the label indices are, padding included; nothing in files of today.
#[must_use]
pub fn indices(toc: &Toc) -> Option<Range<u64>> {
    let present = 0 < toc.label_indices && toc.label_indices < toc.postings;
    present.then_some(toc.label_indices..toc.postings)
}

/// Where the table of the label indices is; nothing in files of today.
#[must_use]
pub fn table(toc: &Toc) -> Option<Range<u64>> {
    let present = 0 < toc.label_indices_table && toc.label_indices_table < toc.postings_table;
    present.then_some(toc.label_indices_table..toc.postings_table)
}

/// Checks the table and every label index that it names; returns how many there are.
///
/// # Errors
/// Where a checksum differs or an offset points elsewhere.
pub fn check(file: &[u8], toc: &Toc) -> Result<usize> {
    let (Some(indices), Some(table)) = (indices(toc), table(toc)) else {
        return Ok(0);
    };
    let mut content = Cursor::new("label index table", slice(file, &table), table.start);
    let mut entries = Cursor::new(
        "label index table",
        crc::take_frame(&mut content)?,
        table.start + 4,
    );
    let count = entries.u32()?;
    for _ in 0..count {
        let start = entries.clone();
        let keys = entries.uvarint()?;
        entries.uvarint_bytes()?;
        let offset = entries.uvarint()?;
        if keys != 1 || !indices.contains(&offset) {
            return Err(start.corrupt(Corruption::Other(format!(
                "key of {keys} strings at {offset:#x} is no label index"
            ))));
        }
        let index = slice(file, &(offset..indices.end));
        crc::take_frame(&mut Cursor::new("label index", index, offset))?;
    }
    Ok(count as usize)
}

fn slice<'a>(file: &'a [u8], range: &Range<u64>) -> &'a [u8] {
    let start = usize::try_from(range.start).unwrap_or(usize::MAX);
    let end = usize::try_from(range.end).unwrap_or(usize::MAX);
    file.get(start..end).unwrap_or_default()
}
