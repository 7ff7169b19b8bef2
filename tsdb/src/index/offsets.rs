//! Postings offset table: where the list of each label pair lies.
//!
//! ```text
//! len u32 | count u32 | count x entry | crc32c u32
//! entry:  2 uvarint | name len uvarint, bytes | value len uvarint, bytes | offset of the list's len field uvarint
//! ```
//!
//! Sorted by name, then value; the first entry is (empty, empty), the list of all series. With the name fixed, what lies
//! before the value has constant size. [`OffsetTable`] keeps four bytes for every 32nd value of each name, and finds the
//! others by walking at most 31 entries; the content stays where it is, and all methods take it. In version 1 the
//! table is not sorted, so every entry is kept. Lists are read by [`super::postings`].

use std::cmp::Ordering;
use std::ops::Range;

use super::Version;
use crate::codec::{Cursor, sink};
use crate::error::{Corruption, Result};

/// Every how manieth value of a name is remembered, if the caller has no other wish; Prometheus' number.
pub const SAMPLING: usize = 32;

const SECTION: &str = "postings offset table";

/// One entry of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Name of the label.
    pub name: &'a [u8],
    /// Its value.
    pub value: &'a [u8],
    /// Offset of the postings list in the index.
    pub list: u64,
}

/// Where a list lies in the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Offset of its `len` field.
    pub list: u64,
    /// Offset of the list after it in the table, or the end of all lists.
    pub next: u64,
}

/// Sampled positions of a table.
#[derive(Debug, Clone)]
pub struct OffsetTable {
    /// Where the content (count and entries) lies in its file.
    origin: u64,
    /// Position behind the last entry.
    end: u32,
    /// Where the last list ends.
    lists_end: u64,
    sampling: usize,
    names: Vec<Name>,
    /// Positions of entries in the content, ascending by (name, value).
    samples: Vec<u32>,
    /// In version 1, for each sample the list that follows in the table.
    next: Option<Vec<u64>>,
}

/// The entries of one name.
#[derive(Debug, Clone)]
struct Name {
    /// Position of the first entry in the content.
    start: u32,
    /// Position behind the last one; means nothing in version 1.
    end: u32,
    /// Bytes of key count and name.
    prefix: u32,
    samples: Range<u32>,
    count: u32,
}

/// Takes one entry.
fn take_entry<'a>(cursor: &mut Cursor<'a>) -> Result<Entry<'a>> {
    let start = cursor.clone();
    let keys = cursor.uvarint()?;
    if keys != 2 {
        return Err(start.corrupt(Corruption::Other(format!("{keys} strings in a key, not 2"))));
    }
    Ok(Entry {
        name: cursor.uvarint_bytes()?,
        value: cursor.uvarint_bytes()?,
        list: cursor.uvarint()?,
    })
}

impl OffsetTable {
    /// Walks the content, which lies at `origin` of its file. `lists_end` is the offset of the table in the index, before
    /// which the last list ends; one in `sampling` values is kept.
    ///
    /// # Errors
    /// Where the content ends too early, a key does not have two strings, or the order is broken.
    pub fn load(
        content: &[u8],
        origin: u64,
        version: Version,
        lists_end: u64,
        sampling: usize,
    ) -> Result<Self> {
        let mut table = Self {
            origin,
            end: 0,
            lists_end,
            sampling: sampling.max(1),
            names: Vec::new(),
            samples: Vec::new(),
            next: None,
        };
        if version == Version::One {
            table.sampling = 1;
            table.load_unsorted(content)?;
        } else {
            table.load_sorted(content)?;
        }
        table.names.shrink_to_fit();
        table.samples.shrink_to_fit();
        Ok(table)
    }

    fn load_sorted(&mut self, content: &[u8]) -> Result<()> {
        let mut cursor = self.cursor(content, 0);
        let count = cursor.u32()?;
        let mut last: Option<(Entry<'_>, u32)> = None;
        for _ in 0..count {
            let start = cursor.clone();
            let entry = take_entry(&mut cursor)?;
            let begin = self.position(&start)?;
            self.end = self.position(&cursor)?;
            let in_order =
                last.is_none_or(|(last, _)| (last.name, last.value) < (entry.name, entry.value));
            if !in_order {
                return Err(start.corrupt(Corruption::Order("entries")));
            }
            if last.is_none_or(|(last, _)| last.name != entry.name) {
                self.close_name(last.map(|(_, begin)| begin));
                self.open_name(begin, entry.name);
            }
            self.add_value(begin);
            last = Some((entry, begin));
        }
        self.close_name(last.map(|(_, begin)| begin));
        Ok(())
    }

    fn load_unsorted(&mut self, content: &[u8]) -> Result<()> {
        let mut cursor = self.cursor(content, 0);
        let count = cursor.u32()? as usize;
        // Four bytes is the least that an entry takes.
        let mut entries: Vec<(Entry<'_>, u32, u64)> =
            Vec::with_capacity(count.min(cursor.len() / 4));
        for _ in 0..count {
            let begin = self.position(&cursor)?;
            let entry = take_entry(&mut cursor)?;
            if let Some((_, _, next)) = entries.last_mut() {
                *next = entry.list;
            }
            entries.push((entry, begin, self.lists_end));
        }
        self.end = self.position(&cursor)?;
        entries.sort_unstable_by_key(|(entry, _, _)| (entry.name, entry.value));
        let mut last: Option<Entry<'_>> = None;
        for (entry, begin, _) in &entries {
            if last.is_some_and(|last| (last.name, last.value) == (entry.name, entry.value)) {
                return Err(self
                    .cursor(content, *begin)
                    .corrupt(Corruption::Order("entries")));
            }
            if last.is_none_or(|last| last.name != entry.name) {
                self.close_name(last.map(|_| *begin));
                self.open_name(*begin, entry.name);
            }
            self.add_value(*begin);
            last = Some(*entry);
        }
        self.close_name(Some(self.end));
        self.next = Some(entries.into_iter().map(|(_, _, next)| next).collect());
        Ok(())
    }

    fn open_name(&mut self, start: u32, name: &[u8]) {
        let (_, length) = sink::uvarint(name.len() as u64);
        let first = self.sample_count();
        self.names.push(Name {
            start,
            end: start,
            // The name lies between two positions, so it fits as they do.
            prefix: u32::try_from(1 + length + name.len()).unwrap_or(u32::MAX),
            samples: first..first,
            count: 0,
        });
    }

    fn add_value(&mut self, begin: u32) {
        let Some(name) = self.names.last_mut() else {
            return;
        };
        if (name.count as usize).is_multiple_of(self.sampling) {
            self.samples.push(begin);
        }
        name.count += 1;
        name.end = self.end;
    }

    /// Keeps the last value of a name as well, as Thanos does.
    fn close_name(&mut self, last: Option<u32>) {
        let (Some(name), Some(last)) = (self.names.last_mut(), last) else {
            return;
        };
        if !(name.count as usize - 1).is_multiple_of(self.sampling) {
            self.samples.push(last);
        }
        name.samples.end = u32::try_from(self.samples.len()).unwrap_or(u32::MAX);
    }

    fn sample_count(&self) -> u32 {
        u32::try_from(self.samples.len()).unwrap_or(u32::MAX)
    }

    fn cursor<'a>(&self, content: &'a [u8], position: u32) -> Cursor<'a> {
        let rest = content.get(position as usize..).unwrap_or_default();
        Cursor::new(SECTION, rest, self.origin + u64::from(position))
    }

    fn position(&self, cursor: &Cursor<'_>) -> Result<u32> {
        let position = u32::try_from(cursor.offset() - self.origin);
        position.map_err(|_error| cursor.corrupt(Corruption::Overflow))
    }

    /// All label names in order; the empty one of the list of all series is not among them.
    pub fn names<'a>(&'a self, content: &'a [u8]) -> impl Iterator<Item = Result<&'a [u8]>> + 'a {
        let names = self.names.iter().map(|name| self.name_of(content, name));
        names.filter(|name| !matches!(name, Ok(name) if name.is_empty()))
    }

    fn name_of<'a>(&self, content: &'a [u8], name: &Name) -> Result<&'a [u8]> {
        let entry = take_entry(&mut self.cursor(content, name.start))?;
        Ok(entry.name)
    }

    /// The values of a label name, if there is such a name.
    ///
    /// # Errors
    /// Where the content is not the one that was loaded.
    pub fn name<'a>(&'a self, content: &'a [u8], wanted: &[u8]) -> Result<Option<NameValues<'a>>> {
        let mut names = self.names.as_slice();
        while !names.is_empty() {
            let (before, rest) = names.split_at(names.len() / 2);
            let Some((name, after)) = rest.split_first() else {
                break;
            };
            match self.name_of(content, name)?.cmp(wanted) {
                Ordering::Equal => {
                    return Ok(Some(NameValues {
                        table: self,
                        content,
                        name,
                    }));
                }
                Ordering::Less => names = after,
                Ordering::Greater => names = before,
            }
        }
        Ok(None)
    }

    /// The list of a label pair, if there is one.
    ///
    /// # Errors
    /// Where the content is not the one that was loaded.
    pub fn find(&self, content: &[u8], name: &[u8], value: &[u8]) -> Result<Option<Found>> {
        match self.name(content, name)? {
            Some(values) => values.find(value),
            None => Ok(None),
        }
    }

    /// Memory held, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let next = self.next.as_ref().map_or(0, Vec::capacity);
        self.samples.capacity() * size_of::<u32>()
            + self.names.capacity() * size_of::<Name>()
            + next * size_of::<u64>()
    }
}

/// The values of one label name.
#[derive(Debug, Clone, Copy)]
pub struct NameValues<'a> {
    table: &'a OffsetTable,
    content: &'a [u8],
    name: &'a Name,
}

impl<'a> NameValues<'a> {
    /// Number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.name.count as usize
    }

    /// Whether there are none; a name in the table has at least one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.name.count == 0
    }

    /// All values in order.
    #[must_use]
    pub fn iter(&self) -> Values<'a> {
        Values {
            of: *self,
            cursor: self.table.cursor(self.content, self.name.start),
            at: 0,
        }
    }

    /// The values from `first` on, which need not be one of them. Those before are not walked, but for as many as are
    /// between two samples.
    ///
    /// # Errors
    /// Where the content is not the one that was loaded.
    pub fn iter_from(&self, first: &[u8]) -> Result<Values<'a>> {
        let Some((sample, cursor)) = self.last_sample_not_after(first)? else {
            return Ok(self.iter());
        };
        let before = (sample - self.name.samples.start) as usize * self.table.sampling;
        // The last value is a sample too, wherever it falls.
        let last = self.name.count.saturating_sub(1);
        let mut values = Values {
            of: *self,
            cursor,
            at: u32::try_from(before).map_or(last, |before| before.min(last)),
        };
        loop {
            let mut ahead = values.clone();
            match ahead.next().transpose()? {
                Some((value, _)) if value < first => values = ahead,
                _ => return Ok(values),
            }
        }
    }

    /// The list of a value, if there is one.
    ///
    /// # Errors
    /// Where the content is not the one that was loaded.
    pub fn find(&self, wanted: &[u8]) -> Result<Option<Found>> {
        let Some((sample, mut cursor)) = self.last_sample_not_after(wanted)? else {
            return Ok(None);
        };
        // Between two samples; the sample itself where every value is one.
        for _ in 0..self.table.sampling {
            let (value, list) = self.take_value(&mut cursor)?;
            match value.cmp(wanted) {
                Ordering::Less => {}
                Ordering::Equal => {
                    let next = self.list_after(sample, &mut cursor)?;
                    return Ok(Some(Found { list, next }));
                }
                Ordering::Greater => break,
            }
            if cursor.offset() >= self.end() {
                break;
            }
        }
        Ok(None)
    }

    fn last_sample_not_after(&self, wanted: &[u8]) -> Result<Option<(u32, Cursor<'a>)>> {
        let Range { start, end } = self.name.samples.clone();
        let (mut low, mut high) = (start, end);
        while low < high {
            let middle = low.midpoint(high);
            if self.take_value(&mut self.sample(middle))?.0 <= wanted {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok((low > start).then(|| (low - 1, self.sample(low - 1))))
    }

    fn sample(&self, at: u32) -> Cursor<'a> {
        let position = self.table.samples.get(at as usize).copied();
        self.table
            .cursor(self.content, position.unwrap_or(u32::MAX))
    }

    fn end(&self) -> u64 {
        self.table.origin + u64::from(self.name.end)
    }

    /// Takes an entry of this name without looking at the name.
    fn take_value(&self, cursor: &mut Cursor<'a>) -> Result<(&'a [u8], u64)> {
        cursor.bytes(self.name.prefix as usize)?;
        Ok((cursor.uvarint_bytes()?, cursor.uvarint()?))
    }

    fn list_after(&self, sample: u32, cursor: &mut Cursor<'a>) -> Result<u64> {
        if let Some(next) = &self.table.next {
            return Ok(next
                .get(sample as usize)
                .copied()
                .unwrap_or(self.table.lists_end));
        }
        if cursor.offset() >= self.table.origin + u64::from(self.table.end) {
            return Ok(self.table.lists_end);
        }
        Ok(take_entry(cursor)?.list)
    }
}

/// The values of one name in order, each with the offset of its list.
#[derive(Debug, Clone)]
pub struct Values<'a> {
    of: NameValues<'a>,
    cursor: Cursor<'a>,
    at: u32,
}

impl<'a> Iterator for Values<'a> {
    type Item = Result<(&'a [u8], u64)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at == self.of.name.count {
            return None;
        }
        if self.of.table.next.is_some() {
            self.cursor = self.of.sample(self.of.name.samples.start + self.at);
        }
        self.at += 1;
        Some(self.of.take_value(&mut self.cursor))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.of.name.count - self.at) as usize;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Values<'_> {}
