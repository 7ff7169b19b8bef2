//! Differences of native histograms over a window.
//!
//! As of floats: last less first, and what each had before its counter began again. All come to the coarsest schema among
//! those that count. Where the second follows a reset, the first counts for nothing.

use tsdb::histogram::{FloatHistogram, ResetHint};

use super::native::{Shared, gauge};
use crate::annotation::{Annotation, HistogramOperation};
use crate::exec::window::{Series, Window};

/// Where the counter of a window began again.
pub(super) struct Restarts<'p> {
    /// Positions in the series, the first of the window aside.
    pub(super) at: &'p [usize],
    /// Whether the first sample counts from zero.
    pub(super) from_zero: bool,
    /// Whether it is a counter at all.
    pub(super) counter: bool,
}

/// The difference over a window of histograms, as a gauge; none where they do not fit together.
pub(super) fn difference(
    series: &mut Series<'_, '_>,
    window: Window<'_>,
    restarts: &Restarts<'_>,
) -> Option<FloatHistogram> {
    let all = window.histograms;
    let (first, last) = (all.first()?, all.last()?);
    let histograms = all.iter().map(|sample| &sample.h);
    note_kinds(series, histograms.clone(), restarts.counter);
    let second = window.first_histogram + 1;
    let forgets_first = !restarts.from_zero && restarts.at.first() == Some(&second);
    let relevant: Vec<&Shared> = if restarts.counter {
        histograms.skip(usize::from(forgets_first)).collect()
    } else {
        vec![&first.h, &last.h]
    };
    let is_custom = relevant.first()?.is_custom();
    if relevant.iter().any(|h| h.is_custom() != is_custom) {
        series.note_metric(Annotation::MixedSchemas);
        return None;
    }
    let coarsest = relevant.iter().map(|h| h.schema).min()?;
    let mut total = last.h.copy_to_schema(coarsest);
    if !restarts.from_zero && !forgets_first {
        apply(
            series,
            &mut total,
            &first.h,
            HistogramOperation::Subtraction,
        );
    }
    // A first sample that counts for nothing is not lost in the reset after it either.
    for at in restarts.at.iter().skip(usize::from(forgets_first)) {
        let lost = &series.columns.histograms[at - 1].h;
        apply(series, &mut total, lost, HistogramOperation::Addition);
    }
    Some(gauge(total))
}

/// Tells where histograms are not of the kind that a function takes them for.
pub(super) fn note_kinds<'h>(
    series: &mut Series<'_, '_>,
    histograms: impl DoubleEndedIterator<Item = &'h Shared> + Clone,
    counter: bool,
) {
    let is_gauge = |h: &Shared| h.hint == ResetHint::Gauge;
    if counter {
        if histograms.into_iter().any(is_gauge) {
            series.note_metric(Annotation::NativeHistogramNotCounter);
        }
        return;
    }
    let ends = [
        histograms.clone().next(),
        histograms.into_iter().next_back(),
    ];
    if !ends.into_iter().flatten().all(is_gauge) {
        series.note_metric(Annotation::NativeHistogramNotGauge);
    }
}

/// Adds or subtracts, as far as the buckets allow.
pub(super) fn apply(
    series: &mut Series<'_, '_>,
    total: &mut FloatHistogram,
    other: &FloatHistogram,
    operation: HistogramOperation,
) {
    let combined = match operation {
        HistogramOperation::Subtraction => total.sub(other),
        HistogramOperation::Addition | HistogramOperation::Aggregation => total.add(other),
    };
    if combined.is_ok_and(|combined| combined.bounds_reconciled) {
        series.note(Annotation::CustomBucketsReconciled(operation));
    }
}
