//! Patterns that need no engine: sets of words, and literals with gaps between them.
//!
//! ```text
//! foo|bar|             words foo, bar, ""
//! (a|b)[0-9]           words a0 … b9
//! foo.*bar.+           head "foo", then anything and "bar", then at least one character
//! .*foo.*|.*bar.*      two of the above
//! ```
//!
//! A tree is multiplied out into alternatives of literals and gaps while that stays small ([`ALTERNATIVES_MAX`],
//! [`BYTES_MAX`]). Only gaps of any character count: a dot that stops at newlines, a bounded `.{2}` and a look-around in the
//! middle go to the engine. Equal answers to the engine's are the invariant; a property test holds it.

use memchr::memmem;
use regex_syntax::hir::{Class, ClassUnicode, Hir, HirKind, Look, Repetition};

/// Alternatives of one multiplied pattern, as Prometheus bounds its sets.
const ALTERNATIVES_MAX: usize = 256;

/// Alternatives with gaps: each is tried in turn, so beyond a few the engine is faster.
const GAPPED_MAX: usize = 16;

/// Bytes of all alternatives together.
const BYTES_MAX: usize = 64 << 10;

/// Words from which on hashing beats comparing.
const HASHED_MIN: usize = 16;

type Words = hashbrown::HashSet<Vec<u8>, foldhash::fast::RandomState>;

/// A pattern that is compared, not run.
#[derive(Debug, Clone)]
pub(super) enum Fast {
    /// The value is one of these.
    Words(WordSet),
    /// The value has the form of one of these.
    Gapped(Vec<Gapped>),
}

impl Fast {
    /// Whether all of `value` matches.
    #[inline]
    pub(super) fn is_match(&self, value: &[u8]) -> bool {
        match self {
            Self::Words(words) => words.contains(value),
            Self::Gapped(forms) => forms.iter().any(|form| form.is_match(value)),
        }
    }

    /// Whether this is one gap of at least `least` characters and nothing else.
    pub(super) fn is_gap(&self, least: usize) -> bool {
        match self {
            Self::Words(_) => false,
            Self::Gapped(forms) => forms.iter().any(|form| {
                form.head.is_empty()
                    && matches!(&form.rest[..], [(gap, literal)] if *gap == least && literal.needle().is_empty())
            }),
        }
    }

    /// What every matching value starts with.
    pub(super) fn prefix(&self) -> String {
        match self {
            Self::Words(words) => common_prefix(words.iter()),
            Self::Gapped(forms) => common_prefix(forms.iter().map(|form| &form.head[..])),
        }
    }
}

/// A set of strings.
#[derive(Debug, Clone)]
pub(super) struct WordSet {
    words: Vec<Vec<u8>>,
    /// The same, where they are many.
    hashed: Option<Words>,
    /// The same as text; `None` where one is not UTF-8.
    listed: Option<Vec<String>>,
}

impl WordSet {
    /// The set of these words, in any order.
    pub(super) fn new(mut words: Vec<Vec<u8>>) -> Self {
        words.sort_unstable();
        words.dedup();
        let hashed = (words.len() >= HASHED_MIN).then(|| words.iter().cloned().collect());
        let text = words
            .iter()
            .map(|word| String::from_utf8(word.clone()).ok());
        Self {
            listed: text.collect(),
            hashed,
            words,
        }
    }

    #[inline]
    pub(super) fn contains(&self, value: &[u8]) -> bool {
        match &self.hashed {
            Some(hashed) => hashed.contains(value),
            None => self.words.iter().any(|word| word == value),
        }
    }

    pub(super) fn listed(&self) -> Option<&[String]> {
        self.listed.as_deref()
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.words.iter().map(|word| &word[..])
    }
}

/// A literal, then gaps each followed by a literal; the last literal ends the value.
#[derive(Debug, Clone)]
pub(super) struct Gapped {
    head: Vec<u8>,
    /// Least length of the gap, 0 or 1, and what follows it.
    rest: Vec<(usize, memmem::Finder<'static>)>,
}

impl Gapped {
    fn is_match(&self, value: &[u8]) -> bool {
        let Some(mut open) = value.strip_prefix(&self.head[..]) else {
            return false;
        };
        let Some(((last_gap, tail), middle)) = self.rest.split_last() else {
            return open.is_empty();
        };
        // The leftmost place is always as good as any later one.
        for (gap, literal) in middle {
            let Some(at) = open.get(*gap..).and_then(|after| literal.find(after)) else {
                return false;
            };
            open = &open[gap + at + literal.needle().len()..];
        }
        open.strip_suffix(tail.needle())
            .is_some_and(|between| between.len() >= *last_gap)
    }
}

/// Splits `foo|bar|` into its words; `None` where any of them holds a metacharacter.
pub(super) fn split_words(pattern: &[u8]) -> Option<Vec<Vec<u8>>> {
    let meta = |byte: &u8| br"\.+*?()[]{}^$".contains(byte);
    if pattern.iter().any(meta) {
        return None;
    }
    let words = pattern.split(|byte| *byte == b'|');
    Some(words.map(<[u8]>::to_vec).collect())
}

/// The fast form of a tree, where it has one.
pub(super) fn recognise(hir: &Hir) -> Option<Fast> {
    let whole = Edges {
        start: true,
        end: true,
    };
    let alternatives = multiply(hir, whole)?;
    if alternatives
        .iter()
        .all(|pieces| pieces.iter().all(Piece::is_text))
    {
        let words = alternatives.into_iter().map(|pieces| {
            let [Piece::Text(word)] =
                <[Piece; 1]>::try_from(pieces).unwrap_or([Piece::Text(Vec::new())])
            else {
                return Vec::new();
            };
            word
        });
        return Some(Fast::Words(WordSet::new(words.collect())));
    }
    (alternatives.len() <= GAPPED_MAX)
        .then(|| Fast::Gapped(alternatives.into_iter().map(gapped).collect()))
}

/// Longest start of `bytes` that is text.
pub(super) fn text_start(bytes: &[u8]) -> &str {
    bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid())
}

fn common_prefix<'a>(mut words: impl Iterator<Item = &'a [u8]>) -> String {
    let Some(mut prefix) = words.next() else {
        return String::new();
    };
    for word in words {
        let shared = prefix.iter().zip(word).take_while(|(a, b)| a == b).count();
        prefix = &prefix[..shared];
    }
    text_start(prefix).to_owned()
}

/// A part of an alternative. No two of a kind are neighbours.
#[derive(Debug, Clone)]
enum Piece {
    Text(Vec<u8>),
    /// Any characters, at least this many: 0 or 1.
    Gap(usize),
}

impl Piece {
    fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.len() + 1,
            Self::Gap(_) => 1,
        }
    }
}

type Alternative = Vec<Piece>;

/// Whether a part of the tree touches the ends of the value.
#[derive(Debug, Clone, Copy)]
struct Edges {
    start: bool,
    end: bool,
}

/// All alternatives of a tree, or `None` where they are too many or not of this form.
fn multiply(hir: &Hir, edges: Edges) -> Option<Vec<Alternative>> {
    match hir.kind() {
        HirKind::Empty => Some(vec![Vec::new()]),
        HirKind::Literal(literal) => Some(vec![vec![Piece::Text(literal.0.to_vec())]]),
        HirKind::Class(Class::Unicode(class)) => characters(class),
        HirKind::Class(Class::Bytes(_)) => None,
        HirKind::Look(look) => {
            let holds = match look {
                Look::Start | Look::StartLF => edges.start,
                Look::End | Look::EndLF => edges.end,
                _ => false,
            };
            holds.then(|| vec![Vec::new()])
        }
        HirKind::Repetition(repetition) => repeated(repetition),
        HirKind::Capture(capture) => multiply(&capture.sub, edges),
        HirKind::Concat(parts) => concatenated(parts, edges),
        HirKind::Alternation(branches) => {
            let mut all = Vec::new();
            for branch in branches {
                all.extend(multiply(branch, edges)?);
                if all.len() > ALTERNATIVES_MAX {
                    return None;
                }
            }
            Some(all)
        }
    }
}

fn characters(class: &ClassUnicode) -> Option<Vec<Alternative>> {
    let count: usize = class.ranges().iter().map(|range| range.len()).sum();
    if count > ALTERNATIVES_MAX {
        return None;
    }
    let all = class.iter().flat_map(|range| range.start()..=range.end());
    Some(
        all.map(|c| vec![Piece::Text(c.to_string().into_bytes())])
            .collect(),
    )
}

fn is_any_character(hir: &Hir) -> bool {
    let HirKind::Class(Class::Unicode(class)) = hir.kind() else {
        return false;
    };
    matches!(class.ranges(), [range] if range.start() == '\0' && range.end() == char::MAX)
}

fn repeated(repetition: &Repetition) -> Option<Vec<Alternative>> {
    match (repetition.min, repetition.max) {
        (0, None) if is_any_character(&repetition.sub) => Some(vec![vec![Piece::Gap(0)]]),
        (1, None) if is_any_character(&repetition.sub) => Some(vec![vec![Piece::Gap(1)]]),
        (min, Some(max)) => {
            let inside = Edges {
                start: false,
                end: false,
            };
            let once = multiply(&repetition.sub, inside)?;
            let mut power = vec![Vec::new()];
            let mut all = Vec::new();
            for count in 0..=max {
                if count >= min {
                    all.extend(power.iter().cloned());
                }
                if count < max {
                    power = product(power, &once)?;
                }
                if all.len() > ALTERNATIVES_MAX || size(&all) > BYTES_MAX {
                    return None;
                }
            }
            Some(all)
        }
        _ => None,
    }
}

fn concatenated(parts: &[Hir], edges: Edges) -> Option<Vec<Alternative>> {
    let is_empty = |part: &Hir| matches!(part.kind(), HirKind::Empty | HirKind::Look(_));
    let head = parts.iter().take_while(|part| is_empty(part)).count();
    let tail = parts.iter().rev().take_while(|part| is_empty(part)).count();
    let mut all = vec![Vec::new()];
    for (at, part) in parts.iter().enumerate() {
        let inside = Edges {
            start: edges.start && at <= head,
            end: edges.end && at + tail + 1 >= parts.len(),
        };
        all = product(all, &multiply(part, inside)?)?;
    }
    Some(all)
}

fn product(mut left: Vec<Alternative>, right: &[Alternative]) -> Option<Vec<Alternative>> {
    if left.len() * right.len() > ALTERNATIVES_MAX {
        return None;
    }
    // In place where nothing multiplies: a long sequence stays linear.
    if let [only] = right {
        for alternative in &mut left {
            append(alternative, only)?;
        }
        return (size(&left) <= BYTES_MAX).then_some(left);
    }
    let mut all = Vec::with_capacity(left.len() * right.len());
    for head in &left {
        for tail in right {
            let mut alternative = head.clone();
            append(&mut alternative, tail)?;
            all.push(alternative);
        }
    }
    (size(&all) <= BYTES_MAX).then_some(all)
}

/// Joins two alternatives; `None` where two gaps would need two characters, which are not two bytes.
fn append(left: &mut Alternative, right: &[Piece]) -> Option<()> {
    for piece in right {
        match (left.last_mut(), piece) {
            (Some(Piece::Text(text)), Piece::Text(more)) => text.extend_from_slice(more),
            (Some(Piece::Gap(least)), Piece::Gap(more)) => {
                *least += more;
                if *least > 1 {
                    return None;
                }
            }
            _ => left.push(piece.clone()),
        }
    }
    Some(())
}

fn size(alternatives: &[Alternative]) -> usize {
    let pieces = alternatives.iter().flatten();
    alternatives.len() + pieces.map(Piece::size).sum::<usize>()
}

fn gapped(pieces: Alternative) -> Gapped {
    let mut form = Gapped {
        head: Vec::new(),
        rest: Vec::new(),
    };
    for piece in pieces {
        match piece {
            Piece::Gap(least) => form
                .rest
                .push((least, memmem::Finder::new(b"").into_owned())),
            Piece::Text(text) => match form.rest.last_mut() {
                None => form.head = text,
                Some((_, literal)) => *literal = memmem::Finder::new(&text).into_owned(),
            },
        }
    }
    form
}
