//! HTTP/1.1 requests and replies on one connection, kept open between them.
//!
//! Leaves out: chunked replies, for the gateway sends none.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

use super::Identity;
use crate::within;

/// A reply to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The body as text.
    ///
    /// # Panics
    /// When it is none.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body of text")
    }

    /// The first header of that name, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(it, _)| it == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether it is Engine.IO's refusal of this code.
    pub fn is_refusal(&self, code: u8) -> bool {
        let status = if code == 4 { 403 } else { 400 };
        self.status == status && self.text().starts_with(&format!("{{\"code\":{code},"))
    }
}

/// A connection to an HTTP server.
#[derive(Debug)]
pub struct Http {
    stream: Stream,
    /// What was read and not yet consumed.
    pub(super) buffer: Vec<u8>,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Http {
    /// Connects, with TLS, to a server of that identity; over HTTP/1.1.
    pub async fn connect_tls(at: SocketAddr, identity: &Identity) -> Self {
        let stream = identity.connect(at, &["http/1.1"]).await;
        Self {
            stream: Stream::Tls(Box::new(stream.expect("the server's TLS"))),
            buffer: Vec::new(),
        }
    }

    /// Connects.
    pub async fn connect(at: SocketAddr) -> Self {
        let stream = within("connecting", TcpStream::connect(at)).await;
        let stream = stream.expect("the server accepts");
        Self::from_stream(stream)
    }

    /// Takes a connection that was made elsewhere.
    pub fn from_stream(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a TCP option");
        Self {
            stream: Stream::Plain(stream),
            buffer: Vec::new(),
        }
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// The peer has closed, or does not read.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Plain(stream) => within("sending", stream.write_all(bytes)).await,
            Stream::Tls(stream) => {
                within("sending", stream.write_all(bytes)).await?;
                within("sending", stream.flush()).await
            }
        }
    }

    /// Sends bytes below TLS, if there is any.
    ///
    /// # Panics
    /// When they cannot be sent.
    pub async fn send_in_clear(&mut self, bytes: &[u8]) {
        let tcp = match &mut self.stream {
            Stream::Plain(stream) => stream,
            Stream::Tls(stream) => stream.get_mut().0,
        };
        let sent = within("sending", tcp.write_all(bytes)).await;
        sent.expect("bytes are sent");
    }

    /// Sends a request; its reply is awaited with [`reply`](Self::reply).
    pub async fn request(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) {
        let mut bytes = format!("{method} {target} HTTP/1.1\r\nhost: localhost\r\n");
        for (name, value) in headers {
            bytes.push_str(&format!("{name}: {value}\r\n"));
        }
        if method == "POST" {
            bytes.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        bytes.push_str("\r\n");
        let mut bytes = bytes.into_bytes();
        bytes.extend_from_slice(body);
        self.send(&bytes).await.expect("a request is sent");
    }

    /// The next reply.
    ///
    /// # Panics
    /// When none comes.
    pub async fn reply(&mut self) -> Reply {
        let reply = within("a reply", self.try_reply()).await;
        reply.expect("a whole reply")
    }

    /// The next reply, or what came instead. Waits for ever, and may be given up at any time.
    ///
    /// # Errors
    /// The connection ended first.
    pub async fn try_reply(&mut self) -> io::Result<Reply> {
        loop {
            if let Some((reply, len)) = parse(&self.buffer) {
                self.buffer.drain(..len);
                return Ok(reply);
            }
            self.fill().await?;
        }
    }

    /// A GET and its reply.
    pub async fn get(&mut self, target: &str) -> Reply {
        self.request("GET", target, &[], b"").await;
        self.reply().await
    }

    /// A POST of text and its reply.
    pub async fn post(&mut self, target: &str, body: &[u8]) -> Reply {
        let text = ("content-type", "text/plain;charset=UTF-8");
        self.request("POST", target, &[text], body).await;
        self.reply().await
    }

    /// Waits until the server has closed the connection; whatever it still says is read.
    pub async fn closed(&mut self) {
        within("the server closes", async {
            while self.fill().await.is_ok() {}
        })
        .await;
    }

    /// Ends the connection with a reset, as a peer does that vanishes.
    pub fn reset(self) {
        let tcp = match &self.stream {
            Stream::Plain(stream) => stream,
            Stream::Tls(stream) => stream.get_ref().0,
        };
        tcp.set_zero_linger().expect("a TCP option");
    }

    /// Waits until everything that was sent lies at the server's end: what is sent by another connection from now on
    /// comes behind it. (Two connections keep no common order by themselves: a busy system lets segments lie on one
    /// core and not on the other.)
    pub async fn arrived(&self) {
        let tcp = match &self.stream {
            Stream::Plain(stream) => stream,
            Stream::Tls(stream) => stream.get_ref().0,
        };
        let port = tcp.local_addr().expect("an address").port();
        within("what was sent is acknowledged", async {
            while unacknowledged(port) {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// Whether the server has sent anything, or closed, within `time`.
    pub async fn hears_within(&mut self, time: Duration) -> bool {
        tokio::time::timeout(time, self.fill()).await.is_ok()
    }

    /// Some bytes, as they come.
    ///
    /// # Errors
    /// The connection has ended.
    pub async fn some(&mut self) -> io::Result<Vec<u8>> {
        if self.buffer.is_empty() {
            self.fill().await?;
        }
        Ok(std::mem::take(&mut self.buffer))
    }

    /// Reads a little more.
    pub(super) async fn fill(&mut self) -> io::Result<()> {
        let read = match &mut self.stream {
            Stream::Plain(stream) => stream.read_buf(&mut self.buffer).await?,
            Stream::Tls(stream) => stream.read_buf(&mut self.buffer).await?,
        };
        match read {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// Whether bytes sent from this port of IPv4 are still on their way, by Linux's own table (proc_net_tcp(5)):
/// `sl local_address rem_address st tx_queue:rx_queue …`, in hexadecimal.
fn unacknowledged(port: u16) -> bool {
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap_or_default();
    let local = format!(":{port:04X}");
    table.lines().any(|line| {
        let mut words = line.split_whitespace().skip(1);
        let is_ours = words.next().is_some_and(|it| it.ends_with(&local));
        let queues = words.nth(2).unwrap_or_default();
        is_ours && !queues.starts_with("00000000:")
    })
}

/// The reply at the front of `bytes` and its length, once it is whole.
fn parse(bytes: &[u8]) -> Option<(Reply, usize)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).expect("a head of text");
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(0, |(_, value)| value.parse().expect("a length"));
    let body = bytes.get(end + 4..end + 4 + length)?.to_vec();
    let reply = Reply {
        status: status.parse().expect("a status"),
        headers,
        body,
    };
    Some((reply, end + 4 + length))
}
