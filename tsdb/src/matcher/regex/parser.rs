//! Reads a pattern in Go's RE2 dialect into a syntax tree.
//!
//! ```text
//! alternation = sequence { "|" sequence }
//! sequence    = { flags | atom [ "*" | "+" | "?" | "{n}" | "{n,}" | "{n,m}" ] [ "?" ] }
//! atom        = character | escape | class | "." | "^" | "$" | "(" … ")" | "\Q" … "\E"
//! ```
//!
//! A stack of open groups instead of recursion, so nesting costs no call stack here; [`HEIGHT_MAX`] bounds it for those who
//! walk the tree. Work is linear in the pattern. What is an error in Go is an error here: two repetitions in a row, a
//! bound past [`REPEAT_MAX`], nested counts whose product passes it, an unknown escape. Next: [`super::class`] for
//! bracketed and named classes, [`super::token`] for counts, names and flags.

use regex_syntax::hir::{Capture, Class, ClassUnicode, Hir, Look, Repetition};

use super::class::{self, ClassBuilder};
use super::token::{Flags, Max, braces, flag_group, group_name};
use crate::error::{Error, Result};

/// Depth of the tree, as in Go.
const HEIGHT_MAX: u32 = 1000;

/// Largest count of a repetition, also of nested ones multiplied, as in Go.
const REPEAT_MAX: u32 = 1000;

/// Ranges of all classes of one pattern: 8 MiB of them. Two bytes of pattern (`\pL`) can ask for 600.
const RANGES_MAX: usize = 1 << 20;

/// A parsed pattern.
#[derive(Debug)]
pub(super) struct Parsed {
    /// The tree, not anchored.
    pub(super) hir: Hir,
    /// Names of groups 1, 2, …, empty where a group has none.
    pub(super) names: Vec<String>,
}

/// Parses all of `pattern`.
pub(super) fn parse(pattern: &str) -> Result<Parsed> {
    let mut parser = Parser::new(pattern);
    while !parser.rest().is_empty() {
        let repeated = std::mem::take(&mut parser.repeated);
        parser.step(repeated)?;
    }
    parser.finish()
}

/// A finished part of the tree.
struct Node {
    hir: Hir,
    height: u32,
    /// Largest product of nested counts.
    repeats: u32,
}

impl Node {
    fn leaf(hir: Hir) -> Self {
        Self {
            hir,
            height: 1,
            repeats: 1,
        }
    }

    fn over(nodes: Vec<Self>, join: impl FnOnce(Vec<Hir>) -> Hir) -> Self {
        let height = nodes.iter().map(|node| node.height).max().unwrap_or(0);
        let repeats = nodes.iter().map(|node| node.repeats).max().unwrap_or(1);
        let height = height + u32::from(nodes.len() != 1);
        Self {
            hir: join(nodes.into_iter().map(|node| node.hir).collect()),
            height,
            repeats,
        }
    }
}

/// What stands side by side: finished nodes, then characters still open to a repetition.
#[derive(Default)]
struct Sequence {
    nodes: Vec<Node>,
    text: String,
}

impl Sequence {
    fn push(&mut self, node: Node) {
        self.flush();
        self.nodes.push(node);
    }

    fn flush(&mut self) {
        if !self.text.is_empty() {
            let text = std::mem::take(&mut self.text);
            self.nodes.push(Node::leaf(Hir::literal(text.into_bytes())));
        }
    }

    /// Takes what a repetition applies to.
    fn pop(&mut self) -> Option<Node> {
        match self.text.pop() {
            Some(c) => Some(Node::leaf(Hir::literal(c.to_string().into_bytes()))),
            None => self.nodes.pop(),
        }
    }

    fn finish(mut self) -> Node {
        self.flush();
        Node::over(self.nodes, Hir::concat)
    }
}

/// An open parenthesis, or the whole pattern.
struct Group {
    capture: Option<u32>,
    /// Flags to return to at the closing parenthesis.
    outer: Flags,
    branches: Vec<Node>,
    sequence: Sequence,
}

struct Parser<'p> {
    pattern: &'p str,
    at: usize,
    flags: Flags,
    open: Vec<Group>,
    group: Group,
    names: Vec<String>,
    ranges: usize,
    posix_end: usize,
    /// Whether what was just read is a repetition operator.
    repeated: bool,
}

impl<'p> Parser<'p> {
    fn new(pattern: &'p str) -> Self {
        let flags = Flags {
            fold: false,
            multi_line: false,
            dot_newline: true,
            lazy: false,
        };
        Self {
            pattern,
            at: 0,
            flags,
            open: Vec::new(),
            group: Group {
                capture: None,
                outer: flags,
                branches: Vec::new(),
                sequence: Sequence::default(),
            },
            names: Vec::new(),
            ranges: 0,
            posix_end: pattern.rfind(":]").unwrap_or(0),
            repeated: false,
        }
    }

    fn rest(&self) -> &'p str {
        &self.pattern[self.at..]
    }

    fn refuse<T>(&self, why: &str) -> Result<T> {
        Err(Error::Invalid(format!("regex: {why} at byte {}", self.at)))
    }

    /// Reads one element; `repeated` tells whether the one before was a repetition operator.
    fn step(&mut self, repeated: bool) -> Result<()> {
        let rest = self.rest();
        let first = rest.chars().next().expect("step is called before the end");
        match first {
            '(' => return self.open_group(),
            ')' => return self.close_group(),
            '|' => self.close_branch(),
            '^' => self.look(if self.flags.multi_line {
                Look::StartLF
            } else {
                Look::Start
            }),
            '$' => self.look(if self.flags.multi_line {
                Look::EndLF
            } else {
                Look::End
            }),
            '.' => {
                let class = class::dot(self.flags.dot_newline);
                self.class(class)?;
            }
            '[' => return self.bracketed(),
            '*' | '+' | '?' => {
                let bounds = match first {
                    '*' => (0, None),
                    '+' => (1, None),
                    _ => (0, Some(1)),
                };
                return self.repeat(bounds, 1, repeated);
            }
            '{' => match braces(rest) {
                Some((min, max, len)) => return self.repeat_counted(min, max, len, repeated),
                None => self.literal(first),
            },
            '\\' => return self.escape(),
            _ => self.literal(first),
        }
        self.at += first.len_utf8();
        Ok(())
    }

    fn literal(&mut self, c: char) {
        if self.flags.fold {
            let folded = class::folded(c);
            // A character without other cases stays text, which the fast paths can compare.
            if folded.literal().is_none() {
                let class = Hir::class(Class::Unicode(folded));
                return self.group.sequence.push(Node::leaf(class));
            }
        }
        self.group.sequence.text.push(c);
    }

    fn look(&mut self, look: Look) {
        self.group.sequence.push(Node::leaf(Hir::look(look)));
    }

    fn class(&mut self, class: ClassUnicode) -> Result<()> {
        self.ranges += class.ranges().len();
        if self.ranges > RANGES_MAX {
            return self.refuse("classes are too large");
        }
        let hir = Hir::class(Class::Unicode(class));
        self.group.sequence.push(Node::leaf(hir));
        Ok(())
    }

    fn bracketed(&mut self) -> Result<()> {
        // Where the last `:]` lies: a `[:` after it is text, and need not search for its end.
        let posix_end = self.posix_end.saturating_sub(self.at);
        let read = class::bracketed(self.rest(), self.flags.fold, posix_end);
        let (class, len) = read.map_err(|error| {
            let at = self.at + error.at;
            Error::Invalid(format!("regex: {} at byte {at}", error.why))
        })?;
        self.at += len;
        self.class(class)
    }

    fn escape(&mut self) -> Result<()> {
        let rest = self.rest();
        match rest.as_bytes().get(1) {
            Some(b'A') => self.look(Look::Start),
            Some(b'z') => self.look(Look::End),
            Some(b'b') => self.look(Look::WordAscii),
            Some(b'B') => self.look(Look::WordAsciiNegate),
            Some(b'Q') => {
                self.quoted();
                return Ok(());
            }
            _ => return self.escaped_character(),
        }
        self.at += 2;
        Ok(())
    }

    fn quoted(&mut self) {
        let body = &self.rest()[2..];
        let (text, skip) = match body.split_once(r"\E") {
            Some((text, _)) => (text, text.len() + 2),
            None => (body, body.len()),
        };
        for c in text.chars() {
            self.literal(c);
        }
        self.at += 2 + skip;
    }

    fn escaped_character(&mut self) -> Result<()> {
        let rest = self.rest();
        let mut builder = ClassBuilder::new(self.flags.fold);
        let read = builder.named_escape(rest).and_then(|named| match named {
            Some(len) => Ok((None, len)),
            None => class::character_escape(rest).map(|(code, len)| (Some(code), len)),
        });
        match read {
            Ok((None, len)) => {
                self.at += len;
                self.class(builder.finish(false))
            }
            Ok((Some(code), len)) => {
                self.literal(class::character(code));
                self.at += len;
                Ok(())
            }
            Err(why) => self.refuse(why),
        }
    }

    fn repeat_counted(&mut self, min: u32, max: Max, len: usize, repeated: bool) -> Result<()> {
        let too_large = match max {
            Max::None => false,
            Max::Count(max) => max > REPEAT_MAX || min > max,
        };
        if min > REPEAT_MAX || too_large {
            return self.refuse("repetition count is not within 0 to 1000 and ascending");
        }
        let (max, counted) = match max {
            Max::None => (None, min),
            Max::Count(max) => (Some(max), max),
        };
        self.repeat((min, max), len, repeated)?;
        let node = self
            .group
            .sequence
            .nodes
            .last_mut()
            .expect("repeat() pushed a node");
        let product = node.repeats.saturating_mul(counted.max(1));
        let refused = product > REPEAT_MAX && (min >= 2 || max.is_some_and(|max| max >= 2));
        node.repeats = if max == Some(0) { 1 } else { product };
        if refused {
            return self.refuse("nested repetition counts pass 1000");
        }
        Ok(())
    }

    fn repeat(&mut self, (min, max): (u32, Option<u32>), len: usize, repeated: bool) -> Result<()> {
        if repeated {
            return self.refuse("repetition of a repetition");
        }
        let Some(node) = self.group.sequence.pop() else {
            return self.refuse("nothing to repeat");
        };
        if node.height >= HEIGHT_MAX {
            return self.refuse("nests too deeply");
        }
        self.at += len;
        let lazy = self.rest().starts_with('?');
        self.at += usize::from(lazy);
        let hir = Hir::repetition(Repetition {
            min,
            max,
            greedy: lazy == self.flags.lazy,
            sub: Box::new(node.hir),
        });
        self.group.sequence.push(Node {
            hir,
            height: node.height + 1,
            repeats: node.repeats,
        });
        self.repeated = true;
        Ok(())
    }

    fn open_group(&mut self) -> Result<()> {
        let rest = self.rest();
        let mut inner = self.flags;
        let (capture, len) = if !rest.starts_with("(?") {
            (Some(""), 1)
        } else if rest.starts_with("(?P<") || rest.starts_with("(?<") {
            match group_name(rest) {
                Some((name, len)) => (Some(name), len),
                None => return self.refuse("invalid group name"),
            }
        } else {
            let Some((flags, opens, len)) = flag_group(rest, self.flags) else {
                return self.refuse("unknown group or flag");
            };
            if !opens {
                self.flags = flags;
                self.at += len;
                return Ok(());
            }
            inner = flags;
            (None, len)
        };
        self.at += len;
        self.push_group(capture, inner)
    }

    fn push_group(&mut self, capture: Option<&str>, inner: Flags) -> Result<()> {
        if self.open.len() >= HEIGHT_MAX as usize {
            return self.refuse("nests too deeply");
        }
        let capture = capture.map(|name| {
            self.names.push(name.to_owned());
            u32::try_from(self.names.len()).unwrap_or(u32::MAX)
        });
        let group = Group {
            capture,
            outer: self.flags,
            branches: Vec::new(),
            sequence: Sequence::default(),
        };
        self.open.push(std::mem::replace(&mut self.group, group));
        self.flags = inner;
        Ok(())
    }

    fn close_branch(&mut self) {
        let branch = std::mem::take(&mut self.group.sequence).finish();
        self.group.branches.push(branch);
    }

    fn close_group(&mut self) -> Result<()> {
        let Some(outer) = self.open.pop() else {
            return self.refuse("closing parenthesis without an opening one");
        };
        let group = std::mem::replace(&mut self.group, outer);
        self.flags = group.outer;
        let mut node = group_node(group);
        node.height += 1;
        if node.height > HEIGHT_MAX {
            return self.refuse("nests too deeply");
        }
        self.group.sequence.push(node);
        self.at += 1;
        Ok(())
    }

    fn finish(self) -> Result<Parsed> {
        if !self.open.is_empty() {
            return self.refuse("missing closing parenthesis");
        }
        Ok(Parsed {
            hir: group_node(self.group).hir,
            names: self.names,
        })
    }
}

fn group_node(mut group: Group) -> Node {
    group.branches.push(group.sequence.finish());
    let node = Node::over(group.branches, Hir::alternation);
    match group.capture {
        // Names are kept beside the tree: Go allows a name twice, the tree does not.
        Some(index) => Node {
            hir: Hir::capture(Capture {
                index,
                name: None,
                sub: Box::new(node.hir),
            }),
            ..node
        },
        None => node,
    }
}
