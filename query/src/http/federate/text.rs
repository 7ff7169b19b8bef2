//! The page as text: a line per sample, a comment per family.
//!
//! ```text
//! # TYPE up untyped
//! up{instance="a:80",job="x",cluster="eu"} 1 1700000000000
//! {"disk.usage",instance=""} 80 1700000000000
//! ```

use std::fmt::Write as _;

use tsdb::float::Shortest;
use tsdb::sample::Value;

use super::super::escape::is_plain;
use super::{Newest, Page};

pub(super) fn write(page: &Page, newest: &Newest) -> Vec<u8> {
    let mut out = String::new();
    let mut last = None;
    for ((name, labels), sample) in newest {
        let Value::Float(value) = sample.value else {
            continue;
        };
        let shown = page.escaping.apply(name);
        if last != Some(name) {
            let quoted = if is_plain(&shown) {
                shown.clone()
            } else {
                quote(&shown)
            };
            writeln!(out, "# TYPE {quoted} untyped").expect("a string takes any text");
            last = Some(name);
        }
        let mut items = Vec::new();
        if is_plain(&shown) {
            out.push_str(&shown);
        } else {
            items.push(quote(&shown));
        }
        for (name, value) in page.labels(labels) {
            let name = if is_plain(&name) { name } else { quote(&name) };
            items.push(format!("{name}={}", quote(value)));
        }
        // The page knows one zero.
        let value = if value == 0.0 { 0.0 } else { value };
        let (items, value) = (items.join(","), Shortest(value));
        writeln!(out, "{{{items}}} {value} {}", sample.t).expect("a string takes any text");
    }
    out.into_bytes()
}

/// Text in double quotes; only what would end it is escaped.
fn quote(text: &str) -> String {
    let inner = text
        .replace('\\', "\\\\")
        .replace('\n', "\\n")
        .replace('"', "\\\"");
    format!("\"{inner}\"")
}
