//! Counters across chunks: what many `counter` aggregates say together.
//!
//! ```text
//! chunk 1   (60000, 10) (299999, 40) (720000, 115) | (720000, 55)      first raw, windows, last raw value
//! chunk 2   (780000, 3) ...                                            3 < 55: a reset, though 3 < 115 also after none
//! ```
//!
//! The last sample repeats the time of the last window and carries the true last value. So between it and the first
//! sample of the next chunk a reset can be told. The result never falls. Samples before 1970 and NaN are passed over: a
//! window whose running total is NaN is one window fewer.

use tsdb::Result;
use tsdb::chunk::ChunkView;

use super::column::Columns;

/// Joins counter chunks.
#[derive(Debug, Default)]
pub(super) struct CounterReader {
    /// Samples of one chunk.
    raw: Columns,
    /// The joined counter.
    pub(super) samples: Columns,
    last_t: i64,
    /// True value of the last sample.
    pub(super) last_v: f64,
    total: f64,
}

impl CounterReader {
    /// Starts over.
    pub(super) fn clear(&mut self) {
        self.samples.clear();
    }

    /// Appends the next chunk of the counter.
    ///
    /// # Errors
    /// Where it is damaged or has no floats.
    pub(super) fn append(&mut self, chunk: ChunkView<'_>) -> Result<()> {
        self.raw.clear();
        self.raw.decode(chunk)?;
        for at in 0..self.raw.ts.len() {
            self.next(self.raw.ts[at], self.raw.vs[at]);
        }
        Ok(())
    }

    /// Appends a sample of the counter as it is in a chunk.
    pub(super) fn next(&mut self, t: i64, v: f64) {
        if v.is_nan() || t < 0 {
            return;
        }
        if self.samples.ts.is_empty() {
            self.total = v;
        } else if t > self.last_t {
            self.total += if v >= self.last_v { v - self.last_v } else { v };
        } else {
            if t == self.last_t {
                self.last_v = v;
            }
            return;
        }
        (self.last_t, self.last_v) = (t, v);
        self.samples.push(t, self.total);
    }
}

#[cfg(test)]
mod tests {
    use tsdb::chunk::{Encoding, xor};

    use super::*;

    fn check(chunks: &[&[(i64, f64)]], want: &[(i64, f64)], want_last: f64) {
        let mut reader = CounterReader::default();
        for chunk in chunks {
            let (ts, vs): (Vec<_>, Vec<_>) = chunk.iter().copied().unzip();
            let payload = xor::encode(&ts, &vs);
            let encoding = Encoding::Xor;
            let payload = &payload[..];
            reader.append(ChunkView { encoding, payload }).unwrap();
        }
        let got: Vec<_> = reader
            .samples
            .ts
            .iter()
            .copied()
            .zip(reader.samples.vs)
            .collect();
        assert_eq!(got, want);
        assert_eq!(reader.last_v.to_bits(), want_last.to_bits());
    }

    #[test]
    fn a_reset_between_chunks_is_told_by_the_last_raw_value() {
        let first: &[_] = &[(60, 10.0), (299, 40.0), (599, 85.0), (599, 55.0)];
        check(
            &[first, &[(700, 60.0), (899, 65.0), (899, 65.0)]],
            &[
                (60, 10.0),
                (299, 40.0),
                (599, 85.0),
                (700, 90.0),
                (899, 95.0),
            ],
            65.0,
        );
        check(
            &[first, &[(700, 54.0), (899, 60.0), (899, 6.0)]],
            &[
                (60, 10.0),
                (299, 40.0),
                (599, 85.0),
                (700, 139.0),
                (899, 145.0),
            ],
            6.0,
        );
    }

    #[test]
    fn nan_and_samples_that_go_back_are_passed_over() {
        check(
            &[
                &[(-5, 9.0), (5, 1.0), (6, f64::NAN), (7, 3.0)],
                &[(6, 100.0), (8, 4.0)],
            ],
            &[(5, 1.0), (7, 3.0), (8, 4.0)],
            4.0,
        );
    }

    #[test]
    fn a_reader_that_was_cleared_begins_anew() {
        let payload = xor::encode(&[7], &[3.0]);
        let chunk = ChunkView {
            encoding: Encoding::Xor,
            payload: &payload,
        };
        let mut reader = CounterReader::default();
        reader.append(chunk).unwrap();
        reader.clear();
        reader.append(chunk).unwrap();
        assert_eq!(reader.samples.vs, [3.0]);
    }
}
