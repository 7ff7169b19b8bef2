//! What stands between a binary operator and its right side, and lists of labels.
//!
//! ```text
//! matching = [ ( on | ignoring ) labels [ ( group_left | group_right ) [ labels ] ] ] [ fill ]
//! fill     = fill "(" n ")" | ( fill_left | fill_right ) "(" n ")" …       each side once
//! labels   = "(" [ label { "," label } [ "," ] ] ")"
//! ```

use super::super::ast::{Cardinality, Matching};
use super::super::token::{Keyword, Kind};
use super::{Context, Parsed, Parser, quote};

const OPENING: Context = Context::new("grouping opts", "\"(\"");
const LABEL: Context = Context::new("grouping opts", "label");
const AFTER_LABEL: Context = Context::new("grouping opts", "\",\" or \")\"");

impl Parser<'_> {
    pub(super) fn matching(&mut self) -> Parsed<Matching> {
        let mut matching = Matching::default();
        if let Kind::Keyword(keyword @ (Keyword::On | Keyword::Ignoring)) = self.peek()? {
            self.bump()?;
            matching.on = keyword == Keyword::On;
            matching.labels = self.labels()?;
            self.group(&mut matching)?;
        }
        self.fills(&mut matching)?;
        Ok(matching)
    }

    fn group(&mut self, matching: &mut Matching) -> Parsed<()> {
        matching.cardinality = match self.peek()? {
            Kind::Keyword(Keyword::GroupLeft) => Cardinality::ManyToOne,
            Kind::Keyword(Keyword::GroupRight) => Cardinality::OneToMany,
            _ => return Ok(()),
        };
        self.bump()?;
        if self.peek()? == Kind::LeftParen {
            matching.include = self.labels()?;
        }
        Ok(())
    }

    fn fills(&mut self, matching: &mut Matching) -> Parsed<()> {
        if self.take(Kind::Keyword(Keyword::Fill))?.is_some() {
            let value = self.fill_value()?;
            (matching.fill_left, matching.fill_right) = (Some(value), Some(value));
            return Ok(());
        }
        loop {
            match self.peek()? {
                Kind::Keyword(Keyword::FillLeft) if matching.fill_left.is_none() => {
                    self.bump()?;
                    matching.fill_left = Some(self.fill_value()?);
                }
                Kind::Keyword(Keyword::FillRight) if matching.fill_right.is_none() => {
                    self.bump()?;
                    matching.fill_right = Some(self.fill_value()?);
                }
                _ => return Ok(()),
            }
        }
    }

    fn fill_value(&mut self) -> Parsed<f64> {
        self.expect(Kind::LeftParen)?;
        let value = self.signed_number()?;
        self.expect(Kind::RightParen)?;
        Ok(value)
    }

    /// A list of labels in parentheses.
    pub(super) fn labels(&mut self) -> Parsed<Vec<String>> {
        self.within(OPENING, |parser| {
            parser.expect(Kind::LeftParen)?;
            let mut labels = Vec::new();
            while parser.take(Kind::RightParen)?.is_none() {
                parser.context = LABEL;
                labels.push(parser.label()?);
                parser.context = AFTER_LABEL;
                if parser.take(Kind::Comma)?.is_none() {
                    parser.expect(Kind::RightParen)?;
                    break;
                }
            }
            Ok(labels)
        })
    }

    fn label(&mut self) -> Parsed<String> {
        let token = self.peek_token()?;
        let label = if token.kind == Kind::String {
            self.string(token)
        } else if token.is_label() {
            self.word(token.span).to_owned()
        } else {
            return Err(self.unexpected());
        };
        self.bump()?;
        if label.is_empty() {
            let label = quote::text(&label);
            self.refuse(
                token.span,
                format!("invalid label name for grouping: {label}"),
            );
        }
        Ok(label)
    }
}
