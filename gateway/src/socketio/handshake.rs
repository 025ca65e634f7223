//! What is known of a client from the request that opened its session.
//!
//! Kept for as long as the session, so it is kept small: the headers as one string, looked at when
//! asked for.

use std::net::SocketAddr;

use http::Request;

/// The request that opened a session.
#[derive(Clone, Debug)]
pub struct Handshake {
    address: SocketAddr,
    query: Box<str>,
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
        let query = request.uri().query().unwrap_or_default().into();
        Self {
            address,
            query,
            headers: headers.into(),
        }
    }

    /// The peer's address, as the socket has it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The query of the request, without its question mark and not decoded.
    pub fn query(&self) -> &str {
        &self.query
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
        assert_eq!(handshake.header("user-agent"), Some("test"));
        assert_eq!(handshake.header("x-twice"), Some("1"));
        assert_eq!(handshake.headers().count(), 3);
        assert_eq!(handshake.header("absent"), None);
    }
}
