//! Merge, five minutes and one hour from one read, beside downsampling alone: seconds on one thread.
//!
//! Four blocks of two hours at 15 s. At once should cost at most 1.3 times what downsampling the merged block costs.

use std::path::{Path, PathBuf};

use compactor::build::{self, Options};
use compactor::downsample::block::{Target, Targets, downsample};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use tempfile::TempDir;
use tsdb::block::generated;
use tsdb::block::reader::Block;
use tsdb::budget::Budget;
use tsdb::generate::{Config, Generator};
use tsdb::id::BlockId;
use tsdb::merge::MergeFunc;
use tsdb::meta::Resolution;

const BLOCKS: u32 = 4;

fn options() -> Options {
    Options {
        id: BlockId::new(2, 0),
        merge: MergeFunc::OneToOne,
        threads: 1,
        budget: Budget::unlimited("bench"),
    }
}

/// Five minutes and one hour.
fn targets() -> [Target; 2] {
    let levels = [(1, Resolution::FIVE_MINUTES), (2, Resolution::ONE_HOUR)];
    levels.map(|(number, resolution)| Target {
        id: BlockId::new(2, number),
        resolution,
    })
}

/// A directory in memory where the system has one: the disk is not what is measured.
fn scratch() -> TempDir {
    let in_memory = tempfile::tempdir_in("/dev/shm");
    in_memory
        .or_else(|_| tempfile::tempdir())
        .expect("a directory")
}

fn inputs(parent: &Path) -> Vec<PathBuf> {
    let config = Config {
        targets: 5,
        blocks: BLOCKS,
        ..Config::default()
    };
    let generator = Generator::new(config).expect("a sound configuration");
    let write = |number| {
        let id = BlockId::new(1, u128::from(number));
        let written = generated::write(&generator, number, parent, id, None).expect("a disk");
        written.expect("samples").0
    };
    (0..BLOCKS).map(write).collect()
}

fn merge(dirs: &[PathBuf], out: &Path, targets: &[Target]) -> PathBuf {
    let parent = out.join("coarser");
    let coarser = Targets {
        parent: &parent,
        list: targets,
    };
    let built = build::merge(dirs, out, &options(), coarser).expect("sound blocks");
    built.expect("samples").dir
}

fn fused(criterion: &mut Criterion) {
    let dir = scratch();
    let dirs = inputs(dir.path());
    let merged = merge(&dirs, &dir.path().join("merged"), &[]);
    let mut group = criterion.benchmark_group("merge and downsampling");
    group.sample_size(10);
    group.bench_function("merge alone", |bencher| {
        let run = |out: TempDir| (merge(&dirs, out.path(), &[]), out);
        bencher.iter_batched(scratch, run, BatchSize::PerIteration);
    });
    group.bench_function("downsampling alone", |bencher| {
        let run = |out: TempDir| {
            let source = Block::open(&merged).expect("a sound block");
            let made = downsample(
                source,
                out.path(),
                &targets(),
                1,
                &Budget::unlimited("bench"),
            );
            (made.expect("a sound block").len(), out)
        };
        bencher.iter_batched(scratch, run, BatchSize::PerIteration);
    });
    group.bench_function("all at once", |bencher| {
        let run = |out: TempDir| (merge(&dirs, out.path(), &targets()), out);
        bencher.iter_batched(scratch, run, BatchSize::PerIteration);
    });
    group.finish();
}

criterion_group!(benches, fused);
criterion_main!(benches);
