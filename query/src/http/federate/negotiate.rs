//! Which form of a page a scraper wants: text or protobuf, and how odd names are to be written.

use super::super::escape::Escaping;

/// A form of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    /// Delimited protobuf, else text.
    pub(super) is_protobuf: bool,
    /// How names are written.
    pub(super) escaping: Escaping,
}

impl Form {
    pub(super) fn content_type(self) -> String {
        let kind = if self.is_protobuf {
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
        } else {
            "text/plain; version=0.0.4; charset=utf-8"
        };
        format!("{kind}; escaping={}", self.escaping.name())
    }
}

/// One wish of an `Accept` header.
struct Wish<'h> {
    kind: &'h str,
    parameters: Vec<(&'h str, &'h str)>,
    weight: f64,
}

impl<'h> Wish<'h> {
    fn parse(text: &'h str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let kind = parts.next().unwrap_or("");
        let parameters: Vec<_> = parts.filter_map(|part| part.split_once('=')).collect();
        let weight = parameters.iter().find(|(name, _)| *name == "q");
        let weight = weight
            .and_then(|(_, value)| value.parse().ok())
            .unwrap_or(1.0);
        Self {
            kind,
            parameters,
            weight,
        }
    }

    fn get(&self, name: &str) -> &'h str {
        let found = self.parameters.iter().find(|(key, _)| *key == name);
        found.map_or("", |(_, value)| value)
    }
}

/// The form for a scraper that sent `accept`: the first wish that can be fulfilled, by weight, else text.
pub(super) fn choose(accept: &str) -> Form {
    let mut wishes: Vec<Wish<'_>> = accept.split(',').map(Wish::parse).collect();
    wishes.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    let mut escaping = Escaping::default();
    for wish in wishes {
        escaping = Escaping::named(wish.get("escaping")).unwrap_or(escaping);
        let is_protobuf = wish.kind == "application/vnd.google.protobuf"
            && wish.get("proto") == "io.prometheus.client.MetricFamily"
            && wish.get("encoding") == "delimited";
        let is_text =
            wish.kind == "text/plain" && matches!(wish.get("version"), "" | "0.0.4" | "1.0.0");
        if is_protobuf || is_text {
            return Form {
                is_protobuf,
                escaping,
            };
        }
    }
    Form {
        is_protobuf: false,
        escaping,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heaviest_wish_that_can_be_fulfilled_wins() {
        fn check(accept: &str, is_protobuf: bool, escaping: Escaping) {
            assert_eq!(
                choose(accept),
                Form {
                    is_protobuf,
                    escaping
                },
                "{accept}"
            );
        }
        let delimited = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
        check("", false, Escaping::Underscores);
        check("*/*", false, Escaping::Underscores);
        check(delimited, true, Escaping::Underscores);
        check(
            &format!("{delimited};q=0.3,text/plain;q=0.7"),
            false,
            Escaping::Underscores,
        );
        check(
            &format!("{delimited};q=0.7,text/plain;q=0.3"),
            true,
            Escaping::Underscores,
        );
        check(
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8",
            false,
            Escaping::AllowUtf8,
        );
        check(
            "text/plain;version=1.0.0;escaping=dots",
            false,
            Escaping::Dots,
        );
    }
}
