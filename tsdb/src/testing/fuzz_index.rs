//! Fuzz bodies of index, index-header, segment and tombstones: any bytes give values or errors, never a panic.
//!
//! Each tries the bytes as they are, and where a checksum would hide everything behind it, once more with checksums made to fit.

use super::index_model;
use crate::codec::{Cursor, Sink, crc};
use crate::id::{SeriesRef, SymbolRef};
use crate::index::{HeaderReader, IndexReader, SeriesEntry, SeriesWalk, Version, header, legacy};
use crate::segment::{SegmentReader, reader};
use crate::tombstone::Tombstones;

/// A whole index, by every way of reading it.
pub fn decode_index(bytes: &[u8]) {
    read_index(bytes);
    let mut sealed = bytes.to_vec();
    index_model::seal(&mut sealed);
    read_index(&sealed);
}

fn read_index(bytes: &[u8]) {
    let _ = header::encode(bytes).map(|header| read_header(&header));
    let Ok(index) = IndexReader::open(bytes) else {
        return;
    };
    let _ = legacy::check(bytes, index.toc());
    let mut entry = SeriesEntry::default();
    if let Ok(mut walk) = SeriesWalk::open(bytes) {
        while let Ok(Some(_)) = walk.next(&mut entry) {}
    }
    if let Ok(all) = index.all_series() {
        for (_, entry) in all.flatten() {
            let _ = index.labels(&entry);
        }
    }
    for name in index.label_names().unwrap_or_default() {
        if let Ok(Some(values)) = index.label_values(name) {
            for (value, list) in values.iter().flatten() {
                let _ = index.postings_at(list).map(|list| list.check_order());
                let _ = values.find(value);
            }
        }
    }
    if let Ok(symbols) = index.symbols() {
        for symbol in symbols.iter() {
            let _ = index.find_symbol(symbol);
        }
    }
    for number in 0..64 {
        let _ = index.series_into(SeriesRef(number), &mut entry);
        let _ = index.symbol(SymbolRef(number));
    }
}

/// An index-header, by every way of reading it.
pub fn decode_header(bytes: &[u8]) {
    read_header(bytes);
}

fn read_header(bytes: &[u8]) {
    let Ok(header) = HeaderReader::open(bytes, 2) else {
        return;
    };
    let _ = header.check();
    for name in header.label_names().unwrap_or_default() {
        if let Ok(Some(values)) = header.label_values(name) {
            for (value, _) in values.iter().flatten() {
                let _ = std::str::from_utf8(value).map(|value| header.postings_range(name, value));
            }
        }
    }
    for number in 0..64 {
        let _ = header.symbol(SymbolRef(number));
    }
    let _ = header.find_symbol(b"a");
}

/// A series entry.
///
/// # Panics
/// Where what was decoded does not come out of another round the same.
pub fn decode_series(bytes: &[u8]) {
    let mut entry = SeriesEntry::default();
    if entry.decode(bytes, 0).is_err() {
        return;
    }
    let mut body = Vec::new();
    crate::index::series::encode_body(&entry.labels, &entry.chunks, &mut body);
    let mut again = SeriesEntry::default();
    again.decode(&body, 0).expect("our own entry is sound");
    assert_eq!(entry, again, "an entry survives");
}

/// A postings offset table, without frame.
pub fn decode_offsets(bytes: &[u8]) {
    use crate::index::offsets::OffsetTable;
    for version in [Version::One, Version::Two] {
        let Ok(table) = OffsetTable::load(bytes, 0, version, 1 << 20, 2) else {
            continue;
        };
        for name in table.names(bytes).flatten() {
            if let Ok(Some(values)) = table.name(bytes, name) {
                for (value, _) in values.iter().flatten() {
                    let _ = values.find(value);
                }
            }
        }
    }
}

/// A symbol table, without frame.
pub fn decode_symbols(bytes: &[u8]) {
    use crate::index::symbols::Sampled;
    for version in [Version::One, Version::Two] {
        let Ok(sampled) = Sampled::load(bytes, 9, version) else {
            continue;
        };
        for number in 0..64 {
            if let Ok(symbol) = sampled.get(bytes, SymbolRef(number)) {
                let _ = sampled.find(bytes, symbol);
            }
        }
    }
}

/// A segment, record by record at every offset.
pub fn decode_segment(bytes: &[u8]) {
    if let Ok(segment) = SegmentReader::open(bytes) {
        for offset in 0..u32::try_from(bytes.len()).unwrap_or(u32::MAX) {
            let _ = segment.chunk(offset);
        }
    }
    for offset in 0..16 {
        let _ = reader::read_record(&mut &*bytes, offset);
    }
    let mut cursor = Cursor::new("chunk", bytes, 0);
    while !cursor.is_empty() && reader::skip_record(&mut cursor).is_ok() {}
}

/// A tombstones file.
///
/// # Panics
/// Where what was decoded does not come out of another round the same.
pub fn decode_tombstones(bytes: &[u8]) {
    let mut sealed = vec![0x01, 0x30, 0xBA, 0x30, 1];
    sealed.put(bytes);
    sealed.put_u32(crc::crc32c(bytes));
    for file in [bytes, sealed.as_slice()] {
        if let Ok(tombstones) = Tombstones::decode(file) {
            let again = Tombstones::decode(&tombstones.encode());
            assert_eq!(again.expect("our own file is sound"), tombstones);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_give_values_or_errors(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            decode_index(&bytes);
            decode_header(&bytes);
            decode_series(&bytes);
            decode_offsets(&bytes);
            decode_symbols(&bytes);
            decode_segment(&bytes);
            decode_tombstones(&bytes);
        }

        #[test]
        fn small_numbers_give_values_or_errors(bytes in proptest::collection::vec(0_u8..4, 0..64)) {
            decode_series(&bytes);
            decode_offsets(&bytes);
            decode_symbols(&bytes);
            decode_tombstones(&bytes);
        }

        #[test]
        fn damaged_indexes_give_values_or_errors(
            kind in 0..index_model::KINDS.len(),
            edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            cut in proptest::option::of(any::<prop::sample::Index>()),
        ) {
            let series = index_model::worked_series();
            let (mut bytes, _) = index_model::write(&series, &["", "unused"], index_model::KINDS[kind]);
            for (at, value) in edits {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            if let Some(cut) = cut {
                let at = cut.index(bytes.len());
                bytes.remove(at);
            }
            decode_index(&bytes);
        }
    }
}
