//! JSON text as Go's encoder writes it, so that our metas and marks equal upstream's byte for byte.
//!
//! Pretty form: one tab per level, `"key": value`, empty containers as `{}` and `[]`. Compact form: no space at all.
//! Inside strings `<`, `>`, `&`, U+2028 and U+2029 are escaped as well as what JSON demands; control characters have
//! short forms where JSON knows one. Numbers keep all their digits. Used by [`super::json`] and [`crate::mark`].

use serde_json::Value;

/// The value with one tab per level, without a newline at the end.
#[must_use]
pub fn pretty(value: &Value) -> Vec<u8> {
    let mut out = String::new();
    write_value(&mut out, value, Some(0));
    out.into_bytes()
}

/// The value without any space.
#[must_use]
pub fn compact(value: &Value) -> Vec<u8> {
    let mut out = String::new();
    write_value(&mut out, value, None);
    out.into_bytes()
}

/// Writes `value`; `level` is the indentation of the line it starts on, none in the compact form.
fn write_value(out: &mut String, value: &Value, level: Option<usize>) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => write_string(out, text),
        Value::Array(items) => {
            out.push('[');
            let inner = level.map(|level| level + 1);
            for (at, item) in items.iter().enumerate() {
                separate(out, at, inner);
                write_value(out, item, inner);
            }
            close(out, ']', items.is_empty(), level);
        }
        Value::Object(fields) => {
            out.push('{');
            let inner = level.map(|level| level + 1);
            for (at, (key, field)) in fields.iter().enumerate() {
                separate(out, at, inner);
                write_string(out, key);
                out.push_str(if inner.is_some() { ": " } else { ":" });
                write_value(out, field, inner);
            }
            close(out, '}', fields.is_empty(), level);
        }
    }
}

fn separate(out: &mut String, at: usize, level: Option<usize>) {
    if at > 0 {
        out.push(',');
    }
    break_line(out, level);
}

fn close(out: &mut String, bracket: char, empty: bool, level: Option<usize>) {
    if !empty {
        break_line(out, level);
    }
    out.push(bracket);
}

fn break_line(out: &mut String, level: Option<usize>) {
    if let Some(level) = level {
        out.push('\n');
        out.extend(std::iter::repeat_n('\t', level));
    }
}

fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn strings_are_escaped_as_go_does() {
        fn check(text: &str, want: &str) {
            assert_eq!(
                compact(&json!(text)),
                format!("\"{want}\"").into_bytes(),
                "{text:?}"
            );
        }
        check("plain ü 温度", "plain ü 温度");
        check("<a>&", r"\u003ca\u003e\u0026");
        check("\u{2028}\u{2029}", r"\u2028\u2029");
        check("\"\\/", r#"\"\\/"#);
        check("\n\r\t\u{8}\u{c}", r"\n\r\t\b\f");
        check("\0\u{1}\u{1f}\u{7f}", "\\u0000\\u0001\\u001f\u{7f}");
    }

    #[test]
    fn empty_containers_stay_on_their_line() {
        let value = json!({"a": {}, "b": [], "c": [1, {"d": null}]});
        let want = "{\n\t\"a\": {},\n\t\"b\": [],\n\t\"c\": [\n\t\t1,\n\t\t{\n\t\t\t\"d\": null\n\t\t}\n\t]\n}";
        assert_eq!(String::from_utf8(pretty(&value)).unwrap(), want);
        assert_eq!(compact(&value), br#"{"a":{},"b":[],"c":[1,{"d":null}]}"#);
    }

    #[test]
    fn numbers_keep_all_their_digits() {
        let text = r#"[1.0,1e+400,18446744073709551616,-0,0.1000]"#;
        let value: Value = serde_json::from_str(text).unwrap();
        assert_eq!(compact(&value), text.as_bytes());
    }
}
