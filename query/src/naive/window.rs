//! The window of a range at one step, and what `anchored` and `smoothed` add to it.
//!
//! ```text
//!            start                    end
//! ----x------|-----x-----x-----x-------|----x----
//!            (                         ]            plain: what lies inside
//!            x     x     x     x       x            anchored: the value before the start, the last one
//!            /     x     x     x       /            smoothed: both edges on the line between their neighbours
//! ```
//!
//! Neighbours outside are looked for within the lookback. Without any sample after the start there is nothing.

use super::data::DataSample;
use super::native;
use crate::syntax::ast::VectorSelector;
use crate::value::SampleValue;

/// From where to where a window reaches, and the step it belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Exclusive.
    pub(super) start: i64,
    /// Inclusive.
    pub(super) end: i64,
    /// The evaluation time.
    pub(super) t: i64,
}

impl Bounds {
    /// Length in seconds.
    pub(super) fn seconds(self) -> f64 {
        seconds(self.end - self.start)
    }
}

/// Milliseconds as seconds.
#[expect(clippy::cast_precision_loss, reason = "times are far below 2^53 ms")]
pub(super) fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}

/// What a range selector says about its edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extension {
    None,
    Anchored,
    Smoothed,
}

impl Extension {
    pub(super) fn of(selector: &VectorSelector) -> Self {
        match (selector.anchored, selector.smoothed) {
            (true, _) => Self::Anchored,
            (_, true) => Self::Smoothed,
            _ => Self::None,
        }
    }
}

/// A series seen through a window.
#[derive(Clone, Copy)]
pub(super) struct Window<'w> {
    /// All samples of the series, without stale markers.
    pub(super) samples: &'w [DataSample],
    pub(super) bounds: Bounds,
    /// How far outside neighbours are looked for.
    pub(super) lookback: i64,
}

impl<'w> Window<'w> {
    fn between(&self, after: i64, until: i64) -> &'w [DataSample] {
        let first = self.samples.partition_point(|sample| sample.t <= after);
        let end = self.samples.partition_point(|sample| sample.t <= until);
        &self.samples[first..end.max(first)]
    }

    /// The samples inside.
    pub(super) fn inside(&self) -> &'w [DataSample] {
        self.between(self.bounds.start, self.bounds.end)
    }

    /// The floats inside.
    pub(super) fn floats(&self) -> Vec<(i64, f64)> {
        let samples = self.inside().iter();
        samples
            .filter_map(|sample| Some((sample.t, sample.value.float()?)))
            .collect()
    }

    /// The histograms inside, with their samples.
    pub(super) fn histograms(&self) -> Vec<(i64, native::Shared)> {
        let samples = self.inside().iter();
        samples
            .filter_map(|sample| Some((sample.t, native::Shared::clone(sample.value.histogram()?))))
            .collect()
    }

    /// The samples that edges are looked for among.
    pub(super) fn near(&self, extension: Extension) -> &'w [DataSample] {
        let Bounds { start, end, .. } = self.bounds;
        let until = match extension {
            Extension::Smoothed => end.saturating_add(self.lookback),
            _ => end,
        };
        self.between(start.saturating_sub(self.lookback), until)
    }

    /// The samples that an extended window is made from: the last before the start, those inside, and, where smoothed,
    /// the first at or after the end. None where nothing comes after the start.
    pub(super) fn reach(&self, extension: Extension) -> &'w [DataSample] {
        let Bounds { start, end, .. } = self.bounds;
        let near = self.near(extension);
        let first = near
            .partition_point(|sample| sample.t <= start)
            .saturating_sub(1);
        let past_end = match extension {
            Extension::Smoothed => near.partition_point(|sample| sample.t < end) + 1,
            _ => near.len(),
        };
        let reach = &near[first.min(near.len())..past_end.min(near.len())];
        match reach.last() {
            Some(last) if last.t > start => reach,
            _ => &[],
        }
    }

    /// The samples of the window with its edges; plain ones without extension.
    pub(super) fn extended(&self, extension: Extension) -> Vec<DataSample> {
        if extension == Extension::None {
            return self.inside().to_vec();
        }
        let reach = self.reach(extension);
        let (Some(first), Some(last)) = (reach.first(), reach.last()) else {
            return Vec::new();
        };
        let Bounds { start, end, .. } = self.bounds;
        let edge = |t: i64, value: SampleValue| DataSample {
            t,
            start: None,
            value,
        };
        let mut left = first.value.clone();
        let mut right = last.value.clone();
        if extension == Extension::Smoothed && reach.len() > 1 {
            if first.t < start {
                left = native::between(first, &reach[1], start).unwrap_or(left);
            }
            if last.t > end {
                right = native::between(&reach[reach.len() - 2], last, end).unwrap_or(right);
            }
        }
        let within = reach
            .iter()
            .filter(|sample| start < sample.t && sample.t < end);
        std::iter::once(edge(start, left))
            .chain(within.cloned())
            .chain([edge(end, right)])
            .collect()
    }
}
