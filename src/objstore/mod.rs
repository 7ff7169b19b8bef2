//! The bucket configuration of Thanos (`--objstore.config`) becomes a bucket; the only place that names a provider.
//!
//! ```text
//! type: S3                  upper or lower case
//! config:
//!   bucket: metrics
//!   secret_key: $(KEY)      `$(NAME)` is replaced by the environment variable before anything is read
//! prefix: tenant/a          optional
//! ```
//!
//! One file per type ([`s3`], [`gcs`], [`azure`], [`compatible`]; FILESYSTEM is here). Whatever cannot be honoured is said with
//! its line: an unknown key is an error, or a warning for the types where Thanos ignores it. Every store is wrapped
//! ([`instrument`]): it is counted, and no error tells a secret. Commands that write call [`Opened::prepare`] first, in the
//! event loop in which they use the bucket. The bucket itself is in [`tsdb::bucket`].

mod azure;
mod compatible;
mod credentials;
mod gcs;
mod http;
mod instrument;
mod metrics;
mod probe;
mod s3;
mod secret;
mod sieve;
#[cfg(test)]
mod tests;
mod yaml;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use object_store::{Attributes, ObjectStore};
use serde::Deserialize;
use serde::de::IgnoredAny;
use tsdb::bucket::Bucket;
use tsdb::id::BlockId;

use instrument::Instrumented;
pub(crate) use metrics::Metrics;
use probe::Conditional;
use secret::Secrets;

/// Looks up the environment.
type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A bucket, and what of its configuration has no effect.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The bucket.
    pub(crate) bucket: Bucket,
    /// What it is asked.
    pub(crate) metrics: Metrics,
    /// One line each, for the log.
    pub(crate) warnings: Vec<String>,
    container: Option<azure::Container>,
}

impl Opened {
    /// Makes a container that is missing, and learns whether the bucket honours conditions. `id` is for a name nobody has.
    ///
    /// # Errors
    /// Where the bucket cannot be written.
    pub(crate) async fn prepare(mut self, id: BlockId) -> anyhow::Result<Self> {
        if let Some(container) = &self.container
            && container.create().await.context("create the container")?
        {
            tracing::info!(?container, "container created");
        }
        let found = probe::run(&self.bucket, id)
            .await
            .context("try to write to the bucket")?;
        match &found {
            Conditional::Honoured => tracing::info!(
                mode = "first writer wins",
                "bucket honours conditional writes"
            ),
            Conditional::Ignored => tracing::warn!(
                mode = "look before write",
                "bucket ignores conditional writes: let one compactor at a time work on it"
            ),
            Conditional::Unknown(answer) => tracing::warn!(
                mode = "look before write",
                answer,
                "bucket has no conditional writes: let one compactor at a time work on it"
            ),
        }
        self.bucket.conditional_put = found == Conditional::Honoured;
        self.metrics
            .set_conditional_put(self.bucket.conditional_put);
        Ok(self)
    }
}

/// A store with what its configuration asks of everyone who uses it.
#[derive(Debug)]
struct Remote {
    store: Arc<dyn ObjectStore>,
    /// Name in metrics.
    name: String,
    /// Size of the parts of large objects; none leaves it to us.
    part_bytes: Option<u64>,
    /// What goes with every object.
    attributes: Attributes,
    /// Whether objects go in one request.
    whole_objects: bool,
    container: Option<azure::Container>,
    warnings: Vec<String>,
}

impl Remote {
    fn new(store: Arc<dyn ObjectStore>, name: String) -> Self {
        Self {
            store,
            name,
            part_bytes: None,
            attributes: Attributes::new(),
            whole_objects: false,
            container: None,
            warnings: Vec::new(),
        }
    }
}

#[derive(Deserialize)]
struct Filesystem {
    directory: Option<String>,
}

/// Opens the bucket that `yaml` describes; `environment` looks up variables.
///
/// # Errors
/// Where the configuration does not make sense, or cannot be honoured; the text tells no secret.
pub(crate) fn open(yaml: &str, environment: Environment<'_>) -> anyhow::Result<Opened> {
    let yaml = substitute(yaml, environment)?;
    let secrets = Secrets::find(&yaml);
    open_type(&yaml, environment, &secrets).map_err(|error| {
        let text = format!("{error:#}");
        let clean = secrets.hide(&text);
        if clean == text { error } else { anyhow!(clean) }
    })
}

fn open_type(
    yaml: &str,
    environment: Environment<'_>,
    secrets: &Secrets,
) -> anyhow::Result<Opened> {
    // The type decides how the rest is read, so the document is read once for it alone.
    let document = yaml::read::<IgnoredAny>(yaml)?;
    let prefix = document.prefix.unwrap_or_default();
    let kind = document.kind.to_ascii_uppercase();
    let remote = match kind.as_str() {
        "FILESYSTEM" => return open_filesystem(yaml, &prefix, secrets),
        "S3" => s3::open(yaml, environment)?,
        "GCS" => gcs::open(yaml, environment)?,
        "AZURE" => azure::open(yaml, environment)?,
        "COS" | "ALIYUNOSS" | "BOS" | "OBS" | "SWIFT" | "OCI" => {
            compatible::open(&kind, yaml, environment)?
        }
        _ => bail!(
            "unknown bucket type {:?}; known are S3, GCS, AZURE, FILESYSTEM, COS, ALIYUNOSS, BOS and OBS",
            document.kind
        ),
    };
    let metrics = Metrics::new(&remote.name);
    let mut warnings = remote.warnings;
    if remote.whole_objects {
        warnings
            .push("disable_multipart: each object is held in memory while it is sent".to_owned());
    }
    let store = Instrumented {
        inner: remote.store,
        metrics: metrics.clone(),
        secrets: secrets.clone(),
        attributes: remote.attributes,
        whole_objects: remote.whole_objects,
    };
    let mut bucket = Bucket::new(Arc::new(store), &prefix)?;
    if let Some(size) = remote.part_bytes {
        bucket.part_bytes = usize::try_from(size).context("size of parts")?;
    }
    Ok(Opened {
        bucket,
        metrics,
        warnings,
        container: remote.container,
    })
}

fn open_filesystem(yaml: &str, prefix: &str, secrets: &Secrets) -> anyhow::Result<Opened> {
    let warnings = yaml::unknown(yaml, "FILESYSTEM", &["directory"])?;
    let config = yaml::read::<Filesystem>(yaml)?.config;
    let directory = config.and_then(|config| config.directory);
    let directory = yaml::required(directory, "FILESYSTEM", "directory")?;
    let path = Path::new(&directory);
    if path.exists() && !path.is_dir() {
        bail!("config.directory: {directory} is not a directory");
    }
    let mut bucket = Bucket::open_local(path, prefix).context("open bucket")?;
    let metrics = Metrics::new(&format!("fs: {directory}"));
    bucket.store = Arc::new(Instrumented {
        inner: bucket.store,
        metrics: metrics.clone(),
        secrets: secrets.clone(),
        attributes: Attributes::new(),
        whole_objects: false,
    });
    Ok(Opened {
        bucket,
        metrics,
        warnings,
        container: None,
    })
}

/// Replaces each `$(NAME)`; what is not of that form stays.
fn substitute(text: &str, environment: Environment<'_>) -> anyhow::Result<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("$(") {
        out.push_str(before);
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        match after.split_once(')') {
            Some((name, tail)) if !name.is_empty() && name.chars().all(word) => {
                let line = text[..text.len() - after.len()].lines().count();
                let value = environment(name)
                    .with_context(|| format!("line {line}: $({name}) is not in the environment"))?;
                out.push_str(&value);
                rest = tail;
            }
            _ => {
                out.push_str("$(");
                rest = after;
            }
        }
    }
    out.push_str(rest);
    Ok(out)
}
