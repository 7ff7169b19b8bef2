//! A finished block, read once more and compared with what was meant to be in it.
//!
//! Index and segments are walked front to back through windows. Each record must begin where the one before ended, its
//! checksum must fit, and every range of series must tally as it did when it was written ([`super::tally`]). A difference
//! names the series, or the first and the last of the range that it is in.

use super::input::Input;
use super::tally::{Content, Key, Tally};
use crate::chunk;
use crate::codec::Window as _;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::id::SymbolRef;
use crate::index::series::{Pair, SeriesEntry};
use crate::index::walk::SeriesWalk;
use crate::index::{ChunkMeta, HEAD_SIZE, SymbolTable, Toc, Version};
use crate::segment::{self, reader};

/// Magic, version and padding of a segment.
const HEAD_BYTES: usize = 8;

/// Reads the block and compares it with the tallies of its ranges, in order; `visit` gets the offset of every entry in the index and
/// the entry.
///
/// # Errors
/// [`Error::Mismatch`] where something else is there, or what is there breaks its format; where reading fails.
pub fn reread<I: Input>(
    block: &I,
    ranges: &[Tally],
    visit: impl FnMut(u64, &SeriesEntry) -> Result<()>,
) -> Result<()> {
    walk(block, ranges, visit).map_err(|error| match error.kind() {
        // It was written a moment ago, and not like that.
        ErrorKind::Corrupt | ErrorKind::NotFound => Error::Mismatch(error.chain()),
        _ => error,
    })
}

fn walk<I: Input>(
    block: &I,
    ranges: &[Tally],
    mut visit: impl FnMut(u64, &SeriesEntry) -> Result<()>,
) -> Result<()> {
    let place = || format!("{}: read again", block.name());
    let mut index = block.index().at(place)?;
    let version = Version::decode(index.fill(0, HEAD_SIZE).at(place)?).at(place)?;
    let mut walk = SeriesWalk::open(index).at(place)?;
    let mut records = Records::new(block);
    let mut entry = SeriesEntry::default();
    for want in ranges {
        let mut found = Tally::default();
        let mut first = Vec::new();
        while found.series < want.series
            && let Some(series) = walk.next(&mut entry).at(place)?
        {
            if first.is_empty() {
                first.clone_from(&entry.labels);
            }
            visit(version.series_offset(series), &entry).at(place)?;
            let content = records.content(&entry.chunks);
            let content = content.at(|| format!("series {}", text(block, &entry.labels)));
            found.add(Key::of(&entry.labels), content.at(place)?);
        }
        if found != *want {
            let what = found.difference(want);
            let (from, to) = (text(block, &first), text(block, &entry.labels));
            return Err(Error::Mismatch(what).at(format!("series from {from} to {to}"))).at(place);
        }
    }
    if walk.next(&mut entry).at(place)?.is_some() {
        let more = Error::Mismatch("a series behind the last".into());
        return Err(more.at(format!("series {}", text(block, &entry.labels)))).at(place);
    }
    records.end().at(place)
}

/// The records of a block, in the order in which its series name them.
struct Records<'a, I: Input> {
    block: &'a I,
    segment: Option<(u32, I::Window)>,
    /// Where the next record must begin.
    next: u64,
}

impl<'a, I: Input> Records<'a, I> {
    fn new(block: &'a I) -> Self {
        Self {
            block,
            segment: None,
            next: segment::HEAD_SIZE,
        }
    }

    /// Reads the chunks of one series.
    fn content(&mut self, chunks: &[ChunkMeta]) -> Result<Content> {
        let mut content = Content::default();
        for chunk in chunks {
            self.go_to(chunk)?;
            let (_, window) = self.segment.as_mut().expect("just gone to");
            let record = reader::read_record(window, chunk.reference.offset())?;
            self.next += record.bytes.len() as u64;
            let samples = chunk::sample_count(record.chunk)? as u64;
            content.add((chunk.min, chunk.max), record.checksum(), samples);
        }
        Ok(content)
    }

    /// Opens the segment of a chunk, which must be at hand or the next, and makes sure that the chunk comes next in it.
    fn go_to(&mut self, chunk: &ChunkMeta) -> Result<()> {
        let (segment, offset) = (chunk.reference.segment(), chunk.reference.offset());
        let open = self.segment.as_ref().map(|(segment, _)| *segment);
        if open != Some(segment) {
            self.end()?;
            if segment != open.map_or(0, |open| open + 1) {
                return Err(Error::Mismatch(format!("a chunk in segment {segment}")));
            }
            let mut window = self.block.segment(segment)?;
            segment::check_head(window.fill(0, HEAD_BYTES)?)?;
            self.segment = Some((segment, window));
            self.next = segment::HEAD_SIZE;
        }
        if u64::from(offset) != self.next {
            let next = self.next;
            return Err(Error::Mismatch(format!(
                "a chunk at {offset:#x} of segment {segment}, where the record before it ends at {next:#x}"
            )));
        }
        Ok(())
    }

    /// Makes sure that nothing lies behind the last record.
    fn end(&self) -> Result<()> {
        match &self.segment {
            Some((segment, window)) if window.size() != self.next => {
                let (size, next) = (window.size(), self.next);
                Err(Error::Mismatch(format!(
                    "segment {segment} has {size} bytes, its last record ends at {next}"
                )))
            }
            _ => Ok(()),
        }
    }
}

/// Labels in words, as far as the symbols can be read.
fn text<I: Input>(block: &I, labels: &[Pair]) -> String {
    let read = || {
        let mut window = block.index()?;
        let version = Version::decode(window.fill(0, HEAD_SIZE)?)?;
        let end = window.size().saturating_sub(Toc::SIZE as u64);
        let toc = Toc::decode(window.fill(end, Toc::SIZE)?, end)?;
        SymbolTable::read(&mut window, &toc, version)
    };
    let symbols = read().ok();
    let symbol = |at: SymbolRef| {
        let known = symbols.as_ref().and_then(|table| table.text(at).ok());
        known.map_or_else(|| format!("symbol {}", at.0), ToOwned::to_owned)
    };
    let pair = |(name, value): &Pair| format!("{}={:?}", symbol(*name), symbol(*value));
    let pairs: Vec<String> = labels.iter().map(pair).collect();
    format!("{{{}}}", pairs.join(", "))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::chunk::Encoding;
    use crate::chunk::{ChunkView, xor};
    use crate::codec::Cursor;
    use crate::merge::range::RangeOutput;
    use crate::merge::stitch::{Outputs, Stitcher};
    use crate::tombstone::Tombstones;

    /// A block in memory.
    struct Files {
        index: Vec<u8>,
        segments: Vec<Vec<u8>>,
        ranges: Vec<Tally>,
        tombstones: Tombstones,
    }

    /// A file in memory that owns its bytes.
    struct Bytes(Vec<u8>);

    impl crate::codec::Window for Bytes {
        fn size(&self) -> u64 {
            self.0.len() as u64
        }

        fn fill(&mut self, at: u64, len: usize) -> Result<&[u8]> {
            let at = usize::try_from(at).unwrap();
            let short = || Error::corrupt("file", 0, "ends early");
            self.0.get(at..at + len).ok_or_else(short)
        }
    }

    impl Input for Files {
        type Window = Bytes;

        fn name(&self) -> String {
            "block X".into()
        }

        fn index(&self) -> Result<Bytes> {
            Ok(Bytes(self.index.clone()))
        }

        fn segment(&self, segment: u32) -> Result<Bytes> {
            let file = self.segments.get(segment as usize);
            file.cloned()
                .map(Bytes)
                .ok_or_else(|| Error::NotFound("segment".into()))
        }

        fn size_bytes(&self) -> u64 {
            0
        }

        fn tombstones(&self) -> &Tombstones {
            &self.tombstones
        }
    }

    /// Series by the value of their label, each with chunks by (first time, value): the ranges of a block.
    type Ranges<'a> = &'a [&'a [(u32, &'a [(i64, f64)])]];

    fn write(ranges: Ranges<'_>, segment_bytes: u64) -> Files {
        let mut symbols = SymbolTable::new();
        for text in ["1", "2", "3", "name"] {
            symbols.push(text.as_bytes()).unwrap();
        }
        let symbols = Arc::new(symbols);
        let outputs = Outputs::new(Vec::new(), Vec::new());
        let mut stitcher = Stitcher::start(outputs, symbols, segment_bytes).unwrap();
        for series in ranges {
            let mut range = RangeOutput::default();
            for &(value, chunks) in *series {
                for &(t, v) in chunks {
                    let payload = &xor::encode(&[t, t + 9], &[v, v + 1.0]);
                    let encoding = Encoding::Xor;
                    let view = ChunkView { encoding, payload };
                    range.put(t, t + 9, view).unwrap();
                }
                let labels = [(SymbolRef(3), SymbolRef(value - 1))];
                range.finish_series(&labels).unwrap();
            }
            stitcher.append(&range).unwrap();
        }
        let (index, segments, merged) = stitcher.finish().unwrap();
        Files {
            index,
            segments,
            ranges: merged.ranges,
            tombstones: Tombstones::default(),
        }
    }

    const SOUND: Ranges<'_> = &[
        &[(1, &[(0, 1.0), (10, 2.0)]), (2, &[(0, 3.0)])],
        &[(3, &[(0, 4.0), (10, 5.0)])],
    ];

    fn failure(files: &Files, want: &[Tally]) -> Error {
        reread(files, want, |_, _| Ok(())).unwrap_err()
    }

    #[test]
    fn a_block_that_is_what_was_written_is_accepted_in_one_segment_or_many() {
        for segment_bytes in [1 << 20, 60] {
            let files = write(SOUND, segment_bytes);
            assert_eq!(files.segments.len() > 1, segment_bytes == 60);
            let mut offsets = Vec::new();
            let visit = |offset, entry: &SeriesEntry| {
                offsets.push((offset, entry.chunks.len()));
                Ok(())
            };
            reread(&files, &files.ranges, visit).unwrap();
            let chunks: Vec<_> = offsets.iter().map(|(_, chunks)| *chunks).collect();
            assert_eq!(chunks, [2, 1, 2]);
            assert!(offsets.is_sorted());
        }
    }

    #[test]
    fn other_series_or_chunks_are_found_and_named() {
        fn check(ranges: Ranges<'_>, want: &str) {
            let error = failure(&write(ranges, 1 << 20), &write(SOUND, 1 << 20).ranges);
            assert_eq!(error.kind(), ErrorKind::Halt);
            let got = error.chain();
            assert!(got.contains(want), "{got}\nwant {want}");
        }
        let last: &[(u32, &[_])] = &[(3, &[(0, 4.0), (10, 5.0)])];
        let lost: &[(u32, &[_])] = &[(1, &[(0, 1.0)]), (2, &[(0, 3.0)])];
        let swapped: &[(u32, &[_])] = &[(1, &[(0, 3.0), (10, 2.0)]), (2, &[(0, 1.0)])];
        check(
            &[lost, last],
            "2 chunks instead of 3, 4 samples instead of 6",
        );
        let span = "series from {name=\"1\"} to {name=\"2\"}";
        check(&[lost, last], span);
        check(&[swapped, last], "but not the same");
        check(&[SOUND[0]], "0 series instead of 1");
        check(&[SOUND[0], &[(3, &[(0, 4.0), (11, 5.0)])]], "not the same");
        check(&[SOUND[0], &[(3, &[(0, 4.0), (10, 5.5)])]], "not the same");
        let more = failure(&write(SOUND, 1 << 20), &write(&SOUND[..1], 1 << 20).ranges);
        assert!(more.chain().contains("a series behind the last"));
    }

    #[test]
    fn files_that_are_not_as_they_were_handed_over_are_found() {
        fn check(damage: impl Fn(&mut Files), want: &str) {
            let mut files = write(SOUND, 1 << 20);
            damage(&mut files);
            let got = failure(&files, &files.ranges).chain();
            assert!(got.contains(want), "{got}\nwant {want}");
        }
        fn first_record(files: &Files) -> std::ops::Range<usize> {
            let records = &files.segments[0][HEAD_BYTES..];
            let mut cursor = Cursor::new("chunk", records, 0);
            reader::skip_record(&mut cursor).unwrap();
            HEAD_BYTES..HEAD_BYTES + records.len() - cursor.len()
        }
        check(|files| drop(files.segments[0].split_off(40)), "ends early");
        check(|files| files.segments[0].push(0), "its last record ends at");
        check(|files| files.segments.clear(), "segment not found");
        check(|files| files.segments[0][12] ^= 1, "checksum");
        // A record twice, as of a write that was repeated: all references behind it are wrong.
        check(
            |files| {
                let twice = files.segments[0][first_record(files)].to_vec();
                files.segments[0].splice(HEAD_BYTES..HEAD_BYTES, twice);
            },
            "where the record before it ends",
        );
        let lose = |files: &mut Files| {
            let lost = first_record(files);
            files.segments[0].drain(lost);
        };
        check(lose, "series");
    }

    #[test]
    fn a_reference_beside_its_record_is_found() {
        let sound = write(SOUND, 1 << 20);
        let longer: Ranges<'_> = &[&[(1, &[(0, 1.0), (10, 2e-9)]), (2, &[(0, 3.0)])], SOUND[1]];
        let mut files = write(longer, 1 << 20);
        assert_ne!(files.segments[0].len(), sound.segments[0].len());
        files.segments.clone_from(&sound.segments);
        assert!(reread(&files, &sound.ranges, |_, _| Ok(())).is_err());
    }
}
