//! The language: text to tree and back.
//!
//! ```text
//! text --lexer--> tokens --parser--> tree --types--> checked tree --print, pretty--> text, --json--> JSON
//!                                                                --prepare--> tree of plain numbers, to evaluate
//! ```
//!
//! [`parse`] is the door; errors have the texts and positions of Prometheus 3.14. A text is at most
//! [`TEXT_BYTES_MAX`] long and nests at most [`NESTING_MAX`] deep; within that all work is linear in it, and a tree is
//! dropped without recursion, however long a chain of operators makes it. Start reading at [`ast`].

mod lexer;
mod parser;
mod pattern;
mod token;

pub mod ast;
pub mod function;
pub mod json;
pub mod number;
pub mod prepare;
pub mod pretty;
pub mod print;
pub mod quote;
pub mod types;

pub use ast::Tree;
pub use json::json;
pub use prepare::prepare;
pub use pretty::pretty;
pub use token::{AggregateOp, BinaryOp};
pub use types::ValueType;

use tsdb::matcher::Matcher;

use crate::error::{ParseError, ParseErrors};

/// Longest query text.
pub const TEXT_BYTES_MAX: usize = 1 << 20;
/// Deepest nesting of parentheses, calls, signs and powers; recursion is bounded by it.
pub const NESTING_MAX: usize = 256;

/// Which experimental parts of the language are on; the fields are Prometheus' feature flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// `promql-experimental-functions`: 17 functions, `limitk`, `limit_ratio`.
    pub experimental_functions: bool,
    /// `promql-extended-range-selectors`: `anchored`, `smoothed`.
    pub extended_range_selectors: bool,
    /// `promql-binop-fill-modifiers`: `fill`, `fill_left`, `fill_right`.
    pub fill_modifiers: bool,
    /// Thanos' `--query.enable-x-functions`: `xrate`, `xincrease`, `xdelta`.
    pub x_functions: bool,
}

impl Options {
    /// Turns on what a feature flag stands for; false where it says nothing about the language.
    pub fn enable(&mut self, feature: &str) -> bool {
        match feature {
            "promql-experimental-functions" => self.experimental_functions = true,
            "promql-extended-range-selectors" => self.extended_range_selectors = true,
            "promql-binop-fill-modifiers" => self.fill_modifiers = true,
            _ => return false,
        }
        true
    }
}

/// Parses and checks an expression.
///
/// # Errors
/// What is wrong with it; the first is what Prometheus reports.
pub fn parse(text: &str, options: Options) -> Result<Tree, ParseErrors> {
    check_size(text)?;
    let mut tree = parser::parse(text, options).map_err(|errors| ParseErrors::new(text, errors))?;
    let errors = types::check(text, &mut tree);
    if errors.is_empty() {
        Ok(tree)
    } else {
        Err(ParseErrors::new(text, errors))
    }
}

/// Parses what `match[]` takes: a selector without range, offset or `@`, which may match everything. Matchers stand in source
/// order, the name before the braces last.
///
/// # Errors
/// What is wrong with it.
pub fn parse_selector(text: &str) -> Result<Vec<Matcher>, ParseErrors> {
    check_size(text)?;
    parser::parse_selector(text).map_err(|errors| ParseErrors::new(text, errors))
}

fn check_size(text: &str) -> Result<(), ParseErrors> {
    if text.len() <= TEXT_BYTES_MAX {
        return Ok(());
    }
    let message = format!(
        "query of {} bytes is longer than {TEXT_BYTES_MAX}",
        text.len()
    );
    let span = ast::Span::default();
    Err(ParseErrors::new(text, vec![ParseError { span, message }]))
}

#[cfg(test)]
mod tests;
