//! Samples to chunks; floats only until the histogram chunks are in (replace this file whole).
use super::*;
use crate::sample::Value;
/// temp
pub fn encode_samples(samples: &[Sample]) -> Result<Vec<Chunk>> {
    let mut out = Vec::new();
    for run in samples.chunks(120) {
        out.extend(reencode_one(run)?);
    }
    Ok(out)
}
/// temp
pub fn reencode_one(samples: &[Sample]) -> Result<Vec<Chunk>> {
    let mut e = xor::XorEncoder::new();
    for s in samples {
        let Value::Float(v) = s.value else {
            return Err(crate::error::Error::Invalid("hist".into()));
        };
        e.append(s.t, v);
    }
    Ok(vec![Chunk {
        min: samples[0].t,
        max: samples[samples.len() - 1].t,
        encoding: Encoding::Xor,
        payload: e.finish(),
    }])
}
