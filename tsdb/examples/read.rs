//! Prints the first samples of the series that a selector matches: `cargo run --example read -- BLOCK '{__name__="up"}'`.

#![expect(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use std::error::Error;
use std::path::Path;

use tsdb::block::reader::Block;
use tsdb::chunk;
use tsdb::matcher::parse_selector;
use tsdb::postings::select::select;
use tsdb::segment::SegmentReader;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: read BLOCK SELECTOR";
    let block = Block::open(Path::new(&arguments.next().ok_or(usage)?))?;
    let matchers = parse_selector(&arguments.next().ok_or(usage)?)?;
    let index = block.index_reader()?;
    let segments = block.map_segments()?;
    for series in select(&index, &matchers)? {
        let entry = index.series(series)?;
        println!("{}", index.labels(&entry)?);
        let Some(first) = entry.chunks.first() else {
            continue;
        };
        let segment = &segments[first.reference.segment() as usize];
        let mut samples = Vec::new();
        chunk::decode(
            SegmentReader::open(segment)?.chunk(first.reference.offset())?,
            &mut samples,
        )?;
        for sample in samples.iter().take(3) {
            println!("  {} {:?}", sample.t, sample.value);
        }
    }
    Ok(())
}
