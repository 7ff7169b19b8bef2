//! What follows an operand: ranges, subqueries, `offset`, `@`, `anchored`, `smoothed`.
//!
//! ```text
//! postfix = "[" length "]" | "[" length ":" [ length ] "]" | offset length | anchored | smoothed
//!         | "@" ( [ sign ] number | start "(" ")" | end "(" ")" )
//! ```
//!
//! A range makes a new node, the others change the one they follow, which must be a selector or a subquery.

use super::super::ast::{At, Expr, Length, Moment, NodeId, Span, Subquery, VectorSelector};
use super::super::number;
use super::super::token::{Keyword, Kind, Token};
use super::{Context, Parsed, Parser};

const RANGE: Context = Context::new(
    "subquery or range selector",
    "number, duration, step(), or range()",
);
const AFTER_RANGE: Context = Context::new("subquery or range", "\":\" or \"]\"");
const STEP: Context = Context::new(
    "subquery selector",
    "number, duration, step(), range(), or \"]\"",
);
const AFTER_STEP: Context = Context::new("subquery selector", "\"]\"");
const OFFSET: Context = Context::new("offset", "number, duration, step(), or range()");
const AT: Context = Context::new("@", "timestamp");
const SELECTORS: &str = "an instant vector selector or range vector selector or a subquery";

impl Parser<'_> {
    pub(super) fn postfixes(&mut self, operand: NodeId) -> Parsed<NodeId> {
        let mut expr = operand;
        loop {
            match self.peek()? {
                Kind::LeftBracket => expr = self.bracket(expr)?,
                Kind::Keyword(Keyword::Offset) => self.offset(expr)?,
                Kind::At => self.at(expr)?,
                Kind::Keyword(keyword @ (Keyword::Anchored | Keyword::Smoothed)) => {
                    self.bump()?;
                    self.extend(expr, keyword == Keyword::Anchored);
                }
                _ => return Ok(expr),
            }
        }
    }

    fn bracket(&mut self, expr: NodeId) -> Parsed<NodeId> {
        let open = self.bump()?;
        let range = self.within(RANGE, Self::positive_duration)?;
        self.within(AFTER_RANGE, |parser| {
            if let Some(close) = parser.take(Kind::RightBracket)? {
                return Ok(parser.matrix(expr, range, open, close));
            }
            parser.expect(Kind::Colon)?;
            parser.context = STEP;
            let mut step = Length::default();
            if parser.peek()? != Kind::RightBracket {
                step = parser.positive_duration()?;
                parser.context = AFTER_STEP;
            }
            let end = parser.expect(Kind::RightBracket)?.span.end;
            let subquery = Subquery {
                expr,
                range,
                step,
                moment: Moment::default(),
            };
            let span = Span {
                start: parser.span(expr).start,
                end,
            };
            Ok(parser.push(span, Expr::Subquery(Box::new(subquery))))
        })
    }

    fn matrix(&mut self, selector: NodeId, range: Length, open: Token, close: Token) -> NodeId {
        let why = match &self.nodes[selector.index()].expr {
            Expr::Vector(vector) if !vector.moment.offset.is_zero() => {
                Some("no offset modifiers allowed before range")
            }
            Expr::Vector(vector) if vector.moment.at.is_some() => {
                Some("no @ modifiers allowed before range")
            }
            Expr::Vector(_) => None,
            _ => Some("ranges only allowed for vector selectors"),
        };
        if let Some(why) = why {
            self.refuse(
                Span {
                    start: open.span.start,
                    end: close.span.end,
                },
                why,
            );
        }
        let span = Span {
            start: self.span(selector).start,
            end: close.span.end,
        };
        self.push(span, Expr::Matrix { selector, range })
    }

    /// The `offset` and `@` of a selector or subquery.
    fn moment(&mut self, id: NodeId) -> Option<&mut Moment> {
        if let Expr::Subquery(_) = self.nodes[id.index()].expr {
            match &mut self.nodes[id.index()].expr {
                Expr::Subquery(subquery) => return Some(&mut subquery.moment),
                _ => return None,
            }
        }
        self.vector(id).map(|vector| &mut vector.moment)
    }

    /// The selector a node is, or is the range of.
    fn vector(&mut self, id: NodeId) -> Option<&mut VectorSelector> {
        let id = match self.nodes[id.index()].expr {
            Expr::Matrix { selector, .. } => selector,
            _ => id,
        };
        match &mut self.nodes[id.index()].expr {
            Expr::Vector(vector) => Some(vector),
            _ => None,
        }
    }

    fn offset(&mut self, expr: NodeId) -> Parsed<()> {
        self.bump()?;
        let offset = self.within(OFFSET, Self::offset_duration)?;
        let span = self.span(expr);
        let Some(moment) = self.moment(expr) else {
            self.refuse(
                span,
                format!("offset modifier must be preceded by {SELECTORS}"),
            );
            return Ok(());
        };
        if moment.offset.is_zero() {
            moment.offset = offset;
        } else {
            self.refuse(span, "offset may not be set multiple times");
        }
        self.nodes[expr.index()].span.end = self.last_closing;
        Ok(())
    }

    fn at(&mut self, expr: NodeId) -> Parsed<()> {
        self.bump()?;
        let span = self.span(expr);
        let at = self.within(AT, |parser| parser.instant(span))?;
        let Some(moment) = self.moment(expr) else {
            self.refuse(span, format!("@ modifier must be preceded by {SELECTORS}"));
            return Ok(());
        };
        let before = moment.at.replace(at);
        if before.is_some() {
            self.refuse(span, "@ <timestamp> may not be set multiple times");
        }
        self.nodes[expr.index()].span.end = self.last_closing;
        Ok(())
    }

    /// What stands after `@`; `span` is what it follows.
    fn instant(&mut self, span: Span) -> Parsed<At> {
        let token = self.peek_token()?;
        let at = match token.kind {
            Kind::Keyword(Keyword::Start) => At::Start,
            Kind::Keyword(Keyword::End) => At::End,
            _ => return self.timestamp(span).map(At::Time),
        };
        self.bump()?;
        self.expect(Kind::LeftParen)?;
        self.expect(Kind::RightParen)?;
        Ok(at)
    }

    fn timestamp(&mut self, span: Span) -> Parsed<i64> {
        let seconds = self.signed_number()?;
        if seconds.is_nan() || seconds.abs() >= 9_223_372_036_854_775_807.0 {
            let seconds = if seconds.is_finite() {
                format!("{seconds:.6}")
            } else {
                number::print_number(seconds)
            };
            self.refuse(
                span,
                format!("timestamp out of bounds for @ modifier: {seconds}"),
            );
        }
        Ok(number::saturating((seconds * 1000.0).round()))
    }

    fn extend(&mut self, expr: NodeId, anchored: bool) {
        let span = self.span(expr);
        let name = if anchored { "anchored" } else { "smoothed" };
        if !self.options.extended_range_selectors {
            self.refuse(
                span,
                format!("{name} modifier is experimental and not enabled"),
            );
            return;
        }
        let is_subquery = matches!(self.nodes[expr.index()].expr, Expr::Subquery(_));
        let Some(vector) = self.vector(expr) else {
            let why = if is_subquery {
                "is not supported for subqueries"
            } else {
                "not implemented"
            };
            self.refuse(span, format!("{name} modifier {why}"));
            return;
        };
        *(if anchored {
            &mut vector.anchored
        } else {
            &mut vector.smoothed
        }) = true;
        if vector.anchored && vector.smoothed {
            self.refuse(
                span,
                "anchored and smoothed modifiers cannot be used together",
            );
        }
    }
}
