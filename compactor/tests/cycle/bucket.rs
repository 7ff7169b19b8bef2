//! A bucket in memory with small blocks, and runs over it.
//!
//! The store fails as told; the clock ticks a millisecond per question, and names of new blocks follow it, so runs repeat.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use compactor::{Compactor, Config, Metrics, Report, Result, World, cycle};
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};
use tsdb::block::build::{BlockBuilder, symbol_table};
use tsdb::bucket::Bucket;
use tsdb::bucket::upload::{UploadOptions, upload};
use tsdb::chunk::encode_samples;
use tsdb::id::BlockId;
use tsdb::label::Labels;
use tsdb::meta::{BlockMeta, ThanosMeta};
use tsdb::sample::{Sample, Value};
use tsdb::testing::faulty_store::{Faults, FaultyStore};
use tsdb::time::{Clock, Millis};

/// When all runs begin: long after the blocks were made.
pub(crate) const NOW: Millis = Millis(1_800_000_000_000);

const HOUR: i64 = Millis::HOUR.0;

/// What a disk does to a block's directory.
type Damage = fn(&Path);

/// A clock that ticks a millisecond per question, names that follow it, and a disk with as much room as is said.
pub(crate) struct Ticks {
    now: AtomicI64,
    pub(crate) free_bytes: AtomicU64,
    /// What becomes of the next block that is written.
    pub(crate) damage: Mutex<Option<Damage>>,
}

impl Ticks {
    pub(crate) fn new(now: Millis) -> Self {
        Self {
            now: AtomicI64::new(now.0),
            free_bytes: AtomicU64::new(u64::MAX),
            damage: Mutex::default(),
        }
    }
}

impl Clock for Ticks {
    fn now(&self) -> Millis {
        Millis(self.now.fetch_add(1, Ordering::Relaxed))
    }
}

impl World for Ticks {
    fn block_id(&self) -> BlockId {
        let now = self.now().0.unsigned_abs();
        BlockId::new(now, u128::from(now))
    }

    fn free_bytes(&self, _dir: &Path) -> tsdb::Result<u64> {
        Ok(self.free_bytes.load(Ordering::Relaxed))
    }

    fn keep(&self, block: &Path) {
        if let Some(damage) = self.damage.lock().unwrap().take() {
            damage(block);
        }
    }
}

/// All objects of a bucket with their contents.
pub(crate) type Objects = BTreeMap<String, Vec<u8>>;

/// A bucket whose store can be made to fail, and scratch space.
pub(crate) struct TestBucket {
    pub(crate) store: FaultyStore,
    pub(crate) scratch: tempfile::TempDir,
    pub(crate) world: Arc<Ticks>,
}

impl TestBucket {
    pub(crate) fn new() -> Self {
        Self {
            store: FaultyStore::new(Arc::new(InMemory::new()), Faults::default()),
            scratch: tempfile::tempdir().unwrap(),
            world: Arc::new(Ticks::new(NOW)),
        }
    }

    pub(crate) fn bucket(&self) -> Bucket {
        Bucket::new(Arc::new(self.store.clone()), "").unwrap()
    }

    /// A bucket in `dir` rather than in memory, whose store fails as told.
    pub(crate) fn on_disk(dir: &Path, faults: Faults) -> (Bucket, FaultyStore) {
        let mut bucket = Bucket::open_local(dir, "").unwrap();
        let store = FaultyStore::new(Arc::clone(&bucket.store), faults);
        bucket.store = Arc::new(store.clone());
        (bucket, store)
    }

    /// A block of `[from, to)` hours of one stream, with two series of a sample a minute.
    pub(crate) async fn add(&self, number: u64, hours: (i64, i64), replica: &str) -> BlockId {
        let id = BlockId::new(1_000_000 + number, u128::from(number));
        let dir = make_block(self.scratch.path(), id, hours, replica);
        let options = UploadOptions {
            concurrency: 1,
            sha256: false,
            now: jiff::Timestamp::from_millisecond(NOW.0 - 100 * HOUR).unwrap(),
        };
        upload(&self.bucket(), &dir, &options).await.unwrap();
        id
    }

    /// With two replicas of ten hours in blocks of two.
    pub(crate) async fn filled() -> Self {
        let bucket = Self::new();
        bucket.fill().await;
        bucket
    }

    async fn fill(&self) {
        for number in 0..5 {
            let hours = i64::try_from(number).unwrap() * 2;
            self.add(number, (hours, hours + 2), "a").await;
            self.add(10 + number, (hours, hours + 2), "b").await;
        }
    }

    /// The least that has an overlap of replicas and then a window to fill.
    pub(crate) async fn fill_little(&self) {
        self.add(0, (0, 4), "a").await;
        self.add(1, (0, 4), "b").await;
        self.add(2, (4, 8), "a").await;
        self.add(3, (8, 10), "a").await;
    }

    /// The least that has an overlap of replicas and then a block to downsample.
    pub(crate) async fn fill_days(&self) {
        self.add(0, (0, 48), "a").await;
        self.add(1, (0, 48), "b").await;
        self.add(2, (48, 50), "a").await;
    }

    pub(crate) fn config(&self) -> Config {
        let mut config = Config::new(self.scratch.path().join("data"));
        config.consistency_delay = Millis(0);
        config
    }

    pub(crate) async fn run(&self, config: Config) -> Result<Report> {
        let world: Arc<dyn World> = Arc::<Ticks>::clone(&self.world);
        let compactor = Compactor::begin(self.bucket(), config, world, Metrics::default(), "test")?;
        cycle::run(&compactor).await
    }

    /// All objects with their contents.
    pub(crate) async fn objects(&self) -> Objects {
        use futures::TryStreamExt as _;
        let listing: Vec<_> = self.store.list(None).try_collect().await.unwrap();
        let mut objects = BTreeMap::new();
        for object in listing {
            let bytes = self
                .store
                .get(&object.location)
                .await
                .unwrap()
                .bytes()
                .await
                .unwrap();
            objects.insert(object.location.to_string(), bytes.to_vec());
        }
        objects
    }

    /// Replaces an object.
    async fn put(&self, path: &str, bytes: Vec<u8>) {
        self.store
            .put(&ObjectPath::from(path), PutPayload::from(bytes))
            .await
            .unwrap();
    }

    /// Flips a bit of a block's chunks.
    pub(crate) async fn damage(&self, block: BlockId) {
        let chunks = format!("{block}/chunks/000001");
        let mut bytes = self.objects().await.remove(&chunks).unwrap();
        bytes[40] ^= 1;
        self.put(&chunks, bytes).await;
    }

    pub(crate) async fn delete(&self, path: &str) {
        self.store.delete(&ObjectPath::from(path)).await.unwrap();
    }
}

/// Metas of all visible blocks.
pub(crate) fn metas(objects: &Objects) -> BTreeMap<BlockId, BlockMeta> {
    let metas = objects
        .iter()
        .filter(|(name, _)| name.ends_with("/meta.json"));
    metas
        .map(|(_, bytes)| BlockMeta::from_json(bytes).unwrap())
        .map(|meta| (meta.ulid, meta))
        .collect()
}

/// Blocks with a mark of this name.
pub(crate) fn marked(objects: &Objects, mark: &str) -> BTreeSet<BlockId> {
    let names = objects
        .keys()
        .filter_map(|name| name.strip_suffix(mark)?.strip_suffix('/'));
    names.map(|name| BlockId::parse(name).unwrap()).collect()
}

pub(crate) fn make_block(
    parent: &Path,
    id: BlockId,
    hours: (i64, i64),
    replica: &str,
) -> std::path::PathBuf {
    let symbols = symbol_table(["__name__", "up", "down"]).unwrap();
    let mut builder = BlockBuilder::create(parent, id, symbols, 512 << 20).unwrap();
    for name in ["down", "up"] {
        let times = (hours.0 * HOUR..hours.1 * HOUR).step_by(60_000);
        let samples: Vec<_> = times
            .map(|t| Sample {
                t,
                value: Value::Float(f64::from(u32::try_from(t / 60_000).unwrap())),
            })
            .collect();
        let labels = Labels::from_pairs([("__name__", name)]);
        builder
            .series(&labels, &encode_samples(&samples).unwrap())
            .unwrap();
    }
    let mut meta = BlockMeta {
        ulid: id,
        min_time: Millis(hours.0 * HOUR),
        max_time: Millis(hours.1 * HOUR),
        thanos: Some(ThanosMeta {
            labels: Labels::from_pairs([("cluster", "one"), ("replica", replica)]),
            source: "sidecar".into(),
            ..ThanosMeta::default()
        }),
        ..BlockMeta::default()
    };
    meta.compaction.level = 1;
    meta.compaction.sources = vec![id];
    builder.finish(meta, false).unwrap().unwrap().0
}
