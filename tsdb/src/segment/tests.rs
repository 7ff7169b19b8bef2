use proptest::prelude::*;

use super::reader::{is_run, read_record, run};
use super::*;
use crate::chunk::{ChunkView, Encoding};
use crate::id::ChunkRef;
use crate::index::ChunkMeta;

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

fn view(payload: &[u8]) -> ChunkView<'_> {
    ChunkView {
        encoding: Encoding::Xor,
        payload,
    }
}

/// The segment of section 4.7 of the format.
fn worked_segment() -> Vec<u8> {
    unhex(
        "85bd40dd01000000
         13 01 00030000000000000000009875c457fec25fff b264fcbb
         12 01 000290bf0500000000000000009875c457fe   b35d55ee
         0b 01 0001000000000000000000                 d1471ac8
         11 01 0002d00f0000000000000000e807c457fe     55d95fa3",
    )
}

/// Payloads that give the worked segment; its text shows them shortened, so they are taken from the lengths.
fn records(segment: &[u8]) -> Vec<u32> {
    let mut cursor = Cursor::new("test", &segment[8..], 8);
    let mut offsets = Vec::new();
    while !cursor.is_empty() {
        offsets.push(u32::try_from(cursor.offset()).unwrap());
        reader::skip_record(&mut cursor).unwrap();
    }
    offsets
}

fn metas(refs: &[ChunkRef]) -> Vec<ChunkMeta> {
    refs.iter()
        .map(|reference| ChunkMeta {
            reference: *reference,
            ..ChunkMeta::default()
        })
        .collect()
}
