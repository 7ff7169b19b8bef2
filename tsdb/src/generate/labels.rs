//! Labels of the generated series, with their values.
//!
//! Values of a label ascend, and so do the series: where the name sorts before `instance`, all targets' series of one value
//! come before those of the next. Extras have one value a target; if that differs between targets, the name must sort after
//! `instance`.

/// A label and its values, ascending.
#[derive(Debug, Clone, Copy)]
pub(super) struct Variants {
    pub(super) name: &'static str,
    pub(super) values: &'static [&'static str],
}

/// A label with one value a target.
#[derive(Debug)]
pub(super) struct Extra {
    pub(super) name: &'static str,
    text: &'static str,
    /// Hexadecimal digits that tell targets apart.
    digits: usize,
}

impl Extra {
    pub(super) fn value(&self, target: u64) -> String {
        let hex = format!("{target:016x}").repeat(self.digits.div_ceil(16));
        format!("{}{}", self.text, &hex[..self.digits])
    }
}

const fn variants(name: &'static str, values: &'static [&'static str]) -> Variants {
    Variants { name, values }
}

const fn extra(name: &'static str, text: &'static str, digits: usize) -> Extra {
    Extra { name, text, digits }
}

pub(super) const CACHE: Variants = variants("cache", &["chunks", "index", "page", "query"]);
pub(super) const CHANNEL: Variants = variants("channel", &["a", "b", "c", "d", "e", "f"]);
pub(super) const CODE: Variants = variants(
    "code",
    &[
        "200", "201", "204", "301", "400", "401", "404", "500", "503",
    ],
);
pub(super) const DEVICE: Variants = variants("device", &["sda", "sdb", "sdc", "sdd"]);
pub(super) const INTERFACE: Variants = variants("device", &["eth0", "eth1", "lo"]);
pub(super) const AREA: Variants = variants(
    "area",
    &[
        "active", "anon", "buffers", "cached", "dirty", "free", "inactive", "mapped", "shmem",
        "slab",
    ],
);
pub(super) const FEATURE: Variants = variants(
    "feature",
    &[
        "alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet",
    ],
);
pub(super) const GRPC_CODE: Variants = variants(
    "grpc_code",
    &[
        "Aborted",
        "Canceled",
        "DeadlineExceeded",
        "Internal",
        "OK",
        "Unavailable",
    ],
);
pub(super) const LEVEL: Variants = variants("level", &["debug", "error", "info", "warn"]);
pub(super) const MODE: Variants = variants(
    "mode",
    &[
        "idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user",
    ],
);
pub(super) const QUEUE: Variants = variants("queue", &["high", "low", "normal"]);
pub(super) const SENSOR: Variants = variants("sensor", &["board", "core0", "core1", "disk"]);
pub(super) const STATE: Variants = variants("state", &["idle", "inuse", "released", "stack"]);
pub(super) const LE: Variants = variants(
    "le",
    &[
        "+Inf", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "10.0", "2.5",
    ],
);

/// Observations up to the bound of each value of [`LE`], of 1024.
pub(super) const SHARES: [u64; 11] = [1024, 210, 388, 590, 742, 851, 930, 978, 1001, 1023, 1016];

pub(super) const BUILD: &[Extra] = &[
    extra("branch", "release/2026-08-with-a-long-name", 0),
    extra("goversion", "go1.26.0", 0),
    extra("revision", "", 40),
    extra("version", "1.7.3+", 8),
];
pub(super) const NODE: &[Extra] = &[
    extra(
        "image",
        "registry.example/platform/base-image:2026-08-01-hardened",
        0,
    ),
    extra("node_id", "i-", 17),
    extra("zone", "eu-central-1a", 0),
];
pub(super) const OS: &[Extra] = &[
    extra(
        "build_id",
        "22.04.4 LTS (Jammy Jellyfish) long term support",
        0,
    ),
    extra(
        "kernel",
        "6.8.0-1019-aws #20-Ubuntu SMP PREEMPT_DYNAMIC ",
        8,
    ),
    extra("machine", "x86_64", 0),
];
pub(super) const RUNTIME: &[Extra] = &[
    extra("allocator", "arena", 0),
    extra(
        "options",
        "--config=/etc/service/config.yml --state=/var/lib/service/",
        16,
    ),
];
