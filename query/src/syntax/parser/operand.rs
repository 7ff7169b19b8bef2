//! Operands that are no selector: literals, parentheses, function calls, aggregations.
//!
//! ```text
//! call        = function "(" [ args ] ")"
//! aggregation = op [ grouping ] "(" args ")" | op "(" args ")" [ grouping ]       grouping = ( by | without ) labels
//! ```
//!
//! Names of aggregations and functions are metric names where no parenthesis (or grouping) follows.

use super::super::ast::{Aggregate, Expr, NodeId, Span};
use super::super::function;
use super::super::token::{AggregateOp, BinaryOp, Keyword, Kind, Token};
use super::{Context, Parsed, Parser, quote};

const AGGREGATION: Context = Context::new("aggregation", "");

struct Grouping {
    labels: Vec<String>,
    without: bool,
}

impl Parser<'_> {
    pub(super) fn operand(&mut self) -> Parsed<NodeId> {
        let token = self.peek_token()?;
        match token.kind {
            Kind::Number | Kind::Duration => {
                self.bump()?;
                Ok(self.number_node(token))
            }
            Kind::String => {
                self.bump()?;
                let text = self.string(token);
                Ok(self.push(token.span, Expr::String(text)))
            }
            Kind::LeftParen => {
                self.bump()?;
                let expr = self.expression(0)?;
                let end = self.expect(Kind::RightParen)?.span.end;
                Ok(self.push(
                    Span {
                        start: token.span.start,
                        end,
                    },
                    Expr::Paren(expr),
                ))
            }
            Kind::LeftBrace => self.selector(None),
            Kind::Aggregate(op) => self.aggregate_or_selector(op),
            Kind::Identifier => self.call_or_selector(),
            Kind::Keyword(keyword) if keyword.is_function() => self.call_or_selector(),
            _ if token.is_metric_name() => {
                self.bump()?;
                self.selector(Some(token))
            }
            _ => Err(self.unexpected()),
        }
    }

    fn call_or_selector(&mut self) -> Parsed<NodeId> {
        let name = self.bump()?;
        if self.peek()? != Kind::LeftParen {
            return self.selector(Some(name));
        }
        let (args, end) = self.args()?;
        let text = self.word(name.span);
        let known = function::lookup(text, self.options.x_functions);
        match known {
            None => {
                let text = quote::text(text);
                self.refuse(name.span, format!("unknown function with name {text}"));
            }
            Some(function)
                if function.is_experimental() && !self.options.experimental_functions =>
            {
                let text = quote::text(text);
                self.refuse(name.span, format!("function {text} is not enabled"));
            }
            Some(_) => {}
        }
        let function = known.unwrap_or(&function::UNKNOWN);
        let span = Span {
            start: name.span.start,
            end,
        };
        Ok(self.push(span, Expr::Call { function, args }))
    }

    /// Arguments in parentheses, and where they end.
    fn args(&mut self) -> Parsed<(Vec<NodeId>, usize)> {
        self.expect(Kind::LeftParen)?;
        let mut args = Vec::new();
        if let Some(close) = self.take(Kind::RightParen)? {
            return Ok((args, close.span.end));
        }
        args.push(self.expression(0)?);
        while let Some(comma) = self.take(Kind::Comma)? {
            let next = self.peek_token()?;
            if starts_expression(next) {
                args.push(self.expression(0)?);
            } else {
                self.refuse(
                    comma.span,
                    "trailing commas not allowed in function call args",
                );
            }
        }
        let close = self.expect(Kind::RightParen)?;
        Ok((args, close.span.end))
    }

    fn aggregate_or_selector(&mut self, op: AggregateOp) -> Parsed<NodeId> {
        let name = self.bump()?;
        match self.peek()? {
            Kind::LeftParen | Kind::Keyword(Keyword::By | Keyword::Without) => {}
            _ => return self.selector(Some(name)),
        }
        let (grouping, args, end) = self.within(AGGREGATION, Self::aggregate_body)?;
        let span = Span {
            start: name.span.start,
            end,
        };
        self.aggregate(op, span, grouping, args)
    }

    fn aggregate_body(&mut self) -> Parsed<(Grouping, Vec<NodeId>, usize)> {
        if let Some((grouping, _)) = self.grouping()? {
            let (args, end) = self.args()?;
            return Ok((grouping, args, end));
        }
        let (args, end) = self.args()?;
        let none = Grouping {
            labels: Vec::new(),
            without: false,
        };
        let (grouping, end) = self.grouping()?.unwrap_or((none, end));
        Ok((grouping, args, end))
    }

    fn grouping(&mut self) -> Parsed<Option<(Grouping, usize)>> {
        let without = match self.peek()? {
            Kind::Keyword(Keyword::By) => false,
            Kind::Keyword(Keyword::Without) => true,
            _ => return Ok(None),
        };
        self.bump()?;
        let labels = self.labels()?;
        Ok(Some((Grouping { labels, without }, self.last_closing)))
    }

    fn aggregate(
        &mut self,
        op: AggregateOp,
        span: Span,
        grouping: Grouping,
        args: Vec<NodeId>,
    ) -> Parsed<NodeId> {
        let wanted = 1 + usize::from(op.has_param());
        let name = op.text();
        let (expr, param) = match args[..] {
            [] => {
                self.refuse(span, "no arguments for aggregate expression provided");
                (self.push(span, Expr::String(String::new())), None)
            }
            [first, ..] if op.is_experimental() && !self.options.experimental_functions => {
                self.refuse(
                    span,
                    format!("{name}() is experimental and must be enabled with --enable-feature=promql-experimental-functions"),
                );
                (first, None)
            }
            [expr] if wanted == 1 => (expr, None),
            [param, expr] if wanted == 2 => (expr, Some(param)),
            [first, ..] => {
                let count = args.len();
                self.refuse(
                    span,
                    format!("wrong number of arguments for aggregate expression provided, expected {wanted}, got {count}"),
                );
                (first, None)
            }
        };
        let Grouping { labels, without } = grouping;
        let aggregate = Aggregate {
            op,
            expr,
            param,
            grouping: labels,
            without,
        };
        Ok(self.push(span, Expr::Aggregate(Box::new(aggregate))))
    }
}

fn starts_expression(token: Token) -> bool {
    match token.kind {
        Kind::Number | Kind::Duration | Kind::String | Kind::LeftParen | Kind::LeftBrace => true,
        Kind::Op(BinaryOp::Add | BinaryOp::Sub) => true,
        _ => token.is_metric_name(),
    }
}
