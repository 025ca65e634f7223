//! What is known of a client from the request that opened its session.
//!
//! Kept for as long as the session, so it is kept small: the headers as one string, looked at when
//! asked for.

use std::net::SocketAddr;

use http::Request;
use serde_json::{Value, json, value::RawValue};

use crate::env;

/// The request that opened a session.
#[derive(Clone, Debug)]
pub struct Handshake {
    address: SocketAddr,
    /// The client speaks TLS, as far as is known.
    secure: bool,
    /// Milliseconds since 1970.
    issued: u64,
    url: Box<str>,
    /// `name: value` lines, names in lower case.
    headers: Box<str>,
}

impl Handshake {
    pub(crate) fn of<B>(request: &Request<B>, address: SocketAddr) -> Self {
        let mut headers = String::with_capacity(512);
        for (name, value) in request.headers() {
            if let Ok(value) = value.to_str() {
                headers.push_str(name.as_str());
                headers.push_str(": ");
                headers.push_str(value);
                headers.push('\n');
            }
        }
        let url = request.uri().path_and_query();
        Self {
            address,
            secure: false,
            issued: env::epoch_ms(),
            url: url.map_or("/", |url| url.as_str()).into(),
            headers: headers.into(),
        }
    }

    /// The same, of a client that is known to speak TLS or not to.
    pub(crate) fn secured(self, secure: bool) -> Self {
        Self { secure, ..self }
    }

    /// The client's address, as the socket has it, or as a trusted proxy says
    /// ([`Builder::trust_proxies`](crate::Builder::trust_proxies)).
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether the client speaks TLS: with the gateway itself, or with a trusted proxy, which says so in
    /// `X-Forwarded-Proto`. A mounted gateway knows only the latter.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The query of the request, without its question mark and not decoded.
    pub fn query(&self) -> &str {
        self.url.split_once('?').map_or("", |(_, query)| query)
    }

    /// The pairs of the query, decoded, in order.
    pub fn query_pairs(&self) -> impl Iterator<Item = (String, String)> {
        let pairs = self.query().split('&').filter(|pair| !pair.is_empty());
        pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
    }

    /// The first value of that name in the query, decoded.
    pub fn query_value(&self, name: &str) -> Option<String> {
        self.query_pairs()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value)
    }

    /// The request's path and query.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// When the request came, in milliseconds since 1970.
    pub fn issued_ms(&self) -> u64 {
        self.issued
    }

    /// As Node's `socket.handshake` shows it.
    pub(crate) fn object(&self, auth: &RawValue) -> Value {
        let map = |pairs: &mut dyn Iterator<Item = (String, String)>| {
            let pairs = pairs.map(|(name, value)| (name, Value::String(value)));
            Value::Object(pairs.collect())
        };
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        json!({
            "headers": map(&mut self.headers().map(owned)),
            "time": time_text(self.issued),
            "address": self.address.ip().to_string(),
            "xdomain": self.header("origin").is_some(),
            "secure": self.secure,
            "issued": self.issued,
            "url": &*self.url,
            "query": map(&mut self.query_pairs()),
            "auth": auth,
        })
    }

    /// The first header of that name (in lower case), if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers()
            .find(|(n, _)| *n == name)
            .map(|(_, value)| value)
    }

    /// All headers that are text, in order, names in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers
            .lines()
            .filter_map(|line| line.split_once(": "))
    }
}

/// A part of a query without its escapes. A broken escape stands for itself.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let escape = escape.and_then(|hex| std::str::from_utf8(hex).ok());
        match escape.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(if bytes[at] == b'+' { b' ' } else { bytes[at] });
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A moment as JavaScript writes it: `Thu Jan 01 1970 00:00:00 GMT+0000 (Coordinated Universal Time)`.
fn time_text(ms: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (seconds, days) = (ms / 1000 % 86_400, ms / 86_400_000);
    let (year, month, day) = civil(days);
    format!(
        "{} {} {day:02} {year} {:02}:{:02}:{:02} GMT+0000 (Coordinated Universal Time)",
        DAYS[(days % 7) as usize],
        MONTHS[month as usize],
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
    )
}

/// Days since 1970 as year, month from 0, and day from 1.
fn civil(mut days: u64) -> (u64, u64, u64) {
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let mut lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    lengths[1] += u64::from(is_leap(year));
    let mut month = 0;
    while days >= lengths[month as usize] {
        days -= lengths[month as usize];
        month += 1;
    }
    (year, month, days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handshake_remembers_query_and_headers() {
        let request = Request::builder()
            .uri("/socket.io/?EIO=4&token=x")
            .header("User-Agent", "test")
            .header("X-Twice", "1")
            .header("X-Twice", "2")
            .body(())
            .unwrap();
        let handshake = Handshake::of(&request, "127.0.0.1:9".parse().unwrap());
        assert_eq!(handshake.query(), "EIO=4&token=x");
        assert_eq!(handshake.query_value("token").as_deref(), Some("x"));
        assert_eq!(handshake.header("user-agent"), Some("test"));
        assert_eq!(handshake.header("x-twice"), Some("1"));
        assert_eq!(handshake.headers().count(), 3);
        assert_eq!(handshake.header("absent"), None);
    }

    #[test]
    fn a_query_is_decoded_and_broken_escapes_stay() {
        assert_eq!(decode("a%20b+c%C3%A9%zz%4"), "a b cé%zz%4");
    }

    #[test]
    fn moments_are_written_as_javascript_does() {
        let text = |ms| time_text(ms);
        assert!(text(0).starts_with("Thu Jan 01 1970 00:00:00 GMT"));
        assert!(text(951_782_399_000).starts_with("Mon Feb 28 2000 23:59:59"));
        assert!(text(951_782_400_000).starts_with("Tue Feb 29 2000 00:00:00"));
        assert!(text(1_767_225_599_999).starts_with("Wed Dec 31 2025 23:59:59"));
    }
}
