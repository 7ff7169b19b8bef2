//! Writes generated blocks into a directory: `cargo run --release --example write -- DIR [TARGETS [INTERVAL_S [BLOCKS]]]`.

use std::error::Error;
use std::path::Path;

use tsdb::block::build::{BlockBuilder, symbol_table};
use tsdb::chunk::xor::XorEncoder;
use tsdb::chunk::{Chunk, Encoding, SAMPLES_PER_CHUNK};
use tsdb::generate::{Config, Generator};
use tsdb::id::BlockId;
use tsdb::meta::{BlockMeta, Compaction};
use tsdb::segment::SIZE_DEFAULT;
use tsdb::time::Millis;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments
        .next()
        .ok_or("usage: write DIR [TARGETS [INTERVAL_S [BLOCKS]]]")?;
    let mut number = |default: i64| arguments.next().map_or(Ok(default), |text| text.parse());
    let config = Config {
        targets: u32::try_from(number(2)?)?,
        interval: Millis(number(15)? * 1000),
        blocks: u32::try_from(number(2)?)?,
        churn_ppm: 100_000,
        ..Config::default()
    };
    let generator = Generator::new(config)?;
    for at in 0..generator.config().blocks {
        write(&generator, at, Path::new(&dir))?;
    }
    Ok(())
}

fn write(generator: &Generator, at: u32, dir: &Path) -> Result<(), Box<dyn Error>> {
    let block = generator.block(at);
    let range = block.range;
    // Names of blocks are wall clock and random bits; here they only have to differ.
    let id = BlockId::new(u64::try_from(range.max.0)?, u128::from(at));
    let mut builder = BlockBuilder::create(dir, id, symbol_table(block.symbols())?, SIZE_DEFAULT)?;
    let (mut times, mut values) = (Vec::new(), Vec::new());
    for series in block.series() {
        times.clear();
        values.clear();
        series.fill(range, &mut times, &mut values);
        let chunks: Vec<Chunk> = times
            .chunks(SAMPLES_PER_CHUNK)
            .zip(values.chunks(SAMPLES_PER_CHUNK))
            .map(|(times, values)| encode(times, values))
            .collect();
        builder.series(&series.labels(), &chunks)?;
    }
    let meta = BlockMeta {
        ulid: id,
        min_time: range.min,
        max_time: range.max,
        compaction: Compaction {
            level: 1,
            sources: vec![id],
            ..Compaction::default()
        },
        ..BlockMeta::default()
    };
    builder.finish(meta, true)?;
    Ok(())
}

fn encode(times: &[i64], values: &[f64]) -> Chunk {
    let mut encoder = XorEncoder::new();
    for (time, value) in times.iter().zip(values) {
        encoder.append(*time, *value);
    }
    let (min, max) = (times[0], times[times.len() - 1]);
    Chunk {
        min,
        max,
        encoding: Encoding::Xor,
        payload: encoder.finish(),
    }
}
