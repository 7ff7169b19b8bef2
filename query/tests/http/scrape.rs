//! The pages of server `scrape`, scraped once: series, what targets say of them, exemplars.
//!
//! Just enough of the page formats for these pages; label sets are read as selectors, which they are.

use std::collections::BTreeMap;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use query::http::params::parse_time;
use query::syntax::parse_selector;
use serde_json::Value as Json;
use tsdb::histogram::{FloatHistogram, Histogram, ResetHint, Span};
use tsdb::label::{Labels, METRIC_NAME};
use tsdb::sample::{Sample, Value};
use tsdb::source::exemplar::{Exemplar, SeriesExemplars};
use tsdb::source::metadata::{Metadata, MetadataSource};
use tsdb::source::target::{TargetMetadata, TargetSource, Targets};
use tsdb::testing::golden;
use tsdb::time::Millis;

use super::serve::SeriesMap;

/// When that was: what scrape times were replaced by in the recorded pages.
pub(crate) const TIME: i64 = 1_700_000_000_000;
/// The time of the exemplar that has none; shown as [`TIME`], but asked for by a later one.
pub(crate) const UNTIMED: i64 = 1_710_000_000_000;

/// The one that Prometheus stores.
const NAN: f64 = f64::from_bits(0x7FF8_0000_0000_0001);

/// Everything that a scrape of all pages brings.
#[derive(Default)]
pub(crate) struct Pages {
    pub(crate) series: SeriesMap,
    pub(crate) said: Said,
    pub(crate) exemplars: Vec<SeriesExemplars>,
}

/// What targets say of their metrics.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said(Vec<TargetMetadata>);

impl Pages {
    pub(crate) fn read() -> Self {
        let page = |name: &str| std::fs::read_to_string(golden::path(name)).unwrap();
        let target = |port: &str, job: &str, zone: &str| {
            let instance = format!("127.0.0.1:{port}");
            let all = [
                ("instance", instance.as_str()),
                ("job", job),
                ("zone", zone),
            ];
            Labels::from_pairs(all.into_iter().filter(|(_, value)| !value.is_empty()))
        };
        let mut pages = Self::default();
        for port in ["20381", "20384"] {
            pages.text(&target(port, "one", ""), &page("promql/scrape/one.om"));
        }
        pages.text(
            &target("20382", "two", "z1"),
            &page("promql/scrape/two.txt"),
        );
        pages.messages(
            &target("20383", "three", ""),
            &golden::json_lines("promql/scrape/three.decoded.jsonl"),
        );
        pages.float(&target("1", "gone", ""), "up", &[], 0.0);
        pages
    }

    /// A page of text; OpenMetrics or not makes no difference to what these pages use.
    fn text(&mut self, target: &Labels, page: &str) {
        let mut families: BTreeMap<String, Metadata> = BTreeMap::new();
        for line in page.lines() {
            match line.strip_prefix("# ") {
                Some(comment) => note(&mut families, comment),
                None => self.line(target, line),
            }
        }
        for (_, metadata) in families {
            self.say(target, metadata);
        }
        self.float(target, "up", &[], 1.0);
    }

    fn line(&mut self, target: &Labels, line: &str) {
        let (sample, exemplar) = match line.split_once(" # ") {
            Some((sample, exemplar)) => (sample, Some(exemplar)),
            None => (line, None),
        };
        let (series, value) = sample.rsplit_once(' ').unwrap();
        let labels = joined(target, &selected(series));
        if let Some(text) = exemplar {
            let (own, rest) = text.split_once("} ").unwrap();
            let (value, time) = rest.split_once(' ').unwrap_or((rest, ""));
            let time = if time.is_empty() {
                UNTIMED
            } else {
                parse_time(time).unwrap()
            };
            let exemplar = Exemplar {
                labels: selected(&format!("{own}}}")),
                value: value.parse().unwrap(),
                time: Millis(time),
            };
            self.example(&labels, vec![exemplar]);
        }
        let value: f64 = value.parse().unwrap();
        let value = if value.is_nan() { NAN } else { value };
        let sample = Sample::float(TIME, value);
        self.series.insert(labels, vec![sample]);
    }

    /// A page of messages.
    fn messages(&mut self, target: &Labels, families: &[Json]) {
        for family in families {
            let text = |name: &str| family[name].as_str().unwrap_or("").to_owned();
            let kind = text("type").to_lowercase().replace('_', "");
            let metadata = Metadata {
                metric: text("name"),
                kind: kind.replace("untyped", "unknown"),
                help: text("help"),
                unit: text("unit"),
            };
            for metric in family["metric"].as_array().unwrap() {
                let mut own = pairs(&metric["label"]);
                own.set(METRIC_NAME, &metadata.metric);
                self.metric(target, (&own, &kind), metric);
            }
            self.say(target, metadata);
        }
        self.float(target, "up", &[], 1.0);
    }

    fn metric(&mut self, target: &Labels, (own, kind): (&Labels, &str), metric: &Json) {
        let name = own.get(METRIC_NAME).to_owned();
        let target = joined(target, own);
        for simple in ["counter", "gauge", "untyped"] {
            let value = &metric[simple];
            if let Some(value) = value["value"].as_f64() {
                self.float(&target, &name, &[], value);
            }
            if value["exemplar"].is_object() {
                self.example(&target, vec![exemplar(&value["exemplar"])]);
            }
        }
        let summary = &metric["summary"];
        for quantile in summary["quantile"].as_array().into_iter().flatten() {
            let label = quantile["quantile"].to_string();
            let value = quantile["value"].as_f64().unwrap();
            self.float(&target, &name, &[("quantile", &label)], value);
        }
        let parts = &metric["histogram"];
        if parts.is_object() {
            let value = histogram(parts, kind == "gaugehistogram");
            let sample = Sample { t: TIME, value };
            self.series.insert(target.clone(), vec![sample]);
            let buckets = parts["bucket"].as_array();
            let of_buckets = buckets
                .into_iter()
                .flatten()
                .map(|bucket| &bucket["exemplar"]);
            let own = parts["exemplars"].as_array().into_iter().flatten();
            self.example(&target, own.chain(of_buckets).map(exemplar).collect());
            if buckets.is_some() {
                self.classic(&target, &name, parts);
            }
        }
    }

    fn classic(&mut self, target: &Labels, name: &str, parts: &Json) {
        for bucket in parts["bucket"].as_array().unwrap() {
            let bound = bucket["upper_bound"].as_f64();
            let bound = bound.map_or("+Inf".to_owned(), |bound| format!("{bound:.1}"));
            let count = number(&bucket["cumulative_count"]);
            let name = format!("{name}_bucket");
            let labels = self.float(target, &name, &[("le", &bound)], count);
            self.example(&labels, vec![exemplar(&bucket["exemplar"])]);
        }
        let count = number(&parts["sample_count"]);
        self.float(target, &format!("{name}_count"), &[], count);
        let sum = number(&parts["sample_sum"]);
        self.float(target, &format!("{name}_sum"), &[], sum);
    }

    fn float(&mut self, target: &Labels, name: &str, more: &[(&str, &str)], value: f64) -> Labels {
        let mut labels = target.clone();
        labels.set(METRIC_NAME, name);
        for (name, value) in more {
            labels.set(name, value);
        }
        let samples = vec![Sample::float(TIME, value)];
        self.series.insert(labels.clone(), samples);
        labels
    }

    fn example(&mut self, series: &Labels, exemplars: Vec<Exemplar>) {
        self.exemplars.push(SeriesExemplars {
            series: series.clone(),
            exemplars,
        });
    }

    fn say(&mut self, target: &Labels, metadata: Metadata) {
        let target = target.clone();
        self.said.0.push(TargetMetadata { target, metadata });
    }
}

/// Reads `TYPE name kind` and its like.
fn note(families: &mut BTreeMap<String, Metadata>, comment: &str) {
    let Some((word, rest)) = comment.split_once(' ') else {
        return;
    };
    let (name, text) = rest.split_once(' ').unwrap();
    let name = name.trim_matches('"');
    let family = families.entry(name.to_owned()).or_insert(Metadata {
        metric: name.to_owned(),
        kind: "unknown".to_owned(),
        help: String::new(),
        unit: String::new(),
    });
    match word {
        "TYPE" => family.kind = text.replace("untyped", "unknown"),
        "HELP" => family.help = text.replace("\\n", "\n").replace("\\\\", "\\"),
        "UNIT" => text.clone_into(&mut family.unit),
        other => panic!("{other} on a page"),
    }
}

/// The labels of a series as it is written.
fn selected(text: &str) -> Labels {
    let matchers = parse_selector(text).unwrap();
    Labels::from_pairs(matchers.iter().map(|one| (one.name(), one.value())))
}

fn joined(target: &Labels, own: &Labels) -> Labels {
    Labels::from_pairs(target.iter().chain(own.iter()))
}

fn pairs(json: &Json) -> Labels {
    let pairs = json.as_array().into_iter().flatten();
    Labels::from_pairs(pairs.map(|pair| {
        let text = |name: &str| pair[name].as_str().unwrap();
        (text("name"), text("value"))
    }))
}

fn exemplar(json: &Json) -> Exemplar {
    Exemplar {
        labels: pairs(&json["label"]),
        value: json["value"].as_f64().unwrap(),
        time: Millis(parse_time(json["timestamp"].as_str().unwrap()).unwrap()),
    }
}

/// Whole numbers are written as text.
fn number(json: &Json) -> f64 {
    let text = json.as_str().map(|text| text.parse().unwrap());
    text.or(json.as_f64()).unwrap_or(0.0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the page says that these are whole numbers"
)]
fn histogram(parts: &Json, is_gauge: bool) -> Value {
    let list = |name: &str| parts[name].as_array().into_iter().flatten();
    let floats = |name: &str| -> Vec<f64> { list(name).map(number).collect() };
    let whole = |name: &str| -> Vec<i64> { floats(name).iter().map(|v| *v as i64).collect() };
    let span = |json: &Json| Span {
        offset: json["offset"].as_i64().unwrap() as i32,
        length: json["length"].as_u64().unwrap() as u32,
    };
    let spans = |name: &str| -> Vec<Span> { list(name).map(span).collect() };
    let hint = if is_gauge {
        ResetHint::Gauge
    } else {
        ResetHint::Unknown
    };
    let schema = parts["schema"].as_i64().unwrap() as i32;
    let (zero_threshold, sum) = (
        number(&parts["zero_threshold"]),
        number(&parts["sample_sum"]),
    );
    let (positive_spans, negative_spans) = (spans("positive_span"), spans("negative_span"));
    if parts["sample_count_float"].is_number() {
        return Value::FloatHistogram(Box::new(FloatHistogram {
            hint,
            schema,
            zero_threshold,
            zero_count: number(&parts["zero_count_float"]),
            count: number(&parts["sample_count_float"]),
            sum,
            positive_spans,
            negative_spans,
            positive_buckets: floats("positive_count"),
            negative_buckets: floats("negative_count"),
            custom_bounds: Vec::new(),
        }));
    }
    Value::Histogram(Box::new(Histogram {
        hint,
        schema,
        zero_threshold,
        zero_count: number(&parts["zero_count"]) as u64,
        count: number(&parts["sample_count"]) as u64,
        sum,
        positive_spans,
        negative_spans,
        positive_buckets: whole("positive_delta"),
        negative_buckets: whole("negative_delta"),
        custom_bounds: Vec::new(),
    }))
}

fn is_of(metric: Option<&str>, metadata: &Metadata) -> bool {
    metric.is_none_or(|metric| metric == metadata.metric)
}

impl MetadataSource for Said {
    fn metadata<'a>(
        &'a self,
        metric: Option<&'a str>,
    ) -> BoxFuture<'a, tsdb::Result<Vec<Metadata>>> {
        let all = self.0.iter().map(|one| one.metadata.clone());
        let all = all.filter(|metadata| is_of(metric, metadata)).collect();
        async move { Ok(all) }.boxed()
    }
}

impl TargetSource for Said {
    fn targets(&self) -> BoxFuture<'_, tsdb::Result<Targets>> {
        async { Ok(Targets::default()) }.boxed()
    }

    fn target_metadata<'a>(
        &'a self,
        metric: Option<&'a str>,
    ) -> BoxFuture<'a, tsdb::Result<Vec<TargetMetadata>>> {
        let all = self.0.iter().filter(|one| is_of(metric, &one.metadata));
        let all = all.cloned().collect();
        async move { Ok(all) }.boxed()
    }
}
