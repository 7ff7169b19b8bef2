//! Histogram series.
use tsdb::Result;
use tsdb::chunk::aggregate::AggregateView;
use tsdb::chunk::{Chunk, ChunkView};
use tsdb::meta::Resolution;

#[derive(Debug, Default)]
pub(super) struct Histograms {}
impl Histograms {
    pub(super) fn clear(&mut self) {}
    pub(super) fn append(&mut self, _chunk: ChunkView<'_>) -> Result<()> {
        Ok(())
    }
    pub(super) fn downsample_raw(&mut self, _to: Resolution, _out: &mut Vec<Chunk>) -> Result<()> {
        Ok(())
    }
    pub(super) fn downsample_batch(
        &mut self,
        _b: &[AggregateView<'_>],
        _to: Resolution,
        _out: &mut Vec<Chunk>,
    ) -> Result<()> {
        Ok(())
    }
}
