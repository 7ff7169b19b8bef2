//! Fuzz bodies of the chunk decoders that yield floats: any bytes give samples or an error.

use crate::chunk::aggregate::{Aggregate, AggregateView};
use crate::chunk::{ChunkView, Encoding, decode, sample_count, xor, xor2};

/// An XOR chunk; what decodes must encode to something that decodes to the same.
///
/// # Panics
/// Where that promise breaks.
pub fn decode_xor(bytes: &[u8]) {
    let (mut ts, mut vs) = (Vec::new(), Vec::new());
    if xor::decode(bytes, &mut ts, &mut vs).is_err() {
        assert!(ts.is_empty() && vs.is_empty(), "an error leaves no samples");
        return;
    }
    let (mut again_ts, mut again_vs) = (Vec::new(), Vec::new());
    let again = xor::encode(&ts, &vs);
    xor::decode(&again, &mut again_ts, &mut again_vs).expect("our own chunk is sound");
    assert_eq!(ts, again_ts, "times survive");
    let bits = |vs: &[f64]| vs.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&vs), bits(&again_vs), "values survive");
}

/// An XOR2 chunk.
///
/// # Panics
/// Where an error leaves samples behind.
pub fn decode_xor2(bytes: &[u8]) {
    let (mut ts, mut vs) = (Vec::new(), Vec::new());
    if xor2::decode(bytes, &mut ts, &mut vs).is_err() {
        assert!(ts.is_empty() && vs.is_empty(), "an error leaves no samples");
    }
}

/// An aggregate chunk and whatever it holds.
pub fn decode_aggregate(bytes: &[u8]) {
    let whole = ChunkView {
        encoding: Encoding::Aggregate,
        payload: bytes,
    };
    let _ = sample_count(whole);
    let Ok(view) = AggregateView::parse(bytes) else {
        return;
    };
    for aggregate in Aggregate::ALL {
        if let Some(part) = view.get(aggregate) {
            let _ = decode(part, &mut Vec::new());
        }
    }
}
