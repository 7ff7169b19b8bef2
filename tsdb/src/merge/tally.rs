//! What a set of series amounts to: one sum by which two ways of looking at the same data are compared.
//!
//! ```text
//! chunk    mix of first time, last time, checksum of its record, samples
//! series   mix of its labels (positions in the symbol table), the sum of its chunks, chunks, samples
//! tally    series, chunks, samples, and the sum of its series; sums wrap, so no order counts
//! ```
//!
//! A merge is checked three times, and no chunk is decoded for it. While a range is built, what every lane was found to
//! have is read ([`super::lane`]), and each series' chunks, as they were read or encoded, are what lies in the buffers
//! that are written ([`super::range`]); of chunks that were merged, one in [`DECODED_EACH`] is decoded and compared with
//! its samples. When the files are complete, [`super::reread`] tallies them again. What is in `meta.json` lets anyone do
//! that later:
//!
//! ```text
//! thanos.extensions.stratal   { ulid, series, chunks, samples, checksum: 16 hex digits }
//! ```
//!
//! Thanos copies extensions into later blocks, so only a tally that names the block itself is the block's ([`Tally::of`]).
//! Found is a series, a chunk, a record that is lost, doubled, changed or in the place of another; a reference that leads elsewhere; a
//! file that ends early. Not looked at are the strings of the symbol table, the postings (`block verify` reads both), and
//! whether a merge chose the right samples, which is what its tests are for.

use serde_json::{Value, json};

use crate::chunk::{self, ChunkView};
use crate::error::{Error, Result};
use crate::index::series::Pair;
use crate::meta::BlockMeta;
use crate::sample::{Sample, Value as SampleValue};

/// One in so many of the chunks that are encoded is decoded again: 4 ns a sample become a quarter.
const DECODED_EACH: u64 = 16;

/// Our key among the extensions.
const KEY: &str = "stratal";

/// Labels of one series, mixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key(u64);

impl Key {
    /// Mixes names and values, as positions in the symbol table.
    #[inline]
    #[must_use]
    pub fn of(labels: &[Pair]) -> Self {
        let pair = |(name, value): &Pair| u64::from(name.0) << 32 | u64::from(value.0);
        let start = labels.len() as u64;
        Self(
            labels
                .iter()
                .fold(start, |key, label| mix(key, pair(label))),
        )
    }
}

/// Chunks of one series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Content {
    chunks: u64,
    samples: u64,
    sum: u64,
}

impl Content {
    /// Adds a chunk with its interval, the checksum that its record has or will have, and its samples.
    #[inline]
    pub fn add(&mut self, (min, max): (i64, i64), checksum: u32, samples: u64) {
        let times = mix(min.cast_unsigned(), max.cast_unsigned());
        self.chunks += 1;
        self.samples += samples;
        let record = u64::from(checksum) << 32 ^ samples;
        self.sum = self.sum.wrapping_add(mix(times, record));
    }

    /// What these chunks are and the others are not, in words.
    #[must_use]
    pub fn difference(&self, want: &Self) -> String {
        let counts = [
            ("chunks", self.chunks, want.chunks),
            ("samples", self.samples, want.samples),
        ];
        difference(&counts)
    }
}

/// Some series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Tally {
    /// Series.
    pub series: u64,
    /// Their chunks.
    pub chunks: u64,
    /// The samples of those; of an aggregate chunk those of its count.
    pub samples: u64,
    /// The sum over all series.
    pub checksum: u64,
}

impl Tally {
    /// Adds a series.
    #[inline]
    pub fn add(&mut self, series: Key, content: Content) {
        let counts = content.samples ^ content.chunks << 48;
        self.series += 1;
        self.chunks += content.chunks;
        self.samples += content.samples;
        let sum = mix(mix(series.0, content.sum), counts);
        self.checksum = self.checksum.wrapping_add(sum);
    }

    /// What this is and the other is not, in words.
    #[must_use]
    pub fn difference(&self, want: &Self) -> String {
        let counts = [
            ("series", self.series, want.series),
            ("chunks", self.chunks, want.chunks),
            ("samples", self.samples, want.samples),
        ];
        difference(&counts)
    }

    /// The tally that a block's meta has of the block itself; none where there is none, or it is that of another block.
    #[must_use]
    pub fn of(meta: &BlockMeta) -> Option<Self> {
        let ours = meta.thanos.as_ref()?.extensions.as_ref()?.get(KEY)?;
        let count = |key: &str| ours.get(key)?.as_u64();
        if ours.get("ulid")?.as_str()? != meta.ulid.to_string() {
            return None;
        }
        Some(Self {
            series: count("series")?,
            chunks: count("chunks")?,
            samples: count("samples")?,
            checksum: u64::from_str_radix(ours.get("checksum")?.as_str()?, 16).ok()?,
        })
    }

    /// Writes this into the meta of the block that it is of; in place of any other tally. Left out where there is no Thanos part, or its
    /// extensions are no object.
    pub fn note(&self, meta: &mut BlockMeta) {
        let ours = json!({
            "ulid": meta.ulid.to_string(),
            "series": self.series,
            "chunks": self.chunks,
            "samples": self.samples,
            "checksum": format!("{:016x}", self.checksum),
        });
        let Some(part) = &mut meta.thanos else {
            return;
        };
        let extensions = part.extensions.get_or_insert_with(|| json!({}));
        if let Value::Object(extensions) = extensions {
            extensions.insert(KEY.into(), ours);
            extensions.sort_keys();
        }
    }
}

/// What several parts amount to together.
#[must_use]
pub fn sum(parts: &[Tally]) -> Tally {
    let mut sum = Tally::default();
    for part in parts {
        sum.series += part.series;
        sum.chunks += part.chunks;
        sum.samples += part.samples;
        sum.checksum = sum.checksum.wrapping_add(part.checksum);
    }
    sum
}

/// Extensions without a tally; none where it was all that they had.
#[must_use]
pub fn forget(extensions: Option<Value>) -> Option<Value> {
    let mut extensions = extensions?;
    if let Value::Object(object) = &mut extensions
        && object.shift_remove(KEY).is_some()
        && object.is_empty()
    {
        return None;
    }
    Some(extensions)
}

/// Checks a chunk that was encoded against its samples, if it is one of those that are looked at.
///
/// # Errors
/// [`Error::Mismatch`] where it holds others.
#[inline]
pub fn check_floats(payload: &[u8], ts: &[i64], vs: &[f64]) -> Result<()> {
    if is_decoded(ts.first().copied(), payload) {
        return check_all_floats(payload, ts, vs);
    }
    Ok(())
}

#[cold]
fn check_all_floats(payload: &[u8], ts: &[i64], vs: &[f64]) -> Result<()> {
    let (mut got_ts, mut got_vs) = (Vec::new(), Vec::new());
    chunk::xor::decode(payload, &mut got_ts, &mut got_vs)?;
    let bits = |vs: &[f64]| vs.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    expect_equal(got_ts == ts && bits(&got_vs) == bits(vs))
}

/// The same for samples of any kind.
///
/// # Errors
/// As [`check_floats`].
pub fn check_samples(chunk: ChunkView<'_>, want: &[Sample]) -> Result<()> {
    if !is_decoded(want.first().map(|sample| sample.t), chunk.payload) {
        return Ok(());
    }
    let mut got = Vec::new();
    chunk::decode(chunk, &mut got)?;
    let same = got.iter().zip(want).all(|(got, want)| is_same(got, want));
    expect_equal(got.len() == want.len() && same)
}

fn is_decoded(first: Option<i64>, payload: &[u8]) -> bool {
    let first = first.unwrap_or_default().cast_unsigned();
    mix(first, payload.len() as u64).is_multiple_of(DECODED_EACH)
}

fn is_same(got: &Sample, want: &Sample) -> bool {
    use SampleValue::{Float, FloatHistogram, Histogram};
    let is_same_value = match (&got.value, &want.value) {
        (Float(got), Float(want)) => got.to_bits() == want.to_bits(),
        (Histogram(got), Histogram(want)) => got.to_float().equals(&want.to_float()),
        (FloatHistogram(got), FloatHistogram(want)) => got.equals(want),
        _ => false,
    };
    got.t == want.t && (is_same_value || got.is_stale() && want.is_stale())
}

fn expect_equal(is_equal: bool) -> Result<()> {
    if is_equal {
        return Ok(());
    }
    Err(Error::Mismatch(
        "an encoded chunk holds other samples than were merged".into(),
    ))
}

/// Counts that are not as wanted; where all are, the content is another.
fn difference(counts: &[(&str, u64, u64)]) -> String {
    let other: Vec<String> = counts
        .iter()
        .filter(|(_, found, want)| found != want)
        .map(|(name, found, want)| format!("{found} {name} instead of {want}"))
        .collect();
    if other.is_empty() {
        "as many chunks and samples, but not the same".into()
    } else {
        other.join(", ")
    }
}

/// Mixes two words: both halves of a product, so that every bit of each counts.
#[inline]
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ 0x9e37_79b9_7f4a_7c15) * u128::from(b ^ 0xd1b5_4a32_d192_ed03);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the halves are what is wanted"
    )]
    {
        product as u64 ^ (product >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::xor;
    use crate::id::{BlockId, SymbolRef};
    use crate::meta::ThanosMeta;

    /// First and last time, checksum, samples.
    type Chunk = (i64, i64, u32, u64);

    fn content(chunks: &[Chunk]) -> Content {
        let mut content = Content::default();
        for &(min, max, checksum, samples) in chunks {
            content.add((min, max), checksum, samples);
        }
        content
    }

    fn tally(series: &[(u32, &[Chunk])]) -> Tally {
        let mut tally = Tally::default();
        for &(name, chunks) in series {
            tally.add(Key::of(&[(SymbolRef(name), SymbolRef(9))]), content(chunks));
        }
        tally
    }

    #[test]
    fn order_does_not_count_and_everything_else_does() {
        let (a, b) = ((0, 9, 77, 3), (10, 19, 78, 4));
        let want = tally(&[(1, &[a, b]), (2, &[a])]);
        assert_eq!(tally(&[(2, &[a]), (1, &[b, a])]), want);
        for other in [
            tally(&[(1, &[a, b])]),
            tally(&[(1, &[a]), (2, &[a, b])]),
            tally(&[(1, &[a, b]), (3, &[a])]),
            tally(&[(1, &[a, a]), (2, &[b])]),
            tally(&[(1, &[a, (11, 19, 78, 4)]), (2, &[a])]),
            tally(&[(1, &[a, (10, 18, 78, 4)]), (2, &[a])]),
            tally(&[(1, &[a, (10, 19, 79, 4)]), (2, &[a])]),
            tally(&[(1, &[a, (10, 19, 78, 5)]), (2, &[a])]),
        ] {
            assert_ne!(other.checksum, want.checksum, "{other:?}");
        }
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let a = (0, 9, 77, 3);
        let parts = [tally(&[(1, &[a])]), tally(&[(2, &[a, a])])];
        assert_eq!(sum(&parts), tally(&[(1, &[a]), (2, &[a, a])]));
    }

    #[test]
    fn a_difference_is_told_by_its_counts() {
        let (a, b) = ((0, 9, 77, 3), (0, 9, 78, 3));
        let want = tally(&[(1, &[a]), (2, &[a])]);
        assert_eq!(
            tally(&[(1, &[a])]).difference(&want),
            "1 series instead of 2, 1 chunks instead of 2, 3 samples instead of 6"
        );
        let swapped = tally(&[(1, &[a]), (2, &[b])]).difference(&want);
        assert_eq!(swapped, "as many chunks and samples, but not the same");
    }

    #[test]
    fn only_the_blocks_own_tally_is_its_tally() {
        let mut meta = BlockMeta {
            ulid: BlockId::new(1, 1),
            thanos: Some(ThanosMeta {
                extensions: Some(json!({"z": 1, "a": 2})),
                ..ThanosMeta::default()
            }),
            ..BlockMeta::default()
        };
        assert_eq!(Tally::of(&meta), None);
        let want = tally(&[(1, &[(0, 9, 77, 3)])]);
        want.note(&mut meta);
        let meta = BlockMeta::from_json(&meta.to_json()).unwrap();
        assert_eq!(Tally::of(&meta), Some(want));
        let copied = BlockMeta {
            ulid: BlockId::new(2, 2),
            ..meta.clone()
        };
        assert_eq!(Tally::of(&copied), None);
        let extensions = meta.thanos.unwrap().extensions;
        assert_eq!(forget(extensions), Some(json!({"a": 2, "z": 1})));
    }

    #[test]
    fn extensions_that_were_a_tally_alone_are_none() {
        fn check(extensions: Value, want: Option<Value>) {
            assert_eq!(forget(Some(extensions)), want);
        }
        check(json!({"stratal": 1}), None);
        check(json!({}), Some(json!({})));
        check(json!("text"), Some(json!("text")));
        assert_eq!(forget(None), None);
    }

    #[test]
    fn a_chunk_of_other_samples_is_found_where_it_is_looked_at() {
        let mut found = 0;
        for start in 0..200 {
            let (ts, vs): (Vec<i64>, Vec<f64>) =
                (start..start + 120).map(|t| (t, f64::from(7_u8))).unzip();
            let payload = xor::encode(&ts, &vs);
            check_floats(&payload, &ts, &vs).unwrap();
            let other: Vec<f64> = vs.iter().map(|_| 8.0).collect();
            found += u32::from(check_floats(&payload, &ts, &other).is_err());
            let samples: Vec<Sample> = ts.iter().map(|&t| Sample::float(t, 8.0)).collect();
            let encoding = chunk::Encoding::Xor;
            let view = ChunkView {
                encoding,
                payload: &payload,
            };
            let same = check_samples(view, &samples).is_err();
            assert_eq!(same, check_floats(&payload, &ts, &other).is_err());
        }
        assert!((5..30).contains(&found), "{found} of 200");
    }
}
