//! Fuzz bodies of the histogram chunks: any bytes give samples or an error, and what decodes can be packed again.

use super::model::same;
use crate::chunk::{self, ChunkView, Encoding};
use crate::sample::{Sample, Value};

/// A chunk of histograms, in each of the four encodings; what decodes must pack into chunks that decode to the same.
///
/// # Panics
/// Where that promise breaks.
pub fn decode_histograms(bytes: &[u8]) {
    for encoding in [
        Encoding::Histogram,
        Encoding::FloatHistogram,
        Encoding::HistogramSt,
        Encoding::FloatHistogramSt,
    ] {
        let view = ChunkView {
            encoding,
            payload: bytes,
        };
        let mut samples = Vec::new();
        if chunk::decode(view, &mut samples).is_err() {
            assert!(samples.is_empty(), "an error leaves no samples");
            continue;
        }
        samples.iter_mut().for_each(unsign_zeros);
        check_packed(&samples);
        // Counts that fall inside one chunk cannot be packed into one.
        let _ = chunk::reencode_one(&samples, encoding);
    }
}

/// Thresholds and bounds of zero lose their sign in a chunk.
fn unsign_zeros(sample: &mut Sample) {
    let (threshold, bounds) = match &mut sample.value {
        Value::Float(_) => return,
        Value::Histogram(histogram) => {
            (&mut histogram.zero_threshold, &mut histogram.custom_bounds)
        }
        Value::FloatHistogram(histogram) => {
            (&mut histogram.zero_threshold, &mut histogram.custom_bounds)
        }
    };
    for number in bounds.iter_mut().chain([threshold]) {
        if *number == 0.0 {
            *number = 0.0;
        }
    }
}

/// Packs samples and compares what the chunks hold with them.
///
/// # Panics
/// Where a sample is lost, moved or changed.
pub fn check_packed(samples: &[Sample]) {
    let chunks = chunk::encode_samples(samples).expect("spans and buckets agree");
    let mut again = Vec::new();
    for chunk in &chunks {
        let first = again.len();
        chunk::decode(chunk.view(), &mut again).expect("our own chunk is sound");
        let count = again.len() - first;
        assert_eq!(
            Ok(count),
            chunk::sample_count(chunk.view()).map_err(|error| error.chain())
        );
        assert!(
            (1..=chunk::SAMPLES_PER_CHUNK).contains(&count),
            "{count} samples"
        );
        assert_eq!(chunk.min, again[first].t, "first time");
        assert_eq!(chunk.max, again[again.len() - 1].t, "last time");
    }
    assert_eq!(again.len(), samples.len(), "number of samples");
    for (got, want) in again.iter().zip(samples) {
        assert_eq!(got.t, want.t, "time");
        assert!(same(&got.value, &want.value), "{got:?} was {want:?}");
    }
}
