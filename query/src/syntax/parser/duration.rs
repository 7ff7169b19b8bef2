//! Durations with arithmetic, after `offset` and inside brackets.
//!
//! ```text
//! length = number | "(" length ")" | sign length | length op length | step "(" ")" | range "(" ")"
//!        | ( min_of | max_of ) "(" length "," length ")"
//! ```
//!
//! After `offset`, a bare number or call ends the length, since an operator behind it belongs to the query; only
//! parentheses hold arithmetic there. Parentheses are kept, because the printer shows them.

use super::super::ast::{DurationExpr, DurationOp, Expr, Length, NodeId, Span};
use super::super::number;
use super::super::token::{BinaryOp, Keyword, Kind, Token};
use super::{Parsed, Parser};

/// Seconds of 2^63 nanoseconds.
const SECONDS_MAX: f64 = 9_223_372_036.854_776;

impl Parser<'_> {
    /// A length that, where it is known, is above zero.
    pub(super) fn positive_duration(&mut self) -> Parsed<Length> {
        let id = self.duration(0)?;
        let node = &self.nodes[id.index()];
        if let Expr::Number { value, .. } = node.expr
            && value <= 0.0
        {
            let span = node.span;
            self.refuse(span, "duration must be greater than 0");
        }
        Ok(self.length(id))
    }

    pub(super) fn offset_duration(&mut self) -> Parsed<Length> {
        let token = self.peek_token()?;
        let id = match token.kind {
            Kind::Op(BinaryOp::Add | BinaryOp::Sub) => {
                self.bump()?;
                let operand = self.duration_operand()?;
                self.signed_offset(token, operand)
            }
            Kind::LeftParen => {
                let id = self.duration(0)?;
                // Prometheus has looked ahead by now, to where the selector then is said to end.
                self.peek()?;
                id
            }
            _ => self.duration_operand()?,
        };
        Ok(self.length(id))
    }

    /// A sign after `offset`: before a call, and only there, a plus stays in the tree.
    fn signed_offset(&mut self, sign: Token, operand: NodeId) -> NodeId {
        match self.nodes[operand.index()].expr {
            Expr::Duration(call) if !call.wrapped && sign.kind == Kind::Op(BinaryOp::Add) => {
                let span = Span {
                    start: sign.span.start,
                    end: self.span(operand).end,
                };
                self.push_duration(span, DurationOp::Add, None, Some(operand))
            }
            _ => self.signed(sign, operand),
        }
    }

    fn length(&self, id: NodeId) -> Length {
        match self.nodes[id.index()].expr {
            Expr::Number { value, .. } => Length {
                nanos: number::nanos(value),
                expr: None,
            },
            _ => Length {
                nanos: 0,
                expr: Some(id),
            },
        }
    }

    fn duration(&mut self, tightness: u8) -> Parsed<NodeId> {
        self.nested(|parser| {
            let token = parser.peek_token()?;
            let mut lhs = if let Kind::Op(BinaryOp::Add | BinaryOp::Sub) = token.kind {
                parser.bump()?;
                let operand = parser.duration(BinaryOp::Pow.precedence())?;
                parser.signed(token, operand)
            } else {
                parser.duration_operand()?
            };
            loop {
                let token = parser.peek_token()?;
                let Some((op, precedence)) = arithmetic(token.kind) else {
                    return Ok(lhs);
                };
                if precedence < tightness {
                    return Ok(lhs);
                }
                parser.bump()?;
                let rhs = parser.duration(precedence + u8::from(op != DurationOp::Pow))?;
                lhs = parser.duration_binary(op, token, lhs, rhs);
            }
        })
    }

    fn duration_binary(
        &mut self,
        op: DurationOp,
        token: Token,
        lhs: NodeId,
        rhs: NodeId,
    ) -> NodeId {
        let why = match op {
            DurationOp::Div => "division by zero",
            DurationOp::Mod => "modulo by zero",
            _ => "",
        };
        let is_zero = matches!(self.nodes[rhs.index()].expr, Expr::Number { value, .. } if value.abs() < f64::MIN_POSITIVE);
        if is_zero && !why.is_empty() {
            self.refuse(token.span, why);
        }
        let span = Span {
            start: self.span(lhs).start,
            end: self.span(rhs).end,
        };
        self.push_duration(span, op, Some(lhs), Some(rhs))
    }

    fn push_duration(
        &mut self,
        span: Span,
        op: DurationOp,
        lhs: Option<NodeId>,
        rhs: Option<NodeId>,
    ) -> NodeId {
        self.push(
            span,
            Expr::Duration(DurationExpr {
                op,
                lhs,
                rhs,
                wrapped: false,
            }),
        )
    }

    /// A sign before a length: numbers take it in.
    fn signed(&mut self, sign: Token, operand: NodeId) -> NodeId {
        let negative = sign.kind == Kind::Op(BinaryOp::Sub);
        let node = &mut self.nodes[operand.index()];
        let span = Span {
            start: sign.span.start,
            end: node.span.end,
        };
        match &mut node.expr {
            Expr::Number { value, .. } => {
                if negative {
                    *value = -*value;
                }
                node.span = span;
                operand
            }
            _ if negative => self.push_duration(span, DurationOp::Sub, None, Some(operand)),
            _ => operand,
        }
    }

    fn duration_operand(&mut self) -> Parsed<NodeId> {
        let token = self.peek_token()?;
        match token.kind {
            Kind::Number | Kind::Duration => {
                self.bump()?;
                Ok(self.duration_number(token))
            }
            Kind::LeftParen => self.wrapped(),
            Kind::Keyword(Keyword::Step) => self.duration_call(DurationOp::Step),
            Kind::Keyword(Keyword::Range) => self.duration_call(DurationOp::Range),
            Kind::Keyword(Keyword::MinOf) => self.duration_call(DurationOp::MinOf),
            Kind::Keyword(Keyword::MaxOf) => self.duration_call(DurationOp::MaxOf),
            _ => Err(self.unexpected()),
        }
    }

    fn duration_number(&mut self, token: Token) -> NodeId {
        let id = self.number_node(token);
        if let Expr::Number { value, .. } = &mut self.nodes[id.index()].expr
            && value.abs() > SECONDS_MAX
        {
            *value = 0.0;
            self.refuse(token.span, "duration out of range");
        }
        id
    }

    fn wrapped(&mut self) -> Parsed<NodeId> {
        let open = self.bump()?;
        let inner = self.duration(0)?;
        let end = self.expect(Kind::RightParen)?.span.end;
        let node = &mut self.nodes[inner.index()];
        if let Expr::Duration(duration) = &mut node.expr {
            duration.wrapped = true;
            return Ok(inner);
        }
        let span = Span {
            start: open.span.start,
            end,
        };
        let id = self.push_duration(span, DurationOp::Add, None, Some(inner));
        if let Expr::Duration(duration) = &mut self.nodes[id.index()].expr {
            duration.wrapped = true;
        }
        Ok(id)
    }

    fn duration_call(&mut self, op: DurationOp) -> Parsed<NodeId> {
        let name = self.bump()?;
        self.expect(Kind::LeftParen)?;
        let (mut lhs, mut rhs) = (None, None);
        if matches!(op, DurationOp::MinOf | DurationOp::MaxOf) {
            lhs = Some(self.duration(0)?);
            self.expect(Kind::Comma)?;
            rhs = Some(self.duration(0)?);
        }
        let end = self.expect(Kind::RightParen)?.span.end;
        let span = Span {
            start: name.span.start,
            end,
        };
        Ok(self.push_duration(span, op, lhs, rhs))
    }
}

fn arithmetic(kind: Kind) -> Option<(DurationOp, u8)> {
    let Kind::Op(op) = kind else {
        return None;
    };
    let duration = match op {
        BinaryOp::Add => DurationOp::Add,
        BinaryOp::Sub => DurationOp::Sub,
        BinaryOp::Mul => DurationOp::Mul,
        BinaryOp::Div => DurationOp::Div,
        BinaryOp::Mod => DurationOp::Mod,
        BinaryOp::Pow => DurationOp::Pow,
        _ => return None,
    };
    Some((duration, op.precedence()))
}
