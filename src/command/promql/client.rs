//! One question to a server that speaks the HTTP API of Prometheus.
//!
//! ```text
//! question ──call()──► path, form ──ask()──► { status, data, errorType, error, warnings, infos }
//! ```
//!
//! Expressions and selectors go as a form by POST, so that their length does not matter; values of a label only exist by
//! GET. What comes back is held once, and at most [`REPLY_BYTES_MAX`] of it.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use serde::Deserialize;
use serde_json::value::RawValue;
use tsdb::time::Millis;

use crate::cli::promql::{Between, Question, Target};
use crate::cli::value::Moment;

/// Bytes of an answer: more than a terminal or a pipe wants to see.
const REPLY_BYTES_MAX: usize = 1 << 30;
/// Times of a range query whose step is not given.
const POINTS: i64 = 250;
const FIVE_MINUTES: Millis = Millis(300_000);

/// What is sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Call {
    /// Address of the endpoint.
    url: String,
    /// Parameters, encoded.
    form: String,
    /// Whether they are the body.
    is_post: bool,
}

/// What a server answered.
#[derive(Debug, Deserialize)]
pub(super) struct Reply {
    /// The answer, as it was written.
    pub(super) data: Box<RawValue>,
    /// Warnings, then infos.
    #[serde(default)]
    pub(super) warnings: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    status: String,
    data: Option<Box<RawValue>>,
    #[serde(default)]
    error_type: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    infos: Vec<String>,
}

/// A form under construction.
#[derive(Default)]
struct Params(String);

impl Params {
    fn add(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(&encoded(name));
        self.0.push('=');
        self.0.push_str(&encoded(value));
    }

    fn add_time(&mut self, name: &str, time: Millis) {
        self.add(name, &seconds(time));
    }

    fn add_matches(&mut self, matches: &[String], between: &Between, now: Millis) {
        matches.iter().for_each(|one| self.add("match[]", one));
        for (name, moment) in [("start", between.start), ("end", between.end)] {
            if let Some(moment) = moment {
                self.add_time(name, moment.resolve(now));
            }
        }
    }
}

/// The call that a question needs; `text` reads an expression.
///
/// # Errors
/// Where the expression cannot be read or the server is no address.
pub(super) fn call(
    question: &Question,
    now: Millis,
    text: &dyn Fn(&str) -> anyhow::Result<String>,
) -> anyhow::Result<Call> {
    let mut params = Params::default();
    let post = |server: &str, path: &str, params: Params| {
        Ok(Call {
            url: format!("{}/api/v1/{path}", base(server)?),
            form: params.0,
            is_post: true,
        })
    };
    match question {
        Question::Instant { target, time } => {
            params.add("query", &text(&target.expr)?);
            params.add_time("time", resolved(*time, now));
            post(&target.server, "query", params)
        }
        Question::Range {
            target,
            start,
            end,
            step,
        } => {
            let end = resolved(*end, now);
            let start = start.map_or(end.saturating_sub(FIVE_MINUTES), |start| start.resolve(now));
            range(target, (start, end, *step), text, &mut params)?;
            post(&target.server, "query_range", params)
        }
        Question::Series {
            server,
            matches,
            between,
        } => {
            params.add_matches(matches, between, now);
            post(server, "series", params)
        }
        Question::Labels {
            server,
            name,
            matches,
            between,
        } => {
            params.add_matches(matches, between, now);
            let path = format!("label/{}/values", encoded(name));
            let call = post(server, &path, params)?;
            Ok(Call {
                is_post: false,
                ..call
            })
        }
    }
}

fn range(
    target: &Target,
    (start, end, step): (Millis, Millis, Option<Millis>),
    text: &dyn Fn(&str) -> anyhow::Result<String>,
    params: &mut Params,
) -> anyhow::Result<()> {
    let whole_seconds = (end.0 - start.0) / 1000 / POINTS;
    let step = step.unwrap_or(Millis(whole_seconds.max(1) * 1000));
    params.add("query", &text(&target.expr)?);
    params.add_time("start", start);
    params.add_time("end", end);
    params.add_time("step", step);
    Ok(())
}

fn resolved(moment: Option<Moment>, now: Millis) -> Millis {
    moment.map_or(now, |moment| moment.resolve(now))
}

/// The address of a server, with a scheme and without a slash at its end.
fn base(server: &str) -> anyhow::Result<String> {
    let server = server.trim_end_matches('/');
    if server.is_empty() {
        bail!("which server? write http://localhost:9090");
    }
    if server.contains("://") {
        return Ok(server.to_owned());
    }
    Ok(format!("http://{server}"))
}

/// Seconds with as many decimals as are needed.
fn seconds(time: Millis) -> String {
    let (sign, time) = (if time.0 < 0 { "-" } else { "" }, time.0.unsigned_abs());
    let text = format!("{sign}{}.{:03}", time / 1000, time % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Text as it may stand in a form and in a path.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => write!(out, "%{byte:02X}").expect("a String takes all text"),
        }
    }
    out
}

/// Sends a call and waits for the answer.
///
/// # Errors
/// Where the server is out of reach, refuses, or answers with something else than the API does.
pub(super) async fn ask(
    call: &Call,
    headers: &[(String, String)],
    timeout: Duration,
) -> anyhow::Result<Reply> {
    // Whoever came first chose the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().timeout(timeout).build()?;
    let mut request = if call.is_post {
        client
            .post(&call.url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(call.form.clone())
    } else {
        client.get(format!("{}?{}", call.url, call.form))
    };
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let mut response = request.send().await.context("ask the server")?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(bytes) = response.chunk().await.context("read the answer")? {
        if body.len() + bytes.len() > REPLY_BYTES_MAX {
            bail!("the answer is larger than {REPLY_BYTES_MAX} bytes; ask for less");
        }
        body.extend_from_slice(&bytes);
    }
    understood(&body).with_context(|| format!("{} said {status}", call.url))
}

fn understood(body: &[u8]) -> anyhow::Result<Reply> {
    let envelope: Envelope = serde_json::from_slice(body)
        .map_err(|_error| anyhow!("this is no answer of Prometheus' API"))?;
    if envelope.status != "success" {
        bail!("{}: {}", envelope.error_type, envelope.error);
    }
    let mut warnings = envelope.warnings;
    warnings.extend(envelope.infos);
    let data = envelope.data.ok_or_else(|| anyhow!("no data"))?;
    Ok(Reply { data, warnings })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(expr: &str) -> Target {
        Target {
            server: "localhost:9090/".to_owned(),
            expr: expr.to_owned(),
        }
    }

    #[test]
    fn a_question_becomes_a_call() {
        fn check(question: &Question, want: (&str, &str, bool)) {
            let text = |expr: &str| Ok(expr.to_owned());
            let got = call(question, Millis(1_000_500), &text).unwrap();
            let url = format!("http://localhost:9090/api/v1/{}", want.0);
            assert_eq!(
                (got.url, got.form.as_str(), got.is_post),
                (url, want.1, want.2)
            );
        }
        let time = Some(Moment::At(Millis(-1_500)));
        let instant = |time| Question::Instant {
            target: target("a + b"),
            time,
        };
        check(
            &instant(None),
            ("query", "query=a%20%2B%20b&time=1000.5", true),
        );
        check(
            &instant(time),
            ("query", "query=a%20%2B%20b&time=-1.5", true),
        );
        let range = |start, step| Question::Range {
            target: target("x"),
            start,
            end: None,
            step,
        };
        let form = "query=x&start=700.5&end=1000.5&step=1";
        check(&range(None, None), ("query_range", form, true));
        let form = "query=x&start=0&end=1000.5&step=4";
        let start = Some(Moment::At(Millis(0)));
        check(&range(start, None), ("query_range", form, true));
        let form = "query=x&start=0&end=1000.5&step=0.25";
        check(
            &range(start, Some(Millis(250))),
            ("query_range", form, true),
        );
        let labels = Question::Labels {
            server: "http://localhost:9090".to_owned(),
            name: "a/b".to_owned(),
            matches: vec!["x".to_owned()],
            between: Between { start, end: None },
        };
        check(
            &labels,
            ("label/a%2Fb/values", "match%5B%5D=x&start=0", false),
        );
    }

    #[test]
    fn what_a_server_refuses_is_told_in_its_words() {
        fn check(body: &str, want: &str) {
            let got = understood(body.as_bytes()).unwrap_err();
            assert_eq!(got.to_string(), want);
        }
        check("<html>", "this is no answer of Prometheus' API");
        let refused = r#"{"status":"error","errorType":"bad_data","error":"1:2: no"}"#;
        check(refused, "bad_data: 1:2: no");
        check(r#"{"status":"success"}"#, "no data");
    }
}
