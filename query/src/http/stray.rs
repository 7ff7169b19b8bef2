//! Paths that lead nowhere: corrected where a slash is all that is wrong, else not found.

use axum::extract::Request;
use axum::http::Method;
use axum::http::header::{self, HeaderValue};
use axum::response::Response;

use super::reply::{Reply, add_api_headers};
use super::routes;
use super::server::Server;
use super::text_header;

const API: &str = "/api/v1";

/// The answer to a path without a route.
pub(super) fn answer(server: &Server, request: &Request) -> Response {
    let path = request.uri().path();
    if request.method() == Method::OPTIONS && path.starts_with(API) {
        let mut response = Reply::empty().into_response("");
        let origin = Some(text_header(request.headers(), &header::ORIGIN));
        let origin = origin.filter(|origin| !origin.is_empty());
        if !server.settings.disable_cors {
            add_api_headers(response.headers_mut(), origin, server.settings.dialect);
        }
        return response;
    }
    let query = request.uri().query();
    let reply = corrected(server, path).map_or_else(
        || Reply::refusal(404, "404 page not found\n"),
        |(status, path)| redirect(status, &path, query, request.method() == Method::GET),
    );
    reply.into_response("")
}

/// Where the path should have led, if that is known.
fn corrected(server: &Server, path: &str) -> Option<(u16, String)> {
    if path == API {
        return Some((307, format!("{API}/")));
    }
    if path.contains("//") {
        let parts = path.split('/').filter(|part| !part.is_empty());
        let clean: String = parts.flat_map(|part| ["/", part]).collect();
        return Some((307, clean));
    }
    let without = path.strip_suffix('/')?;
    let is_known = routes::ALL.iter().any(|route| route.path == without);
    let redirected = server.settings.dialect.redirected(without, API);
    is_known.then(|| (301, redirected.to_owned()))
}

fn redirect(status: u16, path: &str, query: Option<&str>, with_body: bool) -> Reply {
    let location = query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    let name = if status == 301 {
        "Moved Permanently"
    } else {
        "Temporary Redirect"
    };
    let body = if with_body {
        format!("<a href=\"{}\">{name}</a>.\n\n", escaped(&location))
    } else {
        String::new()
    };
    let mut reply = Reply::new(status, "text/html; charset=utf-8", body);
    if let Ok(location) = HeaderValue::from_str(&location) {
        reply.headers.push((header::LOCATION, location));
    }
    reply
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&#34;")
}
