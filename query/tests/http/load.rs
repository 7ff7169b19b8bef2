//! Many clients at a time, and clients that go away: bounded by requests, not by time.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use query::config::Config;
use query::http::Settings;
use tempfile::TempDir;
use tsdb::budget::Budget;

use super::client::{Ask, encode, send};
use super::serve::{Parts, counters, open_block, write_block};

const CLIENTS: usize = 200;
const REQUESTS_EACH: usize = 10;
const CANCELED: usize = 1_000;
/// What the server may use for its queries.
const MEMORY_BYTES: u64 = 64 << 20;
/// What a process needs besides: threads, sockets, both sides of the test.
const SLACK_BYTES: u64 = 192 << 20;

/// Files and memory are those of the process: one of these tests at a time.
static ALONE: Mutex<()> = Mutex::new(());

struct Loaded {
    address: SocketAddr,
    runtime: tokio::runtime::Runtime,
    _dir: TempDir,
}

impl Loaded {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let source = open_block(&write_block(dir.path(), &counters(300)));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let settings = Settings {
            memory: Budget::new("process", MEMORY_BYTES),
            ..Settings::default()
        };
        let mut parts = Parts::over(vec![source], settings);
        parts.config = Config {
            concurrency: 4,
            ..Config::default()
        };
        Self {
            address: parts.listen(&runtime),
            runtime,
            _dir: dir,
        }
    }

    /// A metric of the server.
    fn metric(&self, name: &str) -> u64 {
        let text = send(self.address, &Ask::new("GET", "/metrics")).text();
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name}"))
            .trim()
            .parse()
            .unwrap()
    }

    /// Waits until nothing runs and nothing is held any more.
    fn settle(&self) {
        let is_idle = || {
            self.metric("thanos_query_concurrent_gate_queries_in_flight ") == 0
                && self.metric("stratal_query_memory_bytes ") == 0
        };
        let is_idle = (0..600).any(|_| {
            thread::sleep(Duration::from_millis(50));
            is_idle()
        });
        assert!(is_idle, "queries are still there");
    }
}

fn target(number: usize) -> String {
    let range = |query: &str| {
        let pairs = [
            ("query", query),
            ("start", "1700000600"),
            ("end", "1700003600"),
            ("step", "15"),
        ];
        format!("/api/v1/query_range?{}", encode(&pairs))
    };
    match number % 6 {
        0 => range("sum by (job) (rate(requests_total[5m]))"),
        1 => range("requests_total{job=\"a\"} + on (instance) requests_total{job=\"a\"}"),
        2 => range("max_over_time(sum(rate(requests_total[1m]))[10m:15s])"),
        3 => "/api/v1/series?match%5B%5D=requests_total".to_owned(),
        4 => "/api/v1/label/instance/values".to_owned(),
        _ => "/api/v1/query?query=topk(5,requests_total)&time=1700003600".to_owned(),
    }
}

fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

#[test]
fn many_clients_are_answered_or_told_to_wait() {
    let _alone = ALONE.lock();
    let loaded = Loaded::start();
    let address = loaded.address;
    let client = |first: usize| {
        let statuses = (0..REQUESTS_EACH).map(|at| {
            let ask = Ask::new("GET", &target(first + at));
            let answer = send(address, &ask);
            let is_told = matches!(answer.status, 200 | 503 | 429);
            assert!(is_told, "{}: {}", answer.status, answer.text());
            answer.status
        });
        statuses.filter(|status| *status == 200).count()
    };
    let answered: usize = thread::scope(|scope| {
        let clients = (0..CLIENTS).map(|first| scope.spawn(move || client(first)));
        let clients: Vec<_> = clients.collect();
        clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .sum()
    });
    // The queue is long enough for so few.
    assert_eq!(answered, CLIENTS * REQUESTS_EACH);
    loaded.settle();
    if let Some(peak) = peak_bytes() {
        assert!(peak < MEMORY_BYTES + SLACK_BYTES, "{} MiB", peak >> 20);
    }
}

#[test]
fn clients_that_go_leave_nothing_behind() {
    let _alone = ALONE.lock();
    let loaded = Loaded::start();
    let files = || std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let tasks = || loaded.runtime.metrics().num_alive_tasks();
    send(loaded.address, &Ask::new("GET", &target(2)));
    loaded.settle();
    let (files_before, tasks_before) = (files(), tasks());
    for number in 0..CANCELED {
        let mut stream = TcpStream::connect(loaded.address).unwrap();
        stream
            .write_all(&Ask::new("GET", &target(number % 3)).bytes())
            .unwrap();
        if number % 4 == 0 {
            // Some go while they wait, others while the query runs.
            thread::sleep(Duration::from_millis(1));
        }
    }
    loaded.settle();
    let is_clean = (0..100).any(|_| {
        thread::sleep(Duration::from_millis(50));
        // Another test of this process may hold a few.
        files() <= files_before + 16 && tasks() <= tasks_before + 2
    });
    let (files, tasks) = (files(), tasks());
    assert!(
        is_clean,
        "files {files_before} to {files}, tasks {tasks_before} to {tasks}"
    );
    let answer = send(loaded.address, &Ask::new("GET", &target(0)));
    assert_eq!(answer.status, 200);
}
