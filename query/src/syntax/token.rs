//! Tokens and the closed sets behind them: operators, aggregations, keywords; how an error message names each.
//!
//! Keywords are looked up without regard to case. Precedence lives with the operators, low to high:
//! `or` < `and unless` < comparisons and trims < `+ -` < `* / % atan2` < `^`. Cut by [`super::lexer`].

use super::ast::Span;
use super::quote;

/// A binary operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is named after its text, see `text`")]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Atan2,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    TrimUpper,
    TrimLower,
    And,
    Or,
    Unless,
}

impl BinaryOp {
    /// Every one.
    pub const ALL: [Self; 18] = [
        Self::Add,
        Self::Sub,
        Self::Mul,
        Self::Div,
        Self::Mod,
        Self::Pow,
        Self::Atan2,
        Self::Equal,
        Self::NotEqual,
        Self::Less,
        Self::LessOrEqual,
        Self::Greater,
        Self::GreaterOrEqual,
        Self::TrimUpper,
        Self::TrimLower,
        Self::And,
        Self::Or,
        Self::Unless,
    ];

    /// As it is written.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Atan2 => "atan2",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::TrimUpper => "</",
            Self::TrimLower => ">/",
            Self::And => "and",
            Self::Or => "or",
            Self::Unless => "unless",
        }
    }

    /// Higher binds tighter.
    #[must_use]
    pub fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And | Self::Unless => 2,
            Self::Add | Self::Sub => 4,
            Self::Mul | Self::Div | Self::Mod | Self::Atan2 => 5,
            Self::Pow => 6,
            Self::Equal
            | Self::NotEqual
            | Self::Less
            | Self::LessOrEqual
            | Self::Greater
            | Self::GreaterOrEqual
            | Self::TrimUpper
            | Self::TrimLower => 3,
        }
    }

    /// `</` and `>/`, which cut native histograms.
    #[must_use]
    pub fn is_trim(self) -> bool {
        matches!(self, Self::TrimUpper | Self::TrimLower)
    }

    /// `==`, `<` and the like: filters, or 0 and 1 under `bool`. Trims are none.
    #[must_use]
    pub fn is_comparison(self) -> bool {
        self.precedence() == 3 && !self.is_trim()
    }

    /// `and`, `or`, `unless`.
    #[must_use]
    pub fn is_set(self) -> bool {
        self.precedence() < 3
    }
}

/// An aggregation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is named after its text, see `text`")]
pub enum AggregateOp {
    Avg,
    Bottomk,
    Count,
    CountValues,
    Group,
    LimitRatio,
    Limitk,
    Max,
    Min,
    Quantile,
    Stddev,
    Stdvar,
    Sum,
    Topk,
}

impl AggregateOp {
    /// Every one.
    pub const ALL: [Self; 14] = [
        Self::Avg,
        Self::Bottomk,
        Self::Count,
        Self::CountValues,
        Self::Group,
        Self::LimitRatio,
        Self::Limitk,
        Self::Max,
        Self::Min,
        Self::Quantile,
        Self::Stddev,
        Self::Stdvar,
        Self::Sum,
        Self::Topk,
    ];

    /// Its name.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Avg => "avg",
            Self::Bottomk => "bottomk",
            Self::Count => "count",
            Self::CountValues => "count_values",
            Self::Group => "group",
            Self::LimitRatio => "limit_ratio",
            Self::Limitk => "limitk",
            Self::Max => "max",
            Self::Min => "min",
            Self::Quantile => "quantile",
            Self::Stddev => "stddev",
            Self::Stdvar => "stdvar",
            Self::Sum => "sum",
            Self::Topk => "topk",
        }
    }

    /// Whether a parameter comes before the vector.
    #[must_use]
    pub fn has_param(self) -> bool {
        self == Self::CountValues || self.has_scalar_param()
    }

    /// Whether that parameter is a scalar.
    #[must_use]
    pub fn has_scalar_param(self) -> bool {
        matches!(
            self,
            Self::Bottomk | Self::LimitRatio | Self::Limitk | Self::Quantile | Self::Topk
        )
    }

    /// Whether it needs `promql-experimental-functions`.
    #[must_use]
    pub fn is_experimental(self) -> bool {
        matches!(self, Self::LimitRatio | Self::Limitk)
    }
}

/// A word with a meaning of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keyword {
    Anchored,
    Bool,
    By,
    Fill,
    FillLeft,
    FillRight,
    GroupLeft,
    GroupRight,
    Ignoring,
    Offset,
    On,
    Smoothed,
    Without,
    Start,
    End,
    Step,
    Range,
    MinOf,
    MaxOf,
}

impl Keyword {
    pub(super) const ALL: [(&'static str, Self); 19] = [
        ("anchored", Self::Anchored),
        ("bool", Self::Bool),
        ("by", Self::By),
        ("fill", Self::Fill),
        ("fill_left", Self::FillLeft),
        ("fill_right", Self::FillRight),
        ("group_left", Self::GroupLeft),
        ("group_right", Self::GroupRight),
        ("ignoring", Self::Ignoring),
        ("offset", Self::Offset),
        ("on", Self::On),
        ("smoothed", Self::Smoothed),
        ("without", Self::Without),
        ("start", Self::Start),
        ("end", Self::End),
        ("step", Self::Step),
        ("range", Self::Range),
        ("min_of", Self::MinOf),
        ("max_of", Self::MaxOf),
    ];

    /// Whether it is also the name of a function, or of a moment after `@`.
    pub(super) fn is_function(self) -> bool {
        matches!(
            self,
            Self::Start | Self::End | Self::Step | Self::Range | Self::MinOf | Self::MaxOf
        )
    }

    /// Whether a metric may be called so.
    pub(super) fn is_metric_name(self) -> bool {
        !matches!(
            self,
            Self::Bool | Self::GroupLeft | Self::GroupRight | Self::Ignoring | Self::On
        )
    }
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Eof,
    Comma,
    Colon,
    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    /// `=` of a matcher.
    Assign,
    MatchRegex,
    MatchNotRegex,
    At,
    Op(BinaryOp),
    Number,
    Duration,
    String,
    Identifier,
    MetricIdentifier,
    Keyword(Keyword),
    Aggregate(AggregateOp),
}

/// A piece of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Span,
}

impl Token {
    /// How messages name it, given its text.
    pub(super) fn describe(self, text: &str) -> String {
        let short = || {
            if text.len() > 10 {
                let head: String = text.chars().take(10).collect();
                format!("{}...", quote::text(&head))
            } else {
                quote::text(text)
            }
        };
        match self.kind {
            Kind::Eof => "end of input".to_owned(),
            Kind::Number => format!("number {}", short()),
            Kind::Duration => format!("duration {}", short()),
            Kind::String => format!("string {}", short()),
            Kind::Identifier => format!("identifier {}", quote::text(text)),
            Kind::MetricIdentifier => format!("metric identifier {}", quote::text(text)),
            Kind::Keyword(keyword) if !keyword.is_function() => format!("<{text}>"),
            Kind::Op(_) | Kind::At | Kind::MatchRegex | Kind::MatchNotRegex => {
                format!("<op:{text}>")
            }
            Kind::Aggregate(_) => format!("<aggr:{text}>"),
            _ => short(),
        }
    }

    /// Whether an operand may be a metric of this name.
    pub(super) fn is_metric_name(self) -> bool {
        match self.kind {
            Kind::Identifier | Kind::MetricIdentifier | Kind::Aggregate(_) => true,
            Kind::Keyword(keyword) => keyword.is_metric_name(),
            Kind::Op(op) => op.is_set(),
            _ => false,
        }
    }

    /// Whether a grouping list may hold it as a label.
    pub(super) fn is_label(self) -> bool {
        match self.kind {
            // Alone among the keywords, as in Prometheus.
            Kind::Keyword(keyword) => keyword != Keyword::Without,
            Kind::Op(op) => op.is_set() || op == BinaryOp::Atan2,
            _ => self.is_metric_name(),
        }
    }
}

/// The token a word is.
pub(super) fn word(text: &str) -> Kind {
    let lower = text.to_ascii_lowercase();
    if let Some((_, keyword)) = Keyword::ALL.iter().find(|(name, _)| *name == lower) {
        return Kind::Keyword(*keyword);
    }
    if let Some(op) = AggregateOp::ALL.iter().find(|op| op.text() == lower) {
        return Kind::Aggregate(*op);
    }
    match lower.as_str() {
        "and" => Kind::Op(BinaryOp::And),
        "or" => Kind::Op(BinaryOp::Or),
        "unless" => Kind::Op(BinaryOp::Unless),
        "atan2" => Kind::Op(BinaryOp::Atan2),
        "inf" | "nan" => Kind::Number,
        _ if text.contains(':') => Kind::MetricIdentifier,
        _ => Kind::Identifier,
    }
}
