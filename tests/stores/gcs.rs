//! A fake of the XML API of Google Cloud Storage, over objects in memory.
//!
//! It proves our wiring, not Google's behaviour: no signature is asked for, and only what a bucket of blocks needs is
//! there: objects with ranges and generations, lists, uploads in parts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use hyper::{Method, Request, Response, StatusCode};

use super::objects::{Object, Objects, Shared};
use super::server::{Server, handler};

/// Name of the only bucket.
pub(crate) const BUCKET: &str = "metrics";

/// A running store.
pub(crate) struct GcsStore {
    pub(crate) server: Server,
    pub(crate) objects: Shared,
}

impl GcsStore {
    /// An empty bucket.
    pub(crate) async fn start() -> Self {
        let objects = Shared::default();
        let kept = Arc::clone(&objects);
        let server = Server::start(handler(move |request| {
            let response = answer(&mut kept.lock().unwrap(), request);
            async move { Ok(response) }
        }))
        .await;
        Self { server, objects }
    }

    /// The configuration that opens it.
    pub(crate) fn yaml(&self) -> String {
        let address = self.server.address;
        let account = format!(
            r#"{{"gcs_base_url":"http://{address}","disable_oauth":true,"client_email":"","private_key":"","private_key_id":""}}"#
        );
        format!("type: GCS\nconfig:\n  bucket: {BUCKET}\n  service_account: '{account}'\n")
    }
}

fn answer(objects: &mut Objects, request: Request<Bytes>) -> Response<Bytes> {
    let path = decode(request.uri().path());
    let query: BTreeMap<String, String> = request
        .uri()
        .query()
        .unwrap_or_default()
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (key.to_owned(), decode(value)))
        .collect();
    let Some(key) = path.strip_prefix(&format!("/{BUCKET}")) else {
        return status(StatusCode::NOT_FOUND);
    };
    match key.strip_prefix('/').filter(|key| !key.is_empty()) {
        None => list(objects, &query),
        Some(key) if query.contains_key("uploads") || query.contains_key("uploadId") => {
            upload(objects, key, &query, request)
        }
        Some(key) => object(objects, key, request),
    }
}

fn object(objects: &mut Objects, key: &str, request: Request<Bytes>) -> Response<Bytes> {
    let header = |name: &str| {
        request
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    match *request.method() {
        Method::PUT => {
            let must_be_new = header("x-goog-if-generation-match").as_deref() == Some("0");
            match objects.put(key, request.into_body(), must_be_new) {
                Some(generation) => described(Response::builder(), generation)
                    .body(Bytes::new())
                    .unwrap(),
                None => status(StatusCode::PRECONDITION_FAILED),
            }
        }
        Method::DELETE => match objects.all.remove(key) {
            Some(_) => status(StatusCode::NO_CONTENT),
            None => status(StatusCode::NOT_FOUND),
        },
        Method::GET | Method::HEAD => match objects.all.get(key) {
            Some(object) => content(
                object,
                header("range").as_deref(),
                request.method() == Method::HEAD,
            ),
            None => status(StatusCode::NOT_FOUND),
        },
        _ => status(StatusCode::METHOD_NOT_ALLOWED),
    }
}

fn content(object: &Object, range: Option<&str>, is_head: bool) -> Response<Bytes> {
    let len = object.bytes.len();
    let mut response = described(Response::builder(), object.generation)
        .header("last-modified", http_date(object.modified));
    let wanted = range.and_then(|range| {
        let (start, end) = range.strip_prefix("bytes=")?.split_once('-')?;
        let end = end.parse().map_or(len, |last: usize| len.min(last + 1));
        Some(start.parse().ok()?..end)
    });
    let bytes = match wanted {
        Some(range) => {
            let text = format!("bytes {}-{}/{len}", range.start, range.end - 1);
            response = response.status(206).header("content-range", text);
            object.bytes.slice(range)
        }
        None => object.bytes.clone(),
    };
    response = response.header("content-length", bytes.len());
    response
        .body(if is_head { Bytes::new() } else { bytes })
        .unwrap()
}

fn upload(
    objects: &mut Objects,
    key: &str,
    query: &BTreeMap<String, String>,
    request: Request<Bytes>,
) -> Response<Bytes> {
    let id = query.get("uploadId").cloned().unwrap_or_default();
    match *request.method() {
        Method::POST if query.contains_key("uploads") => {
            let id = objects.begin_upload();
            xml(format!(
                "<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
            ))
        }
        Method::PUT => {
            let number = query["partNumber"].parse().unwrap();
            match objects.put_part(&id, number, request.into_body()) {
                true => described(Response::builder(), u64::from(number))
                    .body(Bytes::new())
                    .unwrap(),
                false => status(StatusCode::NOT_FOUND),
            }
        }
        Method::POST => match objects.finish_upload(&id, key) {
            Some(generation) => {
                let tag = format!(
                    "<CompleteMultipartUploadResult><ETag>\"{generation}\"</ETag></CompleteMultipartUploadResult>"
                );
                let (mut parts, body) = xml(tag).into_parts();
                parts.headers.insert("x-goog-generation", generation.into());
                Response::from_parts(parts, body)
            }
            None => status(StatusCode::NOT_FOUND),
        },
        _ => {
            objects.abort_upload(&id);
            status(StatusCode::NO_CONTENT)
        }
    }
}

fn list(objects: &Objects, query: &BTreeMap<String, String>) -> Response<Bytes> {
    let get = |name: &str| query.get(name).map_or("", String::as_str);
    let after = get("continuation-token").max(get("start-after"));
    let page = objects.page(
        get("prefix"),
        query.get("delimiter").map(String::as_str),
        after,
    );
    let mut body = "<ListBucketResult>".to_owned();
    for (key, object) in page.objects {
        let (size, modified) = (
            object.bytes.len(),
            jiff::Timestamp::try_from(object.modified).unwrap(),
        );
        body += &format!(
            "<Contents><Key>{}</Key><Size>{size}</Size><LastModified>{modified}</LastModified><ETag>\"{}\"</ETag></Contents>",
            escape(&key),
            object.generation
        );
    }
    for name in page.directories {
        body += &format!(
            "<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>",
            escape(&name)
        );
    }
    if let Some(next) = page.next {
        body += &format!(
            "<NextContinuationToken>{}</NextContinuationToken>",
            escape(&next)
        );
    }
    xml(body + "</ListBucketResult>")
}

fn described(response: http::response::Builder, generation: u64) -> http::response::Builder {
    response
        .header("etag", format!("\"{generation}\""))
        .header("x-goog-generation", generation)
}

fn xml(body: String) -> Response<Bytes> {
    Response::new(body.into())
}

fn status(status: StatusCode) -> Response<Bytes> {
    Response::builder()
        .status(status)
        .body(Bytes::new())
        .unwrap()
}

fn http_date(time: SystemTime) -> String {
    let time = jiff::Timestamp::try_from(time).unwrap();
    jiff::fmt::rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&time)
        .unwrap()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let hex = tail
            .get(..2)
            .and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match (first, hex) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            (b'+', _) => {
                bytes.push(b' ');
                rest = tail;
            }
            _ => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).unwrap()
}
