//! Tokens to a tree: operator precedence by climbing, modifiers as postfixes.
//!
//! ```text
//! expression = prefix { operator [ bool ] [ matching ] [ fill ] expression }     by precedence, "^" to the right
//! prefix     = ( "+" | "-" ) expression | operand { "[" … "]" | offset | "@" | anchored | smoothed }
//! operand    = number | string | "(" expression ")" | function "(" args ")" | aggregation | selector
//! ```
//!
//! One token of lookahead, taken only where the grammar needs it, so that errors of the lexer and of meaning come in
//! Prometheus' order. The first unexpected token ends the parse; what it was unexpected *in* is [`Context`], the innermost
//! construct that says what it wants. Depth is bounded by [`super::NESTING_MAX`], so recursion is too. Types are
//! checked afterwards by [`super::types`].

use tsdb::matcher::Matcher;

use super::ast::{Binary, Expr, Matching, Node, NodeId, Span, Tree, push};
use super::lexer::Lexer;
use super::number;
use super::token::{BinaryOp, Keyword, Kind, Token};
use super::{NESTING_MAX, Options, ParseError, quote};

mod duration;
mod matching;
mod operand;
mod postfix;
mod selector;

/// The parse cannot go on; why is the last of the errors.
pub(super) struct Stop;

type Parsed<T> = Result<T, Stop>;

/// What an unexpected token is unexpected in, and what would have been right.
#[derive(Clone, Copy)]
struct Context {
    place: &'static str,
    wanted: &'static str,
}

impl Context {
    const fn new(place: &'static str, wanted: &'static str) -> Self {
        Self { place, wanted }
    }
}

const NOWHERE: Context = Context::new("", "");

pub(super) struct Parser<'q> {
    text: &'q str,
    options: Options,
    lexer: Lexer<'q>,
    next: Option<Token>,
    context: Context,
    /// End of the last closing bracket, number or duration read so far, the lookahead included: where Prometheus lets a
    /// selector end that has modifiers.
    last_closing: usize,
    depth: usize,
    nodes: Vec<Node>,
    errors: Vec<ParseError>,
}

/// Parses a whole text; the tree is not yet checked.
pub(super) fn parse(text: &str, options: Options) -> Result<Tree, Vec<ParseError>> {
    let mut parser = Parser::new(text, options);
    match parser.whole() {
        Ok(root) if parser.errors.is_empty() => Ok(Tree::new(parser.nodes, root)),
        _ => Err(parser.errors),
    }
}

/// Parses a text that is one selector and nothing else.
pub(super) fn parse_selector(text: &str) -> Result<Vec<Matcher>, Vec<ParseError>> {
    let mut parser = Parser::new(text, Options::default());
    match parser.whole_selector() {
        Ok(matchers) if parser.errors.is_empty() => Ok(matchers),
        _ => Err(parser.errors),
    }
}

impl<'q> Parser<'q> {
    fn new(text: &'q str, options: Options) -> Self {
        Self {
            text,
            options,
            lexer: Lexer::new(text),
            next: None,
            context: NOWHERE,
            last_closing: 0,
            depth: 0,
            nodes: Vec::new(),
            errors: Vec::new(),
        }
    }

    fn whole(&mut self) -> Parsed<NodeId> {
        if self.peek()? == Kind::Eof {
            self.refuse(Span::default(), "no expression found in input");
            return Err(Stop);
        }
        let root = self.expression(0)?;
        self.expect(Kind::Eof)?;
        Ok(root)
    }

    /// The next token, read now if it was not.
    fn peek_token(&mut self) -> Parsed<Token> {
        if let Some(token) = self.next {
            return Ok(token);
        }
        match self.lexer.next() {
            Ok(token) => {
                if matches!(
                    token.kind,
                    Kind::RightParen
                        | Kind::RightBrace
                        | Kind::RightBracket
                        | Kind::Number
                        | Kind::Duration
                ) {
                    self.last_closing = token.span.end;
                }
                self.next = Some(token);
                Ok(token)
            }
            Err(stuck) => {
                let span = Span {
                    start: stuck.at,
                    end: self.text.len(),
                };
                self.refuse(span, stuck.message);
                Err(Stop)
            }
        }
    }

    fn peek(&mut self) -> Parsed<Kind> {
        Ok(self.peek_token()?.kind)
    }

    fn bump(&mut self) -> Parsed<Token> {
        let token = self.peek_token()?;
        self.next = None;
        Ok(token)
    }

    fn take(&mut self, kind: Kind) -> Parsed<Option<Token>> {
        if self.peek()? == kind {
            self.bump().map(Some)
        } else {
            Ok(None)
        }
    }

    fn expect(&mut self, kind: Kind) -> Parsed<Token> {
        match self.take(kind)? {
            Some(token) => Ok(token),
            None => Err(self.unexpected()),
        }
    }

    fn word(&self, span: Span) -> &'q str {
        &self.text[span.start..span.end]
    }

    fn refuse(&mut self, span: Span, message: impl Into<String>) {
        self.errors.push(ParseError {
            span,
            message: message.into(),
        });
    }

    /// Refuses the next token.
    fn unexpected(&mut self) -> Stop {
        let Ok(token) = self.peek_token() else {
            return Stop;
        };
        let mut message = format!("unexpected {}", token.describe(self.word(token.span)));
        let Context { place, wanted } = self.context;
        if !place.is_empty() {
            message.push_str(" in ");
            message.push_str(place);
        }
        if !wanted.is_empty() {
            message.push_str(", expected ");
            message.push_str(wanted);
        }
        self.refuse(token.span, message);
        Stop
    }

    /// Runs `body` in the context of a construct; the outer one comes back where it succeeds.
    fn within<T>(
        &mut self,
        context: Context,
        body: impl FnOnce(&mut Self) -> Parsed<T>,
    ) -> Parsed<T> {
        let outer = std::mem::replace(&mut self.context, context);
        let value = body(self)?;
        self.context = outer;
        Ok(value)
    }

    fn nested<T>(&mut self, body: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.depth += 1;
        if self.depth > NESTING_MAX {
            let span = self.peek_token()?.span;
            self.refuse(
                span,
                format!("expression is nested more than {NESTING_MAX} levels deep"),
            );
            return Err(Stop);
        }
        let value = body(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn push(&mut self, span: Span, expr: Expr) -> NodeId {
        push(&mut self.nodes, span, expr)
    }

    fn span(&self, id: NodeId) -> Span {
        self.nodes[id.index()].span
    }

    /// An expression of operators that bind at least as tight as `tightness`.
    fn expression(&mut self, tightness: u8) -> Parsed<NodeId> {
        self.nested(|parser| {
            let mut lhs = parser.prefix()?;
            while let Kind::Op(op) = parser.peek()? {
                if op.precedence() < tightness {
                    break;
                }
                parser.bump()?;
                lhs = parser.binary(op, lhs)?;
            }
            Ok(lhs)
        })
    }

    /// The rest of a binary operation after its operator.
    fn binary(&mut self, op: BinaryOp, lhs: NodeId) -> Parsed<NodeId> {
        let return_bool = self.take(Kind::Keyword(Keyword::Bool))?.is_some();
        let matching = self.matching()?;
        let to_the_right = u8::from(op != BinaryOp::Pow);
        let rhs = self.expression(op.precedence() + to_the_right)?;
        let span = Span {
            start: self.span(lhs).start,
            end: self.span(rhs).end,
        };
        if (matching.fill_left.is_some() || matching.fill_right.is_some())
            && !self.options.fill_modifiers
        {
            self.refuse(
                span,
                "binop fill modifiers are experimental and not enabled",
            );
        }
        let matching: Option<Matching> = Some(matching);
        let binary = Binary {
            op,
            lhs,
            rhs,
            return_bool,
            matching,
        };
        Ok(self.push(span, Expr::Binary(Box::new(binary))))
    }

    fn prefix(&mut self) -> Parsed<NodeId> {
        let token = self.peek_token()?;
        let negative = match token.kind {
            Kind::Op(BinaryOp::Add) => false,
            Kind::Op(BinaryOp::Sub) => true,
            _ => {
                let operand = self.operand()?;
                return self.postfixes(operand);
            }
        };
        self.bump()?;
        // A sign binds like a product, so only a power goes before it.
        let expr = self.expression(BinaryOp::Pow.precedence())?;
        let node = &mut self.nodes[expr.index()];
        if let Expr::Number { value, .. } = &mut node.expr {
            if negative {
                *value = -*value;
            }
            node.span.start = token.span.start;
            return Ok(expr);
        }
        let span = Span {
            start: token.span.start,
            end: node.span.end,
        };
        Ok(self.push(span, Expr::Unary { negative, expr }))
    }

    /// The value of a number or duration token.
    fn number(&mut self, token: Token) -> f64 {
        let text = self.word(token.span);
        let value = if token.kind == Kind::Duration {
            number::parse_duration(text).map(number::seconds)
        } else {
            number::parse_number(text)
        };
        value.unwrap_or_else(|message| {
            self.refuse(token.span, message);
            0.0
        })
    }

    /// A number or a duration behind a sign, or behind none.
    fn signed_number(&mut self) -> Parsed<f64> {
        let negative = self.take(Kind::Op(BinaryOp::Sub))?.is_some();
        if !negative {
            self.take(Kind::Op(BinaryOp::Add))?;
        }
        if !matches!(self.peek()?, Kind::Number | Kind::Duration) {
            return Err(self.unexpected());
        }
        let token = self.bump()?;
        let value = self.number(token);
        Ok(if negative { -value } else { value })
    }

    fn number_node(&mut self, token: Token) -> NodeId {
        let value = self.number(token);
        let duration = token.kind == Kind::Duration;
        self.push(token.span, Expr::Number { value, duration })
    }

    fn string(&mut self, token: Token) -> String {
        quote::unquote(self.word(token.span)).unwrap_or_else(|| {
            self.refuse(token.span, "string is not valid UTF-8");
            String::new()
        })
    }
}
