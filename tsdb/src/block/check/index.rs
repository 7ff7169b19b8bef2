//! The index of a block, from its first byte to its last, section by section.
//!
//! Each section must begin where the one before ended, up to padding, which must be zero, and where the table of contents
//! says. Series entries are decoded one by one and handed on; the first damaged one ends their walk, because nothing says
//! reliably where the next begins.

use std::ops::Range;

use super::Findings;
use super::postings::Postings;
use crate::block::INDEX;
use crate::codec::{Cursor, crc};
use crate::error::{Corruption, Result};
use crate::id::SeriesRef;
use crate::index::{
    HEAD_SIZE, SERIES_ALIGN, SeriesEntry, SymbolTable, Toc, Version, legacy, series,
};

/// Postings lists and label indices start at multiples of this.
const LIST_ALIGN: u64 = 4;

/// Checks an index and calls `visit` for each series in order. Says whether all series were seen and sound.
pub(super) fn walk(
    bytes: &[u8],
    findings: &mut Findings,
    mut visit: impl FnMut(SeriesRef, &SeriesEntry, &mut Findings),
) -> bool {
    let head = Version::decode(bytes).and_then(|version| Ok((version, Toc::decode_end(bytes)?)));
    let (version, toc) = match head {
        Ok(head) => head,
        Err(error) => {
            findings.error(INDEX, &error);
            return false;
        }
    };
    if version == Version::Three {
        findings.damage(INDEX, 4, "version 3 has no writer");
    }
    let symbols = match symbols(bytes, &toc, version, findings) {
        Ok(symbols) => symbols,
        Err(error) => {
            findings.error(INDEX, &error);
            return false;
        }
    };
    let mut walk = SeriesSection {
        bytes,
        version,
        symbols: &symbols,
        postings: Postings::default(),
        last: Vec::new(),
    };
    let mut whole = true;
    let range = toc.series_range();
    let end = walk
        .run(range.clone(), findings, &mut visit)
        .unwrap_or_else(|error| {
            findings.error(INDEX, &error);
            whole = false;
            range.end
        });
    if end != range.end {
        let fact = format!(
            "series end at {end:#x}, the table of contents says {:#x}",
            range.end
        );
        findings.damage(INDEX, end, fact);
    }
    let postings = walk.postings;
    if let Err(error) = tail(bytes, &toc, version, findings) {
        findings.error(INDEX, &error);
    }
    if whole && let Err(error) = postings.check(bytes, &toc, (version, &symbols), findings) {
        findings.error(INDEX, &error);
    }
    whole
}

fn symbols(
    bytes: &[u8],
    toc: &Toc,
    version: Version,
    findings: &mut Findings,
) -> Result<SymbolTable> {
    if toc.symbols != HEAD_SIZE as u64 {
        findings.damage(
            INDEX,
            toc.symbols,
            "symbols do not begin behind the version",
        );
    }
    let symbols = SymbolTable::read(&mut { bytes }, toc, version)?;
    let mut cursor = at(bytes, "symbols", toc.symbols, bytes.len() as u64);
    let content = crc::take_frame(&mut cursor)?;
    if cursor.offset() != toc.series {
        let fact = format!("symbols end here, series begin at {:#x}", toc.series);
        findings.damage(INDEX, cursor.offset(), fact);
    }
    let mut inner = Cursor::new("symbols", content, toc.symbols + 4);
    inner.u32()?;
    for _ in 0..symbols.len() {
        inner.uvarint_str()?;
    }
    if !inner.is_empty() {
        findings.damage(INDEX, inner.offset(), "bytes after the last symbol");
    }
    Ok(symbols)
}

/// Where the reading of the series section is.
struct SeriesSection<'a> {
    bytes: &'a [u8],
    version: Version,
    symbols: &'a SymbolTable,
    postings: Postings,
    last: Vec<series::Pair>,
}

impl SeriesSection<'_> {
    /// Returns where the last entry ends.
    fn run(
        &mut self,
        range: Range<u64>,
        findings: &mut Findings,
        visit: &mut impl FnMut(SeriesRef, &SeriesEntry, &mut Findings),
    ) -> Result<u64> {
        let mut entry = SeriesEntry::default();
        let mut end = range.start;
        while end < range.end {
            let start = match self.version {
                Version::One => end,
                Version::Two | Version::Three => end.next_multiple_of(SERIES_ALIGN),
            };
            if start >= range.end {
                break;
            }
            check_padding(self.bytes, end..start, findings);
            let mut cursor = at(self.bytes, "series", start, range.end);
            let here = cursor.clone();
            let (body, offset) = series::take_body(&mut cursor)?;
            entry.decode(body, offset)?;
            let series = self.version.series_ref(start);
            let series = series.ok_or_else(|| here.corrupt(Corruption::Overflow))?;
            self.check_labels(&mut entry, &here, findings)?;
            self.postings.add(series, &entry.labels);
            visit(series, &entry, findings);
            end = cursor.offset();
        }
        Ok(end)
    }

    fn check_labels(
        &mut self,
        entry: &mut SeriesEntry,
        here: &Cursor<'_>,
        findings: &mut Findings,
    ) -> Result<()> {
        for (name, value) in &mut entry.labels {
            *name = self.symbols.position(*name)?;
            *value = self.symbols.position(*value)?;
            let empty = |symbol| self.symbols.get(symbol).is_none_or(<[u8]>::is_empty);
            if empty(*name) || empty(*value) {
                return Err(here.corrupt(Corruption::Other(
                    "label with an empty name or value".into(),
                )));
            }
        }
        if entry.labels.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
            return Err(here.corrupt(Corruption::Order("labels")));
        }
        if entry.labels.is_empty() {
            findings.damage(INDEX, here.offset(), "series without labels");
        } else if entry.labels <= self.last {
            findings.damage(INDEX, here.offset(), "series out of order");
        }
        self.last.clone_from(&entry.labels);
        Ok(())
    }
}

/// Checks that legacy sections, tables and the table of contents follow one another.
fn tail(bytes: &[u8], toc: &Toc, version: Version, findings: &mut Findings) -> Result<()> {
    if legacy::indices(toc).is_some() {
        legacy::check(bytes, toc)?;
        label_indices(bytes, toc, findings)?;
    } else if toc.label_indices != toc.postings {
        findings.damage(
            INDEX,
            toc.label_indices,
            "label indices are not where the postings are",
        );
    }
    let end = bytes.len() as u64 - Toc::SIZE as u64;
    if let Some(table) = legacy::table(toc) {
        frame_fills(bytes, table, findings)?;
    } else if toc.label_indices_table != toc.postings_table {
        let fact = "label index table is not where the postings table is";
        findings.damage(INDEX, toc.label_indices_table, fact);
    }
    if version == Version::One && toc.postings_table == 0 {
        return Ok(());
    }
    frame_fills(bytes, toc.postings_table..end, findings)
}

/// Checks that one frame takes all of a range.
fn frame_fills(bytes: &[u8], range: Range<u64>, findings: &mut Findings) -> Result<()> {
    let mut cursor = at(bytes, "table", range.start, range.end);
    crc::take_frame(&mut cursor)?;
    if cursor.offset() != range.end {
        let fact = format!(
            "table ends here, the next section begins at {:#x}",
            range.end
        );
        findings.damage(INDEX, cursor.offset(), fact);
    }
    Ok(())
}

/// Walks the label indices of an old file: one behind the other, at multiples of 4.
fn label_indices(bytes: &[u8], toc: &Toc, findings: &mut Findings) -> Result<()> {
    let Some(range) = legacy::indices(toc) else {
        return Ok(());
    };
    let mut end = range.start;
    while end < range.end {
        let start = end.next_multiple_of(LIST_ALIGN);
        check_padding(bytes, end..start.min(range.end), findings);
        if start >= range.end {
            break;
        }
        let mut cursor = at(bytes, "label index", start, range.end);
        crc::take_frame(&mut cursor)?;
        end = cursor.offset();
    }
    Ok(())
}

/// A cursor over the bytes from `start` to `end` of the file.
pub(super) fn at<'a>(bytes: &'a [u8], section: &'static str, start: u64, end: u64) -> Cursor<'a> {
    let place = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
    let piece = bytes.get(place(start)..place(end)).unwrap_or_default();
    Cursor::new(section, piece, start)
}

/// Checks that nothing but zero lies between two parts.
pub(super) fn check_padding(bytes: &[u8], range: Range<u64>, findings: &mut Findings) {
    let padding = at(bytes, "padding", range.start, range.end);
    if let Some(place) = padding.rest().iter().position(|byte| *byte != 0) {
        findings.damage(INDEX, range.start + place as u64, "padding is not zero");
    }
}
