//! A raw series to 5 minutes and on to 1 hour: nanoseconds per raw sample, in memory.
//!
//! Two weeks of a counter that is reset now and then and of a gauge, at 15 s. From block to block the aim is 12 ns per
//! sample; this is the part of it that computes.

use compactor::downsample::{Downsampler, SeriesChunk};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tsdb::chunk::{Chunk, Encoding, xor};
use tsdb::meta::Resolution;

/// Two weeks at 15 s.
const SAMPLES: u32 = 14 * 24 * 60 * 4;

const CHUNK_SAMPLES: usize = 120;

/// The value of sample `n`.
type Values = fn(u32) -> f64;

const KINDS: [(&str, Values); 2] = [
    ("counter", |n| f64::from(n % 20_000 * 7 + n % 13)),
    ("gauge", |n| {
        f64::from(n.wrapping_mul(2_654_435_761) >> 20) / 8.0
    }),
];

fn chunks(values: Values) -> Vec<Chunk> {
    let ts: Vec<i64> = (0..SAMPLES)
        .map(|n| 1_699_200_000_000 + i64::from(n) * 15_000 + i64::from(n % 4))
        .collect();
    let vs: Vec<f64> = (0..SAMPLES).map(values).collect();
    let parts = ts.chunks(CHUNK_SAMPLES).zip(vs.chunks(CHUNK_SAMPLES));
    let chunk = |(ts, vs): (&[i64], &[f64])| Chunk {
        min: ts[0],
        max: ts[ts.len() - 1],
        encoding: Encoding::Xor,
        payload: xor::encode(ts, vs),
    };
    parts.map(chunk).collect()
}

fn downsample(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("raw to 5m and 1h");
    group.throughput(Throughput::Elements(u64::from(SAMPLES)));
    for (name, values) in KINDS {
        let raw = chunks(values);
        let raw: Vec<_> = raw.iter().map(SeriesChunk::from).collect();
        let mut downsampler = Downsampler::new();
        let (mut five, mut hour) = (Vec::new(), Vec::new());
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                five.clear();
                hour.clear();
                downsampler
                    .raw(&raw, Resolution::FIVE_MINUTES, &mut five)
                    .expect("our own chunks are sound");
                downsampler
                    .last_made(&five, Resolution::ONE_HOUR, &mut hour)
                    .expect("our own chunks are sound");
                hour.len()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, downsample);
criterion_main!(benches);
