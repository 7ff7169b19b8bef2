//! Flags of `thanos compact` as they occur in the corpus.
//!
//! Only these: the command line proper is the binary's.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use compactor::Config;
use tsdb::merge::MergeFunc;
use tsdb::relabel::{Actions, Relabel, RelabelConfig};
use tsdb::time::Millis;

/// Whether blocks go through a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Disk,
    Bucket,
}

/// Every run goes both ways, to the same end.
pub(crate) const WAYS: [Way; 2] = [Way::Disk, Way::Bucket];

/// The configuration of a run that works in `dir`, or why these flags cannot work.
pub(crate) fn config(dir: &Path, way: Way, flags: &[String]) -> Result<Config, String> {
    let mut config = Config::new(dir.join("data"));
    if way == Way::Bucket {
        config.scratch = None;
    }
    for flag in flags {
        let (name, value) = flag.split_once('=').unwrap_or((flag, ""));
        set(&mut config, name, value)?;
    }
    config.check().map_err(|error| error.to_string())?;
    Ok(config)
}

fn set(config: &mut Config, name: &str, value: &str) -> Result<(), String> {
    let number = || {
        value
            .parse::<NonZeroUsize>()
            .map_err(|error| error.to_string())
    };
    match name {
        "--consistency-delay" => config.consistency_delay = millis(value),
        "--delete-delay" => config.delete_delay = millis(value),
        "--deduplication.replica-label" => {
            config
                .replica_labels
                .extend(value.split(',').map(str::to_owned));
        }
        "--deduplication.func" if value == "penalty" => config.merge = MergeFunc::Penalty,
        "--deduplication.func" => return Err(format!("no such function: {value}")),
        "--compact.enable-vertical-compaction" => config.vertical = true,
        "--compact.skip-block-with-out-of-order-chunks" => config.skip_out_of_order = true,
        "--debug.accept-malformed-index" => config.accept_malformed_index = true,
        "--downsampling.disable" => config.downsample = false,
        "--hash-func" => config.hash_files = value == "SHA256",
        "--debug.max-compaction-level" => config.level_max = number()?.get(),
        "--compact.concurrency" => config.groups = number()?,
        "--compact.blocks-fetch-concurrency" => config.fetches = number()?,
        "--compact.block-max-index-size" => {
            let kilobytes: u64 = value.strip_suffix("KB").unwrap().parse().unwrap();
            config.index_limit_bytes = kilobytes * 1024;
        }
        "--selector.relabel-config" => {
            let rules: Vec<RelabelConfig> =
                serde_saphyr::from_str(value).map_err(|error| error.to_string())?;
            config.shard =
                Relabel::new(&rules, Actions::Selector).map_err(|error| error.chain())?;
        }
        "--retention.resolution-raw" => config.retention.raw = duration(value),
        "--retention.resolution-5m" => config.retention.five_minutes = duration(value),
        "--retention.resolution-1h" => config.retention.one_hour = duration(value),
        other => panic!("the corpus has a flag that this test does not know: {other}"),
    }
    Ok(())
}

fn duration(text: &str) -> Duration {
    let (number, unit) = text.split_at(text.len() - 1);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "y" => 365 * 86_400,
        other => panic!("unit {other}"),
    };
    Duration::from_secs(number.parse::<u64>().unwrap() * seconds)
}

fn millis(text: &str) -> Millis {
    Millis(i64::try_from(duration(text).as_millis()).unwrap())
}
