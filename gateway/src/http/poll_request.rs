//! A poll as it looks on the wire when it is nothing but a poll.
//!
//! Promises: what is recognized asks for the next payload of a session and for nothing else that HTTP has; whatever
//! is not quite that, hyper shall judge. So being strict costs time and never an answer. httparse parses, as it does
//! within hyper.

use ringside_proto::engineio::{Query, RequestKind, Transport, Version};

use crate::{limits::Limits, shared::Shared, sid::Sid};

/// Headers of a request that is recognized: twice as many as browsers send.
const HEADERS_MAX: usize = 32;

/// Header fields that change how a request is read, answered or let in.
const OTHERWISE: [&str; 8] = [
    "content-length",
    "transfer-encoding",
    "trailer",
    "te",
    "expect",
    "upgrade",
    "http2-settings",
    "origin",
];

/// Finds out whether `bytes` are exactly one poll, and of which session.
pub(super) fn read(bytes: &[u8], shared: &Shared) -> Option<Sid> {
    let target = target(bytes, &shared.limits)?;
    let (path, query) = target.split_once('?')?;
    let (endpoint, rest) = shared.endpoint_at(path)?;
    if !endpoint.is_framed() || !rest.is_empty() {
        return None;
    }
    let query = Query::parse(query);
    let kind = query.check("GET", false, shared.allow_eio3).ok()?;
    let RequestKind::Existing { sid, transport } = kind else {
        return None;
    };
    // Clients of version 3 have payloads of their own.
    let plain = transport == Transport::Polling && query.version() == Version::V4;
    if !plain || !shared.transports.polling || shared.hooks.headers.is_some() {
        return None;
    }
    shared.sid(sid)
}

/// The target of a GET without a body, on a connection that stays.
fn target<'b>(bytes: &'b [u8], limits: &Limits) -> Option<&'b str> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let most = limits.headers.min(HEADERS_MAX);
    let mut request = httparse::Request::new(&mut headers[..most]);
    let parsed = request.parse(bytes).ok()?;
    // Nothing is missing, and nothing follows.
    if !matches!(parsed, httparse::Status::Complete(n) if n == bytes.len())
        || bytes.len() > limits.header_bytes
        || request.method != Some("GET")
        || request.version != Some(1)
    {
        return None;
    }
    let is_plain = |header: &httparse::Header<'_>| match header.name.len() {
        10 if header.name.eq_ignore_ascii_case("connection") => {
            header.value.eq_ignore_ascii_case(b"keep-alive")
        }
        _ => !OTHERWISE
            .iter()
            .any(|name| header.name.eq_ignore_ascii_case(name)),
    };
    let target = request.path?;
    let fits = target.starts_with('/') && target.len() <= limits.url_bytes && !target.contains('#');
    (fits && request.headers.iter().all(is_plain)).then_some(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(request: &str) -> Option<&str> {
        target(request.as_bytes(), &Limits::default())
    }

    #[test]
    fn what_clients_send_is_recognized() {
        let browser = "GET /socket.io/?EIO=4&transport=polling&t=a&sid=b HTTP/1.1\r\nHost: localhost:3000\r\n\
                       User-Agent: Mozilla/5.0\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate, br\r\n\
                       Connection: keep-alive\r\nCookie: a=b\r\nSec-Fetch-Site: same-origin\r\n\r\n";
        assert_eq!(
            of(browser),
            Some("/socket.io/?EIO=4&transport=polling&t=a&sid=b")
        );
        assert_eq!(of("GET /?a HTTP/1.1\r\n\r\n"), Some("/?a"));
    }

    #[test]
    fn what_is_more_or_less_than_a_get_is_not() {
        for header in OTHERWISE.iter().chain(&["Connection", "ORIGIN", "Upgrade"]) {
            assert_eq!(
                of(&format!("GET /?a HTTP/1.1\r\n{header}: x\r\n\r\n")),
                None
            );
        }
        let many = "x: y\r\n".repeat(HEADERS_MAX + 1);
        let long = "x".repeat(Limits::default().url_bytes + 1);
        for other in [
            "",
            "GET /?a HTTP/1.1\r\nhost: a\r\n",
            "GET /?a HTTP/1.1\r\n\r\nG",
            "GET /?a HTTP/1.0\r\n\r\n",
            "HEAD /?a HTTP/1.1\r\n\r\n",
            "GET /?a#b HTTP/1.1\r\n\r\n",
            "GET http://a/?a HTTP/1.1\r\n\r\n",
            "GET * HTTP/1.1\r\n\r\n",
            "GET /?a HTTP/1.1\r\n folded\r\n\r\n",
            &format!("GET /?a HTTP/1.1\r\n{many}\r\n"),
            &format!("GET /?{long} HTTP/1.1\r\n\r\n"),
        ] {
            assert_eq!(of(other), None, "{other:.80?}");
        }
    }
}
