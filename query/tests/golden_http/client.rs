//! The plainest HTTP client: one request per connection, the body up to its end.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

/// What a server said.
pub(crate) struct Answer {
    pub(crate) status: u64,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    /// Unpacked.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body, if it is for people.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends the request of a golden line.
pub(crate) fn send(address: SocketAddr, line: &Value) -> Answer {
    let mut target = line["path"].as_str().unwrap().to_owned();
    let query = encode(&line["params"]);
    if !query.is_empty() {
        target = format!("{target}?{query}");
    }
    let mut headers = String::new();
    let mut body = line["request_body"].as_str().unwrap_or("").to_owned();
    if line["form"].is_array() {
        body = encode(&line["form"]);
        headers.push_str("Content-Type: application/x-www-form-urlencoded\r\n");
    }
    for (name, value) in line["request_headers"].as_object().into_iter().flatten() {
        headers.push_str(&format!("{name}: {}\r\n", value.as_str().unwrap()));
    }
    let method = line["method"].as_str().unwrap();
    let request = format!(
        "{method} {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    parse(&bytes)
}

fn encode(pairs: &Value) -> String {
    let text = |value: &Value| {
        let bytes = value.as_str().unwrap().bytes();
        bytes.map(|byte| format!("%{byte:02X}")).collect::<String>()
    };
    let pairs = pairs.as_array().into_iter().flatten();
    let pairs = pairs.map(|pair| format!("{}={}", text(&pair[0]), text(&pair[1])));
    pairs.collect::<Vec<_>>().join("&")
}

fn parse(bytes: &[u8]) -> Answer {
    let end = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let pairs = lines.map(|line| line.split_once(": ").unwrap());
    let headers: BTreeMap<String, String> = pairs
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let mut body = bytes[end + 4..].to_vec();
    if headers
        .get("transfer-encoding")
        .is_some_and(|coding| coding == "chunked")
    {
        body = joined(&body);
    }
    let mut unpacked = Vec::new();
    match headers.get("content-encoding").map(String::as_str) {
        Some("gzip") => {
            flate2::read::GzDecoder::new(&body[..])
                .read_to_end(&mut unpacked)
                .unwrap();
        }
        Some("deflate") => {
            flate2::read::ZlibDecoder::new(&body[..])
                .read_to_end(&mut unpacked)
                .unwrap();
        }
        _ => unpacked = body,
    }
    Answer {
        status,
        headers,
        body: unpacked,
    }
}

/// A chunked body without its frames.
fn joined(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n").unwrap();
        let len = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if len == 0 {
            return body;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + len]);
        rest = &rest[end + 4 + len..];
    }
}
