//! The aggregate chunks of single series are those of Thanos, byte for byte.

use compactor::downsample::{Downsampler, SeriesChunk};
use serde_json::Value as Json;
use tsdb::chunk::{Chunk, Encoding, xor};
use tsdb::meta::Resolution;
use tsdb::testing::{golden, hex};

/// Raw chunks of at most 120 samples.
fn float_chunks(samples: &[Json]) -> Vec<Chunk> {
    let pair = |sample: &Json| {
        let t = sample[0].as_i64().expect("a time");
        (t, hex::float(sample[1].as_str().expect("bits")))
    };
    let pack = |part: &[Json]| {
        let (ts, vs): (Vec<_>, Vec<_>) = part.iter().map(pair).unzip();
        Chunk {
            min: ts[0],
            max: ts[ts.len() - 1],
            encoding: Encoding::Xor,
            payload: xor::encode(&ts, &vs),
        }
    };
    samples.chunks(120).map(pack).collect()
}

fn check(line: &Json, chunks: &[Chunk]) {
    let name = &line["name"];
    let chunks: Vec<_> = chunks.iter().map(SeriesChunk::from).collect();
    let to = Resolution(line["resolution"].as_i64().expect("a resolution"));
    let mut got = Vec::new();
    Downsampler::new()
        .raw(&chunks, to, &mut got)
        .unwrap_or_else(|error| panic!("{name}: {}", error.chain()));
    let none = Vec::new();
    let want = line["out"].as_array().unwrap_or(&none);
    assert_eq!(got.len(), want.len(), "{name}: chunks");
    for (got, want) in got.iter().zip(want) {
        assert_eq!(
            hex::text(&got.payload),
            want["chunk"].as_str().expect("hex"),
            "{name}"
        );
        assert_eq!(Some(got.min), want["mint"].as_i64(), "{name}");
        assert_eq!(Some(got.max), want["maxt"].as_i64(), "{name}");
    }
}

#[test]
fn golden_float_series_are_downsampled_byte_for_byte() {
    let lines = golden::json_lines("blocks/aggr.jsonl");
    let floats: Vec<_> = lines
        .iter()
        .filter(|line| line["kind"] == "float")
        .collect();
    assert!(!floats.is_empty(), "no float series");
    for line in floats {
        check(
            line,
            &float_chunks(line["samples"].as_array().expect("samples")),
        );
    }
}
