//! Merges blocks into one: `cargo run --release --example merge -- OUT BLOCK...`.

#![expect(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use std::error::Error;
use std::path::Path;

use tsdb::block::compact::{CompactOptions, Compacted, compact};
use tsdb::block::reader::Block;
use tsdb::budget::Budget;
use tsdb::id::BlockId;
use tsdb::merge::MergeFunc;
use tsdb::segment::SIZE_DEFAULT;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let out = arguments.next().ok_or("usage: merge OUT BLOCK...")?;
    let inputs = arguments
        .map(|dir| Block::open(Path::new(&dir)))
        .collect::<Result<Vec<_>, _>>()?;
    let newest = inputs
        .iter()
        .map(|block| block.meta().max_time.0)
        .max()
        .ok_or("no blocks given")?;
    let options = CompactOptions {
        // Names of blocks are wall clock and random bits; here it only has to differ from the inputs'.
        id: BlockId::new(u64::try_from(newest)? + 1, 0),
        func: MergeFunc::OneToOne,
        segment_bytes: SIZE_DEFAULT,
        threads: 2,
        with_tombstones: true,
        budget: Budget::unlimited("merge"),
    };
    match compact(&inputs, Path::new(&out), None, &options)? {
        Compacted::Empty => println!("no samples are left"),
        Compacted::Block { dir, meta, .. } => {
            println!(
                "{}: {} series, {} samples",
                dir.display(),
                meta.stats.num_series,
                meta.stats.num_samples
            );
        }
    }
    Ok(())
}
