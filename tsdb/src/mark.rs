//! Marks: small files beside a block that say what is to become of it.
//!
//! ```text
//! deletion-mark.json       {"id":"01…","version":1,"details":"…","deletion_time":1785549784}
//! no-compact-mark.json     {"id":"01…","version":1,"details":"…","no_compact_time":1785549784,"reason":"manual"}
//! no-downsample-mark.json  {"id":"01…","version":1,"details":"…","no_downsample_time":1785549784,"reason":"manual"}
//! ```
//!
//! Compact JSON in this order, without a newline; `details` is absent when empty; times are Unix **seconds**. The
//! reader's rule is [`read`]: an unparsable mark is no mark (and worth a warning), one of another version is an error.
//! A mark that names another block is unparsable too: acting on it would delete a block that nobody marked.
//! [`crate::bucket::mark`] puts marks into a bucket.

use serde_json::{Map, Value, json};

use crate::error::{Corruption, Error, Result};
use crate::id::BlockId;
use crate::meta::fields::Fields;
use crate::meta::go_json;
use crate::time::Millis;

/// Seconds since the Unix epoch: the time of marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UnixSeconds(pub i64);

impl From<Millis> for UnixSeconds {
    /// The second that holds this millisecond.
    fn from(time: Millis) -> Self {
        Self(time.0.div_euclid(1_000))
    }
}

/// The three kinds of marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MarkKind {
    /// The block goes after a delay.
    Deletion,
    /// The block stays out of compaction.
    NoCompact,
    /// The block stays out of downsampling.
    NoDownsample,
}

impl MarkKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Deletion, Self::NoCompact, Self::NoDownsample];

    /// Name of the file in the block's directory.
    #[must_use]
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Deletion => "deletion-mark.json",
            Self::NoCompact => "no-compact-mark.json",
            Self::NoDownsample => "no-downsample-mark.json",
        }
    }

    /// Key of the time in the file.
    fn time_key(self) -> &'static str {
        match self {
            Self::Deletion => "deletion_time",
            Self::NoCompact => "no_compact_time",
            Self::NoDownsample => "no_downsample_time",
        }
    }
}

/// What the marks have in common.
pub trait Mark: Sized {
    /// Which of them this is.
    const KIND: MarkKind;

    /// The marked block.
    fn block(&self) -> BlockId;

    /// The file.
    fn to_json(&self) -> Vec<u8>;

    /// Reads the file.
    ///
    /// # Errors
    /// [`Error::Corrupt`]; with [`Corruption::Version`] where everything else is sound.
    fn from_json(bytes: &[u8]) -> Result<Self>;
}

/// The block is to be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletionMark {
    /// The marked block.
    pub id: BlockId,
    /// Why, for people.
    pub details: String,
    /// When it was marked.
    pub time: UnixSeconds,
}

/// The block is to stay as it is when others are compacted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoCompactMark {
    /// The marked block.
    pub id: BlockId,
    /// Why, for people.
    pub details: String,
    /// When it was marked.
    pub time: UnixSeconds,
    /// Why, for programs.
    pub reason: Reason,
}

/// The block is not to be downsampled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoDownsampleMark {
    /// The marked block.
    pub id: BlockId,
    /// Why, for people.
    pub details: String,
    /// When it was marked.
    pub time: UnixSeconds,
    /// Why, for programs.
    pub reason: Reason,
}

/// Why a block is kept out of something.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A person wants it.
    Manual,
    /// The index of the result would be too large.
    IndexSizeExceeding,
    /// The block has chunks out of order.
    BlockIndexOutOfOrderChunk,
    /// Downsampled blocks are not merged where they overlap.
    DownsampleVerticalCompaction,
    /// The word of another program.
    Other(String),
}

impl Reason {
    /// The word in the file.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Manual => "manual",
            Self::IndexSizeExceeding => "index-size-exceeding",
            Self::BlockIndexOutOfOrderChunk => "block-index-out-of-order-chunk",
            Self::DownsampleVerticalCompaction => "downsample-vertical-compaction",
            Self::Other(word) => word,
        }
    }
}

impl From<String> for Reason {
    fn from(word: String) -> Self {
        let known = [
            Self::Manual,
            Self::IndexSizeExceeding,
            Self::BlockIndexOutOfOrderChunk,
            Self::DownsampleVerticalCompaction,
        ];
        known
            .into_iter()
            .find(|reason| reason.as_str() == word)
            .unwrap_or(Self::Other(word))
    }
}

impl Mark for DeletionMark {
    const KIND: MarkKind = MarkKind::Deletion;

    fn block(&self) -> BlockId {
        self.id
    }

    fn to_json(&self) -> Vec<u8> {
        let mark = content(Self::KIND, self.id, &self.details, self.time);
        go_json::compact(&mark.into())
    }

    fn from_json(bytes: &[u8]) -> Result<Self> {
        let (id, details, time, _) = parse(Self::KIND, bytes)?;
        Ok(Self { id, details, time })
    }
}

impl Mark for NoCompactMark {
    const KIND: MarkKind = MarkKind::NoCompact;

    fn block(&self) -> BlockId {
        self.id
    }

    fn to_json(&self) -> Vec<u8> {
        let mut mark = content(Self::KIND, self.id, &self.details, self.time);
        mark.insert("reason".into(), json!(self.reason.as_str()));
        go_json::compact(&mark.into())
    }

    fn from_json(bytes: &[u8]) -> Result<Self> {
        let (id, details, time, reason) = parse(Self::KIND, bytes)?;
        Ok(Self {
            id,
            details,
            time,
            reason,
        })
    }
}

impl Mark for NoDownsampleMark {
    const KIND: MarkKind = MarkKind::NoDownsample;

    fn block(&self) -> BlockId {
        self.id
    }

    fn to_json(&self) -> Vec<u8> {
        let mut mark = content(Self::KIND, self.id, &self.details, self.time);
        mark.insert("reason".into(), json!(self.reason.as_str()));
        go_json::compact(&mark.into())
    }

    fn from_json(bytes: &[u8]) -> Result<Self> {
        let (id, details, time, reason) = parse(Self::KIND, bytes)?;
        Ok(Self {
            id,
            details,
            time,
            reason,
        })
    }
}

/// What all marks say, in the order on disk.
fn content(kind: MarkKind, id: BlockId, details: &str, time: UnixSeconds) -> Map<String, Value> {
    let mut mark = Map::new();
    mark.insert("id".into(), json!(id));
    mark.insert("version".into(), json!(1));
    if !details.is_empty() {
        mark.insert("details".into(), json!(details));
    }
    mark.insert(kind.time_key().into(), json!(time.0));
    mark
}

/// Reads what marks say; a deletion mark has no reason.
fn parse(kind: MarkKind, bytes: &[u8]) -> Result<(BlockId, String, UnixSeconds, Reason)> {
    let mut fields = Fields::parse(kind.file_name(), bytes)?;
    let id = fields.block_id("id")?;
    let details = fields.string("details")?;
    let time = UnixSeconds(fields.i64(kind.time_key())?);
    let reason = match kind {
        MarkKind::Deletion => String::new(),
        MarkKind::NoCompact | MarkKind::NoDownsample => fields.string("reason")?,
    };
    fields.version("version", false)?;
    Ok((id, details, time, reason.into()))
}

/// What a reader makes of the place where a mark may be.
#[derive(Debug)]
pub enum Reading<M> {
    /// There is no mark.
    Unmarked,
    /// There is something that is not a mark; the block counts as unmarked, and someone should be told.
    Unreadable(Error),
    /// The mark.
    Marked(M),
}

impl<M> Reading<M> {
    /// The mark, where there is a readable one.
    pub fn marked(self) -> Option<M> {
        match self {
            Self::Marked(mark) => Some(mark),
            Self::Unmarked | Self::Unreadable(_) => None,
        }
    }
}

/// Reads the mark of `block` from the bytes of its file, none where there is no file.
///
/// # Errors
/// Where the mark is of another version: a newer program means something by it that we do not know.
pub fn read<M: Mark>(block: BlockId, bytes: Option<&[u8]>) -> Result<Reading<M>> {
    let Some(bytes) = bytes else {
        return Ok(Reading::Unmarked);
    };
    match M::from_json(bytes) {
        Ok(mark) if mark.block() == block => Ok(Reading::Marked(mark)),
        Ok(mark) => {
            let what = format!("names block {}", mark.block());
            let error = Error::corrupt(M::KIND.file_name(), 0, what);
            Ok(Reading::Unreadable(error))
        }
        Err(error) if is_version(&error) => Err(error),
        Err(error) => Ok(Reading::Unreadable(error)),
    }
}

fn is_version(error: &Error) -> bool {
    matches!(
        error.root(),
        Error::Corrupt {
            what: Corruption::Version(_),
            ..
        }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01M81G2QM13JXB48206473Z8Z0";

    fn id() -> BlockId {
        BlockId::parse(ID).unwrap()
    }

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn marks_have_the_exact_form() {
        let deletion = DeletionMark {
            id: id(),
            details: "<x>".into(),
            time: UnixSeconds(-1),
        };
        let want =
            format!(r#"{{"id":"{ID}","version":1,"details":"\u003cx\u003e","deletion_time":-1}}"#);
        assert_eq!(text(deletion.to_json()), want);
        let compact = NoCompactMark {
            id: id(),
            details: String::new(),
            time: UnixSeconds(7),
            reason: Reason::IndexSizeExceeding,
        };
        let want = format!(
            r#"{{"id":"{ID}","version":1,"no_compact_time":7,"reason":"index-size-exceeding"}}"#
        );
        assert_eq!(text(compact.to_json()), want);
        let downsample = NoDownsampleMark {
            id: id(),
            details: "d".into(),
            time: UnixSeconds(7),
            reason: Reason::Other("new".into()),
        };
        let want = format!(
            r#"{{"id":"{ID}","version":1,"details":"d","no_downsample_time":7,"reason":"new"}}"#
        );
        assert_eq!(text(downsample.to_json()), want);
    }

    #[test]
    fn marks_survive_a_round_trip() {
        for reason in [
            Reason::Manual,
            Reason::IndexSizeExceeding,
            Reason::BlockIndexOutOfOrderChunk,
            Reason::DownsampleVerticalCompaction,
            Reason::Other("x".into()),
        ] {
            let compact = NoCompactMark {
                id: id(),
                details: "d".into(),
                time: UnixSeconds(i64::MAX),
                reason: reason.clone(),
            };
            let back = NoCompactMark::from_json(&compact.to_json()).unwrap();
            assert_eq!(back, compact);
            let downsample = NoDownsampleMark {
                id: id(),
                details: String::new(),
                time: UnixSeconds(0),
                reason,
            };
            let back = NoDownsampleMark::from_json(&downsample.to_json()).unwrap();
            assert_eq!(back, downsample);
        }
    }

    #[test]
    fn an_unparsable_mark_is_no_mark_and_another_version_is_an_error() {
        fn check(bytes: Option<&str>, want: &str) {
            let got = match read::<DeletionMark>(id(), bytes.map(str::as_bytes)) {
                Err(_) => "error",
                Ok(Reading::Unmarked) => "unmarked",
                Ok(Reading::Unreadable(_)) => "unreadable",
                Ok(Reading::Marked(_)) => "marked",
            };
            assert_eq!(got, want, "{bytes:?}");
        }
        let good = format!(r#"{{"id":"{ID}","version":1,"deletion_time":1}}"#);
        check(None, "unmarked");
        check(Some(&good), "marked");
        check(Some(&good.replace("time\":1", "time\":null")), "marked");
        check(Some(&good.replace("}", ",\"new\":[]}")), "marked");
        check(Some(&good.replace("n\":1", "n\":2")), "error");
        check(Some(&good.replace("n\":1", "n\":null")), "error");
        check(Some(""), "unreadable");
        check(Some("{broken"), "unreadable");
        check(Some("[]"), "unreadable");
        check(
            Some(r#"{"id":"x","version":2,"deletion_time":1}"#),
            "unreadable",
        );
        check(Some(&good.replace("e\":1", "e\":1.5")), "unreadable");
        check(Some(&good.replace("01M8", "01M9")), "unreadable");
    }

    #[test]
    fn seconds_round_down() {
        assert_eq!(UnixSeconds::from(Millis(1_999)), UnixSeconds(1));
        assert_eq!(UnixSeconds::from(Millis(-1)), UnixSeconds(-1));
    }
}
