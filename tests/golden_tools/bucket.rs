//! Copies of golden buckets, and what lies in them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use flate2::read::GzDecoder;
use tsdb::testing::golden;

/// When the objects of the unpacked bucket were written, by the corpus' description: 2024-02-01.
const WRITTEN_S: u64 = 1_706_745_600;

/// Content by name of the object.
pub(crate) type Objects = BTreeMap<String, Vec<u8>>;

/// Lays out the bucket of this name at `dir`; says whether the golden data has it.
pub(crate) fn lay_out(name: &str, dir: &Path) -> bool {
    let services = golden::path("services");
    if name == "static" {
        copy(&services.join("static-bucket"), dir);
        return true;
    }
    fs::create_dir(dir).unwrap();
    let archive = services.join(format!("compact_scenarios/inputs/{name}.tar.gz"));
    if name != "empty" {
        let Ok(archive) = File::open(archive) else {
            return false;
        };
        tar::Archive::new(GzDecoder::new(archive))
            .unpack(dir)
            .unwrap();
    }
    true
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let from = entry.unwrap().path();
        let to = to.join(from.file_name().unwrap());
        if from.is_dir() {
            copy(&from, &to);
            continue;
        }
        fs::write(&to, fs::read(&from).unwrap()).unwrap();
        let written = UNIX_EPOCH + Duration::from_secs(WRITTEN_S);
        let file = File::options().write(true).open(&to).unwrap();
        file.set_modified(written).unwrap();
    }
}

/// All objects below `dir`; none where it does not exist.
pub(crate) fn objects(dir: &Path) -> Objects {
    let mut objects = Objects::new();
    if dir.exists() {
        walk(dir, dir, &mut objects);
    }
    objects
}

fn walk(root: &Path, dir: &Path, objects: &mut Objects) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(root, &path, objects);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            objects.insert(name.to_owned(), fs::read(&path).unwrap());
        }
    }
}

/// Whether there is more of the blocks than metas, as there is not in a selection of golden data.
pub(crate) fn is_whole(objects: &Objects) -> bool {
    let blocks = objects
        .keys()
        .filter_map(|name| name.strip_suffix("/meta.json"));
    let mut blocks = blocks.filter(|block| !block.contains('/')).peekable();
    let has_chunks = |block| objects.contains_key(&format!("{block}/chunks/000001"));
    blocks.peek().is_none() || blocks.any(has_chunks)
}
