//! When two answers are the same.

use serde_json::Value;

use super::client::Answer;

/// The first header that is not as recorded.
pub(crate) fn headers(want: &Value, answer: &Answer) -> Option<String> {
    for (name, want) in want.as_object().unwrap() {
        let got = answer.headers.get(&name.to_lowercase());
        let got = got.map_or("", String::as_str);
        if want != got {
            return Some(format!("{name}: {got:?} not {want}"));
        }
    }
    None
}

/// Sorts the list at `pointer`, if there is one: its order means nothing.
pub(crate) fn sort(answer: &mut Value, pointer: &str) {
    if let Some(list) = answer.pointer_mut(pointer).and_then(Value::as_array_mut) {
        list.sort_by_key(ToString::to_string);
    }
}

/// Equal, but for the last digits of floats.
pub(crate) fn close(want: &Value, got: &Value) -> bool {
    match (want, got) {
        (Value::Array(want), Value::Array(got)) => {
            want.len() == got.len() && want.iter().zip(got).all(|(want, got)| close(want, got))
        }
        (Value::Object(want), Value::Object(got)) => {
            want.len() == got.len()
                && want
                    .iter()
                    .all(|(key, want)| got.get(key).is_some_and(|got| close(want, got)))
        }
        (Value::String(want), Value::String(got)) if want != got => {
            match (want.parse::<f64>(), got.parse::<f64>()) {
                (Ok(want), Ok(got)) => (want - got).abs() <= 1e-12 * want.abs(),
                _ => false,
            }
        }
        _ => want == got,
    }
}
