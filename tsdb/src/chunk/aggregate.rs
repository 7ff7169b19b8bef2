//! Aggregate chunks of downsampled series: five chunks of one encoding each, side by side.
//!
//! ```text
//! count | sum | min | max | counter
//! each:   len uvarint | encoding u8 | payload (len bytes)      or      00 if absent
//! ```
//!
//! A float series has all five, packed as XOR. A histogram series has `count` (XOR), `sum` and `counter` (float
//! histogram). The samples of the chunk are those of `count`. Invariant of what we write: the last aggregate is present,
//! since Thanos cannot read a chunk that ends in an absent one. Reading takes such a chunk, and ignores what may follow
//! the fifth record. The windows are made in `compactor::downsample`.

use super::{ChunkView, Encoding};
use crate::codec::{Cursor, Sink};
use crate::error::{Corruption, Result};

/// What one record of an aggregate chunk says about each window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Aggregate {
    /// Number of samples.
    Count,
    /// Sum of the samples.
    Sum,
    /// The least sample.
    Min,
    /// The greatest sample.
    Max,
    /// Running total with resets taken out; begins and ends with a raw sample.
    Counter,
}

impl Aggregate {
    /// All, in the order on disk.
    pub const ALL: [Self; 5] = [Self::Count, Self::Sum, Self::Min, Self::Max, Self::Counter];
}

/// The five records of one chunk, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct AggregateView<'a> {
    parts: [Option<ChunkView<'a>>; 5],
}

impl<'a> AggregateView<'a> {
    /// Splits a payload into its records, which are not decoded.
    ///
    /// # Errors
    /// Where the payload ends early, or a record has an encoding that no aggregate can have.
    pub fn parse(payload: &'a [u8]) -> Result<Self> {
        let mut cursor = Cursor::new("aggregate chunk", payload, 0);
        let mut parts = [None; 5];
        for part in &mut parts {
            *part = take_record(&mut cursor)?;
        }
        Ok(Self { parts })
    }

    /// The chunk of one aggregate, if present.
    #[must_use]
    pub fn get(&self, aggregate: Aggregate) -> Option<ChunkView<'a>> {
        self.parts[aggregate as usize]
    }
}

fn take_record<'a>(cursor: &mut Cursor<'a>) -> Result<Option<ChunkView<'a>>> {
    let len = cursor.uvarint()?;
    if len == 0 {
        return Ok(None);
    }
    let start = cursor.clone();
    let encoding = Encoding::from_byte(cursor.u8()?);
    if matches!(encoding, Encoding::Aggregate | Encoding::Unknown(_)) {
        let what = format!("an aggregate has encoding {}", encoding.byte());
        return Err(start.corrupt(Corruption::Other(what)));
    }
    let payload = cursor.bytes(usize::try_from(len).unwrap_or(usize::MAX))?;
    Ok(Some(ChunkView { encoding, payload }))
}

/// Joins the chunks of the aggregates in the order of [`Aggregate::ALL`]. The last one must be present for Thanos to
/// read the result.
#[must_use]
pub fn encode(parts: [Option<(Encoding, &[u8])>; 5]) -> Vec<u8> {
    let size: usize = parts
        .iter()
        .flatten()
        .map(|(_, bytes)| bytes.len() + 11)
        .sum();
    let mut out = Vec::with_capacity(size + parts.len());
    for part in parts {
        let Some((encoding, payload)) = part else {
            out.put_u8(0);
            continue;
        };
        debug_assert!(!payload.is_empty(), "length 0 means absent");
        out.put_uvarint(payload.len() as u64);
        out.put_u8(encoding.byte());
        out.put(payload);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chunk::{decode, sample_count};
    use crate::sample::Sample;
    use crate::testing::{fuzz_chunk, hex};

    /// Windows of a counter that falls back after 60; made by Thanos.
    const COUNTER: &str = "17010003becf244010000000000000e0a712da0fb50387587c\
        18010003becf244059000000000000e0a712d44f4fb503860e00\
        18010003becf244024000000000000e0a712d417da81c3a48ab0\
        18010003becf244044000000000000e0a712d81ded40e1da2580\
        20010005c0a9074024000000000000ffd20ed2179d4c3ac78bda81c326ee2b3fae80";

    fn view(payload: &[u8]) -> ChunkView<'_> {
        ChunkView {
            encoding: Encoding::Aggregate,
            payload,
        }
    }

    #[test]
    fn the_aggregates_of_a_chunk_decode_one_by_one() {
        let payload = hex::bytes(COUNTER);
        let parsed = AggregateView::parse(&payload).unwrap();
        let check = |aggregate, want: &[(i64, f64)]| {
            let mut samples = Vec::new();
            decode(parsed.get(aggregate).unwrap(), &mut samples).unwrap();
            let want: Vec<_> = want.iter().map(|&(t, v)| Sample::float(t, v)).collect();
            assert_eq!(samples, want, "{aggregate:?}");
        };
        let windows = |a, b, c| [(299_999, a), (599_999, b), (720_000, c)];
        check(Aggregate::Count, &windows(4.0, 5.0, 3.0));
        check(Aggregate::Sum, &windows(100.0, 155.0, 135.0));
        check(Aggregate::Min, &windows(10.0, 5.0, 35.0));
        check(Aggregate::Max, &windows(40.0, 60.0, 55.0));
        let mut counter = vec![(60_000, 10.0)];
        counter.extend(windows(40.0, 85.0, 115.0));
        counter.push((720_000, 55.0));
        check(Aggregate::Counter, &counter);
        assert_eq!(sample_count(view(&payload)).unwrap(), 3);

        let parts = Aggregate::ALL.map(|aggregate| {
            let part = parsed.get(aggregate)?;
            Some((part.encoding, part.payload))
        });
        assert_eq!(encode(parts), payload);
    }

    #[test]
    fn absent_aggregates_are_one_byte_even_in_last_place() {
        let count: &[u8] = &[0, 0];
        let payload = encode([Some((Encoding::Xor, count)), None, None, None, None]);
        assert_eq!(payload, [2, 1, 0, 0, 0, 0, 0, 0]);
        let parsed = AggregateView::parse(&payload).unwrap();
        assert_eq!(parsed.get(Aggregate::Count).unwrap().payload, count);
        assert!(parsed.get(Aggregate::Counter).is_none());
        assert_eq!(sample_count(view(&[0; 5])).unwrap(), 0);
    }

    #[test]
    fn damage_is_an_error_with_its_place() {
        fn check(payload: &[u8], want: &str) {
            let error = AggregateView::parse(payload).unwrap_err();
            assert_eq!(error.to_string(), want);
        }
        check(&[], "aggregate chunk at 0x0: ends after 0 of 1 bytes");
        check(&[0; 4], "aggregate chunk at 0x4: ends after 0 of 1 bytes");
        check(&[2], "aggregate chunk at 0x1: ends after 0 of 1 bytes");
        check(
            &[2, 1, 0],
            "aggregate chunk at 0x2: ends after 1 of 2 bytes",
        );
        let nested = "aggregate chunk at 0x1: an aggregate has encoding 255";
        check(&[2, 255, 0, 0, 0, 0, 0, 0], nested);
        let payload = hex::bytes(COUNTER);
        for end in 0..payload.len() {
            assert!(AggregateView::parse(&payload[..end]).is_err(), "{end}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_aggregates_or_an_error(bytes: Vec<u8>) {
            fuzz_chunk::decode_aggregate(&bytes);
        }

        #[test]
        fn one_damaged_byte_gives_aggregates_or_an_error(at: prop::sample::Index, byte: u8) {
            let mut payload = hex::bytes(COUNTER);
            let at = at.index(payload.len());
            payload[at] = byte;
            fuzz_chunk::decode_aggregate(&payload);
        }

        #[test]
        fn records_survive_a_round_trip(parts in prop::array::uniform5(prop::option::of(prop::collection::vec(any::<u8>(), 1..300)))) {
            let views = std::array::from_fn(|at| {
                parts[at].as_ref().map(|bytes: &Vec<u8>| (Encoding::Xor, &bytes[..]))
            });
            let payload = encode(views);
            let parsed = AggregateView::parse(&payload).unwrap();
            for aggregate in Aggregate::ALL {
                let got = parsed.get(aggregate).map(|part| (part.encoding, part.payload));
                prop_assert_eq!(got, views[aggregate as usize]);
            }
        }
    }
}
