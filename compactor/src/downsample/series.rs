//! One series: its chunks to runs of one kind, runs to batches, batches to aggregate chunks.
//!
//! ```text
//! raw          float | float | histogram | float     three runs; a run is cut into batches of samples
//! aggregates   float | float | float | histogram     two runs; a run is cut into batches of whole chunks
//! ```
//!
//! A raw chunk among aggregates is downsampled to five minutes first, an empty one is passed over: old blocks have such.

use tsdb::chunk::aggregate::{Aggregate, AggregateView};
use tsdb::chunk::{Chunk, ChunkView, Encoding, sample_count};
use tsdb::meta::Resolution;
use tsdb::{Error, Result};

use super::column::Columns;
use super::float::Floats;
use super::histogram::Histograms;
use super::window::chunk_count;

/// A chunk of a series, borrowed, with the interval that the index gives it.
#[derive(Debug, Clone, Copy)]
pub struct SeriesChunk<'a> {
    /// Time of the first sample.
    pub min: i64,
    /// Time of the last sample.
    pub max: i64,
    /// Its bytes.
    pub view: ChunkView<'a>,
}

impl<'a> From<&'a Chunk> for SeriesChunk<'a> {
    fn from(chunk: &'a Chunk) -> Self {
        Self {
            min: chunk.min,
            max: chunk.max,
            view: chunk.view(),
        }
    }
}

/// Downsamples one series after the other, reusing its memory. It has no state between series: many may run in parallel.
#[derive(Debug, Default)]
pub struct Downsampler {
    floats: Floats,
    histograms: Histograms,
    run: Columns,
}

/// What the samples of a chunk are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Float,
    Histogram,
}

impl Downsampler {
    /// With no memory yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends to `out` the chunks of resolution `to` of a series with these raw chunks; none where all its samples are
    /// stale markers.
    ///
    /// # Errors
    /// Where a chunk is damaged or no raw chunk, or chunks overlap, or there are none.
    pub fn raw(
        &mut self,
        chunks: &[SeriesChunk<'_>],
        to: Resolution,
        out: &mut Vec<Chunk>,
    ) -> Result<()> {
        check_order(chunks)?;
        self.floats.forget();
        self.raw_runs(chunks, to, out)
    }

    /// Appends to `out` the chunks of resolution `to` of the series of which [`Self::raw`] has just made the five-minute chunks
    /// `made`; the same that [`Self::aggregates`] would make of them, without decoding floats again.
    ///
    /// # Errors
    /// As [`Self::aggregates`].
    pub fn last_made(
        &mut self,
        made: &[Chunk],
        to: Resolution,
        out: &mut Vec<Chunk>,
    ) -> Result<()> {
        let ([first, ..], [.., last]) = (made, made) else {
            return Ok(());
        };
        let (chunks, windows) = self.floats.made();
        if chunks != made.len() {
            let chunks: Vec<_> = made.iter().map(SeriesChunk::from).collect();
            return self.aggregates(&chunks, to, out);
        }
        let count = chunk_count((first.min, last.max), Resolution::FIVE_MINUTES, to, windows);
        let size = (chunks / count).max(1);
        for start in (0..chunks).step_by(size) {
            let batch = start..chunks.min(start + size);
            out.extend(self.floats.downsample_made(batch, to)?);
        }
        Ok(())
    }

    fn raw_runs(
        &mut self,
        chunks: &[SeriesChunk<'_>],
        to: Resolution,
        out: &mut Vec<Chunk>,
    ) -> Result<()> {
        self.run.clear();
        self.histograms.clear();
        let mut kind = None;
        for chunk in chunks {
            let next = raw_kind(chunk.view)?;
            if kind.is_some_and(|kind| kind != next) {
                self.finish_run(to, out)?;
            }
            kind = Some(next);
            match next {
                Kind::Float => self.run.append(chunk.view)?,
                Kind::Histogram => self.histograms.append(chunk.view)?,
            }
        }
        self.finish_run(to, out)
    }

    fn finish_run(&mut self, to: Resolution, out: &mut Vec<Chunk>) -> Result<()> {
        self.floats.downsample_raw(&mut self.run, to, out)?;
        self.histograms.downsample_raw(to, out)?;
        self.run.clear();
        self.histograms.clear();
        Ok(())
    }

    /// Appends to `out` the chunks of resolution `to` of a series with these aggregate chunks of five minutes.
    ///
    /// # Errors
    /// Where a chunk is damaged, or chunks overlap, or there are none.
    pub fn aggregates(
        &mut self,
        chunks: &[SeriesChunk<'_>],
        to: Resolution,
        out: &mut Vec<Chunk>,
    ) -> Result<()> {
        check_order(chunks)?;
        if chunks
            .iter()
            .all(|chunk| chunk.view.encoding == Encoding::Aggregate)
        {
            return self.aggregate_runs(chunks, to, out);
        }
        let mut converted = Vec::new();
        for chunk in chunks {
            if chunk.view.encoding == Encoding::Aggregate {
                converted.push(Chunk {
                    min: chunk.min,
                    max: chunk.max,
                    encoding: Encoding::Aggregate,
                    payload: chunk.view.payload.to_vec(),
                });
            } else if sample_count(chunk.view)? > 0 {
                self.raw_runs(&[*chunk], Resolution::FIVE_MINUTES, &mut converted)?;
            }
        }
        let converted: Vec<_> = converted.iter().map(SeriesChunk::from).collect();
        self.aggregate_runs(&converted, to, out)
    }

    fn aggregate_runs(
        &mut self,
        chunks: &[SeriesChunk<'_>],
        to: Resolution,
        out: &mut Vec<Chunk>,
    ) -> Result<()> {
        let views = chunks
            .iter()
            .map(|chunk| AggregateView::parse(chunk.view.payload))
            .collect::<Result<Vec<_>>>()?;
        let mut start = 0;
        for views in views.chunk_by(|a, b| aggregate_kind(a) == aggregate_kind(b)) {
            let run = &chunks[start..start + views.len()];
            start += views.len();
            self.aggregate_run(run, views, to, out)?;
        }
        Ok(())
    }

    fn aggregate_run(
        &mut self,
        chunks: &[SeriesChunk<'_>],
        views: &[AggregateView<'_>],
        to: Resolution,
        out: &mut Vec<Chunk>,
    ) -> Result<()> {
        let ([first, ..], [.., last]) = (chunks, chunks) else {
            return Ok(());
        };
        let mut samples = 0;
        for chunk in chunks {
            samples += sample_count(chunk.view)?;
        }
        let range = (first.min, last.max);
        let count = chunk_count(range, Resolution::FIVE_MINUTES, to, samples);
        // Foreign chunks can be longer than ours; then each is a batch of its own.
        let size = (views.len() / count).max(1);
        for batch in views.chunks(size) {
            match aggregate_kind(&batch[0]) {
                Kind::Float => out.extend(self.floats.downsample_batch(batch, to)?),
                Kind::Histogram => self.histograms.downsample_batch(batch, to, out)?,
            }
        }
        Ok(())
    }
}

/// Makes sure that there are chunks, and that each begins after the end of the one before.
fn check_order(chunks: &[SeriesChunk<'_>]) -> Result<()> {
    if chunks.is_empty() {
        return Err(Error::corrupt("series", 0, "no chunks"));
    }
    if chunks.windows(2).any(|pair| pair[0].max >= pair[1].min) {
        return Err(Error::corrupt("series", 0, "chunks overlap"));
    }
    Ok(())
}

fn raw_kind(chunk: ChunkView<'_>) -> Result<Kind> {
    match chunk.encoding {
        Encoding::Xor | Encoding::Xor2 => Ok(Kind::Float),
        Encoding::Histogram
        | Encoding::FloatHistogram
        | Encoding::HistogramSt
        | Encoding::FloatHistogramSt => Ok(Kind::Histogram),
        Encoding::Aggregate | Encoding::Unknown(_) => {
            let what = format!(
                "raw samples expected, found encoding {}",
                chunk.encoding.byte()
            );
            Err(Error::corrupt("chunk", 0, what))
        }
    }
}

fn aggregate_kind(view: &AggregateView<'_>) -> Kind {
    match view.get(Aggregate::Counter).map(|part| part.encoding) {
        None | Some(Encoding::Xor | Encoding::Xor2) => Kind::Float,
        Some(_) => Kind::Histogram,
    }
}
