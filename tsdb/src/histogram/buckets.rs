//! Spans as bucket indices: walking them, rebuilding them, making them dense again.
//!
//! ```text
//! spans    (2, 3)   (1, 2)        offset, length
//! indices  2 3 4    6 7           each later offset counts from the end of the span before
//! ```
//!
//! Indices wrap as 32-bit integers do in Go. Rebuilt layouts are normal: no empty span, no two spans without a gap.
//! Layouts that came from elsewhere may be neither.

use super::{FloatHistogram, Histogram, Span};

/// Index of each bucket, in the order of the buckets.
pub fn indices(spans: &[Span]) -> impl Iterator<Item = i32> + Clone + '_ {
    starts(spans)
        .flat_map(|(start, length)| (0..length).map(move |at| start.wrapping_add_unsigned(at)))
}

/// Index of the first bucket of each span, and the number of its buckets.
pub(crate) fn starts(spans: &[Span]) -> impl Iterator<Item = (i32, u32)> + Clone + '_ {
    spans.iter().scan(0_i32, |end, span| {
        let start = end.wrapping_add(span.offset);
        *end = start.wrapping_add_unsigned(span.length);
        Some((start, span.length))
    })
}

/// Absolute counts of integer buckets, which are stored as differences.
pub fn absolute(deltas: &[i64]) -> impl Iterator<Item = i64> + Clone + '_ {
    deltas.iter().scan(0_i64, |count, delta| {
        *count = count.wrapping_add(*delta);
        Some(*count)
    })
}

impl Histogram {
    /// Index and absolute count of each positive bucket.
    pub fn positive(&self) -> impl Iterator<Item = (i32, i64)> + Clone + '_ {
        indices(&self.positive_spans).zip(absolute(&self.positive_buckets))
    }

    /// Index and absolute count of each negative bucket, nearest to zero first.
    pub fn negative(&self) -> impl Iterator<Item = (i32, i64)> + Clone + '_ {
        indices(&self.negative_spans).zip(absolute(&self.negative_buckets))
    }
}

impl FloatHistogram {
    /// Index and count of each positive bucket.
    pub fn positive(&self) -> impl Iterator<Item = (i32, f64)> + Clone + '_ {
        indices(&self.positive_spans).zip(self.positive_buckets.iter().copied())
    }

    /// Index and count of each negative bucket, nearest to zero first.
    pub fn negative(&self) -> impl Iterator<Item = (i32, f64)> + Clone + '_ {
        indices(&self.negative_spans).zip(self.negative_buckets.iter().copied())
    }

    /// Drops every bucket that counts nothing and makes the spans normal.
    pub fn compact(&mut self) {
        compact(&mut self.positive_spans, &mut self.positive_buckets);
        compact(&mut self.negative_spans, &mut self.negative_buckets);
    }
}

fn compact(spans: &mut Vec<Span>, buckets: &mut Vec<f64>) {
    let mut layout = Layout::default();
    for (index, count) in indices(spans).zip(buckets.iter().copied()) {
        // By value: a bucket of -0.0 counts nothing, one of NaN counts something.
        if count != 0.0 {
            layout.extend_to(index);
            layout.buckets.push(count);
        }
    }
    *spans = layout.spans;
    *buckets = layout.buckets;
}

/// The normal spans of ascending indices.
#[must_use]
pub(crate) fn spans_of(indices: impl Iterator<Item = i32>) -> Vec<Span> {
    let mut layout = Layout::default();
    for index in indices {
        layout.extend_to(index);
    }
    layout.spans
}

/// One side under construction, bucket by bucket.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    pub(crate) spans: Vec<Span>,
    pub(crate) buckets: Vec<f64>,
    /// Index behind the last bucket.
    end: i32,
}

impl Layout {
    /// Index behind the last bucket, once there is a span.
    pub(crate) fn end(&self) -> Option<i32> {
        (!self.spans.is_empty()).then_some(self.end)
    }

    /// Starts an empty span at `index`, even if the last one ends there.
    pub(crate) fn open(&mut self, index: i32) {
        let offset = index.wrapping_sub(self.end);
        self.spans.push(Span { offset, length: 0 });
        self.end = index;
    }

    /// Appends one bucket to the last span, without its count.
    pub(crate) fn extend(&mut self) {
        let last = self.spans.last_mut().expect("a span was opened before");
        last.length = last.length.wrapping_add(1);
        self.end = self.end.wrapping_add(1);
    }

    /// Appends one bucket at `index`, in the last span if it ends there.
    pub(crate) fn extend_to(&mut self, index: i32) {
        if self.end() != Some(index) {
            self.open(index);
        }
        self.extend();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(offset: i32, length: u32) -> Span {
        Span { offset, length }
    }

    #[test]
    fn offsets_count_from_the_end_of_the_span_before() {
        let spans = [span(-2, 2), span(0, 0), span(1, 3)];
        let got: Vec<_> = indices(&spans).collect();
        assert_eq!(got, [-2, -1, 1, 2, 3]);
        assert_eq!(spans_of(got.into_iter()), [span(-2, 2), span(1, 3)]);
    }

    #[test]
    fn hostile_spans_wrap() {
        let spans = [span(i32::MAX, 2), span(i32::MAX, 1)];
        let got: Vec<_> = indices(&spans).collect();
        assert_eq!(got, [i32::MAX, i32::MIN, 0]);
    }

    #[test]
    fn compaction_drops_empty_buckets_and_joins_spans() {
        let mut histogram = FloatHistogram {
            positive_spans: vec![span(0, 0), span(1, 2), span(0, 2), span(5, 1)],
            positive_buckets: vec![0.0, 1.0, 2.0, -0.0, 3.0],
            negative_spans: vec![span(4, 1)],
            negative_buckets: vec![0.0],
            ..FloatHistogram::default()
        };
        histogram.compact();
        assert_eq!(histogram.positive_spans, [span(2, 2), span(6, 1)]);
        assert_eq!(histogram.positive_buckets, [1.0, 2.0, 3.0]);
        assert_eq!(histogram.negative_spans, []);
    }
}
