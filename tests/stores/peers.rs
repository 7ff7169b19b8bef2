//! Stores of others, as processes: moto, Azurite, MinIO.
//!
//! They are looked for in `STRATAL_STORES` (else `~/.cache/stratal`), where the gate installs them. A test whose store is
//! absent says so and ends well, unless `STRATAL_REQUIRE_STORES` is set: then that is a failure.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// Longest wait for a store to listen: Python on a busy machine.
const START_SECONDS_MAX: u64 = 120;

/// A running store.
pub(crate) struct Peer {
    child: Child,
    /// Where it listens.
    pub(crate) port: u16,
    /// What it writes.
    _dir: tempfile::TempDir,
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Which store.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// S3 in Python; does not check signatures.
    Moto,
    /// Azure blobs, by Microsoft.
    Azurite,
    /// What most run beside Thanos.
    Minio,
}

/// User and password of MinIO.
pub(crate) const MINIO_KEYS: (&str, &str) = ("stratal-test", "stratal-test-secret");

/// Starts a store, with the bucket `metrics` where that is a matter of a directory.
pub(crate) fn start(kind: Kind) -> Option<Peer> {
    let program = installed(kind)?;
    let dir = tempfile::tempdir().unwrap();
    let any = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = any.local_addr().unwrap().port();
    drop(any);
    let mut command = Command::new(program);
    match kind {
        Kind::Moto => command.args(["-H", "127.0.0.1", "-p", &port.to_string()]),
        Kind::Azurite => command
            .args(["--blobHost", "127.0.0.1", "--blobPort", &port.to_string()])
            .args(["--silent", "--skipApiVersionCheck", "--inMemoryPersistence"]),
        Kind::Minio => {
            std::fs::create_dir(dir.path().join("metrics")).unwrap();
            command
                .env("MINIO_ROOT_USER", MINIO_KEYS.0)
                .env("MINIO_ROOT_PASSWORD", MINIO_KEYS.1)
                .args(["server", "--address", &format!("127.0.0.1:{port}")])
                .arg(dir.path())
        }
    };
    let child = command
        .current_dir(dir.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let peer = Peer {
        child,
        port,
        _dir: dir,
    };
    for _ in 0..START_SECONDS_MAX * 10 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Some(peer);
        }
        sleep(Duration::from_millis(100));
    }
    panic!("{kind:?} does not listen after {START_SECONDS_MAX} s");
}

/// The program of a store, if it is installed.
fn installed(kind: Kind) -> Option<PathBuf> {
    let home = || std::env::var("HOME").map(|home| PathBuf::from(home).join(".cache/stratal"));
    let root = std::env::var("STRATAL_STORES")
        .map(PathBuf::from)
        .or_else(|_| home());
    let program = root.unwrap_or_default().join(match kind {
        Kind::Moto => "moto/bin/moto_server",
        Kind::Azurite => "azurite/node_modules/.bin/azurite-blob",
        Kind::Minio => "bin/minio",
    });
    if program.exists() {
        return Some(program);
    }
    let text = format!(
        "{kind:?} is not installed at {}; see CONTRIBUTING.md",
        program.display()
    );
    let is_required = std::env::var_os("STRATAL_REQUIRE_STORES").is_some();
    assert!(!is_required, "{text}");
    println!("skipped: {text}");
    None
}

/// The account that Azurite knows from the start.
pub(crate) const AZURITE_ACCOUNT: &str = "devstoreaccount1";
/// Its key, which is public.
pub(crate) const AZURITE_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
