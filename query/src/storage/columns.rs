//! The samples of one series, decoded: columns of times and floats, native histograms beside them.
//!
//! Both ascend by time; no time is in both. Stale markers are still there, as floats or histograms whose sum is one. The
//! buffers are reused from series to series.

use std::sync::Arc;

use tsdb::histogram::{FloatHistogram, ResetHint};

/// A native histogram at a time.
#[derive(Debug, Clone)]
pub struct HistogramSample {
    /// When.
    pub t: i64,
    /// When the counter began; 0 where that is not known.
    pub start: i64,
    /// What.
    pub h: Arc<FloatHistogram>,
}

/// The samples of one series.
#[derive(Debug, Default)]
pub struct Columns {
    /// Times of the floats, milliseconds.
    pub t: Vec<i64>,
    /// The floats.
    pub v: Vec<f64>,
    /// When the counter of each float began, 0 where that is not known; empty if of none.
    pub starts: Vec<i64>,
    /// How many raw samples each float stands for; empty if one each.
    pub weights: Vec<f64>,
    /// The histograms.
    pub histograms: Vec<HistogramSample>,
    /// Whether some samples stand for windows of others.
    pub is_downsampled: bool,
}

impl Columns {
    /// Removes all samples; memory is kept.
    pub fn clear(&mut self) {
        self.t.clear();
        self.v.clear();
        self.starts.clear();
        self.weights.clear();
        self.histograms.clear();
        self.is_downsampled = false;
    }

    /// Leaves of each histogram its count and its sum, and whether it follows a reset, which buckets would tell.
    pub fn forget_buckets(&mut self) {
        let mut before: Option<Arc<FloatHistogram>> = None;
        for sample in &mut self.histograms {
            let whole = Arc::clone(&sample.h);
            let mut bare = FloatHistogram {
                zero_count: 0.0,
                positive_spans: Vec::new(),
                negative_spans: Vec::new(),
                positive_buckets: Vec::new(),
                negative_buckets: Vec::new(),
                custom_bounds: whole.custom_bounds.clone(),
                ..*whole
            };
            if let Some(before) = &before
                && whole.hint == ResetHint::Unknown
            {
                bare.hint = if whole.detect_reset(before) {
                    ResetHint::Reset
                } else {
                    ResetHint::NotReset
                };
            }
            sample.h = Arc::new(bare);
            before = Some(whole);
        }
    }

    /// Removes stale markers: windows do not see them.
    pub fn drop_stale(&mut self) {
        self.histograms.retain(|sample| !sample.h.is_stale());
        let stale = |v: &f64| tsdb::float::is_stale(*v);
        if !self.v.iter().any(stale) {
            return;
        }
        let mut kept = 0;
        for at in 0..self.v.len() {
            if stale(&self.v[at]) {
                continue;
            }
            self.t[kept] = self.t[at];
            self.v[kept] = self.v[at];
            if !self.starts.is_empty() {
                self.starts[kept] = self.starts[at];
            }
            if !self.weights.is_empty() {
                self.weights[kept] = self.weights[at];
            }
            kept += 1;
        }
        self.t.truncate(kept);
        self.v.truncate(kept);
        self.starts.truncate(kept);
        self.weights.truncate(kept);
    }
}
