//! An answer on its way out: status, headers, and a body that is written while it is sent.
//!
//! ```text
//! {"status":"success","data":…,"warnings":[…],"infos":[…]}        empty lists are left out
//! {"status":"error","errorType":"…","error":"…"}
//! ```
//!
//! A body comes in pieces of about [`PIECE_BYTES`], each made when the one before has gone, so that a slow client holds
//! back the encoder and not memory. The first piece is made before the status is sent: what fails up to then is still an
//! error with a status.

use std::io;

use axum::body::{Body, Bytes};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use futures::stream::{self, BoxStream, StreamExt};
use tsdb::budget::Reservation;

use super::compress::{Coding, Encoder};
use super::dialect::Dialect;
use super::json;
use super::problem::Problem;

/// A piece of a body, about.
pub const PIECE_BYTES: usize = 64 << 10;
/// Content type of most answers.
pub const JSON: &str = "application/json";
/// Content type of those for people.
pub const TEXT: &str = "text/plain; charset=utf-8";

/// A body that is written row by row.
pub trait Rows: Send {
    /// Appends the next row; false where there was none left.
    fn write(&mut self, out: &mut Vec<u8>) -> bool;
}

/// Data that is a list, written item by item; what an item held is free once it is written.
pub struct List<I: Iterator> {
    items: I,
    write: fn(&mut Vec<u8>, &I::Item),
    count: usize,
    warnings: Vec<String>,
    _held: Reservation,
}

impl<I: Iterator + Send + 'static> List<I> {
    /// The list as an answer with its warnings; what is counted for it stays counted until it is sent.
    pub fn reply(
        items: I,
        write: fn(&mut Vec<u8>, &I::Item),
        (warnings, held): (Vec<String>, Reservation),
    ) -> Reply {
        let mut reply = Reply::new(200, JSON, Vec::new());
        reply.is_partial = !warnings.is_empty();
        reply.content = Content::Rows(Box::new(Self {
            items,
            write,
            count: 0,
            warnings,
            _held: held,
        }));
        reply
    }
}

impl<I: Iterator + Send> Rows for List<I> {
    fn write(&mut self, out: &mut Vec<u8>) -> bool {
        if self.count == 0 {
            out.extend_from_slice(ENVELOPE);
            out.push(b'[');
        }
        let Some(item) = self.items.next() else {
            out.push(b']');
            close(out, &self.warnings, &[]);
            return false;
        };
        if self.count > 0 {
            out.push(b',');
        }
        self.count += 1;
        (self.write)(out, &item);
        true
    }
}

/// A body.
pub enum Content {
    /// All of it.
    Whole(Vec<u8>),
    /// Row by row.
    Rows(Box<dyn Rows>),
    /// Piece by piece from elsewhere, sent as they are.
    Stream(BoxStream<'static, io::Result<Bytes>>),
}

/// An answer.
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// What the body is.
    pub content_type: HeaderValue,
    /// More headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub content: Content,
    /// Whether something is missing, so that a cache must not keep it.
    pub is_partial: bool,
}

impl Reply {
    /// A body of one piece.
    #[must_use]
    pub fn new(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            content_type: HeaderValue::from_static(content_type),
            headers: Vec::new(),
            content: Content::Whole(body.into()),
            is_partial: false,
        }
    }

    /// Data in the envelope; `data` writes it.
    pub fn data(data: impl FnOnce(&mut Vec<u8>), warnings: &[String]) -> Self {
        let mut body = Vec::with_capacity(256);
        body.extend_from_slice(ENVELOPE);
        data(&mut body);
        close(&mut body, warnings, &[]);
        let mut reply = Self::new(200, JSON, body);
        reply.is_partial = !warnings.is_empty();
        reply
    }

    /// Text for people, for whom a browser must not guess a type.
    #[must_use]
    pub fn refusal(status: u16, text: &str) -> Self {
        let mut reply = Self::new(status, TEXT, text);
        let nosniff = HeaderValue::from_static("nosniff");
        reply
            .headers
            .push((header::X_CONTENT_TYPE_OPTIONS, nosniff));
        reply
    }

    /// Nothing to say.
    #[must_use]
    pub fn empty() -> Self {
        Self::new(204, "", Vec::new())
    }

    /// An error in the envelope.
    #[must_use]
    pub fn problem(problem: &Problem, dialect: Dialect) -> Self {
        let mut body = b"{\"status\":\"error\",\"errorType\":".to_vec();
        json::string(&mut body, problem.type_name());
        json::text_field(&mut body, "error", &problem.message);
        body.push(b'}');
        let mut reply = Self::new(problem.status(dialect), JSON, body);
        reply.is_partial = true;
        reply
    }

    /// The answer as bytes on the wire, packed as `accept_encoding` allows.
    #[must_use]
    pub fn into_response(self, accept_encoding: &str) -> Response {
        let (coding, body) = match self.content {
            Content::Whole(bytes) if bytes.is_empty() => (Coding::Identity, Body::empty()),
            Content::Whole(bytes) => {
                let coding = Coding::choose(accept_encoding, bytes.len());
                pieces(coding, bytes, None)
            }
            Content::Rows(mut rows) => {
                let mut first = Vec::with_capacity(PIECE_BYTES);
                let rows = fill(&mut *rows, &mut first).then_some(rows);
                pieces(Coding::choose(accept_encoding, first.len()), first, rows)
            }
            Content::Stream(stream) => (Coding::Identity, Body::from_stream(stream)),
        };
        let mut response = Response::new(body);
        *response.status_mut() = axum::http::StatusCode::from_u16(self.status)
            .expect("every status of this crate has three digits");
        let headers = response.headers_mut();
        if !self.content_type.is_empty() {
            headers.insert(header::CONTENT_TYPE, self.content_type);
        }
        if let Some(name) = coding.name() {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
        }
        headers.extend(self.headers);
        response
    }
}

/// What stands before the data.
pub const ENVELOPE: &[u8] = b"{\"status\":\"success\",\"data\":";

/// What stands behind the data.
pub fn close(out: &mut Vec<u8>, warnings: &[String], infos: &[String]) {
    for (name, texts) in [("warnings", warnings), ("infos", infos)] {
        if !texts.is_empty() {
            json::key(out, name);
            json::strings(out, texts);
        }
    }
    out.push(b'}');
}

/// Writes rows until a piece is full; false where they end.
fn fill(rows: &mut dyn Rows, piece: &mut Vec<u8>) -> bool {
    while piece.len() < PIECE_BYTES {
        if !rows.write(piece) {
            return false;
        }
    }
    true
}

/// A body whose first piece is made; the rest follows as it is asked for.
fn pieces(coding: Coding, first: Vec<u8>, rows: Option<Box<dyn Rows>>) -> (Coding, Body) {
    let Ok(encoder) = Encoder::new(coding) else {
        return pieces(Coding::Identity, first, rows);
    };
    if rows.is_none() {
        return match whole(encoder, first) {
            Ok(bytes) => (coding, Body::from(bytes)),
            Err(error) => (
                coding,
                Body::from_stream(stream::iter([io::Result::<Bytes>::Err(error)])),
            ),
        };
    }
    let state = Some((encoder, first, rows));
    let stream = stream::try_unfold(state, |state| async move {
        let Some((mut encoder, piece, rows)) = state else {
            return Ok(None);
        };
        let ready = encoder.write(piece)?;
        let Some(mut rows) = rows else {
            let mut ready = ready;
            ready.extend(encoder.finish()?);
            return Ok::<_, io::Error>(Some((Bytes::from(ready), None)));
        };
        let mut next = Vec::with_capacity(PIECE_BYTES);
        let rows = fill(&mut *rows, &mut next).then_some(rows);
        Ok(Some((Bytes::from(ready), Some((encoder, next, rows)))))
    });
    // An encoder may have nothing ready, and an empty frame would be the end of a chunked body.
    let stream = stream.filter(|piece| {
        let is_something = piece.as_ref().map_or(true, |bytes| !bytes.is_empty());
        async move { is_something }
    });
    (coding, Body::from_stream(stream))
}

fn whole(mut encoder: Encoder, bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    let mut ready = encoder.write(bytes)?;
    ready.extend(encoder.finish()?);
    Ok(ready)
}

/// Adds what the dialect wants around every answer of the API.
pub fn add_api_headers(headers: &mut HeaderMap, origin: Option<&str>, dialect: Dialect) {
    headers.insert(header::VARY, HeaderValue::from_static(dialect.vary()));
    let Some(origin) = dialect.allowed_origin(origin) else {
        return;
    };
    let Ok(origin) = HeaderValue::from_str(&origin) else {
        return;
    };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    let allowed = HeaderValue::from_static(dialect.allowed_headers());
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    let methods = HeaderValue::from_static("GET, POST, OPTIONS");
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    let exposed = HeaderValue::from_static("Date");
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
}
