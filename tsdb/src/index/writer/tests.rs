use super::*;
use crate::id::SymbolRef;
use crate::index::{IndexReader, SeriesEntry, SeriesWalk};

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

/// The index of section 14.9 of the format.
pub(crate) fn worked_index() -> Vec<u8> {
    unhex(
        "baaad700 02
         0000001c 00000007 01 31 01 32 08 5f5f6e616d655f5f 01 61 01 62 03 6a6f62 02 7570 407b314a
         00000000000000
         10 02 02 03 05 00 02 00 b0ea01 08 9875 9875 32 6d2c0fc9 0000000000000000000000
         09 02 02 03 05 01 01 00 00 39 8cc936d3 0000
         0b 02 02 06 05 04 01 d00f e807 4a ff072c67
         00000010 00000003 00000003 00000005 00000006 f45ce898
         0000000c 00000002 00000003 00000005 bb33cbd4
         00000008 00000001 00000006 92983ace
         00000008 00000001 00000003 a7692ed2
         00000008 00000001 00000005 81c8c93a
         00000008 00000001 00000006 92983ace
         00000040 00000006 02 00 00 70 02 08 5f5f6e616d655f5f 01 61 8801 02 08 5f5f6e616d655f5f 02 7570 9c01
         02 03 6a6f62 01 31 ac01 02 03 6a6f62 01 32 bc01 02 03 6a6f62 01 62 cc01 356faffb
         0000000000000005 0000000000000029 0000000000000070 00000000000000dc 0000000000000070 00000000000000dc 7ed9cfe4",
    )
}

fn chunk(min: i64, max: i64, offset: u64) -> ChunkMeta {
    ChunkMeta {
        min,
        max,
        reference: ChunkRef(offset),
    }
}

fn table(strings: &[&str]) -> Arc<SymbolTable> {
    let mut table = SymbolTable::new();
    for string in strings {
        table.push(string.as_bytes()).unwrap();
    }
    Arc::new(table)
}

fn pairs(numbers: &[(u32, u32)]) -> Vec<Pair> {
    numbers
        .iter()
        .map(|(name, value)| (SymbolRef(*name), SymbolRef(*value)))
        .collect()
}

fn stage() -> SeriesStage<Vec<u8>> {
    let symbols = table(&["1", "2", "__name__", "a", "b", "job", "up"]);
    IndexWriter::begin(Vec::new()).symbols(symbols).unwrap()
}

#[test]
fn the_worked_example_comes_out_byte_for_byte() {
    let mut stage = stage();
    let first = [chunk(0, 30_000, 0x08), chunk(45_000, 60_000, 0x21)];
    assert_eq!(
        stage.add(&pairs(&[(2, 3), (5, 0)]), &first).unwrap(),
        SeriesRef(3)
    );
    stage
        .add(&pairs(&[(2, 3), (5, 1)]), &[chunk(0, 0, 0x39)])
        .unwrap();
    stage
        .add(&pairs(&[(2, 6), (5, 4)]), &[chunk(1000, 2000, 0x4a)])
        .unwrap();
    let bytes = stage.finish().unwrap();
    assert_eq!(bytes, worked_index());
}

#[test]
fn the_worked_example_is_read_back() {
    let reader = IndexReader::open(worked_index()).unwrap();
    let all: Vec<_> = reader.all_series().unwrap().map(Result::unwrap).collect();
    let text: Vec<_> = all
        .iter()
        .map(|(_, entry)| reader.labels(entry).unwrap().to_string())
        .collect();
    assert_eq!(
        text,
        [
            "{__name__=\"a\", job=\"1\"}",
            "{__name__=\"a\", job=\"2\"}",
            "{__name__=\"up\", job=\"b\"}"
        ]
    );
    let list = reader.postings("__name__", "a").unwrap().unwrap();
    assert!(list.iter().map(|series| series.0).eq([3, 5]));
    assert_eq!(reader.postings("__name__", "b").unwrap(), None);
    assert_eq!(reader.label_names().unwrap(), ["__name__", "job"]);
    let mut walk = SeriesWalk::open(reader.bytes()).unwrap();
    let mut entry = SeriesEntry::default();
    for (series, want) in &all {
        assert_eq!(walk.next(&mut entry).unwrap(), Some(*series));
        assert_eq!(&entry, want);
    }
    assert_eq!(walk.next(&mut entry).unwrap(), None);
}
