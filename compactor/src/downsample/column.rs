//! The float samples of one series as two columns, times and values.
//!
//! What downsampling does not see is left out at the door: stale markers, samples before 1970, and samples that go back
//! in time within their chunk. Invariants: as many times as values; times never descend.

use tsdb::chunk::{ChunkView, Encoding, xor, xor2};
use tsdb::sample::is_stale;
use tsdb::{Error, Result};

/// Samples in order of time.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) ts: Vec<i64>,
    pub(super) vs: Vec<f64>,
    /// Whether a value may be NaN.
    pub(super) has_nan: bool,
}

impl Columns {
    pub(super) fn clear(&mut self) {
        self.ts.clear();
        self.vs.clear();
        self.has_nan = false;
    }

    pub(super) fn push(&mut self, t: i64, v: f64) {
        self.ts.push(t);
        self.vs.push(v);
    }

    /// Appends the samples of a float chunk as they are.
    ///
    /// # Errors
    /// Where the chunk is damaged or has no floats.
    pub(super) fn decode(&mut self, chunk: ChunkView<'_>) -> Result<()> {
        match chunk.encoding {
            Encoding::Xor => xor::decode(chunk.payload, &mut self.ts, &mut self.vs),
            Encoding::Xor2 => xor2::decode(chunk.payload, &mut self.ts, &mut self.vs),
            other => {
                let what = format!("floats expected, found encoding {}", other.byte());
                Err(Error::corrupt("chunk", 0, what))
            }
        }
    }

    /// Appends the samples of a float chunk that downsampling sees.
    ///
    /// # Errors
    /// Where the chunk is damaged, has no floats, or begins before the end of the one before it.
    pub(super) fn append(&mut self, chunk: ChunkView<'_>) -> Result<()> {
        let start = self.ts.len();
        self.decode(chunk)?;
        let has_nan = self.vs[start..]
            .iter()
            .fold(false, |any, v| any | v.is_nan());
        let is_sorted = is_sorted_from_zero(&self.ts[start..]);
        if has_nan || !is_sorted {
            self.filter(start);
        }
        self.has_nan |= has_nan;
        let order = self.ts[..start].last().zip(self.ts.get(start));
        if order.is_some_and(|(before, first)| first < before) {
            let what = "samples begin before the end of the chunk before";
            return Err(Error::corrupt("chunk", 0, what));
        }
        Ok(())
    }

    /// Drops what downsampling does not see from the samples of one chunk.
    fn filter(&mut self, start: usize) {
        let mut kept = start;
        let mut last_t = 0;
        for at in start..self.ts.len() {
            let (t, v) = (self.ts[at], self.vs[at]);
            if t >= last_t && !is_stale(v) {
                (self.ts[kept], self.vs[kept]) = (t, v);
                kept += 1;
                last_t = t;
            }
        }
        self.ts.truncate(kept);
        self.vs.truncate(kept);
    }

    /// Moves the samples of `[start, end)` that are numbers to the front of that range; gives the end of the numbers.
    pub(super) fn numbers_first(&mut self, start: usize, end: usize) -> usize {
        if !self.has_nan {
            return end;
        }
        let mut kept = start;
        for at in start..end {
            if !self.vs[at].is_nan() {
                self.ts.swap(kept, at);
                self.vs.swap(kept, at);
                kept += 1;
            }
        }
        kept
    }
}

/// Whether times start at 0 or later and never descend.
fn is_sorted_from_zero(ts: &[i64]) -> bool {
    let Some(first) = ts.first() else {
        return true;
    };
    let pairs = ts.iter().zip(&ts[1..]);
    // Without early exit, so that it runs at the speed of memory.
    (*first >= 0) & pairs.fold(true, |sorted, (a, b)| sorted & (a <= b))
}

#[cfg(test)]
mod tests {
    use tsdb::sample::STALE_NAN_BITS;

    use super::*;

    fn append(columns: &mut Columns, samples: &[(i64, f64)]) -> Result<()> {
        let (ts, vs): (Vec<_>, Vec<_>) = samples.iter().copied().unzip();
        columns.append(ChunkView {
            encoding: Encoding::Xor,
            payload: &xor::encode(&ts, &vs),
        })
    }

    #[test]
    fn what_downsampling_does_not_see_is_left_out() {
        let stale = f64::from_bits(STALE_NAN_BITS);
        let mut columns = Columns::default();
        append(&mut columns, &[(-1, 1.0), (0, 2.0), (5, stale), (3, 4.0)]).unwrap();
        append(&mut columns, &[(3, 5.0), (9, 6.0), (8, 7.0), (9, 8.0)]).unwrap();
        assert_eq!(columns.ts, [0, 3, 3, 9, 9]);
        assert_eq!(columns.vs, [2.0, 4.0, 5.0, 6.0, 8.0]);
    }

    #[test]
    fn chunks_that_overlap_are_refused() {
        let mut columns = Columns::default();
        append(&mut columns, &[(10, 1.0), (20, 2.0)]).unwrap();
        assert!(append(&mut columns, &[(19, 1.0)]).is_err());
    }

    #[test]
    fn numbers_come_first_in_their_order() {
        let mut columns = Columns::default();
        let samples = [(1, 1.0), (2, f64::NAN), (3, 3.0), (4, f64::NAN), (5, 5.0)];
        append(&mut columns, &samples).unwrap();
        assert_eq!(columns.numbers_first(1, 5), 3);
        assert_eq!(columns.ts[..3], [1, 3, 5]);
        assert_eq!(columns.vs[..3], [1.0, 3.0, 5.0]);
    }
}
