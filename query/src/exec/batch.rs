//! Rows of results: some series, all steps of one beside each other.
//!
//! ```text
//! series      labels | labels | …
//! floats      s0 s1 s2 … | s0 s1 s2 … | …        one f64 per series and step
//! present     bits       | bits       | …        which of them mean something; rows start at a word
//! histograms  (step, h) … | …                    sparse, ascending; no row at all if there is none in the batch
//! ```
//!
//! A step has a float, a histogram or nothing. An instant query is one step, and then a batch is a vector over series.

use std::sync::Arc;

use tsdb::histogram::FloatHistogram;
use tsdb::label::Labels;

use crate::plan::is_metadata;
use crate::request::Features;
use crate::value::SampleValue;

/// Memory that the rows of one batch of a selector may take.
pub const BATCH_BYTES: usize = 1 << 20;

/// The histograms of a row.
pub type HistogramRow = Vec<(u32, Arc<FloatHistogram>)>;

/// What a step has: a float or a native histogram.
#[derive(Debug, Clone, Copy)]
pub enum CellRef<'a> {
    /// A float.
    Float(f64),
    /// A native histogram.
    Histogram(&'a Arc<FloatHistogram>),
}

impl CellRef<'_> {
    /// Whether it is a histogram.
    #[must_use]
    pub fn is_histogram(self) -> bool {
        matches!(self, Self::Histogram(_))
    }

    /// The same as a value of its own.
    #[must_use]
    pub fn to_value(self) -> SampleValue {
        match self {
            Self::Float(value) => SampleValue::Float(value),
            Self::Histogram(histogram) => SampleValue::Histogram(Arc::clone(histogram)),
        }
    }
}

impl<'a> From<&'a SampleValue> for CellRef<'a> {
    fn from(value: &'a SampleValue) -> Self {
        match value {
            SampleValue::Float(value) => Self::Float(*value),
            SampleValue::Histogram(histogram) => Self::Histogram(histogram),
        }
    }
}

/// A series of a result.
#[derive(Debug, Clone, Default)]
pub struct Head {
    /// Its labels, those that the query will look at.
    pub labels: Labels,
    /// Whether its name is to be dropped at the end of the query.
    pub drop_name: bool,
}

impl Head {
    /// Removes the name, or remembers to, as the features have it.
    pub fn forget_name(&mut self, features: Features) {
        if features.delayed_name_removal {
            self.drop_name = true;
        } else {
            self.labels.retain(|name, _| !is_metadata(name));
        }
    }
}

/// Rows of some series.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Steps of each row.
    pub steps: usize,
    /// The series.
    pub heads: Vec<Head>,
    /// `heads.len() * steps` floats.
    pub floats: Vec<f64>,
    /// `heads.len() * words(steps)` words.
    pub present: Vec<u64>,
    /// One per series, or none at all.
    pub histograms: Vec<HistogramRow>,
}

/// Words of bits that a row takes.
#[must_use]
pub fn words(steps: usize) -> usize {
    steps.div_ceil(64)
}

/// A row, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// A float per step.
    pub floats: &'a [f64],
    /// Which of them mean something.
    pub present: &'a [u64],
    /// Ascending by step.
    pub histograms: &'a [(u32, Arc<FloatHistogram>)],
}

/// A row that is being written.
#[derive(Debug)]
pub struct RowMut<'a> {
    /// A float per step.
    pub floats: &'a mut [f64],
    /// Which of them mean something.
    pub present: &'a mut [u64],
    /// Ascending by step.
    pub histograms: &'a mut HistogramRow,
}

impl RowMut<'_> {
    /// Writes the float of a step.
    #[inline]
    pub fn set(&mut self, step: usize, value: f64) {
        self.floats[step] = value;
        self.present[step / 64] |= 1 << (step % 64);
    }

    /// Writes the float of a step, if there is one.
    pub fn put(&mut self, step: usize, value: Option<f64>) {
        if let Some(value) = value {
            self.set(step, value);
        }
    }

    /// Writes the histogram of a step, later than those before.
    pub fn set_histogram(&mut self, step: usize, histogram: Arc<FloatHistogram>) {
        self.histograms.push((index(step), histogram));
    }

    /// Writes what a step has, later than the histograms before.
    pub fn set_value(&mut self, step: usize, value: SampleValue) {
        match value {
            SampleValue::Float(value) => self.set(step, value),
            SampleValue::Histogram(histogram) => self.set_histogram(step, histogram),
        }
    }
}

/// A step as histogram rows have it.
#[must_use]
pub fn index(step: usize) -> u32 {
    u32::try_from(step).expect("fewer than 2^32 steps")
}

impl<'a> Row<'a> {
    /// Whether the step has a float.
    #[inline]
    #[must_use]
    pub fn has_float(&self, step: usize) -> bool {
        self.present[step / 64] >> (step % 64) & 1 == 1
    }

    /// The float of a step.
    #[inline]
    #[must_use]
    pub fn float(&self, step: usize) -> Option<f64> {
        self.has_float(step).then(|| self.floats[step])
    }

    /// The histogram of a step.
    #[must_use]
    pub fn histogram(&self, step: usize) -> Option<&'a Arc<FloatHistogram>> {
        let at = self
            .histograms
            .binary_search_by_key(&index(step), |(at, _)| *at);
        at.ok().map(|at| &self.histograms[at].1)
    }

    /// What a step has.
    #[must_use]
    pub fn cell(&self, step: usize) -> Option<CellRef<'a>> {
        match self.float(step) {
            Some(value) => Some(CellRef::Float(value)),
            None => self.histogram(step).map(CellRef::Histogram),
        }
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.histograms.is_empty() && self.present.iter().all(|word| *word == 0)
    }

    /// Each step that has a float, with it.
    pub fn each_float(&self, mut visit: impl FnMut(usize, f64)) {
        for (at, word) in self.present.iter().enumerate() {
            let base = at * 64;
            if *word == u64::MAX {
                for (bit, value) in self.floats[base..base + 64].iter().enumerate() {
                    visit(base + bit, *value);
                }
                continue;
            }
            let mut rest = *word;
            while rest != 0 {
                let step = base + rest.trailing_zeros() as usize;
                visit(step, self.floats[step]);
                rest &= rest - 1;
            }
        }
    }

    /// Bits of the steps that have a float or a histogram.
    #[must_use]
    pub fn filled(&self) -> Vec<u64> {
        let mut bits = self.present.to_vec();
        for (step, _) in self.histograms {
            bits[*step as usize / 64] |= 1 << (step % 64);
        }
        bits
    }

    /// Number of samples.
    #[must_use]
    pub fn count(&self) -> usize {
        let floats: u32 = self.present.iter().map(|word| word.count_ones()).sum();
        floats as usize + self.histograms.len()
    }
}

/// Each set bit.
pub(crate) fn each_bit(bits: &[u64], mut visit: impl FnMut(usize)) {
    for (at, word) in bits.iter().enumerate() {
        let mut rest = *word;
        while rest != 0 {
            visit(at * 64 + rest.trailing_zeros() as usize);
            rest &= rest - 1;
        }
    }
}

impl Batch {
    /// No rows yet.
    #[must_use]
    pub fn new(steps: usize) -> Self {
        Self {
            steps,
            ..Self::default()
        }
    }

    /// Whether any step has a histogram.
    #[must_use]
    pub fn has_histograms(&self) -> bool {
        self.histograms.iter().any(|row| !row.is_empty())
    }

    /// Number of series.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// Whether there is no series.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// A row.
    #[must_use]
    pub fn row(&self, at: usize) -> Row<'_> {
        let width = words(self.steps);
        Row {
            floats: &self.floats[at * self.steps..(at + 1) * self.steps],
            present: &self.present[at * width..(at + 1) * width],
            histograms: self.histograms.get(at).map_or(&[], Vec::as_slice),
        }
    }

    /// Each series with its row.
    pub fn iter(&self) -> impl Iterator<Item = (&Head, Row<'_>)> {
        self.heads
            .iter()
            .enumerate()
            .map(|(at, head)| (head, self.row(at)))
    }

    /// Appends an empty row and has it written; it is taken back where `write` leaves it empty or says no.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn push_with<E>(
        &mut self,
        head: Head,
        write: impl FnOnce(&mut RowMut<'_>) -> Result<(), E>,
    ) -> Result<bool, E> {
        let width = words(self.steps);
        let (float_at, word_at) = (self.floats.len(), self.present.len());
        self.floats.resize(float_at + self.steps, 0.0);
        self.present.resize(word_at + width, 0);
        let mut histograms = HistogramRow::new();
        let mut row = RowMut {
            floats: &mut self.floats[float_at..],
            present: &mut self.present[word_at..],
            histograms: &mut histograms,
        };
        let written = write(&mut row);
        let empty = histograms.is_empty() && self.present[word_at..].iter().all(|word| *word == 0);
        if empty || written.is_err() {
            self.floats.truncate(float_at);
            self.present.truncate(word_at);
            return written.map(|()| false);
        }
        if !histograms.is_empty() || !self.histograms.is_empty() {
            self.histograms.resize(self.heads.len(), Vec::new());
            self.histograms.push(histograms);
        }
        self.heads.push(head);
        Ok(true)
    }

    /// Appends a copy of a row.
    pub fn push(&mut self, head: Head, row: Row<'_>) {
        let copied = self.push_with::<std::convert::Infallible>(head, |into| {
            into.floats.copy_from_slice(row.floats);
            into.present.copy_from_slice(row.present);
            into.histograms.extend_from_slice(row.histograms);
            Ok(())
        });
        let Ok(_) = copied;
    }

    /// Replaces each sample by what is made of it and its step, or by nothing.
    pub fn map_samples(
        &mut self,
        float: impl Fn(usize, f64) -> Option<f64>,
        histogram: impl Fn(usize, &FloatHistogram) -> Option<f64>,
    ) {
        let mut mapped = Self::new(self.steps);
        let heads = std::mem::take(&mut self.heads);
        for (at, head) in heads.into_iter().enumerate() {
            let row = self.row(at);
            let written = mapped.push_with::<std::convert::Infallible>(head, |into| {
                row.each_float(|step, value| into.put(step, float(step, value)));
                for (step, value) in row.histograms {
                    let step = *step as usize;
                    into.put(step, histogram(step, value));
                }
                Ok(())
            });
            let Ok(_) = written;
        }
        *self = mapped;
    }

    /// Removes rows without a sample.
    pub fn drop_empty(&mut self) {
        if (0..self.len()).all(|at| !self.row(at).is_empty()) {
            return;
        }
        let mut kept = Self::new(self.steps);
        for (head, row) in self.iter() {
            kept.push(head.clone(), row);
        }
        *self = kept;
    }

    /// Memory that the rows take.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        let histograms: usize = self.histograms.iter().map(|row| row.len() * 256).sum();
        let rows = (self.floats.len() + self.present.len()) * 8;
        (rows + histograms + self.heads.len() * size_of::<Head>()) as u64
    }

    /// Number of samples, a histogram counting as one.
    #[must_use]
    pub fn count(&self) -> usize {
        (0..self.len()).map(|at| self.row(at).count()).sum()
    }
}
