//! How much memory the jobs of a command may hold together: what the operator says, or a quarter of what there is.
//!
//! What there is, is the machine's memory or, where that is less, the limit of a control group that the process is in: of the
//! group itself or of one above it. Where neither can be told, nothing is limited.

use std::path::{Path, PathBuf};

use tsdb::budget::Budget;

use crate::cli::value;

/// The rest is for the page cache, which is where the blocks lie, and for whoever else runs there.
const AUTO_SHARE: u64 = 4;

/// Most memory to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MemoryLimit {
    /// A quarter of what there is.
    Auto,
    /// So many bytes.
    Bytes(u64),
}

/// `auto`, or a number of bytes.
pub(crate) fn parse(text: &str) -> Result<MemoryLimit, String> {
    match text {
        "auto" => Ok(MemoryLimit::Auto),
        _ => value::bytes(text).map(MemoryLimit::Bytes),
    }
}

impl MemoryLimit {
    /// The budget of all jobs of this process.
    pub(crate) fn budget(self) -> Budget {
        let limit = match self {
            Self::Bytes(bytes) => bytes,
            Self::Auto => allowed_bytes().map_or(u64::MAX, |bytes| bytes / AUTO_SHARE),
        };
        Budget::new("--memory-limit", limit)
    }
}

/// The least of all limits.
fn allowed_bytes() -> Option<u64> {
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    let machine = read(Path::new("/proc/meminfo")).and_then(|text| machine_bytes(&text));
    let groups = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    let groups = limit_files(&groups).into_iter();
    let limits = groups.filter_map(|path| read(&path)?.trim().parse().ok());
    limits.chain(machine).min()
}

/// The machine's memory, from `/proc/meminfo`.
fn machine_bytes(text: &str) -> Option<u64> {
    let rest = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = rest.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// Where the limits of the control groups in `/proc/self/cgroup` are written, and those of the groups above them.
fn limit_files(text: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in text.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(group)) = (parts.next(), parts.next()) else {
            continue;
        };
        let (root, name) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            "memory" => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            _ => continue,
        };
        let group = Path::new(group.trim_start_matches('/'));
        files.extend(
            group
                .ancestors()
                .map(|group| Path::new(root).join(group).join(name)),
        );
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_auto_or_a_size() {
        assert_eq!(parse("auto"), Ok(MemoryLimit::Auto));
        assert_eq!(parse("64MiB"), Ok(MemoryLimit::Bytes(64 << 20)));
        assert!(parse("much").is_err());
        assert_eq!(MemoryLimit::Bytes(7).budget().limit_bytes(), 7);
    }

    #[test]
    fn the_machine_has_what_meminfo_says() {
        let text = "MemFree: 1 kB\nMemTotal:       24689208 kB\n";
        assert_eq!(machine_bytes(text), Some(24_689_208 * 1024));
        assert_eq!(machine_bytes("MemTotal: much"), None);
    }

    #[test]
    fn a_group_and_those_above_it_may_limit() {
        fn check(text: &str, want: &[&str]) {
            let want: Vec<PathBuf> = want.iter().map(PathBuf::from).collect();
            assert_eq!(limit_files(text), want, "{text}");
        }
        check("0::/\n", &["/sys/fs/cgroup/memory.max"]);
        check(
            "0::/a/b\n",
            &[
                "/sys/fs/cgroup/a/b/memory.max",
                "/sys/fs/cgroup/a/memory.max",
                "/sys/fs/cgroup/memory.max",
            ],
        );
        check(
            "5:cpu,cpuacct:/x\n4:memory:/x\n",
            &[
                "/sys/fs/cgroup/memory/x/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            ],
        );
        check("nonsense\n", &[]);
    }
}
