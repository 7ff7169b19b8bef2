//! Rules one by one, as an operator would write them (in JSON, which is YAML).
//!
//! Label sets are written `a=1 b=2`. Every action has its table; wrong rules are checked for what they say.

use proptest::prelude::*;

use super::*;

fn rules(json: &str) -> Vec<RelabelConfig> {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

fn labels(text: &str) -> Labels {
    let pairs = text
        .split_whitespace()
        .map(|pair| pair.split_once('=').unwrap());
    Labels::from_pairs(pairs)
}

fn check(json: &str, before: &str, after: Option<&str>) {
    let relabel = Relabel::new(&rules(json), Actions::All).unwrap();
    assert_eq!(
        relabel.apply(labels(before)),
        after.map(labels),
        "{json} on {before}"
    );
}

#[test]
fn replace_sets_the_target_where_the_value_matches() {
    let all = r#"[{"source_labels":["a","b"],"target_label":"c"}]"#;
    check(all, "a=1 b=2", Some("a=1 b=2 c=1;2"));
    check(all, "", Some("c=;"));
    let part = r#"[{"source_labels":["a"],"regex":"(.)(.*)","target_label":"x_$1","replacement":"${2}!"}]"#;
    check(part, "a=123", Some("a=123 x_1=23!"));
    check(part, "b=1", Some("b=1"));
    let constant = r#"[{"target_label":"a","replacement":"r"}]"#;
    check(constant, "a=1", Some("a=r"));
    let remove = r#"[{"target_label":"a","replacement":""}]"#;
    check(remove, "a=1 b=2", Some("b=2"));
    let separator = r#"[{"source_labels":["a","b"],"separator":"","target_label":"c"}]"#;
    check(separator, "a=1 b=2", Some("a=1 b=2 c=12"));
    let nameless = r#"[{"source_labels":["a"],"target_label":"$2","replacement":"x"}]"#;
    check(nameless, "a=1", Some("a=1"));
}

#[test]
fn keep_and_drop_ask_for_the_whole_value() {
    let keep = r#"[{"source_labels":["a"],"regex":"x|y","action":"KEEP"}]"#;
    check(keep, "a=x", Some("a=x"));
    check(keep, "a=xy", None);
    check(keep, "", None);
    let drop = r#"[{"source_labels":["a"],"regex":"x.*","action":"drop"}]"#;
    check(drop, "a=xy", None);
    check(drop, "a=y", Some("a=y"));
}

#[test]
fn equal_actions_compare_with_the_target() {
    let keep = r#"[{"source_labels":["a","b"],"target_label":"c","action":"keepequal"}]"#;
    check(keep, "a=1 b=2 c=1;2", Some("a=1 b=2 c=1;2"));
    check(keep, "a=1 b=2 c=1", None);
    let drop = r#"[{"source_labels":["a"],"target_label":"b","action":"dropequal"}]"#;
    check(drop, "a=1 b=1", None);
    check(drop, "a=1", Some("a=1"));
    check(drop, "", None);
}

#[test]
fn names_are_mapped_dropped_and_kept() {
    let map = r#"[{"regex":"meta_(.+)","action":"labelmap"}]"#;
    check(
        map,
        "meta_a=1 meta_b=2 b=3",
        Some("meta_a=1 meta_b=2 a=1 b=2"),
    );
    let drop = r#"[{"regex":"a.*","action":"labeldrop"}]"#;
    check(drop, "a=1 ab=2 b=3", Some("b=3"));
    let keep = r#"[{"regex":"a.*","action":"labelkeep"}]"#;
    check(keep, "a=1 ab=2 b=3", Some("a=1 ab=2"));
    check(keep, "b=3", Some(""));
}

#[test]
fn case_is_changed_character_by_character() {
    let lower = r#"[{"source_labels":["a"],"target_label":"b","action":"lowercase"}]"#;
    check(lower, "a=ÄΣİ", Some("a=ÄΣİ b=äσi"));
    let upper = r#"[{"source_labels":["a"],"target_label":"b","action":"uppercase"}]"#;
    check(upper, "a=äßᾀῳ", Some("a=äßᾀῳ b=Äßᾈῼ"));
}

#[test]
fn hashmod_takes_the_last_bytes_of_the_md5() {
    // MD5 of the empty string ends in e9800998ecf8427e.
    assert_eq!(hash_mod("", u64::MAX), 0xe980_0998_ecf8_427e);
    // MD5 of "abc" ends in d6963f7d28e17f72.
    assert_eq!(hash_mod("abc", 1000), 0xd696_3f7d_28e1_7f72 % 1000);
    let shard = r#"[{"source_labels":["a"],"modulus":1,"target_label":"s","action":"hashmod"}]"#;
    check(shard, "a=1", Some("a=1 s=0"));
}

#[test]
fn rules_run_on_what_the_one_before_left() {
    let two = r#"[{"source_labels":["a"],"target_label":"b"},{"source_labels":["b"],"regex":"1","action":"keep"}]"#;
    check(two, "a=1", Some("a=1 b=1"));
    check(two, "a=2 b=1", None);
}

#[test]
fn absent_and_empty_keys_have_defaults() {
    let empty = r#"[{"source_labels":null,"separator":null,"regex":null,"modulus":null,"target_label":"a","replacement":null,"action":null}]"#;
    check(empty, "a=1", Some(""));
}

#[test]
fn wrong_rules_say_which_and_why() {
    fn check(json: &str, want: &str) {
        let error = Relabel::new(&rules(json), Actions::All).unwrap_err();
        assert_eq!(error.to_string(), want, "{json}");
    }
    check("[{}]", "relabel rule 0 (replace): needs a target_label");
    check(
        r#"[{"action":"keep"},{"action":"hashmod","target_label":"a"}]"#,
        "relabel rule 1 (hashmod): needs a modulus above zero",
    );
    check(
        r#"[{"action":"keep","regex":"("}]"#,
        "relabel rule 0 (keep): regex: missing closing parenthesis at byte 1",
    );
    check(
        r#"[{"action":"labeldrop","regex":"a","target_label":"b"}]"#,
        "relabel rule 0 (labeldrop): takes a regex only",
    );
    check(
        r#"[{"action":"keepequal","regex":"a","target_label":"b"}]"#,
        "relabel rule 0 (keepequal): takes source_labels and target_label only",
    );
    check(
        r#"[{"action":"lowercase","replacement":"a","target_label":"b"}]"#,
        "relabel rule 0 (lowercase): takes no replacement",
    );
    for json in [r#"[{"acton":"keep"}]"#, r#"[{"action":"kep"}]"#] {
        assert!(
            serde_json::from_str::<Vec<RelabelConfig>>(json).is_err(),
            "{json}"
        );
    }
}

#[test]
fn selectors_choose_and_do_not_rewrite() {
    for (action, want) in [
        ("keep", true),
        ("drop", true),
        ("hashmod", true),
        ("replace", false),
        ("labeldrop", false),
    ] {
        let mut all = rules(&format!(
            r#"[{{"action":"{action}","target_label":"a","modulus":2}}]"#
        ));
        if action == "labeldrop" {
            all[0].target_label = None;
            all[0].modulus = None;
        }
        assert_eq!(
            Relabel::new(&all, Actions::Selector).is_ok(),
            want,
            "{action}"
        );
    }
}

proptest! {
    #[test]
    fn labels_stay_sorted_unique_and_non_empty(
        names in prop::collection::vec("[a-c]{1,2}", 0..5),
        template in "[$a-c{}12]{0,4}",
    ) {
        let before = Labels::from_pairs(names.iter().map(|name| (name.clone(), name.clone())));
        let config = RelabelConfig {
            regex: Some("(.)(.*)".into()),
            replacement: Some(template.clone()),
            action: Some(Action::LabelMap),
            ..RelabelConfig::default()
        };
        let Ok(relabel) = Relabel::new(&[config], Actions::All) else {
            prop_assert!(template.is_empty());
            return Ok(());
        };
        let after = relabel.apply(before).unwrap();
        let all = after.as_slice();
        prop_assert!(all.is_sorted_by(|a, b| a.name < b.name));
        prop_assert!(all.iter().all(|label| !label.value.is_empty()));
    }
}
