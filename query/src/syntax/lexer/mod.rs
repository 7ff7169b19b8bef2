//! Text to tokens, one at a time, with errors where Prometheus has them.
//!
//! ```text
//! plain --"{"--> braces --"}"--> plain          numbers are cut in plain and in duration, and lead to plain
//! plain --"["--> duration --"]" or a number--> plain
//! ```
//!
//! The mode decides which characters may come: inside braces there are matchers only, after a bracket durations only.
//! A token is read when the parser asks for it, so errors come in the order in which the text is understood. Each byte is
//! looked at a fixed number of times: the work is linear. Used by [`super::parser`].

use super::ast::Span;
use super::quote;
use super::token::{BinaryOp, Keyword, Kind, Token, word};

mod literal;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Plain,
    Braces,
    Duration,
}

/// Where the text stops being tokens; the error reaches from here to the end of the text.
#[derive(Debug)]
pub(super) struct Stuck {
    pub(super) at: usize,
    pub(super) message: String,
}

type Lexed = Result<Kind, String>;

pub(super) struct Lexer<'q> {
    text: &'q str,
    /// First byte of the token being read.
    start: usize,
    at: usize,
    mode: Mode,
    in_bracket: bool,
    had_duration: bool,
    had_colon: bool,
    paren_depth: usize,
}

impl<'q> Lexer<'q> {
    pub(super) fn new(text: &'q str) -> Self {
        Self {
            text,
            start: 0,
            at: 0,
            mode: Mode::Plain,
            in_bracket: false,
            had_duration: false,
            had_colon: false,
            paren_depth: 0,
        }
    }

    /// The next token; the end of the text again and again.
    pub(super) fn next(&mut self) -> Result<Token, Stuck> {
        self.skip_space();
        self.start = self.at;
        let kind = match self.mode {
            Mode::Plain => self.plain(),
            Mode::Braces => self.braces(),
            Mode::Duration => self.duration(),
        };
        match kind {
            Ok(kind) => Ok(Token {
                kind,
                span: Span {
                    start: self.start,
                    end: self.at,
                },
            }),
            Err(message) => Err(Stuck {
                at: self.start,
                message,
            }),
        }
    }

    fn rest(&self) -> &'q str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn skip_space(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches([' ', '\t', '\n', '\r']);
            self.at += rest.len() - trimmed.len();
            if !trimmed.starts_with('#') || self.mode == Mode::Duration {
                return;
            }
            self.at += trimmed.find(['\n', '\r']).unwrap_or(trimmed.len());
        }
    }

    fn plain(&mut self) -> Lexed {
        let Some(c) = self.bump() else {
            return self.end();
        };
        match c {
            ',' => Ok(Kind::Comma),
            '=' if self.take('=') => Ok(Kind::Op(BinaryOp::Equal)),
            '=' if self.peek() == Some('~') => {
                Err("unexpected character after '=': '~'".to_owned())
            }
            '=' => Ok(Kind::Assign),
            '!' if self.take('=') => Ok(Kind::Op(BinaryOp::NotEqual)),
            '!' => Err(format!(
                "unexpected character after '!': {}",
                self.quoted_next()
            )),
            '<' if self.take('=') => Ok(Kind::Op(BinaryOp::LessOrEqual)),
            '<' if self.take('/') => Ok(Kind::Op(BinaryOp::TrimUpper)),
            '<' => Ok(Kind::Op(BinaryOp::Less)),
            '>' if self.take('=') => Ok(Kind::Op(BinaryOp::GreaterOrEqual)),
            '>' if self.take('/') => Ok(Kind::Op(BinaryOp::TrimLower)),
            '>' => Ok(Kind::Op(BinaryOp::Greater)),
            '.' | '0'..='9' if self.starts_number(c) => self.number_or_duration(),
            '"' | '\'' => self.string(c),
            '`' => self.raw_string(),
            '{' => {
                self.mode = Mode::Braces;
                Ok(Kind::LeftBrace)
            }
            '@' => Ok(Kind::At),
            ':' if self.in_bracket => self.colon(),
            _ if c.is_ascii_alphabetic() || c == '_' || c == ':' => self.name(),
            _ => self
                .grouping(c)
                .or_else(|| arithmetic(c).map(Ok))
                .unwrap_or_else(|| Err(format!("unexpected character: {}", quote::character(c)))),
        }
    }

    /// Parentheses and brackets, which nest across modes.
    fn grouping(&mut self, c: char) -> Option<Lexed> {
        Some(match c {
            '(' => {
                self.paren_depth += 1;
                Ok(Kind::LeftParen)
            }
            ')' => self.close_paren(),
            '[' if self.in_bracket => Err("unexpected left bracket '['".to_owned()),
            '[' => {
                (self.in_bracket, self.had_colon, self.had_duration) = (true, false, false);
                self.mode = Mode::Duration;
                Ok(Kind::LeftBracket)
            }
            ']' if !self.in_bracket => self.stray("unexpected right bracket ']'"),
            ']' => {
                self.in_bracket = false;
                self.mode = Mode::Plain;
                Ok(Kind::RightBracket)
            }
            _ => return None,
        })
    }

    fn close_paren(&mut self) -> Lexed {
        match self.paren_depth.checked_sub(1) {
            Some(depth) => {
                self.paren_depth = depth;
                Ok(Kind::RightParen)
            }
            None => {
                // Prometheus notices after the parenthesis.
                self.start = self.at;
                self.stray("unexpected right parenthesis ')'")
            }
        }
    }

    fn stray(&self, message: &str) -> Lexed {
        Err(message.to_owned())
    }

    fn end(&self) -> Lexed {
        if self.paren_depth > 0 {
            Err("unclosed left parenthesis".to_owned())
        } else if self.in_bracket {
            Err("unclosed left bracket".to_owned())
        } else {
            Ok(Kind::Eof)
        }
    }

    fn colon(&mut self) -> Lexed {
        if self.had_colon {
            return Err("unexpected colon ':'".to_owned());
        }
        self.had_colon = true;
        Ok(Kind::Colon)
    }

    fn name(&mut self) -> Lexed {
        if self.in_bracket {
            return self.duration_word().ok_or_else(|| {
                let c = self.text[self.start..]
                    .chars()
                    .next()
                    .expect("a name has a first character");
                format!(
                    "unexpected character: {}, expected ':'",
                    quote::character(c)
                )
            });
        }
        self.skip_word();
        let kind = word(&self.text[self.start..self.at]);
        let is_fill = matches!(
            kind,
            Kind::Keyword(Keyword::Fill | Keyword::FillLeft | Keyword::FillRight)
        );
        let is_selection = matches!(kind, Kind::Keyword(Keyword::MinOf | Keyword::MaxOf));
        // These words are names but where a parenthesis follows.
        if (is_fill || is_selection)
            && !self
                .rest()
                .trim_start_matches([' ', '\t', '\n', '\r'])
                .starts_with('(')
        {
            return Ok(Kind::Identifier);
        }
        Ok(kind)
    }

    fn skip_word(&mut self) {
        let in_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte == b':';
        self.at += self.rest().bytes().take_while(|byte| in_word(byte)).count();
    }

    /// `step`, `range`, `min_of` or `max_of`, whose first letter was just read.
    fn duration_word(&mut self) -> Option<Kind> {
        let before = self.at;
        self.skip_word();
        match word(&self.text[self.start..self.at]) {
            Kind::Keyword(
                keyword @ (Keyword::Step | Keyword::Range | Keyword::MinOf | Keyword::MaxOf),
            ) => Some(Kind::Keyword(keyword)),
            _ => {
                self.at = before;
                None
            }
        }
    }

    fn duration(&mut self) -> Lexed {
        let Some(c) = self.bump() else {
            return Err("unexpected end of input in duration expression".to_owned());
        };
        match c {
            ',' => return Ok(Kind::Comma),
            ':' => {
                // Prometheus notices after the colon.
                if !self.had_duration {
                    self.start = self.at;
                    return Err(
                        "unexpected colon before duration in duration expression".to_owned()
                    );
                }
                return self.colon();
            }
            '.' | '0'..='9' if self.starts_number(c) => {
                self.had_duration = true;
                self.mode = Mode::Plain;
                return self.number_or_duration();
            }
            '(' | ')' | ']' => return self.grouping(c).expect("each is one of grouping's"),
            _ => {}
        }
        if let Some(op) = arithmetic(c) {
            return Ok(op);
        }
        let keyword = c
            .is_ascii_alphabetic()
            .then(|| self.duration_word())
            .flatten();
        keyword.ok_or_else(|| {
            format!(
                "unexpected character in duration expression: {}",
                quote::character(c)
            )
        })
    }

    fn braces(&mut self) -> Lexed {
        let Some(c) = self.bump() else {
            return Err("unexpected end of input inside braces".to_owned());
        };
        match c {
            ',' => Ok(Kind::Comma),
            '"' | '\'' => self.string(c),
            '`' => self.raw_string(),
            '=' if self.take('~') => Ok(Kind::MatchRegex),
            '=' => Ok(Kind::Assign),
            '!' if self.take('~') => Ok(Kind::MatchNotRegex),
            '!' if self.take('=') => Ok(Kind::Op(BinaryOp::NotEqual)),
            '!' => Err(format!(
                "unexpected character after '!' inside braces: {}",
                self.quoted_next()
            )),
            '{' => Err("unexpected left brace '{'".to_owned()),
            '}' => {
                self.mode = Mode::Plain;
                Ok(Kind::RightBrace)
            }
            _ if c.is_ascii_alphabetic() || c == '_' => {
                let in_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
                self.at += self.rest().bytes().take_while(in_word).count();
                Ok(Kind::Identifier)
            }
            _ => Err(format!(
                "unexpected character inside braces: {}",
                quote::character(c)
            )),
        }
    }

    /// The next character in quotes, as Prometheus shows the end of the text: as a replacement character.
    fn quoted_next(&self) -> String {
        quote::character(self.peek().unwrap_or(char::REPLACEMENT_CHARACTER))
    }
}

fn arithmetic(c: char) -> Option<Kind> {
    Some(Kind::Op(match c {
        '+' => BinaryOp::Add,
        '-' => BinaryOp::Sub,
        '*' => BinaryOp::Mul,
        '/' => BinaryOp::Div,
        '%' => BinaryOp::Mod,
        '^' => BinaryOp::Pow,
        _ => return None,
    }))
}
