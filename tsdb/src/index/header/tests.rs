//! Index-headers: the worked example, the answers, damage.
//!
//! Whatever the version of the index, its header must say what the index itself says. Golden headers are in
//! `tests/golden_index_header.rs`.

use proptest::prelude::*;

use super::*;
use crate::index::IndexReader;
use crate::index::postings::PostingsList;
use crate::testing::damage::{every_bit, every_length};
use crate::testing::{hex, index_model};

const WORKED: &str = concat!(
    "baaad792010200000000000000dc0000001c0000000701310132085f5f6e616d655f5f01610162036a6f62027570407b314a0000",
    "0040000000060200007002085f5f6e616d655f5f0161880102085f5f6e616d655f5f0275709c0102036a6f620131ac0102036a6f",
    "620132bc0102036a6f620162cc01356faffb00000000000000050000000000000029000000000000007000000000000000dc0000",
    "00000000007000000000000000dc7ed9cfe4000000000000000e000000000000003218854969",
);

fn worked_index() -> Vec<u8> {
    index_model::write(&index_model::worked_series(), &[], index_model::TODAY).0
}

#[test]
fn the_worked_example_comes_out_byte_for_byte() {
    let header = encode(&worked_index()).unwrap();
    assert_eq!(hex::text(&header), WORKED);
    let [head, toc] = HeaderPlan::first_ranges(344).unwrap();
    assert_eq!((head, toc), (0..5, 292..344));
}

#[test]
fn ranges_leave_out_length_and_checksum() {
    fn check(name: &str, value: &str, want: Option<Range<u64>>) {
        for sampling in [1, 2, 32] {
            let reader = HeaderReader::open(hex::bytes(WORKED), sampling).unwrap();
            assert_eq!(
                reader.postings_range(name, value).unwrap(),
                want,
                "{name}={value}"
            );
        }
    }
    check("", "", Some(0x74..0x84));
    check("__name__", "a", Some(0x8c..0x98));
    check("__name__", "up", Some(0xa0..0xa8));
    check("job", "1", Some(0xb0..0xb8));
    check("job", "2", Some(0xc0..0xc8));
    check("job", "b", Some(0xd0..0xd8));
    check("job", "x", None);
    check("job", "", None);
    check("foo", "1", None);
    let reader = HeaderReader::open(hex::bytes(WORKED), 32).unwrap();
    let several = reader.postings_ranges("job", &["", "1", "x"]).unwrap();
    assert_eq!(several, [None, Some(0xb0..0xb8), None]);
    assert!(
        reader
            .postings_ranges("foo", &["1", "2"])
            .unwrap()
            .is_empty()
    );
}

#[test]
fn every_flipped_bit_is_found() {
    let sound = hex::bytes(WORKED);
    for damage in every_bit(sound.len()) {
        let damaged = damage.of(&sound);
        let opened = HeaderReader::open(damaged.as_slice(), 32);
        assert!(
            opened.and_then(|reader| reader.check()).is_err(),
            "{damage}"
        );
    }
    for damage in every_length(sound.len()) {
        assert!(
            HeaderReader::open(damage.of(&sound), 32).is_err(),
            "{damage}"
        );
    }
}

#[test]
fn version_three_has_no_header() {
    let mut index = worked_index();
    index[4] = 3;
    let error = encode(&index).unwrap_err().to_string();
    assert_eq!(error, "index at 0x0: version 3 is not supported");
    assert!(encode(&index[..56]).is_err());
}

/// Everything that a header answers must be what the index says.
fn agrees(index: &[u8], sampling: usize) {
    let reader = IndexReader::open(index).unwrap();
    let bytes = encode(index).unwrap();
    let header = HeaderReader::open(bytes.as_slice(), sampling).unwrap();
    header.check().unwrap();
    assert_eq!(header.label_names().unwrap(), reader.label_names().unwrap());
    for name in reader.label_names().unwrap() {
        for value in reader.label_values(name).unwrap().unwrap().iter() {
            let (value, list) = value.unwrap();
            let value = std::str::from_utf8(value).unwrap();
            let range = header.postings_range(name, value).unwrap().unwrap();
            let start = usize::try_from(range.start).unwrap();
            let fetched = &index[start..usize::try_from(range.end).unwrap()];
            let fetched = PostingsList::decode_range(fetched, range.start).unwrap();
            assert_eq!(fetched, reader.postings_at(list).unwrap());
            let symbol = reader.find_symbol(value.as_bytes()).unwrap().unwrap();
            assert_eq!(header.find_symbol(value.as_bytes()).unwrap(), Some(symbol));
            assert_eq!(header.symbol(symbol).unwrap(), value.as_bytes());
        }
    }
}

proptest! {
    #[test]
    fn headers_of_every_kind_agree_with_their_index(
        names in proptest::collection::btree_map("[a-c]{1,2}", 1_usize..70, 1..4),
        sampling in 1_usize..40,
    ) {
        let mut series = Vec::new();
        for (name, count) in &names {
            for value in 0..*count {
                series.push(index_model::series(&[(name, &format!("{value:02}"))], &[(0, 1, 8)]));
            }
        }
        for kind in index_model::KINDS {
            if kind.version != Version::Three {
                agrees(&index_model::write(&series, &["zz"], kind).0, sampling);
            }
        }
    }
}
