//! Windows of histograms: the sum of each, and the running total of a counter.
//!
//! The total grows by the difference to the histogram before, or by the whole histogram after a reset. All is brought to
//! the coarsest schema first; resets are looked for before that, so a schema that becomes finer counts as one. A gauge has
//! no resets. Sums are gauges, and so is the total if the first histogram is one.

use std::borrow::Cow;

use tsdb::Result;
use tsdb::chunk::float_histogram::FloatHistogramAppender;
use tsdb::chunk::histogram_append::Appended;
use tsdb::histogram::{FloatHistogram, ResetHint};
use tsdb::meta::Resolution;

use super::histogram::Slice;
use super::window::{run_len, window_end};

/// What becomes of the histograms of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fold {
    /// Their sum.
    Sum,
    /// The running total at the end of the window.
    Total,
}

/// The windows of one aggregate in one chunk.
#[derive(Debug, Default)]
pub(super) struct Track {
    pub(super) stamps: Vec<i64>,
    /// Samples per window.
    pub(super) counts: Vec<f64>,
    pub(super) chunk: FloatHistogramAppender,
    /// Start of the first window that could not follow in the chunk; it and all later ones are missing.
    pub(super) refused: Option<i64>,
}

/// Folds the histograms window by window, as long as they fit one chunk. They must be addable to one another.
///
/// # Errors
/// Where there are more windows than a chunk can count.
#[expect(
    clippy::cast_precision_loss,
    reason = "a window has fewer samples than 2^53"
)]
pub(super) fn track(samples: Slice<'_>, fold: Fold, to: Resolution) -> Result<Track> {
    let mut track = Track::default();
    let (Some(&last_t), Some(first)) = (samples.ts.last(), samples.values.first()) else {
        return Ok(track);
    };
    let gauge = fold == Fold::Sum || first.hint == ResetHint::Gauge;
    let schemas = samples.values.iter().map(|histogram| histogram.schema);
    let schema = schemas.min().unwrap_or(first.schema);
    // The header of a chunk's first histogram is that of one which follows an empty chunk.
    let none_before = FloatHistogramAppender::new();
    let mut state = State::new(schema);
    let (mut ts, mut values) = (samples.ts, samples.values);
    while let Some(&t) = ts.first() {
        let end = window_end(t, to).min(last_t);
        let len = run_len(ts, end).max(1);
        for histogram in &values[..len] {
            state.add(fold, histogram)?;
        }
        let mut result = state.end_window(fold);
        if gauge {
            result.hint = ResetHint::Gauge;
        }
        let appended = track
            .chunk
            .append(Some(&none_before), end, &result, false)?;
        if let Appended::NewChunk(_) = appended {
            track.refused = Some(t - t % to.0);
            return Ok(track);
        }
        track.stamps.push(end);
        track.counts.push(len as f64);
        (ts, values) = (&ts[len..], &values[len..]);
    }
    Ok(track)
}

/// The sum of the open window, or the running total.
struct State<'a> {
    schema: i32,
    folded: Option<FloatHistogram>,
    previous: Option<Cow<'a, FloatHistogram>>,
}

impl<'a> State<'a> {
    fn new(schema: i32) -> Self {
        Self {
            schema,
            folded: None,
            previous: None,
        }
    }

    fn add(&mut self, fold: Fold, original: &'a FloatHistogram) -> Result<()> {
        let histogram = if original.schema > self.schema {
            Cow::Owned(original.copy_to_schema(self.schema))
        } else {
            Cow::Borrowed(original)
        };
        let Some(folded) = &mut self.folded else {
            self.folded = Some(histogram.clone().into_owned());
            self.previous = Some(histogram);
            return Ok(());
        };
        match (&self.previous, fold) {
            (Some(previous), Fold::Total) => {
                let is_gauge = histogram.hint == ResetHint::Gauge;
                if !is_gauge && original.detect_reset(previous) {
                    folded.add(&histogram)?;
                } else {
                    let mut growth = histogram.clone().into_owned();
                    growth.sub(previous)?;
                    folded.add(&growth)?;
                }
            }
            _ => {
                folded.add(&histogram)?;
            }
        }
        self.previous = Some(histogram);
        Ok(())
    }

    /// The value of the window; only a total is carried on.
    fn end_window(&mut self, fold: Fold) -> FloatHistogram {
        let folded = match fold {
            Fold::Sum => self.folded.take(),
            Fold::Total => self.folded.clone(),
        };
        folded.expect("a window has a histogram")
    }
}
