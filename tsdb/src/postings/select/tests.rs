//! Selection against a filter that asks every matcher of every series.
//!
//! The model is an index made of maps. The table of selectors is that of Prometheus' own rules; the property draws label
//! sets and matchers at random and also compares label names and values.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::label::Labels;
use crate::matcher::parse_selector;
use crate::postings::names::{label_names, label_values};

/// An index as maps.
struct Model {
    series: BTreeMap<SeriesRef, Labels>,
    lists: BTreeMap<String, BTreeMap<String, Vec<SeriesRef>>>,
    all: Vec<SeriesRef>,
}

impl Model {
    fn new(all: impl IntoIterator<Item = Labels>) -> Self {
        let series: BTreeMap<_, _> = (1..).map(SeriesRef).zip(all).collect();
        let mut lists: BTreeMap<String, BTreeMap<String, Vec<SeriesRef>>> = BTreeMap::new();
        for (reference, labels) in &series {
            for (name, value) in labels.iter() {
                let values = lists.entry(name.into()).or_default();
                values.entry(value.into()).or_default().push(*reference);
            }
        }
        let all = series.keys().copied().collect();
        Self { series, lists, all }
    }

    fn filter(&self, matchers: &[Matcher]) -> Vec<SeriesRef> {
        let fits = |labels: &Labels| {
            matchers
                .iter()
                .all(|matcher| matcher.matches_labels(labels))
        };
        let selected = self.series.iter().filter(|(_, labels)| fits(labels));
        selected.map(|(series, _)| *series).collect()
    }
}

impl PostingsSource for Model {
    type List<'a> = PostingsIter<&'a [SeriesRef]>;
    type Place = (usize, usize);

    fn all(&self) -> Result<Self::List<'_>> {
        Ok(PostingsIter::new(&self.all[..]))
    }

    fn postings(&self, name: &str, value: &str) -> Result<Option<Self::List<'_>>> {
        let list = self.lists.get(name).and_then(|values| values.get(value));
        Ok(list.map(|list| PostingsIter::new(&list[..])))
    }

    fn postings_at(&self, (name, value): Self::Place) -> Result<Self::List<'_>> {
        let values = self.lists.values().nth(name).unwrap();
        Ok(PostingsIter::new(&values.values().nth(value).unwrap()[..]))
    }

    fn values(
        &self,
        name: &str,
        prefix: &str,
        visit: &mut dyn FnMut(&str, Self::Place) -> Result<()>,
    ) -> Result<()> {
        let Some(at) = self.lists.keys().position(|known| known == name) else {
            return Ok(());
        };
        let values = self.lists[name].keys().enumerate();
        for (place, value) in values.filter(|(_, value)| value.starts_with(prefix)) {
            visit(value, (at, place))?;
        }
        Ok(())
    }

    fn names(&self) -> Result<Vec<String>> {
        Ok(self.lists.keys().cloned().collect())
    }

    fn names_of(&self, series: &[SeriesRef]) -> Result<Vec<String>> {
        let labels = series.iter().flat_map(|series| self.series[series].iter());
        let names: BTreeSet<_> = labels.map(|(name, _)| name.to_owned()).collect();
        Ok(names.into_iter().collect())
    }
}

#[test]
fn selectors_mean_what_prometheus_says() {
    let model = Model::new([
        Labels::from_pairs([("n", "1")]),
        Labels::from_pairs([("n", "1"), ("i", "a")]),
        Labels::from_pairs([("n", "1"), ("i", "b")]),
        Labels::from_pairs([("n", "2")]),
        Labels::from_pairs([("n", "2.5")]),
        Labels::from_pairs([("n", "1"), ("i", "\n")]),
    ]);
    let check = |selector: &str, want: &[u32]| {
        let matchers = parse_selector(selector).unwrap();
        let got = select(&model, &matchers).unwrap();
        let want: Vec<_> = want.iter().copied().map(SeriesRef).collect();
        assert_eq!(got, want, "{selector}");
        assert_eq!(model.filter(&matchers), want, "{selector}");
    };
    check(r#"{n="1"}"#, &[1, 2, 3, 6]);
    check(r#"{n="1",i="a"}"#, &[2]);
    check(r#"{n="1",i="missing"}"#, &[]);
    check(r#"{missing=""}"#, &[1, 2, 3, 4, 5, 6]);
    check(r#"{n="1",i=""}"#, &[1]);
    check(r#"{n!="1"}"#, &[4, 5]);
    check(r#"{i!=""}"#, &[2, 3, 6]);
    check(r#"{missing!=""}"#, &[]);
    check(r#"{n="1",i!="a"}"#, &[1, 3, 6]);
    check(r#"{n="1",i!=""}"#, &[2, 3, 6]);
    check(r#"{n=~"^1$"}"#, &[1, 2, 3, 6]);
    check(r#"{n="1",i=~"^a?$"}"#, &[1, 2]);
    check(r#"{i=~"^$"}"#, &[1, 4, 5]);
    check(r#"{n="1",i=~"^.*$"}"#, &[1, 2, 3, 6]);
    check(r#"{n="1",i=~"^.+$"}"#, &[2, 3, 6]);
    check(r#"{n!~"^1$"}"#, &[4, 5]);
    check(r#"{n="1",i!~"^a?$"}"#, &[3, 6]);
    check(r#"{n="1",i!~"^.*$"}"#, &[]);
    check(r#"{n="1",i!~"^.+$"}"#, &[1]);
    check(r#"{n="1",i!="",i="a"}"#, &[2]);
    check(r#"{n="1",i!="b",i=~"^(b|a).*$"}"#, &[2]);
    check(r#"{n=~"1|2"}"#, &[1, 2, 3, 4, 6]);
    check(r#"{n=~"2.*"}"#, &[4, 5]);
    check(r#"{i=~".+"}"#, &[2, 3, 6]);
    check(r#"{i!~".+"}"#, &[1, 4, 5]);
    check(r#"{n=~".*"}"#, &[1, 2, 3, 4, 5, 6]);
    check(r#"{n!~".*"}"#, &[]);
    check(r#"{i=~"a|"}"#, &[1, 2, 4, 5]);
    check(r#"{i!~"a|"}"#, &[3, 6]);
    check(r#"{""=""}"#, &[1, 2, 3, 4, 5, 6]);
    check(r#"{""!=""}"#, &[]);
    check("{}", &[1, 2, 3, 4, 5, 6]);
}

#[test]
fn plans_enumerate_values_only_where_they_must() {
    fn check(selector: &str, intersect: &[Want<'_>], subtract: &[Want<'_>]) {
        let matchers = parse_selector(selector).unwrap();
        let plan = plan(&matchers);
        let wants = |terms: &[Term<'_>]| {
            format!(
                "{:?}",
                terms.iter().map(|term| term.want).collect::<Vec<_>>()
            )
        };
        assert_eq!(
            wants(&plan.intersect),
            format!("{intersect:?}"),
            "{selector}"
        );
        assert_eq!(wants(&plan.subtract), format!("{subtract:?}"), "{selector}");
    }
    let words = ["a".to_owned(), "b".to_owned()];
    check(
        r#"{l=~"b|a",k="x"}"#,
        &[Want::Value("x"), Want::Values(&words)],
        &[],
    );
    check(r#"{l!~"b|a"}"#, &[], &[Want::Values(&words)]);
    check(r#"{l!="a"}"#, &[], &[Want::Value("a")]);
    check(r#"{l!="a",l!=""}"#, &[Want::Any], &[Want::Value("a")]);
    check(r#"{l=""}"#, &[], &[Want::Any]);
    check(r#"{l=~"(.+)"}"#, &[Want::Any], &[]);
    check(r#"{l=~"(.*)"}"#, &[], &[]);
    let matchers = parse_selector(r#"{l=~"foo[0-9]+",k!~"bar[0-9]+"}"#).unwrap();
    let plan = plan(&matchers);
    assert_eq!(plan.intersect[0].want.prefix(), "foo");
    assert_eq!(plan.subtract[0].want.prefix(), "bar");
}

fn labels() -> impl Strategy<Value = Labels> {
    let value = prop::sample::select(vec!["", "a", "b", "ab", "ba", "é", "\n"]);
    prop::collection::btree_map("[xyz]", value, 0..4)
        .prop_map(|map| Labels::from_pairs(map.into_iter().filter(|(_, value)| !value.is_empty())))
}

fn matcher() -> impl Strategy<Value = Matcher> {
    let kind = prop::sample::select(vec![
        MatcherKind::Equal,
        MatcherKind::NotEqual,
        MatcherKind::Regex,
        MatcherKind::NotRegex,
    ]);
    let pattern = prop::sample::select(vec![
        "", "a", "b", "a|b", "a|", ".*", ".+", "a.*", ".*b", "[ab]+", "a?", "(?i)A", "é|\n", ".",
        "a[^b]*",
    ]);
    (kind, "[xyzw]", pattern)
        .prop_map(|(kind, name, value)| Matcher::new(kind, name, value).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn selection_equals_asking_every_series(
        all in prop::collection::vec(labels(), 0..20),
        mut matchers in prop::collection::vec(matcher(), 0..5),
    ) {
        let model = Model::new(all);
        let want = model.filter(&matchers);
        prop_assert_eq!(select(&model, &matchers).unwrap(), want.clone());
        let labels = || want.iter().flat_map(|series| model.series[series].iter());
        let names: BTreeSet<_> = labels().map(|(name, _)| name.to_owned()).collect();
        prop_assert_eq!(label_names(&model, &matchers).unwrap(), Vec::from_iter(names));
        let values = labels().filter(|(name, _)| *name == "x");
        let values: BTreeSet<_> = values.map(|(_, value)| value.to_owned()).collect();
        prop_assert_eq!(label_values(&model, "x", &matchers).unwrap(), Vec::from_iter(values));
        matchers.reverse();
        prop_assert_eq!(select(&model, &matchers).unwrap(), want);
    }
}
