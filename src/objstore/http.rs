//! How requests travel: the `http_config` of a store becomes a client.
//!
//! ```text
//! store -> Service: limit of connections -> reqwest -> time to the first byte -> sieve for lists -> guarded body -> store
//! ```
//!
//! A response must begin within `response_header_timeout`; a request with a body gets, beyond that, the time that the body
//! takes at [`UPLOAD_BYTES_PER_SECOND`], because the clock of Go starts only behind the body. A body that stays silent for
//! the same time is given up. Both count as timeouts, which are tried again. Nothing here knows what a request means, but
//! that lists are sifted ([`super::sieve`]).

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpResponseBody, HttpService,
};
use object_store::{ClientOptions, RetryConfig};
use serde::Deserialize;
use serde_saphyr::Spanned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};

use super::sieve;
use super::yaml::{GoDuration, refuse};

/// Slowest upload that is not taken for a standstill: 16 MiB in four minutes.
const UPLOAD_BYTES_PER_SECOND: u64 = 64 << 10;
/// Time for a TCP connection, as Thanos allows.
const DIAL: Duration = Duration::from_secs(30);
/// Longest list that is sifted. A page has 1,000 keys of 1 KiB (Azure: 5,000), so this is far beyond any.
const LIST_BYTES_MAX: usize = 64 << 20;
/// What Thanos allows where nothing is said.
const RESPONSE_HEADER_TIMEOUT: Duration = Duration::from_mins(2);
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const IDLE_CONNECTIONS: usize = 100;
/// A credential endpoint of the machine itself answers at once or is not there.
const METADATA_CONNECT: Duration = Duration::from_secs(1);

/// The keys of `http_config`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct HttpConfig {
    idle_conn_timeout: Option<GoDuration>,
    response_header_timeout: Option<GoDuration>,
    insecure_skip_verify: Option<bool>,
    tls_handshake_timeout: Option<GoDuration>,
    /// Bounds the wait after `Expect: 100-continue`, which neither Thanos nor we send to a store.
    #[serde(rename = "expect_continue_timeout")]
    _expect_continue_timeout: Option<GoDuration>,
    max_idle_conns: Option<usize>,
    max_idle_conns_per_host: Option<usize>,
    max_conns_per_host: Option<usize>,
    tls_config: Option<TlsConfig>,
    /// Never asked for, so there is nothing to disable.
    #[serde(rename = "disable_compression")]
    _disable_compression: Option<bool>,
}

/// The keys of `tls_config`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct TlsConfig {
    ca_file: Option<String>,
    cert_file: Option<String>,
    key_file: Option<String>,
    server_name: Option<Spanned<String>>,
    insecure_skip_verify: Option<bool>,
}

/// Makes the clients of one store.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    idle_timeout: Duration,
    idle_connections: usize,
    handshake: Duration,
    /// None waits for ever.
    first_byte: Option<Duration>,
    /// For a request with all of its answer; none is unlimited.
    pub(super) whole: Option<Duration>,
    connections: Option<Arc<Semaphore>>,
    authorities: Option<Vec<reqwest::Certificate>>,
    identity: Option<reqwest::Identity>,
    skip_verify: bool,
    /// Whether to log every request.
    pub(super) trace: bool,
}

impl Connector {
    /// Reads the files that the configuration names.
    ///
    /// # Errors
    /// Where a file cannot be read or used, or a key cannot be honoured.
    pub(super) fn new(config: Option<HttpConfig>) -> anyhow::Result<Self> {
        // Fails where an earlier store did it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = config.unwrap_or_default();
        let tls = config.tls_config.unwrap_or_default();
        if let Some(name) = tls.server_name.filter(|name| !name.value.is_empty()) {
            let hint = "cannot be set apart from the endpoint; let the endpoint be a name of the certificate";
            return Err(refuse(&name, "server_name", hint));
        }
        let time = |given: Option<GoDuration>, default| given.map_or(default, |given| given.0);
        let first_byte = time(config.response_header_timeout, RESPONSE_HEADER_TIMEOUT);
        let idle = config.max_idle_conns.unwrap_or(IDLE_CONNECTIONS);
        // There is one host, so the smaller bound holds; zero is no bound in the one and the default in the other.
        let idle = if idle == 0 { usize::MAX } else { idle };
        let idle_per_host = config.max_idle_conns_per_host.filter(|idle| *idle > 0);
        Ok(Self {
            idle_timeout: time(config.idle_conn_timeout, IDLE_TIMEOUT),
            idle_connections: idle.min(idle_per_host.unwrap_or(IDLE_CONNECTIONS)),
            handshake: time(config.tls_handshake_timeout, HANDSHAKE_TIMEOUT),
            first_byte: Some(first_byte).filter(|time| !time.is_zero()),
            whole: None,
            connections: config
                .max_conns_per_host
                .filter(|most| *most > 0)
                .map(|most| Arc::new(Semaphore::new(most))),
            authorities: file(tls.ca_file.as_deref())?
                .map(|pem| reqwest::Certificate::from_pem_bundle(&pem))
                .transpose()
                .context("ca_file")?,
            identity: identity(tls.cert_file.as_deref(), tls.key_file.as_deref())?,
            skip_verify: config.insecure_skip_verify.unwrap_or(false)
                || tls.insecure_skip_verify.unwrap_or(false),
            trace: false,
        })
    }

    /// Options for the builder of a store; what they leave out is done here.
    pub(super) fn options(&self) -> ClientOptions {
        ClientOptions::new()
            .with_allow_http(true)
            .with_timeout_disabled()
            .with_connect_timeout(DIAL + self.handshake)
    }

    fn client(&self, options: &ClientOptions) -> reqwest::Result<reqwest::Client> {
        let own = self.options();
        let key = object_store::ClientConfigKey::ConnectTimeout;
        // The only other value that a builder asks for is the short one, for the endpoint of the machine.
        let connect = match options.get_config_value(&key) == own.get_config_value(&key) {
            true => DIAL + self.handshake,
            false => METADATA_CONNECT,
        };
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("stratal/", env!("CARGO_PKG_VERSION")))
            .http1_only()
            .connect_timeout(connect)
            .pool_idle_timeout(self.idle_timeout)
            .pool_max_idle_per_host(self.idle_connections)
            // An answer elsewhere would not carry our signature; the store says what is wrong instead.
            .redirect(reqwest::redirect::Policy::none());
        if let Some(authorities) = &self.authorities {
            builder = builder.tls_certs_only(authorities.clone());
        }
        if let Some(identity) = &self.identity {
            builder = builder.identity(identity.clone());
        }
        if self.skip_verify {
            builder = builder.tls_danger_accept_invalid_certs(true);
        }
        builder.build()
    }
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = self
            .client(options)
            .map_err(|error| object_store::Error::Generic {
                store: "HTTP client",
                source: Box::new(error),
            })?;
        let settings = self.clone();
        Ok(HttpClient::new(Service { client, settings }))
    }
}

/// Attempts become retries: `attempts` counts the first one, none is the client's default of ten.
pub(super) fn retries(attempts: Option<usize>) -> RetryConfig {
    let attempts = attempts.filter(|attempts| *attempts > 0).unwrap_or(10);
    RetryConfig {
        max_retries: attempts - 1,
        ..RetryConfig::default()
    }
}

fn file(path: Option<&str>) -> anyhow::Result<Option<Vec<u8>>> {
    let Some(path) = path.filter(|path| !path.is_empty()) else {
        return Ok(None);
    };
    let bytes = std::fs::read(path).with_context(|| format!("read {path}"))?;
    Ok(Some(bytes))
}

fn identity(cert: Option<&str>, key: Option<&str>) -> anyhow::Result<Option<reqwest::Identity>> {
    match (file(cert)?, file(key)?) {
        (None, None) => Ok(None),
        (Some(mut pem), Some(key)) => {
            pem.push(b'\n');
            pem.extend(key);
            // The cause could quote the key.
            let identity = reqwest::Identity::from_pem(&pem).map_err(drop);
            let text = "cert_file and key_file do not hold a certificate and its key in PEM";
            Ok(Some(identity.map_err(|()| anyhow::anyhow!(text))?))
        }
        _ => anyhow::bail!("cert_file and key_file go together"),
    }
}

#[derive(Debug)]
struct Service {
    client: reqwest::Client,
    settings: Connector,
}

#[async_trait]
impl HttpService for Service {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let permit = match &self.settings.connections {
            Some(all) => Some(
                Arc::clone(all)
                    .acquire_owned()
                    .await
                    .expect("nobody closes it"),
            ),
            None => None,
        };
        let is_listing = request.uri().query().is_some_and(sieve::is_listing);
        let named = self.settings.trace.then(|| {
            let uri = request.uri();
            (
                request.method().clone(),
                format!(
                    "{}{}",
                    uri.authority().map_or("", |a| a.as_str()),
                    uri.path()
                ),
            )
        });
        let body_bytes = request.body().content_length() as u64;
        let body_time = Duration::from_secs(body_bytes / UPLOAD_BYTES_PER_SECOND);
        let first_byte = self.settings.first_byte.map(|time| time + body_time);
        let deadline = self.settings.whole.map(|time| Instant::now() + time);
        let response = in_time(first_byte, deadline, self.client.call(request)).await?;
        if let Some((method, url)) = named {
            tracing::info!(%method, url, status = response.status().as_u16(), body_bytes, "object store request");
        }
        let (parts, inner) = response.into_parts();
        let body = HttpResponseBody::new(Guarded {
            inner,
            silence: self.settings.first_byte,
            alarm: None,
            deadline: deadline.map(|at| Box::pin(tokio::time::sleep_until(at))),
            _permit: permit,
        });
        let response = HttpResponse::from_parts(parts, body);
        match is_listing && response.status().is_success() {
            true => sifted(response).await,
            false => Ok(response),
        }
    }
}

/// The answer, unless it takes too long to begin.
async fn in_time<T>(
    first_byte: Option<Duration>,
    deadline: Option<Instant>,
    answer: impl Future<Output = Result<T, HttpError>>,
) -> Result<T, HttpError> {
    let begin = first_byte.map(|time| Instant::now() + time);
    match begin.into_iter().chain(deadline).min() {
        None => answer.await,
        Some(at) => match tokio::time::timeout_at(at, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(timeout("no answer in time")),
        },
    }
}

fn timeout(what: &'static str) -> HttpError {
    HttpError::new(
        HttpErrorKind::Timeout,
        std::io::Error::new(std::io::ErrorKind::TimedOut, what),
    )
}

/// A list without the keys that would end it.
async fn sifted(response: HttpResponse) -> Result<HttpResponse, HttpError> {
    use futures::TryStreamExt as _;
    let (mut parts, body) = response.into_parts();
    let mut bytes = Vec::new();
    let mut pieces = body.bytes_stream();
    while let Some(piece) = pieces.try_next().await? {
        if bytes.len() + piece.len() > LIST_BYTES_MAX {
            let error = std::io::Error::other("a page of a list is larger than any real one");
            return Err(HttpError::new(HttpErrorKind::Decode, error));
        }
        bytes.extend_from_slice(&piece);
    }
    let body = match String::from_utf8(bytes) {
        Ok(xml) => sieve::sift(&xml).into(),
        Err(raw) => HttpResponseBody::from(raw.into_bytes()),
    };
    parts.headers.remove(http::header::CONTENT_LENGTH);
    Ok(HttpResponse::from_parts(parts, body))
}

/// A body that holds its connection's permit and may not stay silent.
struct Guarded {
    inner: HttpResponseBody,
    silence: Option<Duration>,
    /// Rings when the body was silent for too long; set while waiting.
    alarm: Option<Pin<Box<Sleep>>>,
    deadline: Option<Pin<Box<Sleep>>>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Body for Guarded {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) {
            self.alarm = None;
            return Poll::Ready(frame);
        }
        if let Some(deadline) = &mut self.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Some(Err(timeout("the answer takes too long"))));
        }
        let Some(silence) = self.silence else {
            return Poll::Pending;
        };
        let alarm = self
            .alarm
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(silence)));
        ready!(alarm.as_mut().poll(cx));
        Poll::Ready(Some(Err(timeout("the answer stopped coming"))))
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }
}
