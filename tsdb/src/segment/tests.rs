//! Segments: the worked example, damage, hostile lengths, and where a new file begins.
//!
//! Chunks that are copied must land where the same chunks would land if they were encoded. Real segments are rewritten
//! in `tests/golden_index.rs`.

use proptest::prelude::*;

use super::reader::{is_run, read_record, run};
use super::*;
use crate::chunk::{ChunkView, Encoding};
use crate::codec::Cursor;
use crate::id::ChunkRef;
use crate::testing::damage::{Damage, every_bit, every_length};
use crate::testing::hex;
use crate::testing::trickle::Trickle;

/// The segment of the worked example, with its four records apart.
const WORKED: [&str; 5] = [
    "85bd40dd01000000",
    "130100030000000000000000009875c457fec25fffb264fcbb",
    "1201000290bf0500000000000000009875c457feb35d55ee",
    "0b010001000000000000000000d1471ac8",
    "11010002d00f0000000000000000e807c457fe55d95fa3",
];

fn worked() -> Vec<u8> {
    hex::bytes(&WORKED.concat())
}

fn view(payload: &[u8]) -> ChunkView<'_> {
    ChunkView {
        encoding: Encoding::Xor,
        payload,
    }
}

fn payload(record: &str) -> Vec<u8> {
    let bytes = hex::bytes(record);
    bytes[2..bytes.len() - 4].to_vec()
}

#[test]
fn the_worked_example_comes_out_byte_for_byte() {
    let mut writer = SegmentWriter::begin(Vec::new(), None).unwrap();
    let mut refs = Vec::new();
    let [_, first, second, third, fourth] = WORKED.map(payload_or_nothing);
    writer
        .add(&[view(&first), view(&second)], &mut refs)
        .unwrap();
    writer.add(&[view(&third)], &mut refs).unwrap();
    writer.add(&[view(&fourth)], &mut refs).unwrap();
    assert_eq!(writer.finish().unwrap(), [worked()]);
    assert_eq!(refs, [0x08, 0x21, 0x39, 0x4a].map(ChunkRef));
    assert_eq!(file_name(0), "000001");
}

fn payload_or_nothing(record: &str) -> Vec<u8> {
    if record.len() == 16 {
        Vec::new()
    } else {
        payload(record)
    }
}

#[test]
fn the_worked_example_is_read_back() {
    let bytes = worked();
    let segment = SegmentReader::open(&bytes).unwrap();
    for (offset, record) in [0x08, 0x21, 0x39, 0x4a].into_iter().zip(&WORKED[1..]) {
        let want = payload(record);
        assert_eq!(segment.chunk(offset).unwrap(), view(&want));
        assert_eq!(segment.record(offset).unwrap().bytes, hex::bytes(record));
        for most in [1, 3, 100] {
            let mut window = Trickle {
                bytes: &bytes,
                most,
            };
            assert_eq!(read_record(&mut window, offset).unwrap().chunk, view(&want));
        }
    }
    for offset in [0, 7, 97, 98, u32::MAX] {
        assert!(segment.chunk(offset).is_err(), "{offset}");
    }
}

#[test]
fn every_flipped_bit_of_a_record_is_found() {
    let sound = worked();
    let read = |bytes: &[u8]| -> Result<()> {
        let segment = SegmentReader::open(bytes)?;
        for offset in [0x08, 0x21, 0x39, 0x4a] {
            segment.record(offset)?;
        }
        Ok(())
    };
    read(&sound).unwrap();
    for damage in every_bit(sound.len()) {
        let padding = matches!(damage, Damage::FlipBit { at: 5..8, .. });
        assert_eq!(read(&damage.of(&sound)).is_err(), !padding, "{damage}");
    }
    for damage in every_length(sound.len()) {
        assert!(read(&damage.of(&sound)).is_err(), "{damage}");
    }
}

#[test]
fn hostile_lengths_are_refused() {
    fn check(length: &[u8], want: &str) {
        let mut bytes = worked()[..8].to_vec();
        bytes.extend_from_slice(length);
        bytes.extend_from_slice(&[1; 20]);
        let error = SegmentReader::open(&bytes).unwrap().chunk(8).unwrap_err();
        assert_eq!(error.to_string(), want);
        assert!(read_record(&mut bytes.as_slice(), 8).is_err());
    }
    check(&[0x14], "chunk at 0x9: ends after 20 of 21 bytes");
    check(
        &[0xFF, 0xFF, 0xFF, 0xFF, 0x0F],
        "chunk at 0xd: ends after 20 of 4294967296 bytes",
    );
    check(
        &[0xFF, 0xFF, 0xFF, 0xFF, 0x1F],
        "chunk at 0x8: variable-length integer overflows",
    );
    check(
        &[0x80, 0x80, 0x80, 0x80, 0x80, 0x00],
        "chunk at 0x8: variable-length integer overflows",
    );
}

#[test]
fn a_new_file_begins_where_prometheus_begins_one() {
    /// Payload lengths of each series; the offsets where records lie, by file.
    fn check(limit: u64, series: &[&[usize]], want: &[&[u32]]) {
        let mut writer = SegmentWriter::begin(Vec::new(), Some(limit)).unwrap();
        let mut refs = Vec::new();
        for lengths in series {
            let payloads: Vec<_> = lengths.iter().map(|len| vec![0; *len]).collect();
            let chunks: Vec<_> = payloads.iter().map(|payload| view(payload)).collect();
            writer.add(&chunks, &mut refs).unwrap();
        }
        assert_eq!(writer.segment_count() as usize, want.len());
        writer.finish().unwrap();
        let want: Vec<_> = (0_u32..)
            .zip(want)
            .flat_map(|(file, offsets)| offsets.iter().map(move |at| ChunkRef::new(file, *at)))
            .collect();
        assert_eq!(refs, want, "limit {limit} series {series:?}");
    }
    check(100, &[], &[]);
    check(100, &[&[]], &[]);
    // Each chunk of 10 counts as 20 and takes 16. In the first file the start of the file counts as 8.
    check(48, &[&[10, 10]], &[&[8, 24]]);
    check(47, &[&[10, 10]], &[&[8], &[8]]);
    // A later series counts the position before it.
    check(44, &[&[10], &[10]], &[&[8, 24]]);
    check(43, &[&[10], &[10]], &[&[8], &[8]]);
    // After a cut the rule is that of a new file.
    check(48, &[&[10, 10], &[10, 10, 10]], &[&[8, 24], &[8, 24], &[8]]);
    check(60, &[&[10, 10], &[10, 10]], &[&[8, 24, 40], &[8]]);
    // A chunk above the limit stands alone.
    check(48, &[&[100]], &[&[8]]);
    check(48, &[&[10], &[100], &[10]], &[&[8], &[8], &[8]]);
    assert!(SegmentWriter::begin(Vec::new(), Some(1 << 32)).is_err());
}

#[test]
fn runs_are_whole_and_in_one_file() {
    let bytes = worked();
    let refs = [0x08, 0x21, 0x39, 0x4a].map(ChunkRef);
    let check = |refs: &[ChunkRef], want: Option<&[u8]>| {
        let mut window = bytes.as_slice();
        assert_eq!(run(&mut window, refs.iter().copied()).unwrap(), want);
    };
    check(&[], Some(&[]));
    check(&refs, Some(&bytes[8..]));
    check(&refs[1..3], Some(&bytes[0x21..0x4a]));
    check(&[refs[0], refs[2]], None);
    check(&[refs[1], refs[0]], None);
    check(&[refs[0], refs[0]], None);
    check(&[refs[0], ChunkRef::new(1, 0x21)], None);
    let damaged = Damage::FlipBit { at: 0x30, bit: 0 }.of(&bytes);
    assert!(run(&mut damaged.as_slice(), refs.iter().copied()).is_err());
    assert!(is_run(&[], std::iter::empty()).unwrap());
}

#[test]
fn whole_pieces_are_copied_only_where_no_cut_could_be() {
    let piece = &worked()[8..];
    let mut writer = SegmentWriter::begin(Vec::new(), Some(8 + 89 + 89 + 16 - 1)).unwrap();
    assert_eq!(writer.add_whole(piece, 0).unwrap(), None);
    assert_eq!(writer.add_whole(piece, 4).unwrap(), Some(ChunkRef(8)));
    assert_eq!(writer.add_whole(piece, 4).unwrap(), None);
    assert_eq!(
        writer.add_whole(&piece[..0x31], 2).unwrap(),
        Some(ChunkRef(97))
    );
    let files = writer.finish().unwrap();
    assert_eq!(files, [[&worked()[..], &piece[..0x31]].concat()]);
}

proptest! {
    #[test]
    fn copies_are_cut_where_encoded_chunks_are(
        series in proptest::collection::vec(proptest::collection::vec(0_usize..300, 0..6), 0..12),
        limit in 20_u64..3000,
    ) {
        let mut encoded = SegmentWriter::begin(Vec::new(), Some(limit)).unwrap();
        let mut copied = SegmentWriter::begin(Vec::new(), Some(limit)).unwrap();
        let mut whole = SegmentWriter::begin(Vec::new(), Some(limit)).unwrap();
        let (mut want, mut got, mut wholes) = (Vec::new(), Vec::new(), Vec::new());
        for lengths in &series {
            let payloads: Vec<_> = lengths.iter().map(|len| vec![7; *len]).collect();
            let chunks: Vec<_> = payloads.iter().map(|payload| view(payload)).collect();
            encoded.add(&chunks, &mut want).unwrap();
            let mut alone = SegmentWriter::begin(Vec::new(), None).unwrap();
            let mut offsets = Vec::new();
            alone.add(&chunks, &mut offsets).unwrap();
            let files = alone.finish().unwrap();
            let records = files.first().map_or(&[][..], |file| &file[8..]);
            copied.add_run(records, &mut got).unwrap();
            match whole.add_whole(records, lengths.len()).unwrap() {
                Some(base) => wholes.extend(offsets.iter().map(|at| ChunkRef(base.0 + at.0 - 8))),
                None => whole.add_run(records, &mut wholes).unwrap(),
            }
        }
        let files = encoded.finish().unwrap();
        prop_assert_eq!(&copied.finish().unwrap(), &files);
        prop_assert_eq!(&whole.finish().unwrap(), &files);
        prop_assert_eq!(&got, &want);
        prop_assert_eq!(&wholes, &want);
        for (reference, len) in want.iter().zip(series.iter().flatten()) {
            let segment = SegmentReader::open(&files[reference.segment() as usize]).unwrap();
            let payload = vec![7; *len];
            prop_assert_eq!(segment.chunk(reference.offset()).unwrap(), view(&payload));
            let mut cursor = Cursor::new("test", segment.bytes(), 0);
            cursor.bytes(8).unwrap();
            while !cursor.is_empty() {
                reader::skip_record(&mut cursor).unwrap();
            }
        }
    }
}
