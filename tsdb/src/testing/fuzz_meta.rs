//! Fuzz bodies for metas and marks: any bytes give a value or an error, and a value survives being written.
//!
//! Property tests call them with random and with injured bytes, a fuzzer with its own.

use crate::mark::{DeletionMark, Mark, NoCompactMark, NoDownsampleMark};
use crate::meta::BlockMeta;

/// Reads `bytes` as a `meta.json`.
///
/// # Panics
/// Where what was read does not survive being written and read again.
pub fn decode_meta(bytes: &[u8]) {
    let Ok(meta) = BlockMeta::from_json(bytes) else {
        return;
    };
    let again = BlockMeta::from_json(&meta.to_json()).expect("what we write is readable");
    assert_eq!(again, meta);
}

/// Reads `bytes` as each kind of mark.
///
/// # Panics
/// Where what was read does not survive being written and read again.
pub fn decode_mark(bytes: &[u8]) {
    fn check<M: Mark + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
        let Ok(mark) = M::from_json(bytes) else {
            return;
        };
        let again = M::from_json(&mark.to_json()).expect("what we write is readable");
        assert_eq!(again, mark);
    }
    check::<DeletionMark>(bytes);
    check::<NoCompactMark>(bytes);
    check::<NoDownsampleMark>(bytes);
}
