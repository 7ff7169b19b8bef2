//! Samples of a histogram chunk, integer or float: one walk for both kinds.
//!
//! ```text
//! sample    time | count | zero count | sum | positive buckets | negative buckets | [start time]
//! ```
//!
//! Each field is a [`Stream`] of its own; the [`Kind`] says which. The stream of times and that of sums are the same for
//! both. A sample whose sum is the stale marker has no buckets, and comes back with nothing but its sum and time. Start
//! times exist in [`super::histogram_st`] only. The hints are those that Prometheus' iterator returns: gauge in gauge
//! chunks, else unknown for the first sample and "not reset" for the others. Appending is in [`super::histogram_append`].

use super::histogram_layout::{Layout, bucket_count};
use super::histogram_st::StartTimes;
use super::histogram_stream::{Delta, Stream, Xor};
use crate::codec::bits::{BitReader, BitWriter};
use crate::error::{Error, Result};
use crate::histogram::{HistogramOf, ResetHint};
use crate::sample::{Sample, Value, is_stale};

/// Integer or float histograms.
pub trait Kind: Clone + Default {
    /// The column of a count.
    type Count: Stream;
    /// The column of a bucket.
    type Bucket: Stream;
    /// What a bucket counts, in whatever form it is stored.
    type Absolute: Copy + Default + PartialOrd;

    /// What the buckets count.
    fn absolute(
        stored: impl Iterator<Item = BucketOf<Self>>,
    ) -> impl Iterator<Item = Self::Absolute>;

    /// The buckets that count this.
    fn stored(absolute: impl Iterator<Item = Self::Absolute>) -> Vec<BucketOf<Self>>;

    /// Header of a first sample that follows a chunk, from the header that its comparison with that chunk gives.
    fn header_after(compared: ResetHint) -> ResetHint;

    /// Header of a chunk that starts because a sample did not fit, from the header that the comparison gives.
    fn header_of_refused(compared: ResetHint) -> ResetHint;

    /// A histogram as a sample's value.
    fn value(histogram: HistogramIn<Self>) -> Value;
}

/// A stored bucket of a kind.
pub type BucketOf<K> = <<K as Kind>::Bucket as Stream>::Value;

/// A histogram of a kind.
pub type HistogramIn<K> = HistogramOf<<<K as Kind>::Count as Stream>::Value, BucketOf<K>>;

/// All columns of a chunk.
#[derive(Debug, Clone, Default)]
pub struct Columns<K: Kind> {
    pub(super) time: Delta,
    pub(super) count: K::Count,
    pub(super) zero_count: K::Count,
    pub(super) sum: Xor,
    pub(super) positive: Vec<K::Bucket>,
    pub(super) negative: Vec<K::Bucket>,
}

impl<K: Kind> Columns<K> {
    /// Columns for as many buckets as the layout has.
    pub(super) fn of(layout: &Layout) -> Self {
        let side = |spans| {
            let count = usize::try_from(bucket_count(spans))
                .expect("buckets are bounded by the bits, or exist");
            vec![K::Bucket::default(); count]
        };
        Self {
            positive: side(&layout.positive_spans),
            negative: side(&layout.negative_spans),
            ..Self::default()
        }
    }

    /// Appends the first sample.
    pub(super) fn write_first(&mut self, bits: &mut BitWriter, t: i64, histogram: &HistogramIn<K>) {
        self.time.write_first(bits, t);
        self.count.write_first(bits, histogram.count);
        self.zero_count.write_first(bits, histogram.zero_count);
        self.sum.write_first(bits, histogram.sum);
        let positive = self.positive.iter_mut().zip(&histogram.positive_buckets);
        let negative = self.negative.iter_mut().zip(&histogram.negative_buckets);
        for (column, bucket) in positive.chain(negative) {
            column.write_first(bits, *bucket);
        }
    }

    /// Appends a later sample.
    pub(super) fn write(&mut self, bits: &mut BitWriter, t: i64, histogram: &HistogramIn<K>) {
        self.time.write(bits, t);
        if histogram.is_stale() {
            self.count.write_stale(bits);
            self.zero_count.write_stale(bits);
            self.sum.write(bits, histogram.sum);
            return;
        }
        self.count.write(bits, histogram.count);
        self.zero_count.write(bits, histogram.zero_count);
        self.sum.write(bits, histogram.sum);
        let positive = self.positive.iter_mut().zip(&histogram.positive_buckets);
        let negative = self.negative.iter_mut().zip(&histogram.negative_buckets);
        for (column, bucket) in positive.chain(negative) {
            column.write(bits, *bucket);
        }
    }

    fn read_first(&mut self, bits: &mut BitReader<'_>) -> Result<()> {
        self.time.read_first(bits)?;
        self.count.read_first(bits)?;
        self.zero_count.read_first(bits)?;
        self.sum.read_first(bits)?;
        if !is_stale(self.sum.value()) {
            for column in self.positive.iter_mut().chain(&mut self.negative) {
                column.read_first(bits)?;
            }
        }
        Ok(())
    }

    fn read(&mut self, bits: &mut BitReader<'_>) -> Result<()> {
        self.time.read(bits)?;
        self.count.read(bits)?;
        self.zero_count.read(bits)?;
        self.sum.read(bits)?;
        if !is_stale(self.sum.value()) {
            for column in self.positive.iter_mut().chain(&mut self.negative) {
                column.read(bits)?;
            }
        }
        Ok(())
    }

    /// The last sample.
    fn histogram(&self, layout: &Layout, hint: ResetHint) -> HistogramIn<K> {
        let sum = self.sum.value();
        if is_stale(sum) {
            return HistogramIn::<K> {
                sum,
                ..HistogramOf::default()
            };
        }
        HistogramOf {
            hint,
            schema: layout.schema,
            zero_threshold: layout.zero_threshold,
            zero_count: self.zero_count.value(),
            count: self.count.value(),
            sum,
            positive_spans: layout.positive_spans.clone(),
            negative_spans: layout.negative_spans.clone(),
            positive_buckets: self.positive.iter().map(Stream::value).collect(),
            negative_buckets: self.negative.iter().map(Stream::value).collect(),
            custom_bounds: layout.custom_bounds.clone(),
        }
    }
}

/// Custom bounds and empty spans, over all samples, that a chunk may unfold to: 64 MiB. All else is paid for with bits.
const UNPAID_MAX: u64 = 1 << 23;

/// Refuses a small chunk that would unfold to very much.
fn check_unfolded(layout: &Layout, count: u16) -> Result<()> {
    let spans = layout.positive_spans.iter().chain(&layout.negative_spans);
    let empty = spans.filter(|span| span.length == 0).count();
    let need = (layout.custom_bounds.len() + empty) as u64 * u64::from(count);
    if need > UNPAID_MAX {
        return Err(Error::Limit {
            what: "bounds and spans of a histogram chunk",
            need,
            limit: UNPAID_MAX,
        });
    }
    Ok(())
}

/// What a chunk's first bytes say.
#[derive(Debug, Clone, Copy)]
pub struct Header {
    /// Number of samples.
    pub count: u16,
    /// What is known about a reset before the first one.
    pub reset: ResetHint,
    /// Where start times are, if at all.
    pub starts: StartTimes,
}

/// Gives each sample after the header to `emit`.
///
/// # Errors
/// Where the bits are damaged, or would unfold to too much.
pub fn decode<K: Kind>(
    header: Header,
    mut bits: BitReader<'_>,
    mut emit: impl FnMut(i64, HistogramIn<K>),
) -> Result<()> {
    if header.count == 0 {
        return Ok(());
    }
    let layout = Layout::read(&mut bits)?;
    check_unfolded(&layout, header.count)?;
    let gauge = header.reset == ResetHint::Gauge;
    let mut columns = Columns::<K>::of(&layout);
    for index in 0..header.count {
        let hint = match index {
            _ if gauge => ResetHint::Gauge,
            0 => ResetHint::Unknown,
            _ => ResetHint::NotReset,
        };
        if index == 0 {
            columns.read_first(&mut bits)?;
        } else {
            columns.read(&mut bits)?;
        }
        header.starts.skip(index, &mut bits)?;
        bits.check()?;
        emit(columns.time.value(), columns.histogram(&layout, hint));
    }
    Ok(())
}

/// Appends the samples after the header to `out`; none at all where one is damaged.
///
/// # Errors
/// As [`decode`].
pub fn decode_samples<K: Kind>(
    header: Header,
    bits: BitReader<'_>,
    out: &mut Vec<Sample>,
) -> Result<()> {
    let before = out.len();
    let decoded = decode::<K>(header, bits, |t, histogram| {
        let value = K::value(histogram);
        out.push(Sample { t, value });
    });
    if decoded.is_err() {
        out.truncate(before);
    }
    decoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chunk::encode_samples;
    use crate::chunk::float_histogram::Float;
    use crate::chunk::histogram::{self, Integer};
    use crate::error::ErrorKind;
    use crate::testing::fuzz_histogram::decode_histograms;
    use crate::testing::{hex, strategy};

    /// One sample whose sum is 18.4, with the indices 1 and 2 of schema 1.
    const SAMPLE: &str = "000100ff2b2bff2ee48e05308c6478fa2b2403266666666666695c";

    #[test]
    fn damage_is_an_error_with_its_place() {
        fn check(payload: &str, want: &str) {
            let mut out = Vec::new();
            let error = histogram::decode(&hex::bytes(payload), &mut out).unwrap_err();
            assert!(error.to_string().contains(want), "{error}");
            assert!(out.is_empty());
        }
        check("0001", "chunk at 0x0: ends after 2 of 3 bytes");
        check("000100", "chunk at 0x3: ends after 3 of 4 bytes");
        check(&SAMPLE[..SAMPLE.len() - 2], "ends after 26 of 27 bytes");
        check(
            &SAMPLE.replacen("0001", "0002", 1),
            "ends after 27 of 28 bytes",
        );
        // Schema 4 + 8 * 8 in a field of nine bits.
        check("00010000e440", "chunk at 0x4: unknown schema");
        // A span of 2^18 - 1 buckets.
        check("0001000047effffc", "number of buckets");
    }

    #[test]
    fn an_empty_chunk_has_no_samples_and_no_layout() {
        let mut out = Vec::new();
        histogram::decode(&[0, 0, 0], &mut out).unwrap();
        assert!(out.is_empty());
    }

    #[test]
    fn a_small_chunk_does_not_unfold_to_very_much() {
        let layout = Layout {
            custom_bounds: vec![0.0; 200],
            schema: crate::histogram::CUSTOM_BUCKETS_SCHEMA,
            ..Layout::default()
        };
        assert!(check_unfolded(&layout, 1000).is_ok());
        let error = check_unfolded(&layout, u16::MAX).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
    }

    #[test]
    fn a_stale_sample_has_nothing_but_its_sum() {
        let mut out = Vec::new();
        let chunk = "000300ff2b2bff2ee48e05308c6478fa2b2403266666666666695fe0ea6291d99d73333333333395c62f7fc8800000000002";
        histogram::decode(&hex::bytes(chunk), &mut out).unwrap();
        let Value::Histogram(last) = &out[2].value else {
            panic!("{out:?}");
        };
        assert!(out[2].is_stale() && last.positive_spans.is_empty());
        assert_eq!(
            (last.hint, last.schema, last.count),
            (ResetHint::Unknown, 0, 0)
        );
    }

    #[test]
    fn buckets_of_integers_are_differences() {
        let stored = Integer::stored([3, 5, 4].into_iter());
        assert_eq!(stored, [3, 2, -1]);
        assert_eq!(
            Integer::absolute(stored.into_iter()).collect::<Vec<_>>(),
            [3, 5, 4]
        );
        assert_eq!(Float::stored([3.0].into_iter()), [3.0]);
    }

    fn any_samples() -> impl Strategy<Value = Vec<Sample>> {
        prop_oneof![
            strategy::histogram_samples(0, 12),
            strategy::float_histogram_samples(0, 12)
        ]
    }

    proptest! {
        #[test]
        fn any_bytes_give_samples_or_an_error(bytes: Vec<u8>) {
            decode_histograms(&bytes);
        }

        #[test]
        fn any_bits_behind_a_good_start_give_samples_or_an_error(bits: Vec<u8>) {
            for payload in [SAMPLE, "000100001e3e81ffc0000000000008"] {
                let mut bytes = hex::bytes(payload);
                bytes[1] = 9;
                bytes.extend(&bits);
                decode_histograms(&bytes);
            }
        }

        #[test]
        fn one_damaged_byte_gives_samples_or_an_error(samples in any_samples(), at: prop::sample::Index, xor in 1..=255_u8) {
            for chunk in encode_samples(&samples).unwrap() {
                let mut payload = chunk.payload;
                let at = at.index(payload.len());
                payload[at] ^= xor;
                decode_histograms(&payload);
                payload[at] ^= xor;
                payload.truncate(at);
                decode_histograms(&payload);
            }
        }
    }
}
