//! Arithmetic of histograms: to floats, to a coarser schema, sums, differences, quotients.
//!
//! Sums are exact to the bit and to the span: results are stored, and two programs must store the same. So buckets of the
//! other histogram are *inserted* into the layout of the receiver, by these rules for a bucket at index `b`:
//!
//! ```text
//! in a span                         added to its bucket
//! just behind a span                that span grows to the right (it may then touch the next one: no merging)
//! just before a span                that span grows to the left
//! elsewhere                         a new span of length 1
//! ```
//!
//! Empty buckets are inserted too. A difference keeps buckets that became zero. Histograms with different custom bounds
//! meet at the bounds that both have.

use std::borrow::Cow;

use super::bounds::upper;
use super::buckets::{self, Layout};
use super::custom::{common, custom_bounds_match};
use super::{FloatHistogram, Histogram, ResetHint, Span};
use crate::error::{Error, Result};
use crate::float::{add, sub};

impl Histogram {
    /// The same histogram with float counts and absolute buckets.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts above 2^53 lose precision in Prometheus as well"
    )]
    pub fn to_float(&self) -> FloatHistogram {
        let side = |deltas| {
            buckets::absolute(deltas)
                .map(|count| count as f64)
                .collect()
        };
        FloatHistogram {
            hint: self.hint,
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count: self.zero_count as f64,
            count: self.count as f64,
            sum: self.sum,
            positive_spans: self.positive_spans.clone(),
            negative_spans: self.negative_spans.clone(),
            positive_buckets: side(&self.positive_buckets),
            negative_buckets: side(&self.negative_buckets),
            custom_bounds: self.custom_bounds.clone(),
        }
    }
}

impl FloatHistogram {
    /// A copy at a coarser schema, which loses its hint. A schema that is not coarser gives a plain copy.
    #[must_use]
    pub fn copy_to_schema(&self, schema: i32) -> Self {
        let mut copy = self.clone();
        if schema < copy.schema && !copy.is_custom() {
            copy.reduce(schema);
            copy.hint = ResetHint::Unknown;
        }
        copy
    }

    pub(super) fn reduce(&mut self, schema: i32) {
        let shift = self.schema.saturating_sub(schema);
        reduce_side(&mut self.positive_spans, &mut self.positive_buckets, shift);
        reduce_side(&mut self.negative_spans, &mut self.negative_buckets, shift);
        self.schema = schema;
    }

    /// Whether [`Self::add`] and [`Self::sub`] lose no bounds: both exponential, or both with the same custom bounds.
    #[must_use]
    pub fn is_addable(&self, other: &Self) -> bool {
        match (self.is_custom(), other.is_custom()) {
            (false, false) => true,
            (true, true) => custom_bounds_match(&self.custom_bounds, &other.custom_bounds),
            _ => false,
        }
    }

    /// Adds `other`, at the coarser of both schemas, with the wider of both zero buckets, between the custom bounds of both.
    ///
    /// # Errors
    /// Where one has custom bounds and the other has none; nothing changed then.
    pub fn add(&mut self, other: &Self) -> Result<Combined> {
        self.combine(other, false)
    }

    /// Subtracts `other`, in the same way.
    ///
    /// # Errors
    /// Where one has custom bounds and the other has none; nothing changed then.
    pub fn sub(&mut self, other: &Self) -> Result<Combined> {
        self.combine(other, true)
    }

    fn combine(&mut self, other: &Self, negate: bool) -> Result<Combined> {
        let mut other = Cow::Borrowed(other);
        let combined = Combined {
            hints_conflict: hints_conflict(self.hint, other.hint),
            bounds_reconciled: self.share_bounds(&mut other)?,
        };
        let apply = if negate { sub } else { add };
        self.hint = combined_hint(self.hint, other.hint);
        if !self.is_custom() {
            let zero_count = self.reconcile_zero(&other);
            self.zero_count = apply(self.zero_count, zero_count);
        }
        self.count = apply(self.count, other.count);
        self.sum = apply(self.sum, other.sum);
        if other.schema < self.schema {
            self.reduce(other.schema);
        }
        if other.schema > self.schema {
            other = Cow::Owned(other.copy_to_schema(self.schema));
        }
        let frame = Frame {
            schema: self.schema,
            threshold: (!self.is_custom()).then_some(self.zero_threshold),
            negate,
        };
        frame.insert(
            (&mut self.positive_spans, &mut self.positive_buckets),
            (&other.positive_spans, &other.positive_buckets),
        );
        frame.insert(
            (&mut self.negative_spans, &mut self.negative_buckets),
            (&other.negative_spans, &other.negative_buckets),
        );
        Ok(combined)
    }

    /// Brings two custom histograms to their common bounds; whether that took away any.
    ///
    /// # Errors
    /// Where only one of them is custom.
    pub(super) fn share_bounds(&mut self, other: &mut Cow<'_, Self>) -> Result<bool> {
        if self.is_custom() != other.is_custom() {
            return Err(Error::Invalid(
                "histograms with exponential and with custom bounds cannot be added".to_owned(),
            ));
        }
        if self.is_addable(other) {
            return Ok(false);
        }
        let common = common(&self.custom_bounds, &other.custom_bounds);
        *self = self.rebounded(&common);
        *other = Cow::Owned(other.rebounded(&common));
        Ok(true)
    }

    /// Multiplies all counts and the sum. A negative factor makes a gauge.
    pub fn mul(&mut self, factor: f64) {
        self.scale(|count| count * factor);
        if factor < 0.0 {
            self.hint = ResetHint::Gauge;
        }
    }

    /// Divides all counts and the sum. A negative divisor makes a gauge; zero leaves no buckets, for none has a count.
    pub fn div(&mut self, divisor: f64) {
        self.scale(|count| count / divisor);
        if divisor < 0.0 {
            self.hint = ResetHint::Gauge;
        }
        if divisor == 0.0 {
            self.positive_spans.clear();
            self.negative_spans.clear();
            self.positive_buckets.clear();
            self.negative_buckets.clear();
        }
    }

    fn scale(&mut self, apply: impl Fn(f64) -> f64) {
        let totals = [&mut self.zero_count, &mut self.count, &mut self.sum];
        let buckets = self.positive_buckets.iter_mut();
        for count in totals
            .into_iter()
            .chain(buckets)
            .chain(&mut self.negative_buckets)
        {
            *count = apply(*count);
        }
    }
}

/// What came of adding or subtracting, for whoever reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Combined {
    /// One came after a counter reset, another says that there was none.
    pub hints_conflict: bool,
    /// Custom bounds differed, and only the common ones are left.
    pub bounds_reconciled: bool,
}

fn hints_conflict(left: ResetHint, right: ResetHint) -> bool {
    use ResetHint::{NotReset, Reset};
    matches!((left, right), (Reset, NotReset) | (NotReset, Reset))
}

/// Index of the bucket that takes bucket `index` when the schema falls by `shift`.
#[must_use]
pub(super) fn target_index(index: i32, shift: i32) -> i32 {
    if shift <= 0 {
        return index;
    }
    (index.wrapping_sub(1) >> shift.min(31)).wrapping_add(1)
}

/// What is known about a reset before the sum, or the difference, of two histograms.
pub(super) fn combined_hint(left: ResetHint, right: ResetHint) -> ResetHint {
    use ResetHint::{Gauge, Unknown};
    match (left, right) {
        _ if left == right => left,
        (Gauge, _) | (_, Gauge) => Gauge,
        _ => Unknown,
    }
}

fn reduce_side(spans: &mut Vec<Span>, counts: &mut Vec<f64>, shift: i32) {
    let mut layout = Layout::default();
    for (index, count) in buckets::indices(spans).zip(counts.iter().copied()) {
        let index = target_index(index, shift);
        if layout.end() == Some(index.wrapping_add(1)) {
            let last = layout.buckets.last_mut().expect("a span has a bucket");
            *last = add(*last, count);
        } else {
            layout.extend_to(index);
            layout.buckets.push(count);
        }
    }
    *spans = layout.spans;
    *counts = layout.buckets;
}

/// How many buckets of a side end at or below the threshold of the zero bucket.
pub(super) fn leading(schema: i32, threshold: f64, spans: &[Span], counts: &[f64]) -> usize {
    buckets::indices(spans)
        .zip(counts)
        .take_while(|(index, _)| upper(schema, *index, &[]) <= threshold)
        .count()
}

/// What both sides of a sum have in common.
struct Frame {
    schema: i32,
    /// Leading buckets that end at or below it lie in the zero bucket already.
    threshold: Option<f64>,
    negate: bool,
}

impl Frame {
    /// Adds the buckets of one side of the other histogram to a side of the receiver.
    fn insert(&self, to: (&mut Vec<Span>, &mut Vec<f64>), from: (&[Span], &[f64])) {
        let (spans, counts) = to;
        let skipped = self.leading(from);
        if spans == from.0 && counts.len() == from.1.len() {
            let pairs = counts.iter_mut().zip(from.1);
            for (count, more) in pairs.skip(skipped) {
                *count = add(*count, self.signed(*more));
            }
            return;
        }
        let mut more = buckets::indices(from.0)
            .zip(from.1.iter().map(|count| self.signed(*count)))
            .skip(skipped)
            .peekable();
        if more.peek().is_none() {
            return;
        }
        // Upstream goes wrong on an empty first span; without it, it means the same.
        let empty = spans.iter().take_while(|span| span.length == 0).count();
        let mut layout = Layout::default();
        let mut old = counts.iter().copied();
        for (start, length) in buckets::starts(spans).skip(empty) {
            let mut opened = false;
            while let Some((index, count)) = more.next_if(|next| next.0 < start) {
                if layout.end() != Some(index) {
                    opened = index.wrapping_add(1) == start;
                }
                layout.extend_to(index);
                layout.buckets.push(count);
            }
            if !opened {
                layout.open(start);
            }
            for (index, count) in (0..length).zip(&mut old) {
                let index = start.wrapping_add_unsigned(index);
                let here = more.next_if(|next| next.0 == index);
                layout.extend();
                layout
                    .buckets
                    .push(here.map_or(count, |(_, more)| add(count, more)));
            }
        }
        for (index, count) in more {
            layout.extend_to(index);
            layout.buckets.push(count);
        }
        *spans = layout.spans;
        *counts = layout.buckets;
    }

    /// Leading buckets inside the zero bucket.
    fn leading(&self, (spans, counts): (&[Span], &[f64])) -> usize {
        self.threshold.map_or(0, |threshold| {
            leading(self.schema, threshold, spans, counts)
        })
    }

    fn signed(&self, count: f64) -> f64 {
        // As a product with -1 would be: that leaves the sign of a NaN alone.
        if self.negate && !count.is_nan() {
            -count
        } else {
            count
        }
    }
}

#[cfg(test)]
#[expect(
    clippy::float_cmp,
    reason = "the arithmetic is exact, and so is the comparison"
)]
mod tests;
