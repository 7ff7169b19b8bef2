//! Type GCS: Google Cloud Storage.
//!
//! Keys come from `service_account` as JSON, else from the file that `GOOGLE_APPLICATION_CREDENTIALS` names, else from
//! where `gcloud` leaves them, else from the machine.

use std::sync::Arc;

use anyhow::Context as _;
use object_store::gcp::GoogleCloudStorageBuilder;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::http::{Connector, HttpConfig, retries};
use super::secret::Secret;
use super::yaml::{read, refuse, required};
use super::{Environment, Remote};

const KIND: &str = "GCS";
/// Smallest part of an upload in parts, the last aside.
const PART_BYTES_MIN: u64 = 5 << 20;

/// The keys.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Gcs {
    bucket: Option<String>,
    service_account: Option<Secret>,
    use_grpc: Option<Spanned<bool>>,
    grpc_conn_pool_size: Option<Spanned<u64>>,
    http_config: Option<HttpConfig>,
    chunk_size_bytes: Option<Spanned<u64>>,
    max_retries: Option<usize>,
}

/// Opens the store that the document describes.
///
/// # Errors
/// Where a key is missing, does not make sense or cannot be honoured.
pub(super) fn open(yaml: &str, environment: Environment<'_>) -> anyhow::Result<Remote> {
    let config = read::<Gcs>(yaml)?.config.unwrap_or_default();
    let bucket = required(config.bucket, KIND, "bucket")?;
    if let Some(grpc) = config.use_grpc.filter(|grpc| grpc.value) {
        let hint = "is not supported; leave it out, HTTP reaches the same bucket";
        return Err(refuse(&grpc, "use_grpc", hint));
    }
    if let Some(pool) = config.grpc_conn_pool_size.filter(|pool| pool.value > 0) {
        let hint = "is for gRPC, which is not supported; leave it out";
        return Err(refuse(&pool, "grpc_conn_pool_size", hint));
    }
    let chunk = config.chunk_size_bytes.filter(|size| size.value > 0);
    if let Some(small) = chunk.as_ref().filter(|size| size.value < PART_BYTES_MIN) {
        return Err(refuse(
            small,
            "chunk_size_bytes",
            "is at least 5242880: objects are sent in parts",
        ));
    }
    let connector = Connector::new(config.http_config)?;
    let mut builder = GoogleCloudStorageBuilder::new()
        .with_bucket_name(&bucket)
        .with_retry(retries(config.max_retries))
        .with_client_options(connector.options())
        .with_http_connector(connector);
    let account = config.service_account.as_ref().map(Secret::expose);
    if let Some(account) = account.filter(|account| !account.trim().is_empty()) {
        builder = builder.with_service_account_key(account);
    } else if let Some(path) =
        environment("GOOGLE_APPLICATION_CREDENTIALS").filter(|path| !path.is_empty())
    {
        builder = builder.with_application_credentials(path);
    }
    let store = builder.build().context("set up the client")?;
    Ok(Remote {
        part_bytes: chunk.map(|size| size.value),
        ..Remote::new(Arc::new(store), bucket)
    })
}
