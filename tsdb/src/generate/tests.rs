//! The same seed gives the same data, in the order that a block wants.

use std::collections::HashSet;

use super::catalog::SERIES_PER_TARGET;
use super::*;

fn small() -> Config {
    Config {
        targets: 7,
        blocks: 4,
        churn_ppm: 300_000,
        ..Config::default()
    }
}

fn columns(series: Series<'_>, range: TimeRange) -> (Vec<i64>, Vec<u64>) {
    let (mut ts, mut vs) = (Vec::new(), Vec::new());
    series.fill(range, &mut ts, &mut vs);
    (ts, vs.iter().map(|v| v.to_bits()).collect())
}

#[test]
fn a_block_has_212_series_a_target_in_label_order() {
    let generator = Generator::new(small()).unwrap();
    for index in 0..4 {
        let block = generator.block(index);
        let labels: Vec<Labels> = block.series().map(|series| series.labels()).collect();
        assert_eq!(labels.len(), 7 * SERIES_PER_TARGET);
        assert_eq!(labels.len(), block.len());
        for pair in labels.windows(2) {
            assert!(pair[0] < pair[1], "{} then {}", pair[0], pair[1]);
        }
    }
}

#[test]
fn symbols_are_the_strings_of_the_labels() {
    let generator = Generator::new(small()).unwrap();
    let block = generator.block(3);
    let symbols = block.symbols();
    assert!(symbols.is_sorted());
    let known: HashSet<&str> = symbols.iter().map(String::as_str).collect();
    let series = block.series().last().unwrap().labels();
    assert!(
        series
            .iter()
            .all(|(name, value)| known.contains(name) && known.contains(value))
    );
}

#[test]
fn a_long_block_holds_the_samples_of_the_short_ones() {
    let short = Generator::new(Config {
        churn_ppm: 0,
        ..small()
    })
    .unwrap();
    let long = Generator::new(Config {
        blocks: 1,
        block_duration: Millis(4 * 7_200_000),
        churn_ppm: 0,
        ..small()
    })
    .unwrap();
    let whole = long.block(0);
    for (at, series) in whole.series().enumerate().step_by(17) {
        let mut pieces = (Vec::new(), Vec::new());
        for index in 0..4 {
            let block = short.block(index);
            let (ts, vs) = columns(block.series().nth(at).unwrap(), block.range);
            pieces.0.extend(ts);
            pieces.1.extend(vs);
        }
        assert_eq!(columns(series, whole.range), pieces, "{}", series.labels());
    }
}

#[test]
fn a_replica_sees_the_same_values_at_other_times() {
    let config = Config {
        missing_ppm: 0,
        ..small()
    };
    let twin = Config {
        replica: 1,
        ..config.clone()
    };
    let (one, two) = (
        Generator::new(config).unwrap(),
        Generator::new(twin).unwrap(),
    );
    let (one, two) = (one.block(0), two.block(0));
    let (a, b) = (one.series().next().unwrap(), two.series().next().unwrap());
    assert_eq!(a.labels(), b.labels());
    let ((ts, vs), (other_ts, other_vs)) = (columns(a, one.range), columns(b, two.range));
    assert!(ts.iter().zip(&other_ts).all(|(t, other)| t != other));
    let common = vs.iter().filter(|v| other_vs.contains(v)).count();
    assert!(common + 2 >= vs.len(), "{common} of {}", vs.len());
}

#[test]
fn scrapes_ascend_and_some_jitter_or_fail() {
    let generator = Generator::new(Config {
        block_duration: Millis(86_400_000),
        ..small()
    })
    .unwrap();
    let block = generator.block(0);
    let mut irregular = 0;
    let mut scrapes = 0;
    for series in block.series_of(&FAMILIES.last().unwrap().metrics[0]) {
        let (ts, _) = columns(series, block.range);
        assert!(ts.windows(2).all(|pair| pair[0] < pair[1]));
        let range = block.range.interval();
        assert!(ts.iter().all(|&t| range.contains(Millis(t))));
        irregular += ts
            .windows(2)
            .filter(|pair| pair[1] - pair[0] != 15_000)
            .count();
        scrapes += ts.len();
    }
    let expected = 7 * 86_400 / 15;
    assert!(
        scrapes < expected && scrapes > expected * 998 / 1000,
        "{scrapes}"
    );
    assert!(
        irregular > scrapes / 33 && irregular < scrapes / 20,
        "{irregular} of {scrapes}"
    );
}

#[test]
fn counters_fall_only_where_a_run_ends() {
    let generator = Generator::new(Config {
        block_duration: Millis(8 * 86_400_000),
        ..small()
    })
    .unwrap();
    let block = generator.block(0);
    for family in FAMILIES
        .iter()
        .filter(|family| family.name == "http_requests")
    {
        for series in block.series_of(&family.metrics[0]) {
            let (_, vs) = columns(series, block.range);
            let falls = vs
                .windows(2)
                .filter(|pair| f64::from_bits(pair[1]) < f64::from_bits(pair[0]));
            assert!(falls.count() <= 31, "a run is at least 1500 scrapes");
        }
    }
}

#[test]
fn lives_of_a_target_cover_all_blocks() {
    let generator = Generator::new(Config {
        blocks: 40,
        ..small()
    })
    .unwrap();
    for number in 0..7 {
        let lives = generator.lives(number);
        assert!(lives.len() > 1, "30 % churn over 39 borders");
        assert_eq!(lives[0].1.min, generator.range(0).min);
        assert_eq!(lives.last().unwrap().1.max, generator.range(39).max);
        assert!(lives.windows(2).all(|pair| pair[0].1.max == pair[1].1.min));
    }
}

#[test]
fn output_is_the_same_on_every_platform() {
    let generator = Generator::new(small()).unwrap();
    let block = generator.block(3);
    let mut hash = xxhash_rust::xxh64::Xxh64::new(0);
    for series in block.series() {
        let (ts, vs) = columns(series, block.range);
        hash.update(series.labels().to_string().as_bytes());
        ts.iter().for_each(|t| hash.update(&t.to_le_bytes()));
        vs.iter().for_each(|v| hash.update(&v.to_le_bytes()));
    }
    assert_eq!(format!("{:016x}", hash.digest()), "d506a44d6ab9eeff");
}

#[test]
fn impossible_configurations_are_refused() {
    fn check(config: Config) {
        assert!(Generator::new(config.clone()).is_err(), "{config:?}");
    }
    check(Config {
        targets: 0,
        ..small()
    });
    check(Config {
        blocks: 0,
        ..small()
    });
    check(Config {
        interval: Millis(99),
        ..small()
    });
    check(Config {
        block_duration: Millis(14_999),
        ..small()
    });
    check(Config {
        start: Millis(i64::MAX - 1000),
        ..small()
    });
    check(Config {
        targets: u32::MAX,
        ..small()
    });
}
