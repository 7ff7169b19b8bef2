//! What every [`SeriesSource`] promises, as one function over a source and the truth about it.
//!
//! Each crate that has a source calls [`check`] with a [`Model`] of what the source holds, external labels included. The
//! requests are derived from the model: its labels, its times. Answers are compared with a filter over the model, order
//! and budget are checked on the way.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;

use super::batch::BATCH_SERIES_MAX;
use super::{LabelNames, LabelValues, Select, SeriesSource, Shard};
use crate::ErrorKind;
use crate::budget::Budget;
use crate::chunk;
use crate::label::Labels;
use crate::matcher::{Matcher, MatcherKind};
use crate::testing::model::Model;
use crate::time::{Interval, Millis, TimeRange};

/// Checks a source of raw samples against the truth about it. `listed` is the truth before deletions: label names and
/// values come from indexes, which know nothing of tombstones.
///
/// # Panics
/// Where the source breaks a promise; the message says on which request.
pub async fn check(source: &dyn SeriesSource, truth: &Model, listed: &Model) {
    let info = source.info();
    if let Some(interval) = truth.interval() {
        assert!(info.times.covers(interval), "{info:?} hides samples");
    }
    for matchers in selectors(truth) {
        for times in intervals(truth) {
            let request = Select::new(matchers.clone(), times);
            check_select(source, truth, &request).await;
        }
        check_names(source, listed, &matchers).await;
    }
    check_limit(source, truth).await;
    check_shards(source, truth).await;
    check_dropped_labels(source, truth).await;
    check_budget(source, truth).await;
}

/// Matchers of each kind on each label of the model, and on one that it lacks.
fn selectors(truth: &Model) -> Vec<Vec<Matcher>> {
    let mut values: BTreeMap<&str, &str> = BTreeMap::from([("no_such_label", "x")]);
    for labels in truth.0.keys() {
        values.extend(labels.iter());
    }
    let new = |kind, name: &str, value: &str| {
        Matcher::new(kind, name, value).expect("these patterns compile")
    };
    let mut all = vec![Vec::new()];
    for (name, value) in &values {
        all.push(vec![Matcher::equal(*name, *value)]);
        all.push(vec![new(MatcherKind::NotEqual, name, value)]);
        all.push(vec![Matcher::equal(*name, "")]);
        all.push(vec![new(MatcherKind::Regex, name, ".+")]);
        all.push(vec![new(MatcherKind::NotRegex, name, ".+")]);
        all.push(vec![new(MatcherKind::Regex, name, "[a-m].*")]);
        all.push(vec![
            new(MatcherKind::NotRegex, name, "[a-m].*"),
            new(MatcherKind::NotEqual, name, ""),
        ]);
    }
    all
}

/// All of time, the first half, one moment, and before everything.
fn intervals(truth: &Model) -> Vec<Interval> {
    let mut all = vec![Interval::ALL];
    if let Some(Interval { min, max }) = truth.interval() {
        let middle = Millis(min.0.midpoint(max.0));
        all.push(Interval::new(min, middle));
        all.push(Interval::new(middle, middle));
        all.push(Interval::new(Millis::MIN, min.saturating_sub(Millis(1))));
    }
    all
}

fn selected(truth: &Model, matchers: &[Matcher]) -> Model {
    let fits = |labels: &Labels| {
        matchers
            .iter()
            .all(|matcher| matcher.matches_labels(labels))
    };
    let series = truth.0.iter().filter(|(labels, _)| fits(labels));
    Model(
        series
            .map(|(labels, samples)| (labels.clone(), samples.clone()))
            .collect(),
    )
}

/// The answer as returned: label sets in order, each with its samples.
async fn answer(source: &dyn SeriesSource, request: &Select) -> Vec<(Labels, Model)> {
    let budget = Budget::unlimited("conformance");
    let stream = source.select(request, &budget).await;
    let mut stream = stream.unwrap_or_else(|error| panic!("{request:?}: {}", error.chain()));
    let mut series = Vec::new();
    while let Some(batch) = stream.next().await {
        let batch = batch.unwrap_or_else(|error| panic!("{request:?}: {}", error.chain()));
        assert!(
            batch.len() <= BATCH_SERIES_MAX,
            "{request:?}: a batch of {}",
            batch.len()
        );
        for one in batch.iter() {
            let mut samples = Vec::new();
            for part in one.chunks {
                let interval = Interval::new(Millis(part.min), Millis(part.max));
                assert!(
                    interval.overlaps(request.times),
                    "{request:?}: {interval:?}"
                );
                chunk::decode(part.view(), &mut samples).expect("chunks are sound");
            }
            let labels = one.to_labels();
            let mut model = Model::default();
            model.add(&labels, &samples);
            series.push((labels, model));
        }
    }
    drop(stream);
    assert_eq!(
        budget.used_bytes(),
        0,
        "{request:?} holds memory after its end"
    );
    let is_ordered = series.is_sorted_by(|(a, _), (b, _)| a <= b);
    assert!(is_ordered, "{request:?}: series are out of order");
    series
}

async fn check_select(source: &dyn SeriesSource, truth: &Model, request: &Select) {
    let end = request.times.max.saturating_add(Millis(1));
    let range = TimeRange::new(request.times.min, end);
    let mut want = selected(truth, &request.matchers);
    want.cut(range);
    let series = answer(source, request).await;
    let mut got = Model::merged(series.iter().map(|(_, model)| model));
    got.cut(range);
    if let Some(difference) = want.difference(&got) {
        panic!("{request:?}: {difference}");
    }
    let labels: BTreeSet<_> = series.into_iter().map(|(labels, _)| labels).collect();
    let bare = Select {
        with_chunks: false,
        ..request.clone()
    };
    let bare = answer(source, &bare).await.into_iter();
    let bare: BTreeSet<_> = bare.map(|(labels, _)| labels).collect();
    assert_eq!(labels, bare, "{request:?}: without chunks, other series");
}

async fn check_names(source: &dyn SeriesSource, listed: &Model, matchers: &[Matcher]) {
    let budget = Budget::unlimited("conformance");
    let mut want: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for labels in selected(listed, matchers).0.keys() {
        for (name, value) in labels.iter() {
            want.entry(name.into()).or_default().insert(value.into());
        }
    }
    let request = LabelNames {
        matchers: matchers.to_vec(),
        times: Interval::ALL,
        limit: None,
        without_labels: Vec::new(),
    };
    let got = source.label_names(&request, &budget).await;
    let got = got.unwrap_or_else(|error| panic!("{request:?}: {}", error.chain()));
    assert!(got.names.iter().eq(want.keys()), "{request:?}: {got:?}");
    for (name, values) in &want {
        let mut request = LabelValues {
            name: name.clone(),
            matchers: matchers.to_vec(),
            times: Interval::ALL,
            limit: None,
        };
        let got = source.label_values(&request, &budget).await;
        let got = got.unwrap_or_else(|error| panic!("{request:?}: {}", error.chain()));
        assert!(got.names.iter().eq(values), "{request:?}: {got:?}");
        request.limit = Some(1);
        let got = source.label_values(&request, &budget).await;
        let got = got.map_or(0, |got| got.names.len());
        assert!(got <= 1, "{request:?}: {got} values");
    }
}

async fn check_limit(source: &dyn SeriesSource, truth: &Model) {
    for limit in [0, 1, truth.0.len()] {
        let mut request = Select::new(Vec::new(), Interval::ALL);
        request.limit = Some(limit);
        let got = answer(source, &request).await.len();
        assert_eq!(got, limit.min(truth.0.len()), "{request:?}");
    }
}

/// Shards are disjoint, and together they are everything.
async fn check_shards(source: &dyn SeriesSource, truth: &Model) {
    let mut all = Vec::new();
    for index in 0..3 {
        let mut request = Select::new(Vec::new(), Interval::ALL);
        request.shard = Some(Shard {
            index,
            count: 3,
            labels: Vec::new(),
            by: false,
        });
        let series = answer(source, &request).await.into_iter();
        all.extend(series.map(|(labels, _)| labels));
    }
    all.sort();
    assert!(
        all.iter().eq(truth.0.keys()),
        "shards are not all series once"
    );
}

async fn check_dropped_labels(source: &dyn SeriesSource, truth: &Model) {
    let names = truth.0.keys().flat_map(|labels| labels.iter());
    let names: BTreeSet<_> = names.map(|(name, _)| name.to_owned()).collect();
    for name in names {
        let mut request = Select::new(Vec::new(), Interval::ALL);
        request.without_labels = vec![name];
        let mut want: Vec<_> = truth
            .0
            .keys()
            .map(|labels| labels.without(&request.without_labels))
            .collect();
        want.sort();
        let got = answer(source, &request).await.into_iter();
        assert!(got.map(|(labels, _)| labels).eq(want), "{request:?}");
    }
}

/// A spent budget is an error of its own kind, not a short answer.
async fn check_budget(source: &dyn SeriesSource, truth: &Model) {
    if truth.0.is_empty() {
        return;
    }
    let budget = Budget::new("conformance", 1);
    let request = Select::new(Vec::new(), Interval::ALL);
    let error = match source.select(&request, &budget).await {
        Err(error) => Some(error),
        Ok(mut stream) => {
            let mut error = None;
            while let Some(batch) = stream.next().await {
                error = batch.err().or(error);
            }
            error
        }
    };
    let kind = error.map(|error| error.kind());
    assert_eq!(kind, Some(ErrorKind::Limit), "one byte was enough");
    assert_eq!(budget.used_bytes(), 0, "a refused request holds memory");
}
