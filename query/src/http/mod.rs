//! The HTTP API of Prometheus over any evaluator and any sources.
//!
//! ```text
//! request ─► route ─► Call { form, headers, … } ─► handler ─► Reply | Problem ─► Dialect ─► packed, with headers
//! ```
//!
//! A route is a path, its methods and a handler: [`routes`]. Handlers know neither axum nor headers of others; what
//! differs between Prometheus and Thanos they ask of [`dialect`]. JSON is written by [`json`] while it is sent, see
//! [`reply`]. Bodies of requests have a bound, [`BODY_BYTES_MAX`]; everything else is bounded by the evaluator and the
//! budget in [`server`]. A client that goes away drops its handler, and with it all that runs for it.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::{Method, Uri};
use axum::response::Response;
use futures::future::BoxFuture;
use tsdb::budget::Budget;
use tsdb::label::Labels;

mod analysis;
pub mod compress;
pub mod dialect;
mod engine;
pub mod escape;
mod exemplars;
mod federate;
pub mod form;
pub mod json;
mod labels;
mod metadata;
pub mod metrics;
pub mod number;
pub mod params;
mod probe;
pub mod problem;
pub mod proto;
mod query;
pub(crate) mod read;
pub mod reading;
pub mod reply;
mod routes;
mod rules;
pub mod server;
pub mod stats;
mod status;
mod stray;
mod targets;

use crate::error::{Error, ErrorKind};
use dialect::Blame;
use form::Form;
use params::Params;
use problem::Problem;
use reply::Reply;
pub use server::{Companions, Evaluate, Evaluated, Order, Server, Settings, Sources};

/// Longest body of a request; Go's servers have the same bound on forms.
pub const BODY_BYTES_MAX: usize = 10 << 20;

/// One request to a handler.
struct Call {
    server: Arc<Server>,
    form: Form,
    headers: HeaderMap,
    path: String,
    body: Bytes,
}

impl Call {
    fn params(&self) -> Params<'_> {
        Params {
            form: &self.form,
            dialect: self.server.settings.dialect,
        }
    }

    /// Memory for this request.
    fn budget(&self) -> Budget {
        let most = self.server.settings.request_bytes_max;
        self.server.budget.child(self.path.clone(), most)
    }

    /// An error of the evaluator; what is wrong with the expression is the fault of a parameter.
    fn blamed(&self, error: Error) -> Problem {
        let problem = Problem::from(error);
        if problem.kind == ErrorKind::BadData {
            let dialect = self.server.settings.dialect;
            return Problem::bad_data(dialect.blame(Blame::Parameter("query"), &problem.message));
        }
        problem
    }

    fn header(&self, name: header::HeaderName) -> &str {
        text_header(&self.headers, &name)
    }
}

fn text_header<'h>(headers: &'h HeaderMap, name: &header::HeaderName) -> &'h str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("")
}

/// Memory that the labels of a series take, about.
fn size_bytes(labels: &Labels) -> u64 {
    let sizes = labels
        .iter()
        .map(|(name, value)| name.len() + value.len() + 48);
    sizes.sum::<usize>() as u64
}

type Handled = BoxFuture<'static, Result<Reply, Problem>>;

/// Which methods a path takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Methods {
    /// `GET` only.
    Get,
    /// `GET`, and `POST` with a form.
    GetPost,
    /// `POST` only.
    Post,
    /// `GET` and `HEAD`: probes, which are no part of the API.
    Probe,
}

impl Methods {
    fn takes(self, method: &Method) -> bool {
        match self {
            Self::Get => method == Method::GET,
            Self::GetPost => method == Method::GET || method == Method::POST,
            Self::Post => method == Method::POST,
            Self::Probe => method == Method::GET || method == Method::HEAD,
        }
    }

    fn allow(self) -> &'static str {
        match self {
            Self::Get => "GET, OPTIONS",
            Self::GetPost => "GET, OPTIONS, POST",
            Self::Post => "OPTIONS, POST",
            Self::Probe => "GET, HEAD",
        }
    }
}

/// A path and what answers there.
#[derive(Clone, Copy)]
struct Route {
    path: &'static str,
    methods: Methods,
    handler: fn(Call) -> Handled,
}

/// The routes of `server`, ready to be served.
pub fn router(server: Arc<Server>) -> Router {
    let mut router = Router::new();
    for route in routes::ALL {
        let answer = move |State(server): State<Arc<Server>>, request: Request| async move {
            dispatch(server, *route, request).await
        };
        router = router.route(route.path, axum::routing::any(answer));
    }
    let stray = |State(server): State<Arc<Server>>, request: Request| async move {
        stray::answer(&server, &request)
    };
    let router = router.fallback(stray).with_state(Arc::clone(&server));
    match server.settings.route_prefix.as_str() {
        "" => router,
        prefix => Router::new().nest(prefix, router),
    }
}

async fn dispatch(server: Arc<Server>, route: Route, request: Request) -> Response {
    // An empty segment would pass for a label without a name.
    if request.uri().path().contains("//") {
        return stray::answer(&server, &request);
    }
    let (parts, body) = request.into_parts();
    let is_api = route.methods != Methods::Probe;
    let accept = text_header(&parts.headers, &header::ACCEPT_ENCODING).to_owned();
    let origin = text_header(&parts.headers, &header::ORIGIN).to_owned();
    let request = server
        .metrics
        .start(route.path, &parts.method, server.now());
    let reply = if is_api && parts.method == Method::OPTIONS {
        Reply::empty()
    } else if route.methods.takes(&parts.method) {
        let call = call(Arc::clone(&server), &parts.uri, parts.headers, body).await;
        let outcome = match call {
            Ok(call) => (route.handler)(call).await,
            Err(problem) => Err(problem),
        };
        let dialect = server.settings.dialect;
        outcome.unwrap_or_else(|problem| Reply::problem(&problem, dialect))
    } else {
        let reply = not_allowed(route.methods, parts.method == Method::HEAD);
        return reply.into_response("");
    };
    request.finish(reply.status, server.now());
    let is_partial = reply.is_partial;
    let mut response = reply.into_response(&accept);
    if is_api {
        finish(&server, response.headers_mut(), &origin, is_partial);
    }
    response
}

/// The headers of an answer of the API.
fn finish(server: &Server, headers: &mut HeaderMap, origin: &str, is_partial: bool) {
    let dialect = server.settings.dialect;
    if is_partial && dialect.forbids_caching() {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if !server.settings.disable_cors && !headers.contains_key(header::VARY) {
        let origin = Some(origin).filter(|origin| !origin.is_empty());
        reply::add_api_headers(headers, origin, dialect);
    }
}

fn not_allowed(methods: Methods, is_head: bool) -> Reply {
    let text = if is_head { "" } else { "Method Not Allowed\n" };
    let mut reply = Reply::refusal(405, text);
    let allow = HeaderValue::from_static(methods.allow());
    reply.headers.push((header::ALLOW, allow));
    reply
}

/// Reads the body and the parameters of a request.
async fn call(
    server: Arc<Server>,
    uri: &Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Call, Problem> {
    let body = to_bytes(body, BODY_BYTES_MAX).await.map_err(|_error| {
        Problem::bad_data("error parsing form values: http: request body too large")
    })?;
    let is_form = text_header(&headers, &header::CONTENT_TYPE)
        .split(';')
        .next()
        .is_some_and(|kind| {
            kind.trim()
                .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        });
    let form_body: &[u8] = if is_form { &body } else { b"" };
    Ok(Call {
        form: Form::parse(form_body, uri.query().unwrap_or("")),
        path: uri.path().to_owned(),
        server,
        headers,
        body,
    })
}
