//! Whether a block in the bucket is whole and sound, down to its last byte, without a local file.
//!
//! A block that Prometheus, Thanos or we made is what merging it alone gives: so it is merged, and what comes out is not written
//! but compared with what the bucket has. On the way every checksum is looked at, the order of series and chunks, the
//! symbols, and in the end every label pair's list of series. Of an index with the label indices of old versions, which nobody
//! writes any more, the lists are compared one by one and the rest by its checksums only.

use super::super::Bucket;
use super::block::BucketBlock;
use super::read::ObjectWindow;
use crate::block::file::WINDOW_BYTES;
use crate::budget::{Budget, Memory};
use crate::codec::{Cursor, Output, Window as _, crc};
use crate::error::{Corruption, Error, Result, ResultExt as _};
use crate::index::Toc;
use crate::merge::input::Input as _;
use crate::merge::stitch::Outputs;
use crate::merge::{self, MergeFunc, Options};
use crate::meta::BlockMeta;
use crate::segment::{self, SegmentFiles};

/// Reads all of a block with `threads` threads.
///
/// # Errors
/// [`Error::Corrupt`], with object, offset and fact, where the block is not whole and sound; otherwise where the store refuses.
pub async fn verify(
    bucket: &Bucket,
    meta: &BlockMeta,
    threads: usize,
    budget: &Budget,
) -> Result<()> {
    let block = BucketBlock::open(bucket, meta.clone(), threads).await?;
    let block = block.without_tombstones();
    let memory = Memory {
        budget: budget.clone(),
        scratch: None,
    };
    super::super::blocking(move || compare(&block, threads, memory)).await
}

fn compare(block: &BucketBlock, threads: usize, memory: Memory) -> Result<()> {
    let options = Options {
        func: MergeFunc::OneToOne,
        range: block.meta().range(),
        threads,
        segment_bytes: segment::SIZE_DEFAULT,
        memory,
    };
    let outputs = Outputs::new(
        CompareIndex::begin(block)?,
        CompareSegments { block, count: 0 },
    );
    let (index, segments, merged) = merge::run(std::slice::from_ref(block), outputs, &options)?;
    index.finish()?;
    let (want, have) = (segments.count, block.segment_objects().len());
    if want != have {
        let what = format!("{have} segments, of which the index names {want}");
        return Err(Error::corrupt("block", 0, what).at(block.name()));
    }
    let (stats, counted) = (block.meta().stats, merged.stats);
    let told = (stats.num_series, stats.num_chunks, stats.num_samples);
    let found = (counted.num_series, counted.num_chunks, counted.num_samples);
    if told != found {
        let what =
            format!("meta.json counts {told:?} series, chunks and samples, there are {found:?}");
        return Err(Error::corrupt("block", 0, what).at(block.name()));
    }
    Ok(())
}

/// Bytes that must be those of an object.
struct Compare {
    window: ObjectWindow,
    place: String,
    at: u64,
}

impl Compare {
    fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        for piece in bytes.chunks(WINDOW_BYTES) {
            let have = self.window.fill(self.at, piece.len()).at(|| &self.place)?;
            if have != piece {
                let same = have.iter().zip(piece).take_while(|(a, b)| a == b).count() as u64;
                let what = "not what the block gives when it is merged alone";
                return Err(Error::corrupt("block", self.at + same, what).at(&self.place));
            }
            self.at += piece.len() as u64;
        }
        Ok(())
    }

    fn finish(&self) -> Result<()> {
        if self.at == self.window.size() {
            return Ok(());
        }
        let what = format!("{} bytes too many", self.window.size() - self.at);
        Err(Error::corrupt("block", self.at, what).at(&self.place))
    }
}

impl Output for Compare {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes(bytes)
    }
}

/// An index that must be the block's.
struct CompareIndex {
    compare: Compare,
    toc: Toc,
    /// Where comparing ends, because an old version wrote other things from there on.
    end: u64,
}

impl CompareIndex {
    fn begin(block: &BucketBlock) -> Result<Self> {
        let place = format!("{}: index", block.name());
        let mut window = block.index()?;
        let size = window.size();
        let at = size - Toc::SIZE as u64;
        let toc = Toc::decode(window.fill(at, Toc::SIZE)?, at).at(|| &place)?;
        let end = match toc.label_indices == toc.postings {
            true => size,
            false => toc.series_range().end,
        };
        let compare = Compare {
            window,
            place,
            at: 0,
        };
        Ok(Self { compare, toc, end })
    }

    fn finish(mut self) -> Result<()> {
        if self.end == self.compare.window.size() {
            return self.compare.finish();
        }
        let place = self.compare.place.clone();
        self.check_lists().at(|| place)
    }

    /// Looks at the checksums of all lists and of their table.
    fn check_lists(&mut self) -> Result<()> {
        let end = self.compare.window.size() - Toc::SIZE as u64;
        let mut at = self.toc.postings.next_multiple_of(4);
        while at < end {
            let window = &mut self.compare.window;
            let len = Cursor::new("postings", window.fill(at, 4)?, at).u32()?;
            let whole = u64::from(len) + 8;
            if whole > end - at {
                let what = Corruption::Truncated {
                    need: whole,
                    have: end - at,
                };
                return Err(Cursor::new("postings", &[], at).corrupt(what));
            }
            let whole_len = usize::try_from(whole).expect("targets have 64 bits");
            crc::take_frame(&mut Cursor::new(
                "postings",
                window.fill(at, whole_len)?,
                at,
            ))?;
            at += whole;
        }
        Ok(())
    }
}

impl Output for CompareIndex {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let left = usize::try_from(self.end.saturating_sub(self.compare.at)).unwrap_or(usize::MAX);
        self.compare.bytes(&bytes[..bytes.len().min(left)])
    }
}

/// Segments that must be the block's.
struct CompareSegments<'a> {
    block: &'a BucketBlock,
    count: usize,
}

impl SegmentFiles for CompareSegments<'_> {
    type File = Compare;

    fn open(&mut self, segment: u32) -> Result<Compare> {
        Ok(Compare {
            window: self.block.segment(segment)?,
            place: format!(
                "{}: chunks/{}",
                self.block.name(),
                segment::file_name(segment)
            ),
            at: 0,
        })
    }

    fn close(&mut self, _segment: u32, file: Compare) -> Result<()> {
        self.count += 1;
        file.finish()
    }
}
