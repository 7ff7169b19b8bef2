//! A tree as text in many lines, as `format_query` gives it.
//!
//! ```text
//! sum by (job) (          an operation too wide for a line opens: its operands one level deeper,
//!     a                   the operator on a line of its own
//!   +
//!     b
//! )
//! ```
//!
//! A node stays on one line where its canonical form is at most [`WIDTH_MAX`] bytes. Below [`NESTING_MAX`] levels, where
//! the indentation of a long chain would outgrow the text, the rest stays on one line too.

use super::NESTING_MAX;
use super::ast::{Expr, NodeId, Tree};
use super::print::{Piece, aggregate_head, operator, print, subquery_suffix, widths};

/// The widest canonical form that stays on one line.
pub const WIDTH_MAX: usize = 100;

struct Printer<'t> {
    tree: &'t Tree,
    widths: Vec<usize>,
}

/// The whole tree.
#[must_use]
pub fn pretty(tree: &Tree) -> String {
    let printer = Printer {
        tree,
        widths: widths(tree),
    };
    let mut out = String::new();
    printer.node(tree.root(), 0, &mut out);
    out
}

fn indent(level: usize, out: &mut String) {
    out.extend(std::iter::repeat_n("  ", level));
}

impl Printer<'_> {
    fn node(&self, id: NodeId, level: usize, out: &mut String) {
        let expr = self.tree.expr(id);
        let fits = self.widths[id.index()] <= WIDTH_MAX || level >= NESTING_MAX;
        match expr {
            // Prometheus indents no subquery that fits.
            Expr::Subquery(_) if fits => out.push_str(&print(self.tree, id)),
            Expr::Unary { negative, expr } => self.unary(*negative, *expr, level, out),
            _ if fits => {
                indent(level, out);
                out.push_str(&print(self.tree, id));
            }
            Expr::Subquery(subquery) => {
                self.node(subquery.expr, level, out);
                let mut pieces = Vec::new();
                subquery_suffix(subquery, &mut pieces);
                for piece in pieces {
                    match piece {
                        Piece::Text(text) => out.push_str(&text),
                        Piece::Node(id) => out.push_str(&print(self.tree, id)),
                    }
                }
            }
            Expr::Binary(binary) => {
                self.node(binary.lhs, level + 1, out);
                out.push('\n');
                indent(level, out);
                out.push_str(&operator(binary));
                out.push('\n');
                self.node(binary.rhs, level + 1, out);
            }
            Expr::Aggregate(aggregate) => {
                let args: Vec<NodeId> = aggregate
                    .param
                    .into_iter()
                    .chain([aggregate.expr])
                    .collect();
                self.opened(&aggregate_head(aggregate), &args, level, out);
            }
            Expr::Call { function, args } => self.opened(function.name, args, level, out),
            Expr::Paren(inner) => self.opened("", &[*inner], level, out),
            Expr::Number { .. }
            | Expr::String(_)
            | Expr::Vector(_)
            | Expr::Matrix { .. }
            | Expr::Duration(_) => {
                indent(level, out);
                out.push_str(&print(self.tree, id));
            }
        }
    }

    fn opened(&self, head: &str, args: &[NodeId], level: usize, out: &mut String) {
        indent(level, out);
        out.push_str(head);
        out.push('(');
        for (index, arg) in args.iter().enumerate() {
            out.push_str(if index > 0 { ",\n" } else { "\n" });
            self.node(*arg, level + 1, out);
        }
        out.push('\n');
        indent(level, out);
        out.push(')');
    }

    fn unary(&self, negative: bool, expr: NodeId, level: usize, out: &mut String) {
        let mut operand = String::new();
        self.node(expr, level, &mut operand);
        indent(level, out);
        out.push(if negative { '-' } else { '+' });
        out.push_str(operand.trim());
    }
}
