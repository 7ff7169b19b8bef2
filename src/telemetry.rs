//! Logs to standard error: logfmt by default, JSON on request.
//!
//! ```text
//! ts=2024-01-18T08:00:00.000001Z level=info msg="block written" block=01H… series=212
//! ```
//!
//! One line per event, UTC, fields in the order in which they were given, those of the enclosing spans first.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields, format};
use tracing_subscriber::registry::LookupSpan;

use crate::cli::{LogFlags, LogFormat, LogLevel};
use crate::progress::Stderr;

/// Installs the subscriber, once; `default` is the level where the flags say nothing.
pub(crate) fn start(flags: &LogFlags, default: LogLevel) {
    let level = match flags.level.unwrap_or(default) {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    let form = match flags.format {
        LogFormat::Logfmt => Form::Logfmt,
        LogFormat::Json => Form::Json,
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(|| Stderr)
        .fmt_fields(form)
        .event_format(form)
        .init();
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Logfmt,
    Json,
}

impl<S, N> FormatEvent<S, N> for Form
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: format::Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut format::Writer::new(&mut time))?;
        let mut line = Line::new(*self);
        line.pair("ts", &time);
        let level = event.metadata().level().as_str().to_ascii_lowercase();
        line.pair("level", &level);
        let mut fields = Line::new(*self);
        for span in context
            .event_scope()
            .into_iter()
            .flat_map(|scope| scope.from_root())
        {
            if let Some(text) = span.extensions().get::<FormattedFields<N>>() {
                fields.raw(text);
            }
        }
        let mut message = Message::default();
        event.record(&mut message);
        if let Some(text) = message.0 {
            line.pair("msg", &text);
        }
        event.record(&mut fields);
        line.raw(&fields.text);
        match self {
            Self::Logfmt => writeln!(writer, "{}", line.text),
            Self::Json => writeln!(writer, "{{{}}}", line.text),
        }
    }
}

impl FormatFields<'_> for Form {
    fn format_fields<R: RecordFields>(
        &self,
        mut writer: format::Writer<'_>,
        fields: R,
    ) -> fmt::Result {
        let mut line = Line::new(*self);
        fields.record(&mut line);
        writer.write_str(&line.text)
    }
}

/// The text of an event, which goes before its fields.
#[derive(Debug, Default)]
struct Message(Option<String>);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = Some(format!("{value:?}"));
        }
    }
}

/// Key and value pairs of one line, in one of the forms.
#[derive(Debug)]
struct Line {
    form: Form,
    text: String,
}

impl Line {
    fn new(form: Form) -> Self {
        Self {
            form,
            text: String::new(),
        }
    }

    fn raw(&mut self, pairs: &str) {
        if pairs.is_empty() {
            return;
        }
        if !self.text.is_empty() {
            self.text.push(match self.form {
                Form::Logfmt => ' ',
                Form::Json => ',',
            });
        }
        self.text.push_str(pairs);
    }

    fn pair(&mut self, key: &str, value: &str) {
        let pair = match self.form {
            Form::Logfmt if is_plain(value) => format!("{key}={value}"),
            Form::Logfmt => format!("{key}={}", quoted(value)),
            Form::Json => format!("{}:{}", quoted(key), quoted(value)),
        };
        self.raw(&pair);
    }

    fn number(&mut self, key: &str, value: &dyn fmt::Display) {
        let pair = match self.form {
            Form::Logfmt => format!("{key}={value}"),
            Form::Json => format!("{}:{value}", quoted(key)),
        };
        self.raw(&pair);
    }
}

impl Visit for Line {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.number(field.name(), &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.number(field.name(), &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.number(field.name(), &value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no infinities.
        if value.is_finite() {
            self.number(field.name(), &value);
        } else {
            self.pair(field.name(), &value.to_string());
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.pair(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() != "message" {
            self.pair(field.name(), &format!("{value:?}"));
        }
    }
}

/// Whether logfmt needs no quotes.
fn is_plain(value: &str) -> bool {
    !value.is_empty()
        && value
            .chars()
            .all(|c| !c.is_whitespace() && !c.is_control() && c != '"' && c != '=' && c != '\\')
}

/// As a JSON string; logfmt quotes the same way.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_where_a_reader_would_stumble() {
        fn check(value: &str, want: &str) {
            let mut line = Line::new(Form::Logfmt);
            line.pair("k", value);
            assert_eq!(line.text, want);
        }
        check("plain", "k=plain");
        check("", "k=\"\"");
        check("two words", "k=\"two words\"");
        check("a=b", "k=\"a=b\"");
        check("say \"hi\"\n", "k=\"say \\\"hi\\\"\\n\"");
    }

    #[test]
    fn json_pairs_make_an_object() {
        let mut line = Line::new(Form::Json);
        line.pair("level", "info");
        line.number("series", &212);
        let object = format!("{{{}}}", line.text);
        let value: serde_json::Value = serde_json::from_str(&object).unwrap();
        assert_eq!(value["level"], "info");
        assert_eq!(value["series"].as_u64(), Some(212));
    }
}
