//! A small block on the disk, injured at every byte: each injury is found, nothing panics, nothing large is allocated.
//!
//! No byte of a block is without a promise: padding is zero, sections meet, records lie one behind the other. So there is
//! no list of bytes where a flip may go unseen. Compaction reads less than the check does (it makes its own postings); where it
//! does not refuse an injured block, it must make the same block as of the sound one.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops where its data is not as it must be"
)]
#![expect(
    unsafe_code,
    reason = "the allocator counts, and hands on what it is asked"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use tsdb::block::build::{BlockBuilder, symbol_table};
use tsdb::block::check::{self, Files, Finding};
use tsdb::block::compact::{CompactOptions, Compacted, compact};
use tsdb::block::reader::Block;
use tsdb::block::{CHUNKS, INDEX, META, TOMBSTONES};
use tsdb::budget::Budget;
use tsdb::chunk::encode_samples;
use tsdb::codec::crc;
use tsdb::error::{Error, ErrorKind};
use tsdb::id::{BlockId, SeriesRef};
use tsdb::index::Toc;
use tsdb::label::Labels;
use tsdb::merge::MergeFunc;
use tsdb::meta::BlockMeta;
use tsdb::sample::Sample;
use tsdb::segment::SIZE_DEFAULT;
use tsdb::testing::damage::{Damage, every_byte};
use tsdb::testing::index_model;
use tsdb::time::{Interval, Millis};
use tsdb::tombstone::Tombstones;

/// Small enough for a second segment.
const SEGMENT_BYTES: u64 = 64;

/// More than any buffer of ours, far less than any hostile length asks for.
const ALLOCATION_MAX: usize = 64 << 20;

/// Where the fields of an index lie that come before any table.
const SYMBOLS_LEN: usize = 5;
const SYMBOLS_COUNT: usize = 9;
const FIRST_SYMBOL: usize = 13;

/// 2^60 as a variable-length integer.
const HUGE: [u8; 9] = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10];

/// The largest piece of memory that was ever asked for.
static LARGEST: AtomicUsize = AtomicUsize::new(0);

struct Largest;

// SAFETY: everything is handed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Largest {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LARGEST.fetch_max(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Largest = Largest;

/// The files of a block by their names relative to it; `meta.json` among them.
#[derive(Clone)]
struct Held(BTreeMap<String, Vec<u8>>);

impl Held {
    /// Three series, two segments, one tombstone.
    fn small() -> Self {
        let root = tempfile::tempdir().unwrap();
        let id = BlockId::new(1, 1);
        let all = ["a", "b", "c"].map(|job| Labels::from_pairs([("__name__", "up"), ("job", job)]));
        let symbols = symbol_table(["__name__", "up", "job", "a", "b", "c"]).unwrap();
        let mut builder = BlockBuilder::create(root.path(), id, symbols, SEGMENT_BYTES).unwrap();
        for (series, labels) in (0_i64..).zip(&all) {
            let times = (0..6 + series).map(|t| 1000 + t * 15_000 + series);
            let samples: Vec<Sample> = times.map(|t| Sample::float(t, 1.5)).collect();
            let chunks = encode_samples(&samples).unwrap();
            builder.series(labels, &chunks).unwrap();
        }
        let mut meta = BlockMeta {
            ulid: id,
            max_time: Millis(7_200_000),
            ..BlockMeta::default()
        };
        meta.compaction.level = 1;
        meta.compaction.sources = vec![id];
        let (dir, mut meta) = builder.finish(meta, false).unwrap().unwrap();
        let mut tombstones = Tombstones::default();
        let index = Block::open(&dir).unwrap().index_reader().unwrap();
        let first: SeriesRef = index.all_postings().unwrap().iter().next().unwrap();
        tombstones.add(first, Interval::new(Millis(16_000), Millis(16_000)));
        meta.stats.num_tombstones = 1;
        let mut files = BTreeMap::from([
            (META.to_owned(), meta.to_json_prometheus()),
            (TOMBSTONES.to_owned(), tombstones.encode()),
            (INDEX.to_owned(), fs::read(dir.join(INDEX)).unwrap()),
        ]);
        for entry in fs::read_dir(dir.join(CHUNKS)).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{CHUNKS}/{}", path.file_name().unwrap().to_string_lossy());
            files.insert(name, fs::read(path).unwrap());
        }
        Self(files)
    }

    /// This block with one file changed.
    fn with(&self, file: &str, change: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut block = self.clone();
        change(block.0.get_mut(file).unwrap());
        block
    }

    fn injured(&self, file: &str, damage: Damage) -> Self {
        self.with(file, |bytes| damage.apply(bytes))
    }

    /// The names of the files that have bytes of their own, not text.
    fn names(&self) -> Vec<String> {
        let names = self.0.keys().filter(|name| *name != META);
        names.cloned().collect()
    }

    /// What the check finds, without touching the disk.
    fn findings(&self) -> Vec<Finding> {
        let meta = BlockMeta::from_json(&self.0[META]).unwrap();
        let chunks = self.0.iter().filter_map(|(name, bytes)| {
            let name = name.strip_prefix("chunks/")?;
            Some((name.to_owned(), bytes.as_slice()))
        });
        let segments: Vec<_> = chunks.collect();
        let (_, findings) = check::check(Files {
            meta: Some(&meta),
            index: self.0.get(INDEX).map(Vec::as_slice),
            segments: &segments,
            tombstones: self.0.get(TOMBSTONES).map(Vec::as_slice),
        });
        assert_eq!(findings.is_damaged(), !findings.list.is_empty());
        findings.list
    }

    fn write(&self, dir: &Path) {
        fs::create_dir_all(dir.join(CHUNKS)).unwrap();
        for (name, bytes) in &self.0 {
            fs::write(dir.join(name), bytes).unwrap();
        }
    }

    /// Index and segments of the block that compaction makes of this; on failure nothing may be left.
    fn compacted(&self) -> Result<Vec<Vec<u8>>, Error> {
        let root = tempfile::tempdir().unwrap();
        let (source, out) = (root.path().join("in"), root.path().join("out"));
        self.write(&source);
        let options = CompactOptions {
            id: BlockId::new(2, 2),
            func: MergeFunc::default(),
            segment_bytes: SIZE_DEFAULT,
            threads: 1,
            with_tombstones: false,
            budget: Budget::unlimited("test"),
        };
        let done = Block::open(&source).and_then(|block| compact(&[block], &out, None, &options));
        match done {
            Ok(Compacted::Block { dir, .. }) => {
                let files = [INDEX, "chunks/000001"].map(|name| fs::read(dir.join(name)).unwrap());
                Ok(files.into())
            }
            Ok(Compacted::Empty) => Ok(Vec::new()),
            Err(error) => {
                let left = fs::read_dir(&out).map_or(0, Iterator::count);
                assert_eq!(left, 0, "left behind after: {}", error.chain());
                Err(error)
            }
        }
    }
}

/// The injured file is among those that the check names.
fn check_found(block: &Held, file: &str, what: &str) {
    let findings = block.findings();
    assert!(!findings.is_empty(), "{file}, {what}: not found");
    let largest = LARGEST.load(Ordering::Relaxed);
    assert!(largest < ALLOCATION_MAX, "{file}, {what}: {largest} bytes");
}

/// Compaction refuses and names the file, or makes what it makes of the sound block.
fn check_compacted(block: &Held, sound: &[Vec<u8>], file: &str, what: &str) {
    match block.compacted() {
        Ok(made) => assert!(made == sound, "{file}, {what}: another block"),
        Err(error) => {
            let text = error.chain();
            let named = file.split('/').next_back().unwrap();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{file}, {what}: {text}");
            assert!(text.contains(named), "{file}, {what}: {text}");
        }
    }
}

#[test]
fn the_block_is_sound_before_it_is_injured() {
    let block = Held::small();
    assert_eq!(block.findings(), []);
    let names = block.names();
    assert_eq!(names, ["chunks/000001", "chunks/000002", INDEX, TOMBSTONES]);
    assert_eq!(block.compacted().unwrap().len(), 2);
}

#[test]
fn every_flip_of_every_byte_is_found() {
    let block = Held::small();
    for file in block.names() {
        for damage in every_byte(block.0[&file].len()) {
            check_found(&block.injured(&file, damage), &file, &damage.to_string());
        }
    }
}

#[test]
fn compaction_refuses_a_flipped_byte_or_is_not_touched_by_it() {
    let block = Held::small();
    let sound = block.compacted().unwrap();
    for file in block.names() {
        for damage in every_byte(block.0[&file].len()) {
            let injured = block.injured(&file, damage);
            check_compacted(&injured, &sound, &file, &damage.to_string());
        }
    }
}

#[test]
fn truncation_at_section_borders_and_near_the_end_is_found_and_refused() {
    let block = Held::small();
    let sound = block.compacted().unwrap();
    let index = &block.0[INDEX];
    let toc = Toc::decode_end(index).unwrap();
    let borders = [toc.symbols, toc.series, toc.postings, toc.postings_table];
    let borders: Vec<usize> = borders.map(|at| usize::try_from(at).unwrap()).into();
    for file in block.names() {
        let len = block.0[&file].len();
        let mut cuts: Vec<usize> = (len.saturating_sub(64)..len).chain([0, 4, 5, 8]).collect();
        if file == INDEX {
            cuts.extend(borders.iter().flat_map(|&at| [at - 1, at, at + 1]));
            cuts.push(len - Toc::SIZE);
        }
        for at in cuts.into_iter().filter(|&at| at < len) {
            let damage = Damage::Truncate { at };
            let injured = block.injured(&file, damage);
            check_found(&injured, &file, &damage.to_string());
            let error = injured.compacted().err();
            assert!(error.is_some(), "{file}, {damage}: compacted");
            check_compacted(&injured, &sound, &file, &damage.to_string());
        }
    }
}

#[test]
fn hostile_lengths_are_found_and_refused_without_the_memory_they_ask_for() {
    fn check(file: &str, what: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let block = Held::small();
        let sound = block.compacted().unwrap();
        let injured = block.with(file, |bytes| {
            change(bytes);
            if file == INDEX {
                index_model::seal(bytes);
            }
        });
        check_found(&injured, file, what);
        check_compacted(&injured, &sound, file, what);
    }
    fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
        bytes[at..at + value.len()].copy_from_slice(value);
    }
    let toc = Toc::decode_end(&Held::small().0[INDEX]).unwrap();
    let [series, postings, table] =
        [toc.series, toc.postings, toc.postings_table].map(|at| usize::try_from(at).unwrap());
    let postings = postings.next_multiple_of(4);
    let fields = [
        SYMBOLS_LEN,
        SYMBOLS_COUNT,
        postings,
        postings + 4,
        table,
        table + 4,
    ];
    for at in fields {
        for value in [u32::MAX, 1 << 31, 1 << 24] {
            let what = format!("{value:#x} at {at:#x}");
            check(INDEX, &what, |bytes| put(bytes, at, &value.to_be_bytes()));
        }
    }
    let series = series.next_multiple_of(16);
    // The length of the entry, and the count of its labels behind it; a symbol, a key of the table.
    for at in [FIRST_SYMBOL, series, series + 1, table + 8, table + 9] {
        let what = format!("2^60 at {at:#x}");
        check(INDEX, &what, |bytes| put(bytes, at, &HUGE));
    }
    for field in 0..6 {
        let what = format!("2^60 in the table of contents, field {field}");
        check(INDEX, &what, |bytes| {
            let at = bytes.len() - Toc::SIZE + field * 8;
            put(bytes, at, &(1_u64 << 60).to_be_bytes());
        });
    }
    check("chunks/000001", "2^60", |bytes| put(bytes, 8, &HUGE));
    check("chunks/000002", "4 GiB", |bytes| {
        put(bytes, 8, &[0xFF, 0xFF, 0xFF, 0xFF, 0x0F]);
    });
    check(TOMBSTONES, "2^60", |bytes| {
        let entry = [&HUGE[..], &[2, 2]].concat();
        let checksum = crc::crc32c(&entry).to_be_bytes();
        bytes.splice(5.., entry.into_iter().chain(checksum));
    });
}

#[test]
fn swapped_and_duplicate_symbols_are_found_and_refused() {
    let block = Held::small();
    let values = block.0[INDEX]
        .windows(6)
        .position(|six| six == b"\x01a\x01b\x01c");
    let letters = values.expect("one-letter values are neighbours in the table");
    let swap = Damage::Swap {
        a: letters + 1,
        b: letters + 3,
        len: 1,
    };
    let double = Damage::SetU8 {
        at: letters + 3,
        value: b'a',
    };
    for damage in [swap, double] {
        let mut injured = block.injured(INDEX, damage);
        injured = injured.with(INDEX, |bytes| index_model::seal(bytes));
        check_found(&injured, INDEX, &damage.to_string());
        let error = injured.compacted().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{}", error.chain());
        assert!(error.chain().contains("symbols"), "{}", error.chain());
    }
}

#[test]
fn wrong_magic_or_version_and_empty_files_are_named() {
    let block = Held::small();
    let sound = block.compacted().unwrap();
    for file in block.names() {
        for damage in [
            Damage::SetU32 { at: 0, value: 0 },
            Damage::SetU8 { at: 4, value: 9 },
            Damage::Truncate { at: 0 },
        ] {
            let injured = block.injured(&file, damage);
            let what = damage.to_string();
            assert!(injured.compacted().is_err(), "{file}, {what}: compacted");
            check_compacted(&injured, &sound, &file, &what);
            let named = injured
                .findings()
                .iter()
                .any(|finding| finding.file == file);
            assert!(named, "{file}, {what}: {:?}", injured.findings());
        }
    }
}

#[test]
fn a_meta_that_lies_is_found() {
    fn check(from: &str, to: &str, want: &str) {
        let block = Held::small();
        let text = String::from_utf8(block.0[META].clone()).unwrap();
        assert!(text.contains(from), "{text}");
        let root = tempfile::tempdir().unwrap();
        let lying = text.replace(from, to).into_bytes();
        block.with(META, |bytes| *bytes = lying).write(root.path());
        let (_, findings) = check::directory(root.path()).unwrap();
        let found: Vec<String> = findings.list.iter().map(Finding::to_string).collect();
        assert!(found.iter().any(|found| found.contains(want)), "{found:?}");
        assert!(findings.is_damaged() || want.contains("outside"));
    }
    check(
        "\"numSamples\": 21",
        "\"numSamples\": 22",
        "numSamples is 22",
    );
    check("\"numSeries\": 3", "\"numSeries\": 2", "numSeries is 2");
    check("\"numChunks\": 3", "\"numChunks\": 4294967296", "numChunks");
    check(
        "\"numTombstones\": 1",
        "\"numTombstones\": 0",
        "numTombstones",
    );
    check("\"maxTime\": 7200000", "\"maxTime\": 5", "outside");
    check("\"version\": 1", "\"version\": 2", META);
    check("{", "[", META);
}

#[test]
fn a_missing_file_is_named() {
    let sound = Held::small();
    for file in [META, INDEX, "chunks/000001", "chunks/000002"] {
        let root = tempfile::tempdir().unwrap();
        sound.write(root.path());
        fs::remove_file(root.path().join(file)).unwrap();
        let (_, findings) = check::directory(root.path()).unwrap();
        assert!(findings.is_damaged(), "{file}");
        let mut block = sound.clone();
        block.0.remove(file);
        let error = block.compacted().unwrap_err();
        let wanted = matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound);
        assert!(wanted, "{file}: {}", error.chain());
        let text = error.chain();
        let named = text.contains(file) || text.contains("segment");
        assert!(named, "{file}: {text}");
    }
}
