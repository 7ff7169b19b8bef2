//! One simulated bucket: uploads, accidents and runs, thrown by the dice of a seed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bytes::Bytes;
use compactor::retention::Retention;
use compactor::stop::Stop;
use compactor::{Compactor, Config, Metrics, Outcome, Report, World, cycle};
use object_store::ObjectStore;
use tokio::runtime::Runtime;
use tsdb::bucket::Bucket;
use tsdb::bucket::upload::{UploadOptions, upload};
use tsdb::id::BlockId;
use tsdb::merge::MergeFunc;
use tsdb::testing::faulty_store::{Faults, FaultyStore, Op, When};
use tsdb::time::{Clock as _, Millis};

use crate::clock::SimClock;
use crate::dice::Dice;
use crate::fleet::{Fleet, HOUR, START};
use crate::invariants::{Look, Memory, Rules};
use crate::store::{SimStore, Turn};

const DAY: i64 = 24 * HOUR;
const MINUTE: i64 = 60_000;
/// Accidents and runs of one seed.
const STEPS: usize = 24;
/// Runs after which an undisturbed bucket must have come to rest.
const RUNS_MAX: usize = 12;
/// Objects that are no blocks and nobody's business.
const FOREIGN: [&str; 3] = ["notes.txt", "debug/metas/01H.json", "01HNOTABLOCK/index"];

/// All of one seed.
pub(crate) struct Town {
    dice: Dice,
    clock: Arc<SimClock>,
    store: SimStore,
    fleet: Fleet,
    config: Config,
    memory: Memory,
    /// Uploads that broke off.
    broken_off: Vec<BlockId>,
    scratch: tempfile::TempDir,
    /// Whether blocks get damaged.
    damages: bool,
    /// What happened, for whoever reads a failure.
    pub(crate) diary: Vec<String>,
}

impl Town {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let clock = Arc::new(SimClock::new(Millis(START + 30 * DAY)));
        let scratch = scratch();
        let block = dice.pick(&[2, 8, 48]) * HOUR;
        let config = config(&mut dice, scratch.path());
        // Penalties leave samples out, except where both replicas scrape at the same time.
        let lag = match config.merge {
            MergeFunc::OneToOne => dice.pick(&[0, 7 * MINUTE]),
            MergeFunc::Penalty => 0,
        };
        let store = SimStore::new(Arc::clone(&clock));
        for name in FOREIGN {
            store.overwrite(name, Bytes::from_static(b"foreign"));
        }
        let diary = vec![format!(
            "blocks of {} h, replicas {} min apart, {config:?}",
            block / HOUR,
            lag / MINUTE
        )];
        Self {
            damages: dice.percent(40),
            dice,
            clock,
            store,
            fleet: Fleet::new(block, lag),
            config,
            memory: Memory::default(),
            broken_off: Vec::new(),
            scratch,
            diary,
        }
    }

    /// Lives through all of it.
    pub(crate) fn live(&mut self) {
        for _ in 0..STEPS {
            self.step();
            self.rules(|rules, look, memory| rules.check(look, memory));
        }
        self.rest();
    }

    fn step(&mut self) {
        match self.dice.below(100) {
            0..35 => {
                for _ in 0..=self.dice.below(6) {
                    self.upload_next();
                }
            }
            35..41 => self.break_off(),
            41..46 => self.go_on(),
            46..58 => self.jump(),
            58..64 if self.damages => self.damage(),
            _ => self.disturbed_run(),
        }
    }

    fn rules<T>(&mut self, ask: impl FnOnce(&Rules<'_>, &Look, &mut Memory) -> T) -> T {
        let look = Look::new(self.store.objects());
        let rules = Rules {
            fleet: &self.fleet,
            config: &self.config,
            latest: self.clock.latest(),
        };
        ask(&rules, &look, &mut self.memory)
    }

    fn cut(&mut self) -> BlockId {
        let (stream, replica) = (self.dice.index(2), self.dice.index(2));
        let id = self.clock.block_id();
        self.fleet.cut(stream, replica, id);
        id
    }

    fn upload_next(&mut self) {
        let id = self.cut();
        self.upload(id);
    }

    fn upload(&mut self, id: BlockId) {
        self.diary.push(format!("upload of {id}"));
        let dir = self.fleet.write(id, self.scratch.path());
        let bucket = Bucket::new(Arc::new(self.store.clone()), "").unwrap();
        let options = UploadOptions {
            concurrency: 1,
            sha256: false,
            now: jiff::Timestamp::from_millisecond(self.clock.now().0).unwrap(),
        };
        self.store.start(Turn::default());
        let uploading = upload(&bucket, &dir, &options);
        runtime().block_on(uploading).unwrap();
        std::fs::remove_dir_all(dir).unwrap();
    }

    /// An upload that ends before its meta.
    fn break_off(&mut self) {
        let id = self.cut();
        self.diary.push(format!("upload of {id} breaks off"));
        let dir = self.fleet.write(id, self.scratch.path());
        for name in ["chunks/000001", "index"]
            .iter()
            .take(1 + self.dice.index(2))
        {
            let bytes = std::fs::read(dir.join(name)).unwrap();
            self.store.overwrite(&format!("{id}/{name}"), bytes.into());
        }
        std::fs::remove_dir_all(dir).unwrap();
        self.broken_off.push(id);
    }

    /// A server takes up an upload that broke off.
    fn go_on(&mut self) {
        if !self.broken_off.is_empty() {
            let at = self.dice.index(self.broken_off.len());
            let id = self.broken_off.swap_remove(at);
            self.upload(id);
        }
    }

    fn jump(&mut self) {
        let back = self.dice.percent(30);
        let by = 1 + i64::try_from(self.dice.below(if back { 24 } else { 72 })).unwrap();
        let by = Millis(if back { -by * HOUR } else { by * HOUR });
        self.diary
            .push(format!("the clock jumps by {} h", by.0 / HOUR));
        self.clock.jump(by);
    }

    /// Flips a bit of a visible block, or takes one of its objects away.
    fn damage(&mut self) {
        let look = Look::new(self.store.objects());
        let open: Vec<_> = look
            .staying()
            .filter(|meta| !self.memory.damaged.contains(&meta.ulid))
            .collect();
        if open.is_empty() {
            return;
        }
        let meta = open[self.dice.index(open.len())];
        let name = format!(
            "{}/{}",
            meta.ulid,
            self.dice.pick(&["index", "chunks/000001"])
        );
        if self.dice.percent(20) {
            self.diary.push(format!("{name} vanishes"));
            self.store.remove(&name);
        } else {
            let mut bytes = look.objects[&name].to_vec();
            let at = self.dice.index(bytes.len());
            bytes[at] ^= 1 << self.dice.below(8);
            self.diary.push(format!("{name} is damaged at {at}"));
            self.store.overwrite(&name, bytes.into());
        }
        let elsewhere = |source: &BlockId| {
            open.iter().any(|other| {
                let here = other.ulid == meta.ulid || other.resolution() != meta.resolution();
                !here && other.compaction.sources.contains(source)
            })
        };
        let sources = meta.compaction.sources.iter();
        let alone = sources.filter(|source| !elsewhere(source));
        let rotten = alone.map(|&source| (meta.resolution(), source));
        self.memory.rotten.extend(rotten);
        self.memory.damaged.insert(meta.ulid);
    }

    /// A run that fails, dies or is stopped, or none of it.
    fn disturbed_run(&mut self) {
        let mut faults = Faults {
            seed: self.dice.bits(),
            ..Faults::default()
        };
        let mut turn = Turn::default();
        let after = self.dice.below(60);
        match self.dice.below(6) {
            0 => faults.failures_permille = 1 + self.dice.below(150),
            1 => faults.truncations_permille = 1 + self.dice.below(150),
            2 => {
                let lost = (1..30).map(|n| (Op::Put, n * 3, When::After));
                faults.nth = lost.collect();
            }
            3 => turn.stops_after = Some((after, Arc::new(AtomicBool::new(false)))),
            4 => {}
            _ => turn.dies_after = Some(after),
        }
        self.diary
            .push(format!("a run with {faults:?} and {turn:?}"));
        self.run(faults, turn);
    }

    fn run(&mut self, faults: Faults, turn: Turn) -> Option<Report> {
        let before = Look::new(self.store.objects());
        let ids = before
            .objects
            .keys()
            .filter_map(|name| name.split('/').next());
        let ids = ids.filter_map(|name| BlockId::parse(name).ok());
        let youngest: BTreeMap<_, _> = ids
            .filter_map(|id| Some((id, self.store.youngest(&id.to_string())?)))
            .collect();
        let stop = turn.stops_after.as_ref().map(|(_, flag)| Arc::clone(flag));
        self.store.start(turn);
        let store: Arc<dyn ObjectStore> =
            Arc::new(FaultyStore::new(Arc::new(self.store.clone()), faults));
        let world: Arc<dyn World> = Arc::<SimClock>::clone(&self.clock);
        let config = self.config.clone();
        let run = async {
            let bucket = Bucket::new(store, "").unwrap();
            let metrics = Metrics::default();
            let mut compactor = Compactor::begin(bucket, config, world, metrics, "run").unwrap();
            compactor.stop = stop.map_or_else(Stop::default, Stop::new);
            tokio::select! {
                // A failure to look at the bucket ends a run; the next one looks again.
                report = cycle::run(&compactor) => report.ok(),
                () = self.store.dead() => None,
            }
        };
        // Dropping the runtime waits for threads that still write, as the next run could not.
        let report = runtime().block_on(run);
        self.store.start(Turn::default());
        let after = Look::new(self.store.objects());
        let rules = Rules {
            fleet: &self.fleet,
            config: &self.config,
            latest: self.clock.latest(),
        };
        rules.check_changes(&before, &after, &youngest);
        self.diary.push(report.as_ref().map_or_else(
            || "  ended early".into(),
            |report| {
                format!(
                    "  {} jobs, {} marked, {} deleted, {} fenced, {} failures",
                    report.jobs.len(),
                    report.marked.len(),
                    report.deleted.len(),
                    report.fenced.len(),
                    report.failures.len()
                )
            },
        ));
        for name in FOREIGN {
            assert!(after.objects.contains_key(name), "{name} is gone");
        }
        report
    }

    /// Nothing happens any more: runs come to an end, with everything in its place.
    fn rest(&mut self) {
        for _ in 0..RUNS_MAX {
            self.clock.jump(Millis(3 * DAY));
            self.diary.push("an undisturbed run".into());
            let report = self.run(Faults::default(), Turn::default());
            let report = report.expect("an undisturbed run ends");
            assert!(report.failures.is_empty(), "{:?}", report.failures);
            // A block that comes late into a window that was compacted without it overlaps; where overlaps are not
            // merged, a person is asked.
            let asks = !self.memory.damaged.is_empty() || !self.config.merges_overlaps();
            assert!(asks || report.outcome() == Outcome::Done, "{report:?}");
            self.rules(|rules, look, memory| rules.check(look, memory));
            // Time goes on, so blocks grow too old and go.
            let mut marks = report.marked.iter();
            let idle = marks.all(|marked| marked.details.contains("retention"));
            if idle && report.jobs.is_empty() {
                self.rules(|rules, look, memory| rules.check_rest(look, memory));
                return;
            }
        }
        panic!("still busy after {RUNS_MAX} undisturbed runs");
    }
}

/// A directory in memory where the system has one: no machine dies here, so waiting for a disk proves nothing.
fn scratch() -> tempfile::TempDir {
    let in_memory = tempfile::tempdir_in("/dev/shm");
    in_memory.or_else(|_| tempfile::tempdir()).unwrap()
}

/// An event loop whose pauses cost no time.
fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
}

fn config(dice: &mut Dice, scratch: &std::path::Path) -> Config {
    let mut config = Config::new(scratch.join("data"));
    config.threads = std::num::NonZeroUsize::MIN;
    config.consistency_delay = Millis(dice.pick(&[0, 30 * MINUTE]));
    config.delete_delay = Millis(dice.pick(&[0, 2 * HOUR, 48 * HOUR]));
    if dice.percent(60) {
        config.replica_labels = vec!["replica".into()];
        config.merge = dice.pick(&[MergeFunc::OneToOne, MergeFunc::Penalty]);
    }
    config.downsample = dice.percent(60);
    if dice.percent(40) {
        let days = |days: u64| Duration::from_hours(24 * days);
        config.retention = Retention {
            raw: days(26 + dice.below(6)),
            five_minutes: days(33 + dice.below(4)),
            one_hour: Duration::ZERO,
        };
    }
    config.list_recursively = dice.percent(50);
    config.hash_files = dice.percent(20);
    config
}
