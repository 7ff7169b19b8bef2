//! Type AZURE: blobs of an Azure storage account.
//!
//! Who we are comes from the configuration: an account key, a connection string, a client secret, a managed identity;
//! else from the environment (workload identity, client secret), else from the machine. A missing container is made
//! where `storage_create_container` allows, by commands that write ([`Container::create`]).

use std::fmt;
use std::sync::Arc;

use anyhow::{Context as _, anyhow, ensure};
use object_store::BackoffConfig;
use object_store::azure::{AzureAuthorizer, AzureCredentialProvider, MicrosoftAzureBuilder};
use object_store::client::{HttpClient, HttpConnector as _, HttpRequestBody};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::http::{Connector, HttpConfig, retries};
use super::secret::Secret;
use super::yaml::{GoDuration, read, required};
use super::{Environment, Remote};

const KIND: &str = "AZURE";
const ENDPOINT: &str = "blob.core.windows.net";

/// The keys.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Azure {
    storage_account: Option<String>,
    storage_account_key: Option<Secret>,
    storage_connection_string: Option<Secret>,
    storage_create_container: Option<bool>,
    container: Option<String>,
    endpoint: Option<String>,
    user_assigned_id: Option<String>,
    az_tenant_id: Option<String>,
    client_id: Option<String>,
    client_secret: Option<Secret>,
    max_retries: Option<usize>,
    reader_config: Option<ReaderConfig>,
    pipeline_config: Option<PipelineConfig>,
    http_config: Option<HttpConfig>,
    /// Deprecated, and without effect in Thanos too.
    #[serde(rename = "msi_resource")]
    _msi_resource: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ReaderConfig {
    max_retry_requests: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PipelineConfig {
    max_tries: Option<usize>,
    try_timeout: Option<GoDuration>,
    retry_delay: Option<GoDuration>,
    max_retry_delay: Option<GoDuration>,
}

/// Opens the store that the document describes.
///
/// # Errors
/// Where a key is missing, does not make sense or excludes another.
pub(super) fn open(yaml: &str, environment: Environment<'_>) -> anyhow::Result<Remote> {
    let config = read::<Azure>(yaml)?.config.unwrap_or_default();
    let identity = Identity::new(&config)?;
    let account = required(config.storage_account.clone(), KIND, "storage_account")?;
    let name = required(config.container.clone(), KIND, "container")?;
    let endpoint = config.endpoint.filter(|endpoint| !endpoint.is_empty());
    let endpoint = endpoint.unwrap_or_else(|| ENDPOINT.to_owned());
    ensure!(
        !endpoint.contains('/'),
        "config.endpoint of type {KIND} is a host without scheme and path; for another address give BlobEndpoint in storage_connection_string"
    );
    let mut connector = Connector::new(config.http_config)?;
    let pipeline = config.pipeline_config.unwrap_or_default();
    connector.whole = pipeline
        .try_timeout
        .map(|time| time.0)
        .filter(|time| !time.is_zero());
    let builder = MicrosoftAzureBuilder::new()
        .with_container_name(&name)
        .with_disable_tagging(true)
        .with_retry(policy(
            config.max_retries,
            config.reader_config.unwrap_or_default(),
            &pipeline,
        ))
        .with_client_options(connector.options())
        .with_http_connector(connector.clone());
    let usual = Place {
        account,
        url: String::new(),
    };
    let (builder, place) = identity.apply(builder, usual, &endpoint, environment)?;
    let builder = builder
        .with_account(&place.account)
        .with_endpoint(place.url.clone());
    let store = builder.build().context("set up the client")?;
    let container = Container {
        url: format!(
            "{}/{name}?restype=container",
            place.url.trim_end_matches('/')
        ),
        account: place.account,
        credentials: Arc::clone(store.credentials()),
        client: connector.connect(&connector.options())?,
    };
    let creates = config.storage_create_container.unwrap_or(true);
    Ok(Remote {
        container: creates.then_some(container),
        ..Remote::new(Arc::new(store), name)
    })
}

/// Retries as the configuration counts them; `max_retries` stands in where the others say nothing.
fn policy(
    all: Option<usize>,
    reader: ReaderConfig,
    pipeline: &PipelineConfig,
) -> object_store::RetryConfig {
    let or_all = |own: Option<usize>| {
        own.filter(|own| *own > 0)
            .or(all)
            .filter(|retries| *retries > 0)
    };
    let most = or_all(pipeline.max_tries).max(or_all(reader.max_retry_requests));
    let mut policy = retries(most.map(|retries| retries + 1));
    let mut backoff = BackoffConfig::default();
    if let Some(first) = pipeline.retry_delay.filter(|delay| !delay.0.is_zero()) {
        backoff.init_backoff = first.0;
        backoff.max_backoff = backoff.max_backoff.max(first.0);
    }
    if let Some(longest) = pipeline.max_retry_delay.filter(|delay| !delay.0.is_zero()) {
        backoff.max_backoff = longest.0;
    }
    policy.backoff = backoff;
    policy
}

/// Where the blobs are.
struct Place {
    account: String,
    url: String,
}

/// Who we are.
enum Identity {
    Key(Secret),
    ConnectionString(Secret),
    Client {
        id: String,
        tenant: String,
        secret: Secret,
    },
    Assigned(String),
    Surroundings,
}

impl Identity {
    fn new(config: &Azure) -> anyhow::Result<Self> {
        let text = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
        let secret =
            |value: &Option<Secret>| value.clone().filter(|value| !value.expose().is_empty());
        let key = secret(&config.storage_account_key);
        let connection = secret(&config.storage_connection_string);
        let assigned = text(&config.user_assigned_id);
        let client = (
            text(&config.client_id),
            text(&config.az_tenant_id),
            secret(&config.client_secret),
        );
        let has_client = client.0.is_some();
        ensure!(
            assigned.is_none() || (key.is_none() && connection.is_none() && !has_client),
            "user_assigned_id excludes storage_account_key, storage_connection_string and client_id"
        );
        ensure!(
            key.is_none() || connection.is_none(),
            "storage_account_key and storage_connection_string exclude each other"
        );
        ensure!(
            matches!(client, (Some(_), Some(_), Some(_)) | (None, None, None)),
            "az_tenant_id, client_id and client_secret go together"
        );
        Ok(match (key, connection, client, assigned) {
            (Some(key), ..) => Self::Key(key),
            (_, Some(connection), ..) => Self::ConnectionString(connection),
            (_, _, (Some(id), Some(tenant), Some(secret)), _) => {
                Self::Client { id, tenant, secret }
            }
            (.., Some(id)) => Self::Assigned(id),
            _ => Self::Surroundings,
        })
    }

    fn apply(
        self,
        builder: MicrosoftAzureBuilder,
        place: Place,
        endpoint: &str,
        environment: Environment<'_>,
    ) -> anyhow::Result<(MicrosoftAzureBuilder, Place)> {
        let url = format!("https://{}.{endpoint}", place.account);
        let usual = Place { url, ..place };
        Ok(match self {
            Self::Key(key) => (builder.with_access_key(key.expose()), usual),
            Self::ConnectionString(text) => {
                let connection = Connection::parse(&text, &usual.account)?;
                (connection.apply(builder)?, connection.place)
            }
            Self::Client { id, tenant, secret } => (
                builder.with_client_secret_authorization(id, secret.expose(), tenant),
                usual,
            ),
            Self::Assigned(id) => (
                builder
                    .with_credential_type("managed_identity")
                    .with_client_id(id),
                usual,
            ),
            Self::Surroundings => (surroundings(builder, environment), usual),
        })
    }
}

/// What the environment says, in the names that Azure gives to pods and shells.
fn surroundings(
    mut builder: MicrosoftAzureBuilder,
    environment: Environment<'_>,
) -> MicrosoftAzureBuilder {
    let get = |name: &str| environment(name).filter(|value| !value.is_empty());
    if let Some(id) = get("AZURE_CLIENT_ID") {
        builder = builder.with_client_id(id);
    }
    if let Some(tenant) = get("AZURE_TENANT_ID") {
        builder = builder.with_tenant_id(tenant);
    }
    if let Some(secret) = get("AZURE_CLIENT_SECRET") {
        builder = builder.with_client_secret(secret);
    }
    if let Some(file) = get("AZURE_FEDERATED_TOKEN_FILE") {
        builder = builder.with_federated_token_file(file);
    }
    if let Some(host) = get("AZURE_AUTHORITY_HOST") {
        builder = builder.with_authority_host(host);
    }
    builder
}

/// A connection string, taken apart.
struct Connection {
    place: Place,
    key: Option<String>,
    signature: Option<String>,
}

impl Connection {
    fn parse(text: &Secret, account: &str) -> anyhow::Result<Self> {
        let pairs = || {
            text.expose()
                .split(';')
                .filter_map(|pair| pair.split_once('='))
        };
        let get = |name: &str| {
            let found = pairs().find(|(key, value)| key.trim() == name && !value.is_empty());
            found.map(|(_, value)| value.trim().to_owned())
        };
        let account = get("AccountName").unwrap_or_else(|| account.to_owned());
        let url = get("BlobEndpoint").unwrap_or_else(|| {
            let scheme = get("DefaultEndpointsProtocol").unwrap_or_else(|| "https".to_owned());
            let suffix = get("EndpointSuffix").unwrap_or_else(|| "core.windows.net".to_owned());
            format!("{scheme}://{account}.blob.{suffix}")
        });
        let (key, signature) = (get("AccountKey"), get("SharedAccessSignature"));
        ensure!(
            key.is_some() || signature.is_some(),
            "storage_connection_string has neither AccountKey nor SharedAccessSignature"
        );
        Ok(Self {
            place: Place { account, url },
            key,
            signature,
        })
    }

    fn apply(&self, builder: MicrosoftAzureBuilder) -> anyhow::Result<MicrosoftAzureBuilder> {
        match (&self.key, &self.signature) {
            (Some(key), _) => Ok(builder.with_access_key(key)),
            (None, Some(signature)) => {
                // The cause would quote it.
                let pairs = object_store::azure::split_sas(signature).map_err(drop);
                let pairs = pairs.map_err(|()| anyhow!("SharedAccessSignature cannot be read"))?;
                Ok(builder.with_sas_authorization(pairs))
            }
            (None, None) => Ok(builder),
        }
    }
}

/// A container that may have to be made.
pub(super) struct Container {
    url: String,
    account: String,
    credentials: AzureCredentialProvider,
    client: HttpClient,
}

impl fmt::Debug for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

impl Container {
    /// Makes the container; one that is there is fine. Whether it was made.
    ///
    /// # Errors
    /// Where the account refuses.
    pub(super) async fn create(&self) -> anyhow::Result<bool> {
        let credential = self.credentials.get_credential().await?;
        let mut request = http::Request::builder()
            .method(http::Method::PUT)
            .uri(&self.url)
            .header(http::header::CONTENT_LENGTH, "0")
            .body(HttpRequestBody::empty())?;
        AzureAuthorizer::new(&credential, &self.account).try_authorize(&mut request)?;
        // A failure here could name a request with its signature.
        let answer = self.client.execute(request).await.map_err(drop);
        let answer = answer.map_err(|()| anyhow!("{} does not answer", self.account))?;
        match answer.status() {
            http::StatusCode::CREATED => Ok(true),
            http::StatusCode::CONFLICT => Ok(false),
            status => Err(anyhow!("the account answers {status}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_strings_say_where_and_who() {
        fn check(text: &str, want: (&str, &str, Option<&str>)) {
            let got = Connection::parse(&Secret::from(text.to_owned()), "usual").unwrap();
            let place = (
                got.place.account.as_str(),
                got.place.url.as_str(),
                got.key.as_deref(),
            );
            assert_eq!(place, want);
        }
        check(
            "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=aGk==;EndpointSuffix=core.chinacloudapi.cn",
            ("a", "https://a.blob.core.chinacloudapi.cn", Some("aGk==")),
        );
        check(
            "AccountKey=aGk=;BlobEndpoint=http://127.0.0.1:10000/dev;",
            ("usual", "http://127.0.0.1:10000/dev", Some("aGk=")),
        );
        check(
            "SharedAccessSignature=sv=1&sig=x",
            ("usual", "https://usual.blob.core.windows.net", None),
        );
        assert!(Connection::parse(&Secret::from("AccountName=a".to_owned()), "a").is_err());
    }

    #[test]
    fn retries_fill_in_for_each_other() {
        fn check(all: usize, tries: usize, reads: usize, want: usize) {
            let reader = ReaderConfig {
                max_retry_requests: Some(reads),
            };
            let pipeline = PipelineConfig {
                max_tries: Some(tries),
                ..PipelineConfig::default()
            };
            assert_eq!(policy(Some(all), reader, &pipeline).max_retries, want);
        }
        check(0, 0, 0, 9);
        check(3, 0, 0, 3);
        check(3, 5, 0, 5);
        check(0, 2, 4, 4);
    }
}
