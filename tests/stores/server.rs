//! An HTTP server around a store of ours, and the faults that it makes on the way.
//!
//! A fault meets the first requests that it fits, as often as it says. The store itself never errs.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt as _};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A store: a function from request to response.
pub(crate) type Handler =
    Arc<dyn Fn(Request<Bytes>) -> BoxFuture<'static, Response<Bytes>> + Send + Sync>;

/// What goes wrong.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// The store refuses with this status and code, and does nothing.
    Refuse(u16, &'static str),
    /// The store does it, and says that it failed.
    LoseAnswer,
    /// The connection ends without an answer, and nothing is done.
    Cut,
    /// The answer begins late.
    Slow(Duration),
    /// Half the body comes, then the connection ends.
    Truncate,
}

/// A fault, which requests it meets, and how many of them.
pub(crate) struct Rule {
    pub(crate) fault: Fault,
    pub(crate) fits: fn(&Method, &str) -> bool,
    pub(crate) times: usize,
}

/// What happened so far.
#[derive(Default)]
pub(crate) struct Plan {
    pub(crate) rules: Vec<Rule>,
    /// Faults made.
    pub(crate) met: usize,
    /// `METHOD path?query` of every request.
    pub(crate) requests: Vec<String>,
}

/// A server that ends with its value.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) plan: Arc<Mutex<Plan>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Serves on a free port.
    pub(crate) async fn start(handler: Handler) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let plan = Arc::new(Mutex::new(Plan::default()));
        let task = tokio::spawn(accept(listener, handler, Arc::clone(&plan)));
        Self {
            address,
            plan,
            task,
        }
    }

    /// Adds a fault.
    pub(crate) fn plan(&self, fault: Fault, times: usize, fits: fn(&Method, &str) -> bool) {
        self.plan
            .lock()
            .unwrap()
            .rules
            .push(Rule { fault, fits, times });
    }

    /// No more faults; how many there were.
    pub(crate) fn heal(&self) -> usize {
        let mut plan = self.plan.lock().unwrap();
        plan.rules.clear();
        std::mem::take(&mut plan.met)
    }

    /// The requests since the last call.
    pub(crate) fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut self.plan.lock().unwrap().requests)
    }
}

async fn accept(listener: TcpListener, handler: Handler, plan: Arc<Mutex<Plan>>) {
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            continue;
        };
        let (handler, plan) = (Arc::clone(&handler), Arc::clone(&plan));
        tokio::spawn(async move {
            let service =
                service_fn(move |request| answer(request, Arc::clone(&handler), Arc::clone(&plan)));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(socket), service);
            // A cut connection is an error of ours by intent.
            drop(connection.await);
        });
    }
}

type Body = StreamBody<BoxStream<'static, Result<Frame<Bytes>, std::io::Error>>>;

async fn answer(
    request: Request<Incoming>,
    handler: Handler,
    plan: Arc<Mutex<Plan>>,
) -> Result<Response<Body>, std::io::Error> {
    let (parts, body) = request.into_parts();
    let bytes = body
        .collect()
        .await
        .map_err(std::io::Error::other)?
        .to_bytes();
    let fault = meet(&plan, &parts.method, &parts.uri.to_string());
    let cut = || std::io::Error::other("cut on purpose");
    match fault {
        Some(Fault::Cut) => return Err(cut()),
        Some(Fault::Refuse(status, code)) => return Ok(whole(refusal(status, code))),
        Some(Fault::Slow(time)) => tokio::time::sleep(time).await,
        Some(Fault::LoseAnswer | Fault::Truncate) | None => {}
    }
    let response = handler(Request::from_parts(parts, bytes)).await;
    Ok(match fault {
        Some(Fault::LoseAnswer) => whole(refusal(500, "InternalError")),
        Some(Fault::Truncate) if response.body().len() > 1 => {
            let (mut parts, bytes) = response.into_parts();
            parts.headers.insert("content-length", bytes.len().into());
            let half = bytes.slice(..bytes.len() / 2);
            // The half has to be on its way before the end.
            let end = async move {
                tokio::time::sleep(Duration::from_millis(50)).await;
                Err(cut())
            };
            let frames = stream::iter([Ok(Frame::data(half))]).chain(stream::once(end));
            Response::from_parts(parts, StreamBody::new(frames.boxed()))
        }
        _ => whole(response),
    })
}

/// The fault for this request, if one fits.
fn meet(plan: &Mutex<Plan>, method: &Method, uri: &str) -> Option<Fault> {
    let mut plan = plan.lock().unwrap();
    plan.requests.push(format!("{method} {uri}"));
    let rule = plan
        .rules
        .iter_mut()
        .find(|rule| rule.times > 0 && (rule.fits)(method, uri))?;
    rule.times -= 1;
    let fault = rule.fault;
    plan.met += 1;
    Some(fault)
}

fn refusal(status: u16, code: &str) -> Response<Bytes> {
    let body = format!(
        "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>on purpose</Message></Error>"
    );
    Response::builder()
        .status(status)
        .body(body.into())
        .unwrap()
}

fn whole(response: Response<Bytes>) -> Response<Body> {
    let (mut parts, bytes) = response.into_parts();
    if !parts.headers.contains_key("content-length") {
        parts.headers.insert("content-length", bytes.len().into());
    }
    let frames: BoxStream<'static, Result<Frame<Bytes>, std::io::Error>> = match bytes.is_empty() {
        true => stream::empty().boxed(),
        false => stream::iter([Ok(Frame::data(bytes))]).boxed(),
    };
    Response::from_parts(parts, StreamBody::new(frames))
}

/// A handler from an async function.
pub(crate) fn handler<F>(work: impl Fn(Request<Bytes>) -> F + Send + Sync + 'static) -> Handler
where
    F: Future<Output = Result<Response<Bytes>, Infallible>> + Send + 'static,
{
    Arc::new(move |request| {
        let response = work(request);
        Box::pin(async move { response.await.unwrap_or_else(|never| match never {}) })
    })
}
