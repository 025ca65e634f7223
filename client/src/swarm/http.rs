//! The HTTP that a swarm needs: three requests, and answers with a known length.
//!
//! Parsing is httparse's. Promises: nothing is allocated from a declared length; an answer without a
//! length (chunked, or until the end of the stream) is an error with its name.

use ringside_proto::ws::handshake::check_answer;

use super::{Ended, Settings};

/// Headers of an answer: no server of the field sends as many.
const HEADERS_MAX: usize = 64;

/// Bytes of an answer's head.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Bytes of an answer's body: sixteen times what Engine.IO servers announce.
const BODY_BYTES_MAX: usize = 16_000_000;

/// A request for an upgrade to WebSocket (RFC 6455 §4.1).
pub(super) fn upgrade(out: &mut Vec<u8>, settings: &Settings, path: &str, key: &str) {
    let query = if settings.protocol.is_socket_io() {
        "?EIO=4&transport=websocket"
    } else {
        ""
    };
    line(out, "GET", settings, path, query);
    put(
        out,
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ",
    );
    put(out, key);
    put(out, "\r\n\r\n");
}

/// A poll; without a session id, the request for one.
pub(super) fn poll(out: &mut Vec<u8>, settings: &Settings, sid: &str) {
    line(out, "GET", settings, &settings.path, &query(sid));
    put(out, "\r\n");
}

/// A message to the server.
pub(super) fn post(out: &mut Vec<u8>, settings: &Settings, sid: &str, body: &[u8]) {
    line(out, "POST", settings, &settings.path, &query(sid));
    put(
        out,
        "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: ",
    );
    put(out, &body.len().to_string());
    put(out, "\r\n\r\n");
    out.extend_from_slice(body);
}

fn query(sid: &str) -> String {
    match sid {
        "" => "?EIO=4&transport=polling".to_owned(),
        sid => format!("?EIO=4&transport=polling&sid={sid}"),
    }
}

fn line(out: &mut Vec<u8>, method: &str, settings: &Settings, path: &str, query: &str) {
    for part in [
        method,
        " ",
        path,
        query,
        " HTTP/1.1\r\nHost: ",
        &settings.host,
        "\r\n",
    ] {
        put(out, part);
    }
}

fn put(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

/// An answer that has arrived whole.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Where the body begins and ends; the end is also that of the answer.
    pub(super) body: std::ops::Range<usize>,
}

/// Reads an answer. `None`: it has not arrived whole.
pub(super) fn answer(bytes: &[u8]) -> Result<Option<Answer>, Ended> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let Some((status, start)) = head(bytes, &mut headers)? else {
        return Ok(None);
    };
    let headers: &[_] = &headers;
    let length = match value(headers, "content-length") {
        Some(text) => text
            .trim()
            .parse()
            .map_err(|_| Ended::Http("a length that is no number"))?,
        None if status == 204 || status == 304 => 0,
        None => return Err(Ended::Http("a body without Content-Length")),
    };
    if length > BODY_BYTES_MAX {
        return Err(Ended::Http("a body of more than 16 MB"));
    }
    let body = start..start + length;
    Ok((bytes.len() >= body.end).then_some(Answer { status, body }))
}

/// Reads the answer to [`upgrade`]; gives where the WebSocket's bytes begin. `None`: bytes are missing.
pub(super) fn upgraded(bytes: &[u8], key: &str) -> Result<Option<usize>, Ended> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let Some((status, start)) = head(bytes, &mut headers)? else {
        return Ok(None);
    };
    if status != 101 {
        return Err(refused(status, &bytes[start..]));
    }
    let value = |name| value(&headers, name);
    let (connection, accept) = (value("connection"), value("sec-websocket-accept"));
    check_answer(key, status, connection, value("upgrade"), accept).map_err(Ended::Upgrade)?;
    Ok(Some(start))
}

/// The end by an answer that is not the one we asked for.
pub(super) fn refused(status: u16, body: &[u8]) -> Ended {
    let said = String::from_utf8_lossy(&body[..body.len().min(200)]);
    Ended::Refused(status, said.into())
}

fn head<'b>(
    bytes: &'b [u8],
    headers: &mut [httparse::Header<'b>],
) -> Result<Option<(u16, usize)>, Ended> {
    let mut response = httparse::Response::new(headers);
    match response.parse(bytes) {
        Ok(httparse::Status::Complete(start)) => {
            Ok(Some((response.code.unwrap_or_default(), start)))
        }
        Ok(httparse::Status::Partial) if bytes.len() < HEAD_BYTES_MAX => Ok(None),
        Ok(httparse::Status::Partial) => Err(Ended::Http("a head of more than 16 KiB")),
        Err(_) => Err(Ended::Http("no HTTP response")),
    }
}

fn value<'b>(headers: &[httparse::Header<'b>], name: &str) -> Option<&'b str> {
    let header = headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(header.value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_once_its_last_byte_is_there() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP";
        for len in 0..bytes.len() {
            let answer = answer(&bytes[..len]).expect("no error");
            assert_eq!(answer.is_some(), len >= bytes.len() - 4, "{len}");
        }
        let whole = answer(bytes).expect("no error").expect("whole");
        assert_eq!((whole.status, &bytes[whole.body]), (200, &b"ok"[..]));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for bad in [
            &b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
            b"<html>",
        ] {
            assert!(matches!(answer(bad), Err(Ended::Http(_))), "{bad:?}");
        }
        let refusal = upgraded(b"HTTP/1.1 400 Bad Request\r\n\r\nno", "key");
        assert!(matches!(refusal, Err(Ended::Refused(400, said)) if &*said == "no"));
    }
}
