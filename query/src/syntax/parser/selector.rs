//! Vector selectors: a name, matchers in braces, or both.
//!
//! ```text
//! selector = metric [ matchers ] | matchers        matchers = "{" [ item { "," item } [ "," ] ] "}"
//! item     = string | ( label | string ) ( "=" | "!=" | "=~" | "!~" ) string
//! ```
//!
//! A lone string is the metric name. The name before the braces becomes the last matcher.

use tsdb::label::METRIC_NAME;
use tsdb::matcher::{Matcher, MatcherKind, Regex};

use super::super::ast::{Expr, Moment, NodeId, Span, VectorSelector};
use super::super::pattern;
use super::super::token::{BinaryOp, Kind, Token};
use super::{Context, Parsed, Parser};

const PLACE: &str = "label matching";
const ITEM: Context = Context::new(PLACE, "identifier or \"}\"");
const OPERATOR: Context = Context::new(PLACE, "label matching operator");
const VALUE: Context = Context::new(PLACE, "string");
const AFTER_ITEM: Context = Context::new(PLACE, "\",\" or \"}\"");

impl Parser<'_> {
    /// A selector up to the end of the text.
    pub(super) fn whole_selector(&mut self) -> Parsed<Vec<Matcher>> {
        let token = self.peek_token()?;
        let name = match token.kind {
            Kind::LeftBrace => None,
            _ if token.is_metric_name() => Some(self.bump()?),
            _ => return Err(self.unexpected()),
        };
        let (matchers, _) = self.named_matchers(name)?;
        self.expect(Kind::Eof)?;
        Ok(matchers)
    }

    /// A selector whose name, if it has one, was just read.
    pub(super) fn selector(&mut self, name: Option<Token>) -> Parsed<NodeId> {
        let (matchers, span) = self.named_matchers(name)?;
        let name = name.map(|name| self.word(name.span).to_owned());
        let selector = VectorSelector {
            name,
            matchers,
            moment: Moment::default(),
            anchored: false,
            smoothed: false,
        };
        Ok(self.push(span, Expr::Vector(Box::new(selector))))
    }

    /// The matchers after a name, and one for the name.
    fn named_matchers(&mut self, name: Option<Token>) -> Parsed<(Vec<Matcher>, Span)> {
        let mut matchers = Vec::new();
        let mut span = name.map_or(self.peek_token()?.span, |name| name.span);
        if name.is_none() || self.peek()? == Kind::LeftBrace {
            (matchers, span.end) = self.within(ITEM, Self::matchers)?;
        }
        if let Some(name) = name {
            matchers.push(Matcher::equal(METRIC_NAME, self.word(name.span)));
        }
        Ok((matchers, span))
    }

    fn matchers(&mut self) -> Parsed<(Vec<Matcher>, usize)> {
        self.expect(Kind::LeftBrace)?;
        let mut matchers = Vec::new();
        loop {
            if let Some(close) = self.take(Kind::RightBrace)? {
                return Ok((matchers, close.span.end));
            }
            self.context = ITEM;
            matchers.extend(self.matcher()?);
            self.context = AFTER_ITEM;
            if self.take(Kind::Comma)?.is_none() {
                let close = self.expect(Kind::RightBrace)?;
                return Ok((matchers, close.span.end));
            }
            self.context = ITEM;
        }
    }

    /// One item; none where its pattern was refused.
    fn matcher(&mut self) -> Parsed<Option<Matcher>> {
        let token = self.peek_token()?;
        let name = match token.kind {
            Kind::Identifier => self.word(token.span).to_owned(),
            Kind::String => self.string(token),
            _ => return Err(self.unexpected()),
        };
        self.bump()?;
        let kind = match self.peek()? {
            Kind::Assign => MatcherKind::Equal,
            Kind::Op(BinaryOp::NotEqual) => MatcherKind::NotEqual,
            Kind::MatchRegex => MatcherKind::Regex,
            Kind::MatchNotRegex => MatcherKind::NotRegex,
            _ if token.kind == Kind::String => return Ok(Some(Matcher::equal(METRIC_NAME, name))),
            _ => {
                self.context = OPERATOR;
                return Err(self.unexpected());
            }
        };
        self.bump()?;
        self.context = VALUE;
        let value = self.expect(Kind::String)?;
        let span = Span {
            start: token.span.start,
            end: value.span.end,
        };
        let value = self.string(value);
        Ok(self.new_matcher(kind, name, value, span))
    }

    fn new_matcher(
        &mut self,
        kind: MatcherKind,
        name: String,
        value: String,
        span: Span,
    ) -> Option<Matcher> {
        match Matcher::new(kind, name, &value) {
            Ok(matcher) => Some(matcher),
            Err(error) => {
                // The pattern's own error, without the matcher around it.
                let why = Regex::new(&value).err().unwrap_or(error);
                self.refuse(span, pattern::error(&value, &why.to_string()));
                None
            }
        }
    }
}
