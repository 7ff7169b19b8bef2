//! The messages of remote read.
//!
//! ```text
//! ReadRequest    queries 1 … | accepted_response_types 2 …                    types: 0 samples, 1 streamed chunks
//! Query          start 1 | end 2 | matchers 3 …       Matcher  type 1 | name 2 | value 3
//! ReadResponse   results 1 { timeseries 1 … }
//! TimeSeries     labels 1 { name 1 | value 2 } … | samples 2 { value 1 | time 2 } … | histograms 4 …
//! Histogram      count 1|2 | sum 3 | schema 4 | zero_threshold 5 | zero_count 6|7
//!                negative: spans 8, deltas 9, counts 10   positive: spans 11, deltas 12, counts 13
//!                hint 14 | time 15 | custom_values 16                          of each pair integer, then float
//! ChunkedReadResponse  series 1 { labels 1 … | chunks 2 { min 1 | max 2 | type 3 | data 4 } … } | query 2
//! ```

use axum::body::Bytes;
use tsdb::codec::crc::crc32c;
use tsdb::histogram::{HistogramOf, ResetHint, Span};
use tsdb::label::Labels;
use tsdb::matcher::{Matcher, MatcherKind};
use tsdb::sample::{Sample, Value};
use tsdb::source::SeriesChunk;
use tsdb::time::{Interval, Millis};

use super::super::proto::{self, Payload, fields};
use super::Refusal;

const SAMPLES: u64 = 0;
const STREAMED_CHUNKS: u64 = 1;
/// A frame of a stream, about; Prometheus' own bound.
const FRAME_BYTES: usize = 1 << 20;

/// What is asked.
pub(super) struct ReadRequest {
    pub(super) queries: Vec<Query>,
    pub(super) wants_stream: bool,
}

/// Samples of some series in some time.
pub(super) struct Query {
    pub(super) times: Interval,
    pub(super) matchers: Vec<Matcher>,
}

impl ReadRequest {
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut queries = Vec::new();
        let mut types = Vec::new();
        for (field, payload) in read(bytes)? {
            match (field, payload) {
                (1, payload) => queries.push(Query::decode(payload.as_bytes())?),
                (2, Payload::Bytes(packed)) => {
                    types.extend(packed.iter().map(|kind| u64::from(*kind)));
                }
                (2, payload) => types.push(payload.as_number()),
                _ => {}
            }
        }
        let known = types
            .iter()
            .find(|kind| matches!(**kind, SAMPLES | STREAMED_CHUNKS));
        if known.is_none() && !types.is_empty() {
            return Err(Refusal {
                status: 400,
                text: format!(
                    "server does not support any of the requested response types: {types:?}"
                ),
            });
        }
        Ok(Self {
            queries,
            wants_stream: known == Some(&STREAMED_CHUNKS),
        })
    }
}

fn read(bytes: &[u8]) -> Result<Vec<(u32, Payload<'_>)>, Refusal> {
    fields(bytes).map_err(|error| Refusal {
        status: 400,
        text: error.chain(),
    })
}

impl Query {
    fn decode(bytes: &[u8]) -> Result<Self, Refusal> {
        let (mut start, mut end) = (0, 0);
        let mut matchers = Vec::new();
        for (field, payload) in read(bytes)? {
            match field {
                1 => start = payload.as_number().cast_signed(),
                2 => end = payload.as_number().cast_signed(),
                3 => matchers.push(matcher(payload.as_bytes())?),
                _ => {}
            }
        }
        let times = Interval {
            min: Millis(start),
            max: Millis(end),
        };
        Ok(Self { times, matchers })
    }
}

fn matcher(bytes: &[u8]) -> Result<Matcher, Refusal> {
    let (mut kind, mut name, mut value) = (0, String::new(), String::new());
    for (field, payload) in read(bytes)? {
        let text = || String::from_utf8_lossy(payload.as_bytes()).into_owned();
        match field {
            1 => kind = payload.as_number(),
            2 => name = text(),
            3 => value = text(),
            _ => {}
        }
    }
    let kind = match kind {
        0 => MatcherKind::Equal,
        1 => MatcherKind::NotEqual,
        2 => MatcherKind::Regex,
        3 => MatcherKind::NotRegex,
        other => {
            let text = format!("invalid matcher type {other}");
            return Err(Refusal { status: 400, text });
        }
    };
    Matcher::new(kind, &name, &value).map_err(|error| Refusal {
        status: 400,
        text: error.chain(),
    })
}

/// Appends the answer to one query.
pub(super) fn result(out: &mut Vec<u8>, series: &[u8]) {
    proto::message(out, 1, |out| out.extend_from_slice(series));
}

/// Appends a series with its samples.
pub(super) fn series(out: &mut Vec<u8>, labels: &Labels, samples: &[Sample]) {
    proto::message(out, 1, |out| {
        write_labels(out, labels);
        for sample in samples {
            if let Value::Float(value) = sample.value {
                proto::message(out, 2, |out| {
                    proto::double(out, 1, value);
                    proto::signed(out, 2, sample.t);
                });
            }
        }
        for sample in samples {
            match &sample.value {
                Value::Float(_) => {}
                Value::Histogram(histogram) => proto::message(out, 4, |out| {
                    proto::varint(out, 1 << 3);
                    proto::varint(out, histogram.count);
                    shared(out, histogram);
                    proto::varint(out, 6 << 3);
                    proto::varint(out, histogram.zero_count);
                    spans(out, 8, &histogram.negative_spans);
                    proto::zigzags(out, 9, &histogram.negative_buckets);
                    spans(out, 11, &histogram.positive_spans);
                    proto::zigzags(out, 12, &histogram.positive_buckets);
                    ending(out, histogram, sample.t);
                }),
                Value::FloatHistogram(histogram) => proto::message(out, 4, |out| {
                    proto::double_always(out, 2, histogram.count);
                    shared(out, histogram);
                    proto::double_always(out, 7, histogram.zero_count);
                    spans(out, 8, &histogram.negative_spans);
                    proto::doubles(out, 10, &histogram.negative_buckets);
                    spans(out, 11, &histogram.positive_spans);
                    proto::doubles(out, 13, &histogram.positive_buckets);
                    ending(out, histogram, sample.t);
                }),
            }
        }
    });
}

/// Fields 3 to 5, which both kinds of histograms have.
fn shared<C, B>(out: &mut Vec<u8>, histogram: &HistogramOf<C, B>) {
    proto::double(out, 3, histogram.sum);
    proto::zigzag(out, 4, i64::from(histogram.schema));
    proto::double(out, 5, histogram.zero_threshold);
}

/// Fields 14 to 16.
fn ending<C, B>(out: &mut Vec<u8>, histogram: &HistogramOf<C, B>, t: i64) {
    let hint = match histogram.hint {
        ResetHint::Unknown => 0,
        ResetHint::Reset => 1,
        ResetHint::NotReset => 2,
        ResetHint::Gauge => 3,
    };
    proto::number(out, 14, hint);
    proto::signed(out, 15, t);
    proto::doubles(out, 16, &histogram.custom_bounds);
}

fn spans(out: &mut Vec<u8>, field: u32, spans: &[Span]) {
    for span in spans {
        proto::message(out, field, |out| {
            proto::zigzag(out, 1, i64::from(span.offset));
            proto::number(out, 2, u64::from(span.length));
        });
    }
}

fn write_labels(out: &mut Vec<u8>, labels: &Labels) {
    for (name, value) in labels.iter() {
        proto::message(out, 1, |out| {
            proto::bytes(out, 1, name.as_bytes());
            proto::bytes(out, 2, value.as_bytes());
        });
    }
}

/// The frames of a series: one, or more where its chunks are many.
pub(super) fn frames(query: u64, labels: &Labels, chunks: &[SeriesChunk]) -> Vec<Bytes> {
    let mut frames = Vec::new();
    let mut rest = chunks;
    while !rest.is_empty() {
        let mut size = 0;
        let fits = |chunk: &&SeriesChunk| {
            size += chunk.payload.len();
            size <= FRAME_BYTES
        };
        let count = rest.iter().take_while(fits).count().max(1);
        let (part, after) = rest.split_at(count);
        frames.push(frame(query, labels, part));
        rest = after;
    }
    frames
}

fn frame(query: u64, labels: &Labels, chunks: &[SeriesChunk]) -> Bytes {
    let mut body = Vec::new();
    proto::message(&mut body, 1, |out| {
        write_labels(out, labels);
        for chunk in chunks {
            proto::message(out, 2, |out| {
                proto::signed(out, 1, chunk.min);
                proto::signed(out, 2, chunk.max);
                // The numbers of the format on disk are those of the wire.
                proto::number(out, 3, u64::from(chunk.encoding.byte()));
                proto::bytes(out, 4, &chunk.payload);
            });
        }
    });
    proto::number(&mut body, 2, query);
    let mut frame = Vec::with_capacity(body.len() + 16);
    proto::varint(&mut frame, body.len() as u64);
    frame.extend_from_slice(&crc32c(&body).to_be_bytes());
    frame.extend_from_slice(&body);
    Bytes::from(frame)
}
