//! A slow and simple writer of indexes of every kind there ever was: the model for ours, and the source of old files.
//!
//! Version 1 names symbols and series by byte offset, does not align series, and its postings offset table is in no order (here:
//! by value before name). Before Prometheus 3.7 there were label indices and a table of them, in both versions. The
//! drawings are in [`crate::index`] and below.

use std::collections::{BTreeMap, BTreeSet};

use crate::codec::{Sink, crc};
use crate::id::{ChunkRef, SeriesRef};
use crate::index::{ChunkMeta, MAGIC, Toc, Version};

/// Which kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Version byte.
    pub version: Version,
    /// Whether there are label indices.
    pub label_indices: bool,
}

/// What Prometheus since 3.7 writes.
pub const TODAY: Kind = Kind {
    version: Version::Two,
    label_indices: false,
};

/// All kinds.
pub const KINDS: [Kind; 4] = [
    TODAY,
    Kind {
        version: Version::Two,
        label_indices: true,
    },
    Kind {
        version: Version::Three,
        label_indices: false,
    },
    Kind {
        version: Version::One,
        label_indices: true,
    },
];

/// One series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// Label values by name.
    pub labels: BTreeMap<String, String>,
    /// Chunks in order.
    pub chunks: Vec<ChunkMeta>,
}

/// A series with these labels and chunks `(min, max, reference)`.
#[must_use]
pub fn series(labels: &[(&str, &str)], chunks: &[(i64, i64, u64)]) -> Series {
    let label = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Series {
        labels: labels.iter().map(label).collect(),
        chunks: chunks
            .iter()
            .map(|(min, max, reference)| ChunkMeta {
                min: *min,
                max: *max,
                reference: ChunkRef(*reference),
            })
            .collect(),
    }
}

/// The series of the worked example in the format's specification.
#[must_use]
pub fn worked_series() -> Vec<Series> {
    vec![
        series(
            &[("__name__", "a"), ("job", "1")],
            &[(0, 30_000, 0x08), (45_000, 60_000, 0x21)],
        ),
        series(&[("__name__", "a"), ("job", "2")], &[(0, 0, 0x39)]),
        series(&[("__name__", "up"), ("job", "b")], &[(1000, 2000, 0x4a)]),
    ]
}

/// The strings of all series, sorted.
#[must_use]
pub fn symbols(series: &[Series]) -> BTreeSet<&str> {
    let labels = series.iter().flat_map(|series| &series.labels);
    labels
        .flat_map(|(name, value)| [name.as_str(), value.as_str()])
        .collect()
}

/// Series by label pair; all series under empty strings.
#[must_use]
pub fn postings<'a>(
    series: &'a [Series],
    refs: &[SeriesRef],
) -> BTreeMap<(&'a str, &'a str), Vec<SeriesRef>> {
    let mut postings = BTreeMap::from([(("", ""), refs.to_vec())]);
    for (series, reference) in series.iter().zip(refs) {
        for (name, value) in &series.labels {
            postings.entry((name, value)).or_default().push(*reference);
        }
    }
    postings
}

/// A whole index and the names of its series. `more` are symbols that no series uses.
#[must_use]
pub fn write(series: &[Series], more: &[&str], kind: Kind) -> (Vec<u8>, Vec<SeriesRef>) {
    let mut file = Vec::new();
    file.put_u32(MAGIC);
    file.put_u8(kind.version.byte());
    let mut toc = Toc {
        symbols: position(&file),
        ..Toc::default()
    };
    let names = write_symbols(series, more, kind, &mut file);
    toc.series = position(&file);
    let refs = series
        .iter()
        .map(|series| write_series(series, &names, kind, &mut file))
        .collect::<Vec<_>>();
    toc.label_indices = position(&file);
    let indices = if kind.label_indices {
        write_label_indices(series, &names, &mut file)
    } else {
        Vec::new()
    };
    toc.postings = position(&file);
    let mut lists = write_postings(series, &refs, kind, &mut file);
    toc.label_indices_table = position(&file);
    if kind.label_indices {
        write_table(&indices, &mut file);
    }
    toc.postings_table = position(&file);
    if kind.version != Version::One {
        lists.sort();
    }
    write_table(&lists, &mut file);
    file.put(&toc.encode());
    (file, refs)
}

fn position(file: &[u8]) -> u64 {
    file.len() as u64
}

fn pad(file: &mut Vec<u8>, align: usize) {
    file.resize(file.len().next_multiple_of(align), 0);
}

/// Symbols and how series name them.
fn write_symbols<'a>(
    series: &'a [Series],
    more: &[&'a str],
    kind: Kind,
    file: &mut Vec<u8>,
) -> BTreeMap<&'a str, u64> {
    let mut strings = symbols(series);
    strings.extend(more);
    let mut names = BTreeMap::new();
    let mut body = Vec::new();
    body.put_u32(u32::try_from(strings.len()).expect("few symbols"));
    for (at, string) in strings.into_iter().enumerate() {
        let offset = file.len() + 4 + body.len();
        let name = if kind.version == Version::One {
            offset
        } else {
            at
        };
        names.insert(string, name as u64);
        body.put_uvarint_bytes(string.as_bytes());
    }
    crc::put_frame(file, &body);
    names
}

fn write_series(
    series: &Series,
    names: &BTreeMap<&str, u64>,
    kind: Kind,
    file: &mut Vec<u8>,
) -> SeriesRef {
    if kind.version != Version::One {
        pad(file, 16);
    }
    let reference = kind
        .version
        .series_ref(position(file))
        .expect("a small file");
    let mut body = Vec::new();
    body.put_uvarint(series.labels.len() as u64);
    for (name, value) in &series.labels {
        body.put_uvarint(names[name.as_str()]);
        body.put_uvarint(names[value.as_str()]);
    }
    body.put_uvarint(series.chunks.len() as u64);
    let mut last: Option<ChunkMeta> = None;
    for chunk in &series.chunks {
        match last {
            None => body.put_varint(chunk.min),
            Some(last) => body.put_uvarint(chunk.min.wrapping_sub(last.max).cast_unsigned()),
        }
        body.put_uvarint(chunk.max.wrapping_sub(chunk.min).cast_unsigned());
        match last {
            None => body.put_uvarint(chunk.reference.0),
            Some(last) => {
                body.put_varint(
                    chunk
                        .reference
                        .0
                        .wrapping_sub(last.reference.0)
                        .cast_signed(),
                );
            }
        }
        last = Some(*chunk);
    }
    file.put_uvarint(body.len() as u64);
    file.put(&body);
    file.put_u32(crc::crc32c(&body));
    reference
}

/// `len | names in the tuple | count | count x symbol | crc`, one for each name.
fn write_label_indices(
    series: &[Series],
    names: &BTreeMap<&str, u64>,
    file: &mut Vec<u8>,
) -> Vec<(Vec<String>, u64)> {
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, value) in series.iter().flat_map(|series| &series.labels) {
        values.entry(name).or_default().insert(value);
    }
    let mut table = Vec::new();
    for (name, values) in values {
        pad(file, 4);
        table.push((vec![name.to_owned()], position(file)));
        let mut body = Vec::new();
        body.put_u32(1);
        body.put_u32(u32::try_from(values.len()).expect("few values"));
        for value in values {
            body.put_u32(u32::try_from(names[value]).expect("a small file"));
        }
        crc::put_frame(file, &body);
    }
    table
}

fn write_postings(
    series: &[Series],
    refs: &[SeriesRef],
    kind: Kind,
    file: &mut Vec<u8>,
) -> Vec<(Vec<String>, u64)> {
    let mut lists: Vec<_> = postings(series, refs).into_iter().collect();
    if kind.version == Version::One {
        lists.sort_by_key(|((name, value), _)| (*value, *name));
    }
    let mut table = Vec::new();
    for ((name, value), refs) in lists {
        pad(file, 4);
        table.push((vec![name.to_owned(), value.to_owned()], position(file)));
        let mut body = Vec::new();
        body.put_u32(u32::try_from(refs.len()).expect("few series"));
        for reference in refs {
            body.put_u32(reference.0);
        }
        crc::put_frame(file, &body);
    }
    table
}

/// `len | count | count x (keys, key…, offset) | crc`.
fn write_table(entries: &[(Vec<String>, u64)], file: &mut Vec<u8>) {
    let mut body = Vec::new();
    body.put_u32(u32::try_from(entries.len()).expect("few entries"));
    for (keys, offset) in entries {
        body.put_uvarint(keys.len() as u64);
        for key in keys {
            body.put_uvarint_bytes(key.as_bytes());
        }
        body.put_uvarint(*offset);
    }
    crc::put_frame(file, &body);
}

/// Writes new checksums over symbols, postings offset table and table of contents, so that damage inside them is not told by a
/// checksum; whatever does not fit the file is left alone.
pub fn seal(file: &mut [u8]) {
    let Some(end) = file.len().checked_sub(Toc::SIZE) else {
        return;
    };
    let word = |file: &[u8], at: usize| -> Option<usize> {
        Some(u32::from_be_bytes(*file.get(at..)?.first_chunk()?) as usize)
    };
    for field in [end + 4, end + 44] {
        let Some(at) = word(file, field) else {
            continue;
        };
        let Some(len) = word(file, at) else {
            continue;
        };
        let Some(body) = file.get(at + 4..at + 4 + len) else {
            continue;
        };
        let checksum = crc::crc32c(body).to_be_bytes();
        if let Some(stored) = file.get_mut(at + 4 + len..at + 8 + len) {
            stored.copy_from_slice(&checksum);
        }
    }
    let checksum = crc::crc32c(&file[end..end + 48]).to_be_bytes();
    file[end + 48..].copy_from_slice(&checksum);
}
