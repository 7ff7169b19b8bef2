//! Appending a histogram: in place, by writing the chunk again in a wider layout, or in a new chunk.
//!
//! The first sample sets the layout. A later one is compared with the last one, in this order:
//!
//! ```text
//! counter                                      header of a new chunk       gauge
//! chunk is a gauge                             not reset                   chunk is no gauge
//! histogram says it follows a reset            reset
//! histogram is stale: fits                                                 histogram is stale: fits
//! last sample was stale                        unknown                     last sample was stale
//! count fell                                   reset
//! other schema or zero threshold               unknown                     other schema or zero threshold
//! other custom bounds                          reset                       other custom bounds
//! zero count or a bucket fell                  reset
//! otherwise it fits, after some widening                                   (header: gauge)
//! ```
//!
//! Float histograms coarsen the header, see [`Kind`]. Layouts that widen, and which side's spans win, are part of the bytes:
//! see [`Appender::widened`].

use std::borrow::Cow;

use super::histogram_chunk::{self, Columns, Header, HistogramIn, Kind};
use super::histogram_layout::{HEADER_LEN, Layout, flags};
use super::histogram_st::StartTimes;
use super::histogram_stream::Stream;
use super::histogram_widen::{Inserts, compare, is_feasible, widen};
use crate::codec::bits::{BitReader, BitWriter};
use crate::error::{Error, Result};
use crate::histogram::buckets::{indices, spans_of};
use crate::histogram::custom::custom_bounds_match;
use crate::histogram::{HistogramOf, ResetHint, Span};

/// A histogram chunk that grows.
#[derive(Debug, Clone, Default)]
pub struct Appender<K: Kind> {
    header: ResetHint,
    count: u16,
    layout: Layout,
    columns: Columns<K>,
    bits: BitWriter,
}

/// What became of a chunk when a histogram was appended.
#[derive(Debug, Clone)]
pub enum Appended<A> {
    /// It grew by a sample.
    InPlace,
    /// It was written again in a wider layout, and grew by a sample.
    Recoded,
    /// It did not change; the sample is in this new chunk.
    NewChunk(A),
}

/// Whether a histogram can go into a chunk.
enum Verdict {
    /// It can, once both have the same buckets on the positive and the negative side.
    Fits(Box<[Inserts; 2]>),
    /// It cannot; a new chunk has this header.
    Refused(ResetHint),
}

impl<K: Kind> Appender<K> {
    /// An empty chunk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.count)
    }

    /// Whether there are no samples.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The chunk so far.
    #[must_use]
    pub fn payload(&self) -> Vec<u8> {
        let bits = self.bits.clone().bytes();
        let mut payload = Vec::with_capacity(HEADER_LEN + bits.len());
        payload.extend_from_slice(&self.count.to_be_bytes());
        payload.push(flags(self.header));
        payload.extend_from_slice(&bits);
        payload
    }

    /// What is known about a reset before the first sample.
    #[must_use]
    pub fn header(&self) -> ResetHint {
        self.header
    }

    /// Overrides what is known about a reset before the first sample.
    pub fn set_header(&mut self, header: ResetHint) {
        self.header = header;
    }

    /// Appends a histogram. `previous` is the chunk before, and counts for the first sample only. With `append_only`
    /// anything but an append in place fails, except that a counter's histogram may get empty buckets.
    ///
    /// # Errors
    /// Where buckets and spans disagree, the chunk is full, or `append_only` forbids what is needed; nothing changed then.
    pub fn append(
        &mut self,
        previous: Option<&Self>,
        t: i64,
        histogram: &HistogramIn<K>,
        append_only: bool,
    ) -> Result<Appended<Self>> {
        check_shape::<K>(histogram)?;
        if self.count == 0 {
            self.header = header_of_first(previous, histogram);
            self.push(t, histogram);
            return Ok(Appended::InPlace);
        }
        if self.count == u16::MAX {
            return Err(Error::Limit {
                what: "samples of a chunk",
                need: u64::from(u16::MAX) + 1,
                limit: u64::from(u16::MAX),
            });
        }
        let inserts = match self.fit(histogram) {
            Verdict::Fits(inserts) => inserts,
            Verdict::Refused(header) if append_only => return Err(refusal(header)),
            Verdict::Refused(header) => {
                let mut chunk = Self::new();
                chunk.header = match histogram.hint {
                    ResetHint::Gauge => ResetHint::Gauge,
                    _ => K::header_of_refused(header),
                };
                chunk.push(t, histogram);
                return Ok(Appended::NewChunk(chunk));
            }
        };
        let forward = inserts.iter().any(|side| !side.forward.is_empty());
        let backward = inserts.iter().any(|side| !side.backward.is_empty());
        if append_only && (forward || backward && histogram.hint == ResetHint::Gauge) {
            return Err(Error::Invalid("histogram layout change".to_owned()));
        }
        let histogram = if backward {
            Cow::Owned(self.widened(histogram, &inserts, forward))
        } else {
            Cow::Borrowed(histogram)
        };
        if forward {
            self.recode(&histogram, &inserts)?;
        }
        self.push(t, &histogram);
        Ok(if forward {
            Appended::Recoded
        } else {
            Appended::InPlace
        })
    }

    /// Writes a sample whose layout is that of the chunk.
    fn push(&mut self, t: i64, histogram: &HistogramIn<K>) {
        let emptied;
        let histogram = if histogram.is_stale() {
            emptied = HistogramIn::<K> {
                sum: histogram.sum,
                ..HistogramOf::default()
            };
            &emptied
        } else {
            histogram
        };
        if self.count == 0 {
            self.layout = Layout::of(histogram);
            self.layout.write(&mut self.bits);
            self.columns = Columns::of(&self.layout);
            self.columns.write_first(&mut self.bits, t, histogram);
        } else {
            self.columns.write(&mut self.bits, t, histogram);
        }
        self.count += 1;
    }

    /// Compares a histogram with the last sample, as the table above says.
    fn fit(&self, histogram: &HistogramIn<K>) -> Verdict {
        use ResetHint::{Gauge, NotReset, Reset, Unknown};
        let counter = histogram.hint != Gauge;
        if self.count > 0 && counter == (self.header == Gauge) {
            return Verdict::Refused(NotReset);
        }
        if histogram.hint == Reset {
            return Verdict::Refused(Reset);
        }
        if histogram.is_stale() {
            return Verdict::Fits(Box::default());
        }
        if crate::sample::is_stale(self.columns.sum.value()) {
            return Verdict::Refused(Unknown);
        }
        if counter && histogram.count < self.columns.count.value() {
            return Verdict::Refused(Reset);
        }
        if !same_frame(&self.layout, histogram) {
            return Verdict::Refused(Unknown);
        }
        if histogram.is_custom()
            && !custom_bounds_match(&self.layout.custom_bounds, &histogram.custom_bounds)
        {
            return Verdict::Refused(Reset);
        }
        if counter && histogram.zero_count < self.columns.zero_count.value() {
            return Verdict::Refused(Reset);
        }
        self.fit_buckets(histogram, counter)
    }

    fn fit_buckets(&self, histogram: &HistogramIn<K>, counter: bool) -> Verdict {
        let mut inserts = Box::new([Inserts::default(), Inserts::default()]);
        let sides = [
            (&self.layout.positive_spans, &self.columns.positive),
            (&self.layout.negative_spans, &self.columns.negative),
        ];
        for ((side, (spans, columns)), inserts) in
            sides_of::<K>(histogram).zip(sides).zip(inserts.iter_mut())
        {
            let chunk = indices(spans).zip(K::absolute(columns.iter().map(Stream::value)));
            let Some(needed) = compare(chunk, side.absolute(), counter) else {
                return Verdict::Refused(ResetHint::Reset);
            };
            if !is_feasible(&needed, spans, side.spans) {
                return Verdict::Refused(ResetHint::Unknown);
            }
            *inserts = needed;
        }
        Verdict::Fits(inserts)
    }

    /// The histogram with the buckets that only the chunk has. Its spans are then: of a gauge, normal ones on both sides; of
    /// a counter, the chunk's if nothing is missing there, else normal ones on the sides that got buckets.
    fn widened(
        &self,
        histogram: &HistogramIn<K>,
        inserts: &[Inserts; 2],
        forward: bool,
    ) -> HistogramIn<K> {
        let gauge = histogram.hint == ResetHint::Gauge;
        let chunk_spans = [&self.layout.positive_spans, &self.layout.negative_spans];
        let mut wide = histogram.clone();
        let targets = [
            (&mut wide.positive_spans, &mut wide.positive_buckets),
            (&mut wide.negative_spans, &mut wide.negative_buckets),
        ];
        let sides = sides_of::<K>(histogram).zip(inserts).zip(chunk_spans);
        for (((side, inserts), chunk_spans), (spans, buckets)) in sides.zip(targets) {
            let (at, counts): (Vec<_>, Vec<_>) = widen(side.absolute(), &inserts.backward).unzip();
            *buckets = K::stored(counts.into_iter());
            if gauge || (forward && !inserts.backward.is_empty()) {
                *spans = spans_of(at.into_iter());
            } else if !forward {
                spans.clone_from(chunk_spans);
            }
        }
        wide
    }

    /// Writes all samples again with the spans of `like`.
    fn recode(&mut self, like: &HistogramIn<K>, inserts: &[Inserts; 2]) -> Result<()> {
        let mut wide = Self {
            header: self.header,
            ..Self::new()
        };
        let header = Header {
            count: self.count,
            reset: self.header,
            starts: StartTimes::NONE,
        };
        let bytes = self.bits.clone().bytes();
        let bits = BitReader::new("chunk", &bytes);
        histogram_chunk::decode::<K>(header, bits, |t, mut old| {
            let [positive, negative] = [0, 1].map(|at| {
                let side = sides_of::<K>(&old)
                    .nth(at)
                    .expect("a histogram has two sides");
                K::stored(widen(side.absolute(), &inserts[at].forward).map(|bucket| bucket.1))
            });
            old.positive_buckets = positive;
            old.negative_buckets = negative;
            old.positive_spans.clone_from(&like.positive_spans);
            old.negative_spans.clone_from(&like.negative_spans);
            wide.push(t, &old);
        })?;
        *self = wide;
        Ok(())
    }
}

/// One side of a histogram.
struct Side<'a, K: Kind> {
    spans: &'a [Span],
    buckets: &'a [histogram_chunk::BucketOf<K>],
}

impl<'a, K: Kind> Side<'a, K> {
    /// Indices and counts.
    fn absolute(&self) -> impl Iterator<Item = (i32, K::Absolute)> + use<'a, K> {
        indices(self.spans).zip(K::absolute(self.buckets.iter().copied()))
    }
}

/// The positive side, then the negative one.
fn sides_of<K: Kind>(histogram: &HistogramIn<K>) -> impl Iterator<Item = Side<'_, K>> {
    let positive = Side {
        spans: &histogram.positive_spans,
        buckets: &histogram.positive_buckets,
    };
    let negative = Side {
        spans: &histogram.negative_spans,
        buckets: &histogram.negative_buckets,
    };
    [positive, negative].into_iter()
}

fn header_of_first<K: Kind>(
    previous: Option<&Appender<K>>,
    histogram: &HistogramIn<K>,
) -> ResetHint {
    match (histogram.hint, previous) {
        (ResetHint::Gauge | ResetHint::Reset, _) => histogram.hint,
        (_, None) => ResetHint::Unknown,
        (_, Some(previous)) => K::header_after(match previous.fit(histogram) {
            Verdict::Fits(_) => ResetHint::NotReset,
            Verdict::Refused(header) => header,
        }),
    }
}

#[expect(clippy::float_cmp, reason = "a threshold is the same or another one")]
fn same_frame<C, B>(layout: &Layout, histogram: &HistogramOf<C, B>) -> bool {
    layout.schema == histogram.schema && layout.zero_threshold == histogram.zero_threshold
}

fn check_shape<K: Kind>(histogram: &HistogramIn<K>) -> Result<()> {
    let fits = |side: Side<'_, K>| {
        super::histogram_layout::bucket_count(side.spans) == side.buckets.len() as u64
    };
    if !histogram.is_stale() && !sides_of::<K>(histogram).all(fits) {
        return Err(Error::Invalid(
            "histogram with other spans than buckets".to_owned(),
        ));
    }
    Ok(())
}

fn refusal(header: ResetHint) -> Error {
    let what = match header {
        ResetHint::Reset => "histogram counter reset",
        _ => "histogram schema change",
    };
    Error::Invalid(what.to_owned())
}

#[cfg(test)]
mod tests;
