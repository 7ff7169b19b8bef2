//! The check of a whole block after injuries: none is a panic, and what it calls sound can be read to its end.

use crate::block::check::{Files, check};
use crate::chunk::{self, Encoding, xor};
use crate::codec::{Sink, crc};
use crate::error::Result;
use crate::index::IndexReader;
use crate::segment::{self, SegmentReader};
use crate::testing::index_model;

/// Injures a small block as the bytes say and checks it; four bytes an injury: kind and file, place (two), value.
///
/// # Panics
/// Where a sound block is called damaged, or a damaged one sound that cannot be read.
pub fn decode_block(bytes: &[u8]) {
    let (sound_index, sound_segment) = sound();
    let (mut index, mut segment) = (sound_index.clone(), sound_segment.clone());
    for injury in bytes.as_chunks::<4>().0 {
        let [kind, high, low, value] = *injury;
        let file = match kind & 1 {
            0 => &mut index,
            _ => &mut segment,
        };
        injure(file, kind >> 1, u16::from_be_bytes([high, low]), value);
    }
    let segments = [(segment::file_name(0), &segment[..])];
    let (_, findings) = check(Files {
        meta: None,
        index: Some(&index),
        segments: &segments,
        tombstones: None,
    });
    if (&index, &segment) == (&sound_index, &sound_segment) {
        assert!(findings.is_empty(), "nothing was injured: {findings:?}");
    }
    if !findings.is_damaged() {
        read(&index, &segment).expect("what is called sound can be read");
    }
}

fn injure(file: &mut Vec<u8>, kind: u8, place: u16, value: u8) {
    let at = usize::from(place) % (file.len() + 1);
    match kind & 3 {
        0 => file.truncate(at),
        1 => file.insert(at, value),
        2 if at < file.len() => drop(file.remove(at)),
        _ => file
            .iter_mut()
            .skip(at)
            .take(1)
            .for_each(|byte| *byte = value),
    }
}

/// Index and segment of a block of three series with two chunks each.
fn sound() -> (Vec<u8>, Vec<u8>) {
    let mut records = Vec::new();
    records.put_u32(segment::MAGIC);
    records.put_u8(segment::VERSION);
    records.put(&[0; 3]);
    let mut series = Vec::new();
    for job in ["a", "b", "c"] {
        let chunks = [0_i64, 1000].map(|start| {
            let ts = [start + 1, start + 500, start + 999];
            let reference = records.len() as u64;
            put_record(&mut records, &xor::encode(&ts, &[1.0, 0.5, 8e9]));
            (ts[0], ts[2], reference)
        });
        let labels = [("__name__", "up"), ("job", job)];
        series.push(index_model::series(&labels, &chunks));
    }
    let (index, _) = index_model::write(&series, &[], index_model::TODAY);
    (index, records)
}

fn put_record(records: &mut Vec<u8>, payload: &[u8]) {
    records.put_uvarint(payload.len() as u64);
    let checked = [&[Encoding::Xor.byte()], payload].concat();
    records.put(&checked);
    records.put_u32(crc::crc32c(&checked));
}

fn read(index: &[u8], segment: &[u8]) -> Result<()> {
    let index = IndexReader::open(index)?;
    let segment = SegmentReader::open(segment)?;
    let mut samples = Vec::new();
    for series in index.all_series()? {
        let (_, entry) = series?;
        index.labels(&entry)?;
        for meta in &entry.chunks {
            let chunk = segment.chunk(meta.reference.offset())?;
            if !matches!(chunk.encoding, Encoding::Aggregate | Encoding::Unknown(_)) {
                chunk::decode(chunk, &mut samples)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::decode_block;

    #[test]
    fn an_uninjured_block_is_sound() {
        decode_block(&[]);
    }

    proptest! {
        #[test]
        fn injured_blocks_are_found_or_readable(injuries in prop::collection::vec(any::<[u8; 4]>(), 1..4)) {
            decode_block(injuries.as_flattened());
        }
    }
}
