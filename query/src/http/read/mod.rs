//! `/read`: Prometheus' remote read, as samples in one message or as a stream of chunks.
//!
//! ```text
//! request   snappy( ReadRequest )
//! samples   snappy( ReadResponse )
//! stream    { length uvarint | crc32c u32 | ChunkedReadResponse }       one frame for a series, or several
//! ```
//!
//! Messages are in [`message`]. A request says which of the two it would rather have; chunks need no decoding here and
//! one series in memory there. What the stream cannot say, that the storage failed, it says by ending early.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::header::{self, HeaderValue};
use futures::stream::{self, StreamExt as _};
use tokio::sync::OwnedSemaphorePermit;
use tsdb::budget::Budget;
use tsdb::source::{Select, SeriesSource};

use super::Call;
use super::problem::Problem;
use super::reply::{Content, Reply};
use crate::storage::gather::Gather;
use crate::storage::samples;

mod chunks;
mod message;

use message::{Query, ReadRequest};

/// Longest request after decompression.
const REQUEST_BYTES_MAX: usize = 32 << 20;
const STREAMED: &str = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";

pub(super) async fn answer(call: Call) -> Result<Reply, Problem> {
    let request = match read(&call.body) {
        Ok(request) => request,
        Err(refusal) => {
            return Ok(Reply::refusal(
                refusal.status,
                &format!("{}\n", refusal.text),
            ));
        }
    };
    let reads = Arc::clone(&call.server.reads);
    let Ok(permit) = reads.acquire_owned().await else {
        return Ok(Reply::refusal(503, "the server stops\n"));
    };
    if request.wants_stream {
        return Ok(streamed(&call, request.queries, permit));
    }
    sampled(&call, request.queries).await
}

/// Why a request cannot be read.
pub(super) struct Refusal {
    status: u16,
    text: String,
}

fn read(body: &[u8]) -> Result<ReadRequest, Refusal> {
    let bad = |text: String| Refusal { status: 400, text };
    let len = snap::raw::decompress_len(body).map_err(|error| bad(error.to_string()))?;
    if len > REQUEST_BYTES_MAX {
        return Err(bad(format!(
            "request of {len} bytes is longer than {REQUEST_BYTES_MAX}"
        )));
    }
    let mut decoder = snap::raw::Decoder::new();
    let bytes = decoder
        .decompress_vec(body)
        .map_err(|error| bad(error.to_string()))?;
    ReadRequest::decode(&bytes)
}

/// Whether a body is a request of remote read; for fuzzing.
#[cfg(feature = "testing")]
pub(crate) fn is_request(body: &[u8]) -> bool {
    read(body).is_ok()
}

fn select(query: &Query) -> Select {
    Select::new(query.matchers.clone(), query.times)
}

async fn sampled(call: &Call, queries: Vec<Query>) -> Result<Reply, Problem> {
    let sources = call.server.sources.current();
    let most = call.server.settings.read_samples_max;
    let mut left = most;
    let budget = call.budget();
    // Of the answer as it is, and packed.
    let mut held = budget.reserve(0)?;
    let mut response = Vec::new();
    for query in &queries {
        let mut result = Vec::new();
        if !query.matchers.is_empty() {
            let select = select(query);
            let mut gather = Gather::start(&sources, &select, &budget).await?;
            while let Some(series) = gather.next().await? {
                let samples = samples::within(&series.chunks, query.times)?;
                let Some(rest) = left.checked_sub(samples.len() as u64) else {
                    return Ok(Reply::refusal(
                        400,
                        &format!("exceeded sample limit ({most})\n"),
                    ));
                };
                left = rest;
                if !samples.is_empty() {
                    let before = result.len();
                    message::series(&mut result, &series.labels, &samples);
                    held.grow(2 * (result.len() - before) as u64)?;
                }
            }
        }
        message::result(&mut response, &result);
    }
    let packed = snap::raw::Encoder::new()
        .compress_vec(&response)
        .map_err(|error| {
            Problem::storage(&tsdb::Error::Invalid(format!("pack the answer: {error}")))
        })?;
    let mut reply = Reply::new(200, "application/x-protobuf", packed);
    let snappy = HeaderValue::from_static("snappy");
    reply.headers.push((header::CONTENT_ENCODING, snappy));
    Ok(reply)
}

/// What is left of a streamed answer.
struct Frames {
    sources: Vec<Arc<dyn SeriesSource>>,
    budget: Budget,
    queries: VecDeque<(u64, Query)>,
    current: Option<(u64, Gather)>,
    ready: VecDeque<Bytes>,
    /// Given back when the stream ends, however it ends.
    _permit: OwnedSemaphorePermit,
}

fn streamed(call: &Call, queries: Vec<Query>, permit: OwnedSemaphorePermit) -> Reply {
    let frames = Frames {
        sources: call.server.sources.current(),
        budget: call.budget(),
        queries: (0..).zip(queries).collect(),
        current: None,
        ready: VecDeque::new(),
        _permit: permit,
    };
    let stream = stream::try_unfold(frames, |mut frames| async move {
        let frame = frames
            .next()
            .await
            .map_err(|error| io::Error::other(error.chain()))?;
        Ok::<_, io::Error>(frame.map(|frame| (frame, frames)))
    });
    let mut reply = Reply::new(200, STREAMED, Vec::new());
    reply.content = Content::Stream(stream.boxed());
    reply
}

impl Frames {
    async fn next(&mut self) -> tsdb::error::Result<Option<Bytes>> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Ok(Some(frame));
            }
            if let Some((index, gather)) = &mut self.current {
                match gather.next().await? {
                    Some(series) => {
                        let chunks = chunks::disjoint(series.chunks)?;
                        self.ready
                            .extend(message::frames(*index, &series.labels, &chunks));
                    }
                    None => self.current = None,
                }
                continue;
            }
            let Some((index, query)) = self.queries.pop_front() else {
                return Ok(None);
            };
            if !query.matchers.is_empty() {
                let select = select(&query);
                let gather = Gather::start(&self.sources, &select, &self.budget).await?;
                self.current = Some((index, gather));
            }
        }
    }
}
