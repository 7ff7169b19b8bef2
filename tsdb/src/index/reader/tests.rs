//! Indexes of every kind are read alike, by every way of reading, and damage is found.
//!
//! [`read`] takes all that an index holds and lets the ways of reading contradict each other: the list of all series, the
//! walk, the postings, both symbol tables. Old files come from [`index_model`].

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::codec::Sink;
use crate::index::{MAGIC, SeriesWalk};
use crate::testing::damage::{Damage, every_bit, every_length};
use crate::testing::index_model::{self, Series};
use crate::testing::trickle::Trickle;

/// All that an index holds, by every way of reading it; the ways must agree.
#[derive(Debug, PartialEq, Eq)]
struct Content {
    series: Vec<(SeriesRef, Series)>,
    postings: BTreeMap<(String, String), Vec<SeriesRef>>,
    symbols: Vec<Vec<u8>>,
}

fn read(bytes: &[u8]) -> Result<Content> {
    let reader = IndexReader::open(bytes)?;
    let symbols = reader.symbols()?;
    let mut walk = SeriesWalk::open(Trickle { bytes, most: 7 })?;
    let mut walked = SeriesEntry::default();
    let mut series = Vec::new();
    for next in reader.all_series()? {
        let (reference, entry) = next?;
        assert_eq!(walk.next(&mut walked)?, Some(reference));
        assert_eq!(walked, entry);
        let labels = reader.labels(&entry)?;
        let labels = labels
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        for (name, value) in &entry.labels {
            for symbol in [*name, *value] {
                let string = symbols.get(symbols.position(symbol)?);
                assert_eq!(string, Some(reader.symbol(symbol)?));
            }
        }
        series.push((
            reference,
            Series {
                labels: labels.collect(),
                chunks: entry.chunks,
            },
        ));
    }
    assert_eq!(walk.next(&mut walked)?, None);
    Ok(Content {
        series,
        postings: read_postings(&reader)?,
        symbols: symbols.iter().map(<[u8]>::to_vec).collect(),
    })
}

fn read_postings(
    reader: &IndexReader<&[u8]>,
) -> Result<BTreeMap<(String, String), Vec<SeriesRef>>> {
    let mut postings = BTreeMap::new();
    let all = reader.all_postings()?.iter().collect();
    postings.insert((String::new(), String::new()), all);
    for name in reader.label_names()? {
        let values = reader.label_values(name)?.expect("the name is there");
        assert_eq!(values.iter().len(), values.len());
        for value in values.iter() {
            let (value, list) = value?;
            let text = symbols::text(value)?;
            let list = reader.postings_at(list)?;
            assert_eq!(reader.postings(name, text)?, Some(list));
            assert!(reader.find_symbol(value)?.is_some());
            postings.insert((name.to_owned(), text.to_owned()), list.iter().collect());
        }
    }
    Ok(postings)
}

fn worked(kind: index_model::Kind) -> Vec<u8> {
    index_model::write(&index_model::worked_series(), &["", "zz"], kind).0
}

#[test]
fn every_flip_is_found_where_a_checksum_covers_it() {
    for kind in index_model::KINDS {
        let sound = worked(kind);
        let content = read(&sound).unwrap();
        let mut silent = 0;
        for damage in every_bit(sound.len()) {
            let Damage::FlipBit { at, .. } = damage else {
                continue;
            };
            let damaged = damage.of(&sound);
            let found = match read(&damaged) {
                Ok(got) => {
                    assert_eq!(got, content, "{kind:?} {damage}");
                    legacy_is_damaged(&damaged)
                }
                Err(_) => true,
            };
            silent += usize::from(!found);
            // Versions 2 and 3 read alike; padding means nothing.
            let allowed = at == 4 || sound[at] == 0;
            assert!(found || allowed, "{kind:?} {damage}");
        }
        // At most 7 bytes of padding before the first series, 15 between any two, 3 before each list.
        assert!(silent < 8 * (1 + 7 + 2 * 15 + 12 * 3), "{silent}");
    }
}

fn legacy_is_damaged(bytes: &[u8]) -> bool {
    let reader = IndexReader::open(bytes).unwrap();
    crate::index::legacy::check(bytes, reader.toc()).is_err()
}

#[test]
fn no_index_is_cut_off() {
    for kind in index_model::KINDS {
        let sound = worked(kind);
        for damage in every_length(sound.len()) {
            assert!(read(&damage.of(&sound)).is_err(), "{kind:?} {damage}");
        }
    }
}

#[test]
fn errors_name_the_place() {
    fn check(damage: Damage, seal: bool, want: &str) {
        let mut bytes =
            index_model::write(&index_model::worked_series(), &[], index_model::TODAY).0;
        damage.apply(&mut bytes);
        if seal {
            index_model::seal(&mut bytes);
        }
        assert_eq!(read(&bytes).unwrap_err().to_string(), want);
    }
    let set = |at, value| Damage::SetU8 { at, value };
    let word = |at, value| Damage::SetU32 { at, value };
    check(
        set(0, 0),
        false,
        "index at 0x0: magic number is 00aad700, not baaad700",
    );
    check(set(4, 4), false, "index at 0x4: version 4 is not supported");
    check(
        set(330, 9),
        false,
        "toc at 0x124: checksum is 7ed9cfe4, the bytes give f3555f4f",
    );
    check(
        word(5, u32::MAX),
        true,
        "symbols at 0x5: 7 symbols in 4294967295 bytes do not fit",
    );
    check(
        word(9, 1 << 30),
        true,
        "symbols at 0x5: 1073741824 symbols in 28 bytes do not fit",
    );
    check(word(9, 8), true, "symbols at 0x25: ends after 0 of 1 bytes");
    check(set(16, b'1'), true, "symbols at 0xf: symbols out of order");
    check(
        word(0xe0, 7),
        true,
        "postings offset table at 0x120: ends after 0 of 1 bytes",
    );
    check(
        word(0xe0, u32::MAX),
        true,
        "postings offset table at 0x120: ends after 0 of 1 bytes",
    );
    check(
        set(0xe4, 1),
        true,
        "postings offset table at 0xe4: 1 strings in a key, not 2",
    );
    check(
        set(0xe8 + 11, b'z'),
        true,
        "postings offset table at 0xf6: entries out of order",
    );
    check(
        set(0xe7, 0x30),
        true,
        "postings at 0x34: ends after 240 of 268567043 bytes",
    );
}

#[test]
fn a_symbol_past_the_table_names_both() {
    let mut series = index_model::worked_series();
    series[0].chunks.clear();
    let (mut bytes, refs) = index_model::write(&series, &[], index_model::TODAY);
    let at = usize::try_from(Version::Two.series_offset(refs[0])).unwrap();
    // Body of six bytes: two labels, no chunk. The first value becomes symbol 99.
    bytes[at + 3] = 99;
    let checksum = crc::crc32c(&bytes[at + 1..at + 7]);
    bytes[at + 7..at + 11].copy_from_slice(&checksum.to_be_bytes());
    let reader = IndexReader::open(&bytes).unwrap();
    let entry = reader.series(refs[0]).unwrap();
    let error = reader.labels(&entry).unwrap_err().to_string();
    assert_eq!(error, "symbols at 0x9: symbol 99 is past 7");
    let error = reader.symbols().unwrap().position(entry.labels[0].1);
    assert!(error.is_err());
}

#[test]
fn series_lie_in_the_series_section() {
    let bytes = worked(index_model::TODAY);
    let reader = IndexReader::open(&bytes).unwrap();
    for number in [0, 1, 7, 8, 20, u32::MAX] {
        assert!(reader.series(SeriesRef(number)).is_err(), "{number}");
    }
}

#[test]
fn strings_that_are_not_text_are_bytes_still() {
    let mut symbols = vec![0, 0, 0, 2];
    symbols.put_uvarint_bytes(b"a");
    symbols.put_uvarint_bytes(&[0xFF]);
    let mut bytes = Vec::new();
    bytes.put_u32(MAGIC);
    bytes.put_u8(2);
    crc::put_frame(&mut bytes, &symbols);
    let series = bytes.len() as u64;
    let mut table = vec![0, 0, 0, 1, 2];
    table.put_uvarint_bytes(b"a");
    table.put_uvarint_bytes(&[0xFF]);
    table.put_uvarint(5);
    crc::put_frame(&mut bytes, &table);
    let toc = Toc {
        symbols: 5,
        series,
        postings: series,
        postings_table: series,
        ..Toc::default()
    };
    bytes.put(&toc.encode());
    let reader = IndexReader::open(&bytes).unwrap();
    assert_eq!(reader.symbol(SymbolRef(1)).unwrap(), [0xFF]);
    let values: Vec<_> = reader
        .label_values("a")
        .unwrap()
        .unwrap()
        .iter()
        .map(|value| value.unwrap().0)
        .collect();
    assert_eq!(values, [[0xFF]]);
    let error = reader.all_postings().unwrap_err().to_string();
    assert!(error.ends_with("no list of all series"), "{error}");
    let entry = SeriesEntry {
        labels: vec![(SymbolRef(0), SymbolRef(1))],
        chunks: Vec::new(),
    };
    assert!(reader.labels(&entry).is_err());
}

/// Series with distinct labels in order, and chunks in order.
pub(crate) fn any_series() -> impl Strategy<Value = Vec<Series>> {
    let labels = proptest::collection::btree_map("[a-e]{1,2}|ü", "[a-z]{1,2}|[0-9]{2}", 1..5);
    let gap = (1_i64..1000, 0_i64..1000, 1_u64..5000);
    let chunks = proptest::collection::vec(gap, 0..4);
    let series = proptest::collection::btree_map(labels, chunks, 0..80);
    (series, -10_000_i64..10_000).prop_map(|(series, start)| {
        let sorted = series.into_iter().map(|(labels, gaps)| {
            let key: Vec<_> = labels.clone().into_iter().collect();
            (key, (labels, gaps))
        });
        let sorted: BTreeMap<_, _> = sorted.collect();
        let mut reference = 8;
        let mut place = |time: &mut i64, (gap, length, size): (i64, i64, u64)| {
            let min = *time + gap;
            *time = min + length;
            reference += size;
            (min, *time, reference)
        };
        let build = |(labels, gaps): (BTreeMap<String, String>, Vec<_>)| {
            let mut time = start;
            let chunks: Vec<_> = gaps.into_iter().map(|gap| place(&mut time, gap)).collect();
            Series {
                labels,
                ..index_model::series(&[], &chunks)
            }
        };
        sorted.into_values().map(build).collect()
    })
}

proptest! {
    #[test]
    fn indexes_of_every_kind_are_read_alike(series in any_series()) {
        for kind in index_model::KINDS {
            let (bytes, refs) = index_model::write(&series, &["unused"], kind);
            let content = read(&bytes).unwrap();
            let want: Vec<_> = refs.iter().copied().zip(series.iter().cloned()).collect();
            prop_assert_eq!(content.series, want);
            let want: BTreeMap<_, _> = index_model::postings(&series, &refs)
                .into_iter()
                .map(|((name, value), refs)| ((name.to_owned(), value.to_owned()), refs))
                .collect();
            prop_assert_eq!(content.postings, want);
        }
    }
}

#[test]
fn values_can_be_walked_from_anywhere() {
    // More than two samples of the offset table, and a last value that is none by its number.
    let value = |number: u32| format!("{:03}", 2 * number);
    let series: Vec<Series> = (1..=75)
        .map(|number| index_model::series(&[("id", &value(number))], &[(0, 0, 8)]))
        .collect();
    for kind in index_model::KINDS {
        let (bytes, _) = index_model::write(&series, &[], kind);
        let reader = IndexReader::open(&bytes[..]).unwrap();
        let values = reader.label_values("id").unwrap().unwrap();
        let all: Vec<_> = values.iter().map(Result::unwrap).collect();
        for first in [
            "", "001", "002", "064", "065", "066", "149", "150", "151", "9",
        ] {
            let from = values.iter_from(first.as_bytes()).unwrap();
            let left = from.len();
            let got: Vec<_> = from.map(Result::unwrap).collect();
            let want: Vec<_> = (all.iter().copied())
                .filter(|(value, _)| *value >= first.as_bytes())
                .collect();
            assert_eq!((&got, left), (&want, want.len()), "{kind:?} from {first:?}");
        }
    }
}
