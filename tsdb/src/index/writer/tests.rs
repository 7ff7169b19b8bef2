//! The writer: the worked example, what it refuses, and the same bytes as the slow writer of [`index_model`].
//!
//! The worked example stands here as bytes, so that model and writer are both held against it.
//! Real indexes are rewritten in `tests/golden_index.rs`.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::codec::{Scratch, ScratchSpace, Window};
use crate::id::SymbolRef;
use crate::index::{IndexReader, SeriesEntry, SeriesWalk};
use crate::testing::{hex, index_model};

fn unhex(text: &str) -> Vec<u8> {
    hex::bytes(&text.split_whitespace().collect::<String>())
}

/// The index of section 14.9 of the format.
fn worked_index() -> Vec<u8> {
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

#[test]
fn the_model_writes_the_worked_example_too() {
    let series = index_model::worked_series();
    let (bytes, refs) = index_model::write(&series, &[], index_model::TODAY);
    assert_eq!(bytes, worked_index());
    assert_eq!(refs, [SeriesRef(3), SeriesRef(5), SeriesRef(6)]);
}

#[test]
fn an_index_without_series_has_a_list_of_all_of_them() {
    for more in [&[][..], &["", "unused"]] {
        let stage = IndexWriter::begin(Vec::new()).symbols(table(more)).unwrap();
        let bytes = stage.finish().unwrap();
        assert_eq!(bytes, index_model::write(&[], more, index_model::TODAY).0);
        let reader = IndexReader::open(bytes).unwrap();
        assert!(reader.all_postings().unwrap().is_empty());
        assert!(reader.label_names().unwrap().is_empty());
    }
}

/// Adds a series behind another; `want` is its number or the refusal.
fn check_second(labels: &[(u32, u32)], chunks: &[ChunkMeta], want: &str) {
    let mut stage = stage();
    stage
        .add(
            &pairs(&[(2, 3), (5, 0)]),
            &[chunk(0, 10, 8), chunk(20, 30, 18)],
        )
        .unwrap();
    let got = stage.add(&pairs(labels), chunks);
    let got = got.map_or_else(|error| error.to_string(), |series| series.0.to_string());
    assert_eq!(got, want);
}

#[test]
fn labels_that_would_make_a_bad_index_are_refused() {
    let sound = [chunk(5, 6, 18)];
    let next = [(2, 3), (5, 1)];
    check_second(&next, &sound, "5");
    check_second(&next, &[], "5");
    check_second(&[], &sound, "series at 0x41: series out of order");
    check_second(&[(2, 3)], &sound, "series at 0x41: series out of order");
    check_second(
        &[(2, 3), (5, 0)],
        &sound,
        "series at 0x41: series out of order",
    );
    check_second(&[(2, 3), (5, 0), (6, 0)], &sound, "5");
    check_second(
        &[(5, 1), (2, 3)],
        &sound,
        "series at 0x41: label names out of order",
    );
    check_second(
        &[(5, 1), (5, 2)],
        &sound,
        "series at 0x41: label names out of order",
    );
    check_second(
        &[(2, 3), (5, 7)],
        &sound,
        "series at 0x50: label symbol 7 is past 7",
    );
    check_second(
        &[(7, 3)],
        &sound,
        "series at 0x50: label symbol 7 is past 7",
    );
}

#[test]
fn the_empty_name_is_the_list_of_all_series() {
    let mut stage = IndexWriter::begin(Vec::new())
        .symbols(table(&["", "a"]))
        .unwrap();
    let error = stage.add(&pairs(&[(0, 1)]), &[]).unwrap_err().to_string();
    assert_eq!(error, "series at 0x20: a label without name");
}

#[test]
fn the_output_is_written_in_large_pieces() {
    struct Pieces(Vec<usize>);
    impl Output for Pieces {
        fn append(&mut self, bytes: &[u8]) -> Result<()> {
            self.0.push(bytes.len());
            Ok(())
        }
    }
    let mut symbols = SymbolTable::new();
    for number in 0..100_000 {
        symbols.push(format!("{number:08}").as_bytes()).unwrap();
    }
    let stage = IndexWriter::begin(Pieces(Vec::new())).symbols(Arc::new(symbols));
    let mut stage = stage.unwrap();
    for value in 1..100_000 {
        stage.add(&pairs(&[(0, value)]), &[chunk(0, 1, 8)]).unwrap();
    }
    let Pieces(pieces) = stage.finish().unwrap();
    let (last, full) = pieces.split_last().unwrap();
    assert!(full.len() > 3 && *last < BUFFER_BYTES + 1000);
    assert!(
        full.iter()
            .all(|len| (BUFFER_BYTES..BUFFER_BYTES + 1000).contains(len))
    );
}

/// Writes the model's series with our writer; bodies that were encoded elsewhere if `apart`.
fn write(series: &[index_model::Series], more: &[&str], apart: bool) -> Vec<u8> {
    let mut strings: Vec<_> = index_model::symbols(series)
        .into_iter()
        .chain(more.iter().copied())
        .collect();
    strings.sort_unstable();
    let symbols = table(&strings);
    let mut stage = IndexWriter::begin(Vec::new())
        .symbols(Arc::clone(&symbols))
        .unwrap();
    let find = |text: &String| symbols.find(text.as_bytes()).unwrap();
    for series in series {
        let labels: Vec<Pair> = series
            .labels
            .iter()
            .map(|(name, value)| (find(name), find(value)))
            .collect();
        if !apart {
            stage.add(&labels, &series.chunks).unwrap();
            continue;
        }
        // A thread that does not know where its chunks will be counts from zero.
        let first = series.chunks.first().copied().unwrap_or_default().reference;
        let mut chunks = series.chunks.clone();
        for chunk in &mut chunks {
            chunk.reference.0 -= first.0;
        }
        series::check(&labels, &chunks).unwrap();
        let mut bytes = Vec::new();
        let encoded = series::encode(&labels, &chunks, &mut bytes);
        stage
            .add_body(&labels, Body::new(&bytes, encoded, &chunks), first)
            .unwrap();
    }
    stage.finish().unwrap()
}

proptest! {
    #[test]
    fn indexes_equal_those_of_the_slow_writer(series in crate::index::reader::tests::any_series(), apart: bool) {
        let (want, _) = index_model::write(&series, &["", "~"], index_model::TODAY);
        prop_assert_eq!(write(&series, &["", "~"], apart), want);
    }
}

#[test]
fn chunks_that_would_make_a_bad_index_are_refused() {
    let next = [(2, 3), (5, 1)];
    check_second(
        &next,
        &[chunk(6, 5, 18)],
        "series at 0x41: times of a chunk out of order",
    );
    check_second(
        &next,
        &[chunk(5, 6, 18), chunk(6, 7, 28)],
        "series at 0x41: chunks out of order",
    );
    check_second(&next, &[chunk(5, 6, 18), chunk(7, 7, 28)], "5");
    check_second(
        &next,
        &[chunk(5, 6, 17)],
        "series at 0x41: chunk references out of order",
    );
    check_second(
        &next,
        &[chunk(5, 6, 28), chunk(7, 7, 27)],
        "series at 0x41: chunk references out of order",
    );
}

/// Bytes put aside in memory.
#[derive(Debug, Default)]
struct Aside(Vec<u8>);

impl Output for Aside {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

impl Scratch for Aside {
    fn window(&mut self) -> Result<Box<dyn Window + Send>> {
        Ok(Box::new(Held(self.0.clone())))
    }
}

struct Held(Vec<u8>);

impl Window for Held {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn fill(&mut self, at: u64, len: usize) -> Result<&[u8]> {
        let at = usize::try_from(at).unwrap();
        Ok(&self.0[at..at + len])
    }
}

#[derive(Debug)]
struct Space;

impl ScratchSpace for Space {
    fn create(&self) -> Result<Box<dyn Scratch>> {
        Ok(Box::new(Aside::default()))
    }
}

/// An index of these series, whose pairs are put aside after every so many of them.
fn index_put_aside(series: &[Vec<Pair>], every: usize) -> Vec<u8> {
    let budget = crate::budget::Budget::unlimited("test");
    let memory = Memory {
        scratch: Some(Arc::new(Space)),
        budget: budget.clone(),
    };
    let mut stage = stage().bounded(memory, budget.reserve(0).unwrap()).unwrap();
    for (at, labels) in series.iter().enumerate() {
        stage.add(labels, &[chunk(0, 1, 8 + at as u64)]).unwrap();
        if (at + 1).is_multiple_of(every) {
            let spill = stage.spill.as_mut().unwrap();
            spill.put_aside(&mut stage.log).unwrap();
        }
    }
    stage.finish().unwrap()
}

proptest! {
    #[test]
    fn pairs_put_aside_give_the_same_bytes(
        series in prop::collection::btree_set(prop::collection::btree_map(2..7_u32, 0..7_u32, 1..5), 0..40),
        every in 1..20_usize,
    ) {
        let labels = |map: BTreeMap<u32, u32>| pairs(&map.into_iter().collect::<Vec<_>>());
        let mut series: Vec<Vec<Pair>> = series.into_iter().map(labels).collect();
        series.sort();
        prop_assert_eq!(index_put_aside(&series, every), index_put_aside(&series, usize::MAX));
    }
}
