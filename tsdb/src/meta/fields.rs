//! The fields of a JSON object, taken one by one; what is left at the end are the keys nobody knows.
//!
//! A key that is absent and one that is `null` are the same, as for Go's decoder, and stand for the empty value of their
//! type. Each error names the path of its key: `thanos.files[3].size_bytes is not a count`. Invariant: what is left keeps
//! its order. Used by [`super::json`] and [`crate::mark`].

use serde_json::{Map, Value, json};

use crate::error::{Corruption, Error, Result};
use crate::id::BlockId;

/// The only version of metas, of Thanos' part of them, and of marks.
pub(crate) const VERSION: u64 = 1;

/// The not yet taken fields of one JSON object, and where it stands.
pub(crate) struct Fields {
    section: &'static str,
    path: String,
    pub(crate) rest: Map<String, Value>,
}

impl Fields {
    /// The outermost object of a file.
    pub(crate) fn parse(section: &'static str, bytes: &[u8]) -> Result<Self> {
        // Go replaces invalid UTF-8 in strings; refusing the file would hide the block.
        let text = String::from_utf8_lossy(bytes);
        let value: Value = serde_json::from_str(&text).map_err(|error| {
            let offset = offset_of(&text, error.line(), error.column());
            Error::corrupt(section, offset, error.to_string())
        })?;
        Self::new(section, String::new(), value)
    }

    fn new(section: &'static str, path: String, value: Value) -> Result<Self> {
        let rest = match value {
            Value::Object(rest) => rest,
            _ => return Err(wrong(section, &path, "an object")),
        };
        Ok(Self {
            section,
            path,
            rest,
        })
    }

    fn path(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    pub(crate) fn wrong(&self, key: &str, want: &str) -> Error {
        wrong(self.section, &self.path(key), want)
    }

    /// The value of `key`; none where it is absent or null, which is the same to Go.
    pub(crate) fn take(&mut self, key: &str) -> Option<Value> {
        // Not `remove`: the order of the remaining keys is part of the round trip.
        self.rest.shift_remove(key).filter(|value| !value.is_null())
    }

    pub(crate) fn child(&self, key: &str, value: Value) -> Result<Self> {
        Self::new(self.section, self.path(key), value)
    }

    pub(crate) fn object(&mut self, key: &str) -> Result<Self> {
        let value = self.take(key).unwrap_or_else(|| json!({}));
        self.child(key, value)
    }

    /// Refuses any version but 1; an absent one is 0, which may be allowed.
    pub(crate) fn version(&mut self, key: &str, absent_is_fine: bool) -> Result<u32> {
        match self.u64(key)? {
            VERSION => Ok(1),
            0 if absent_is_fine => Ok(0),
            other => {
                let version = Error::Corrupt {
                    section: self.section,
                    offset: 0,
                    what: Corruption::Version(other),
                };
                Err(if self.path.is_empty() {
                    version
                } else {
                    version.at(&self.path)
                })
            }
        }
    }

    pub(crate) fn i64(&mut self, key: &str) -> Result<i64> {
        match self.take(key) {
            None => Ok(0),
            Some(value) => value.as_i64().ok_or_else(|| self.wrong(key, "an integer")),
        }
    }

    pub(crate) fn u64(&mut self, key: &str) -> Result<u64> {
        match self.take(key) {
            None => Ok(0),
            Some(value) => value.as_u64().ok_or_else(|| self.wrong(key, "a count")),
        }
    }

    pub(crate) fn bool(&mut self, key: &str) -> Result<bool> {
        match self.take(key) {
            None => Ok(false),
            Some(value) => value
                .as_bool()
                .ok_or_else(|| self.wrong(key, "true or false")),
        }
    }

    pub(crate) fn string(&mut self, key: &str) -> Result<String> {
        match self.take(key) {
            None => Ok(String::new()),
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(self.wrong(key, "a string")),
        }
    }

    pub(crate) fn block_id(&mut self, key: &str) -> Result<BlockId> {
        let text = self.string(key)?;
        BlockId::parse(&text).map_err(|_error| self.wrong(key, "a ULID"))
    }

    pub(crate) fn list(&mut self, key: &str) -> Result<Vec<Value>> {
        match self.take(key) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => Ok(items),
            Some(_) => Err(self.wrong(key, "a list")),
        }
    }

    pub(crate) fn strings(&mut self, key: &str) -> Result<Vec<String>> {
        let mut strings = Vec::new();
        for (at, item) in self.list(key)?.into_iter().enumerate() {
            match item {
                Value::String(text) => strings.push(text),
                _ => return Err(self.wrong(&format!("{key}[{at}]"), "a string")),
            }
        }
        Ok(strings)
    }

    pub(crate) fn objects(&mut self, key: &str) -> Result<Vec<Self>> {
        let items = self.list(key)?.into_iter().enumerate();
        items
            .map(|(at, item)| self.child(&format!("{key}[{at}]"), item))
            .collect()
    }
}

fn wrong(section: &'static str, path: &str, want: &str) -> Error {
    let name = if path.is_empty() { "the file" } else { path };
    Error::corrupt(section, 0, format!("{name} is not {want}"))
}

/// Byte offset of a place that the JSON parser names by line and column, both from 1.
fn offset_of(text: &str, line: usize, column: usize) -> u64 {
    let before: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    (before + column.saturating_sub(1)) as u64
}
