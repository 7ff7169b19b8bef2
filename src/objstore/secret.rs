//! Words that must never be printed.
//!
//! A [`Secret`] has no `Display`, and its `Debug` says nothing. What others print (a request URL in an error, a parser that
//! quotes what it did not expect) goes through [`Secrets::hide`], which knows every secret of the configuration, as it is
//! and as it stands in a URL.

use std::fmt;

use object_store::Error;
use serde::Deserialize;

/// Shorter values are no secrets: hiding them would garble innocent text.
const LEN_MIN: usize = 4;

/// What stands in place of a secret.
const MASK: &str = "***";

/// A value that is used and never shown.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(super) struct Secret(String);

impl Secret {
    /// The value itself, for whoever authenticates with it.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// All secrets of one configuration.
#[derive(Clone, Default)]
pub(super) struct Secrets(Vec<String>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} secrets", self.0.len())
    }
}

impl Secrets {
    /// Whatever stands behind a key that names a secret, line by line; the YAML need not be sound. Called before anything
    /// is parsed, so that no message of the parser can quote a secret.
    pub(super) fn find(yaml: &str) -> Self {
        let mut secrets = Self::default();
        let mut deeper_than = None;
        for line in yaml.lines() {
            let indent = line.len() - line.trim_start().len();
            // The lines below a secret key belong to it: block scalars, nested maps.
            if deeper_than.is_some_and(|key| indent > key) {
                secrets.add(line.trim());
                continue;
            }
            deeper_than = None;
            for (at, _) in line.match_indices(':') {
                let name = line[..at]
                    .rsplit([' ', '{', ',', '"', '\'', '\t'])
                    .find(|word| !word.is_empty());
                if name.is_some_and(is_secret) {
                    deeper_than = Some(indent);
                    secrets.add_value(&line[at + 1..]);
                }
            }
        }
        secrets
    }

    /// Remembers one more.
    pub(super) fn add(&mut self, value: &str) {
        if value.len() >= LEN_MIN && !self.0.iter().any(|known| known == value) {
            self.0.push(value.to_owned());
            // A secret that holds another one goes first, or its rest would stay.
            self.0.sort_by_key(|value| std::cmp::Reverse(value.len()));
        }
    }

    fn add_value(&mut self, text: &str) {
        let quotes = |c: char| c == '"' || c == '\'' || c.is_whitespace();
        let whole = text
            .trim()
            .trim_end_matches(['}', ']'])
            .trim_matches(quotes);
        self.add(whole);
        // In a map on one line the value ends at the comma.
        if let Some((first, _)) = whole.split_once(',') {
            self.add(first.trim_matches(quotes));
        }
        // A connection string is a list of pairs.
        for (_, value) in whole.split(';').filter_map(|pair| pair.split_once('=')) {
            self.add(value);
        }
    }

    /// The text without secrets.
    pub(super) fn hide(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.0 {
            text = text.replace(secret.as_str(), MASK);
            let in_url: String = url_form(secret);
            if in_url != *secret {
                text = text.replace(&in_url, MASK);
            }
        }
        text
    }

    /// The error without secrets: itself where it holds none, else one of the same kind with the cleaned text.
    pub(super) fn clean(&self, error: Error) -> Error {
        let text = chain(&error);
        let clean = self.hide(&text);
        if clean == text {
            return error;
        }
        let source = clean.into();
        match error {
            Error::NotFound { path, .. } => Error::NotFound { path, source },
            Error::AlreadyExists { path, .. } => Error::AlreadyExists { path, source },
            Error::Precondition { path, .. } => Error::Precondition { path, source },
            Error::PermissionDenied { path, .. } => Error::PermissionDenied { path, source },
            Error::Unauthenticated { path, .. } => Error::Unauthenticated { path, source },
            _ => Error::Generic {
                store: "object store",
                source,
            },
        }
    }
}

/// Whether a key of any provider's configuration holds a secret.
fn is_secret(key: &str) -> bool {
    const WORDS: [&str; 9] = [
        "secret",
        "password",
        "passphrase",
        "token",
        "access_key",
        "account_key",
        "connection_string",
        "privatekey",
        "service_account",
    ];
    WORDS.iter().any(|word| key.contains(word))
}

/// How a value stands in the query of a URL.
fn url_form(value: &str) -> String {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let encode = |byte: u8| {
        if unreserved(byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    value.bytes().map(encode).collect()
}

fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(error) = next {
        text = format!("{text}: {error}");
        next = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_in_any_yaml() {
        fn check(yaml: &str, secret: &str) {
            let secrets = Secrets::find(yaml);
            let text = format!("cannot use {secret} here");
            assert_eq!(secrets.hide(&text), "cannot use *** here", "{yaml}");
        }
        check("config:\n  secret_key: hunter2!\n", "hunter2!");
        check("config: {bucket: b, secret_key: \"hunter2!\"}", "hunter2!");
        check("config: {secret_key: 'hunter2!', bucket: b}", "hunter2!");
        check("config:\n  client_secret: hunter2!", "hunter2!");
        check(
            "storage_connection_string: AccountName=a;AccountKey=aGk+/w==;X=y",
            "aGk+/w==",
        );
        check(
            "storage_connection_string: AccountKey=aGk+/w==",
            "aGk%2B%2Fw%3D%3D",
        );
        check(
            "service_account: |-\n  {\n    \"private_key\": \"hunter2!\"\n  }\n",
            "\"private_key\": \"hunter2!\"",
        );
        check("secret_key: [hunter2!\n", "[hunter2!");
    }

    #[test]
    fn innocent_text_stays() {
        let secrets =
            Secrets::find("config:\n  bucket: metrics\n  secret_key: abc\n  endpoint: host:9000\n");
        assert_eq!(
            secrets.hide("bucket metrics at host:9000, abc"),
            "bucket metrics at host:9000, abc"
        );
    }

    #[test]
    fn an_error_keeps_its_kind_and_loses_the_secret() {
        let secrets = Secrets::find("session_token: hunter2!");
        let error = Error::NotFound {
            path: "a".into(),
            source: "GET https://x/?sig=hunter2%21".into(),
        };
        let error = secrets.clean(error);
        assert!(matches!(error, Error::NotFound { .. }));
        assert!(
            !format!("{error:?} {}", chain(&error)).contains("hunter2"),
            "{error:?}"
        );
        assert_eq!(format!("{:?}", Secret::from("hunter2!".to_owned())), "***");
    }
}
