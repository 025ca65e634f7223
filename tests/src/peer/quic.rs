//! A client of QUIC: a browser's WebTransport, or a native one, with Engine.IO's frames on its stream and in
//! its datagrams.
//!
//! Promises: the frames are written and read here byte by byte, right or wrong. Leaves out: QUIC and
//! WebTransport themselves, which are quinn's and web-transport-quinn's.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::HeaderValue;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{
    ClientConfig, Connection, ConnectionError, Endpoint, IdleTimeout, TransportConfig, VarInt,
};
use web_transport_quinn::{
    RecvStream, SendStream, Session, SessionError, WebTransportError, proto::ConnectRequest,
};

use super::Identity;
use crate::within;

/// The protocol that native clients offer.
pub const NATIVE: &str = "ringside/1";

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuicFrame {
    /// Text: an Engine.IO packet.
    Text(String),
    /// Bytes: a message.
    Binary(Vec<u8>),
}

impl QuicFrame {
    /// Appends it as it travels.
    pub fn write(&self, out: &mut Vec<u8>) {
        let (mark, payload) = match self {
            Self::Text(text) => (0, text.as_bytes()),
            Self::Binary(bytes) => (0x80, bytes.as_slice()),
        };
        match payload.len() {
            n @ 0..=125 => out.push(mark | n as u8),
            n @ 126..=0xffff => {
                out.push(mark | 126);
                out.extend((n as u16).to_be_bytes());
            }
            n => {
                out.push(mark | 127);
                out.extend((n as u64).to_be_bytes());
            }
        }
        out.extend(payload);
    }

    /// Takes a whole one off the front of `bytes`.
    pub fn read(bytes: &mut Vec<u8>) -> Option<Self> {
        let first = *bytes.first()?;
        let (header, len) = match first & 0x7f {
            126 => {
                let len = bytes.get(1..3)?;
                (3, usize::from(len[0]) << 8 | usize::from(len[1]))
            }
            127 => {
                let len = bytes.get(1..9)?;
                (
                    9,
                    len.iter()
                        .fold(0, |sum, byte| sum << 8 | usize::from(*byte)),
                )
            }
            len => (1, usize::from(len)),
        };
        let payload = bytes.get(header..header + len)?.to_vec();
        bytes.drain(..header + len);
        Some(match first & 0x80 {
            0 => Self::Text(String::from_utf8(payload).expect("text is UTF-8")),
            _ => Self::Binary(payload),
        })
    }
}

/// A client with its connection, and its stream once that is open.
#[derive(Debug)]
pub struct Quic {
    /// The socket under it.
    pub endpoint: Endpoint,
    /// The session, or what stands for it.
    pub session: Session,
    stream: Option<(SendStream, RecvStream)>,
    read: Vec<u8>,
}

/// A client's socket that believes in a server of this identity, and offers this protocol.
///
/// # Panics
/// When there is no socket.
pub fn quic_endpoint(identity: &Identity, protocol: &str) -> Endpoint {
    let tls = identity.client_config(&[protocol]);
    let crypto = QuicClientConfig::try_from(tls).expect("TLS 1.3");
    let mut config = ClientConfig::new(Arc::new(crypto));
    let mut transport = TransportConfig::default();
    transport.max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(30_000))));
    transport.keep_alive_interval(Some(Duration::from_secs(5)));
    config.transport_config(Arc::new(transport));
    let mut endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).expect("a socket");
    endpoint.set_default_client_config(config);
    endpoint
}

/// A connection from this socket, its handshake done.
///
/// # Panics
/// When there is no handshake.
pub async fn connect(endpoint: &Endpoint, at: SocketAddr) -> Connection {
    let connecting = endpoint.connect(at, "localhost").expect("a connection");
    within("a connection", connecting)
        .await
        .expect("a handshake")
}

impl Quic {
    /// A native client's connection.
    ///
    /// # Panics
    /// When the server has none for it.
    pub async fn native(at: SocketAddr, identity: &Identity) -> Self {
        Self::native_from(&quic_endpoint(identity, NATIVE), at).await
    }

    /// The same from a socket that others may use too.
    ///
    /// # Panics
    /// When the server has none for it.
    pub async fn native_from(endpoint: &Endpoint, at: SocketAddr) -> Self {
        let connection = connect(endpoint, at).await;
        Self::on(endpoint.clone(), Session::raw(connection))
    }

    /// A page's session at a path, with these headers besides.
    ///
    /// # Panics
    /// When there is no handshake.
    pub async fn page(
        at: SocketAddr,
        identity: &Identity,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Self {
        Self::page_from(&quic_endpoint(identity, "h3"), at, target, headers).await
    }

    /// The same from a socket that others may use too.
    ///
    /// # Panics
    /// When there is no handshake.
    pub async fn page_from(
        endpoint: &Endpoint,
        at: SocketAddr,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Self {
        let connection = connect(endpoint, at).await;
        Self::page_on(endpoint, connection, target, headers).await
    }

    /// The same on a connection from this socket.
    ///
    /// # Panics
    /// When the server lets it not in.
    pub async fn page_on(
        endpoint: &Endpoint,
        connection: Connection,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Self {
        let at = connection.remote_address();
        let url = format!("https://localhost:{}{target}", at.port());
        let mut request = ConnectRequest::new(url.parse::<url::Url>().expect("a URL"));
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).expect("a value");
            request = request.with_header(name.parse().expect("a name"), value);
        }
        let session = within("CONNECT", Session::connect(connection, request)).await;
        Self::on(endpoint.clone(), session.expect("a session"))
    }

    fn on(endpoint: Endpoint, session: Session) -> Self {
        Self {
            endpoint,
            session,
            stream: None,
            read: Vec::new(),
        }
    }

    /// Opens the stream, and asks for a new session. Gives the open packet.
    pub async fn open(&mut self) -> String {
        self.text("0").await;
        self.next_text().await
    }

    /// Writes bytes to the stream, which is opened if need be.
    ///
    /// # Errors
    /// The stream is gone.
    pub async fn raw(&mut self, bytes: &[u8]) -> Result<(), String> {
        if self.stream.is_none() {
            let opened = within("a stream", self.session.open_bi()).await;
            self.stream = Some(opened.map_err(|error| error.to_string())?);
        }
        let (send, _) = self.stream.as_mut().expect("opened");
        let written = within("writing", send.write_all(bytes)).await;
        written.map_err(|error| error.to_string())
    }

    async fn frame(&mut self, frame: QuicFrame) {
        let mut bytes = Vec::new();
        frame.write(&mut bytes);
        self.raw(&bytes).await.expect("a stream");
    }

    /// Sends an Engine.IO packet.
    pub async fn text(&mut self, text: &str) {
        self.frame(QuicFrame::Text(text.to_owned())).await;
    }

    /// Sends a binary message.
    pub async fn binary(&mut self, bytes: &[u8]) {
        self.frame(QuicFrame::Binary(bytes.to_vec())).await;
    }

    /// The next frame of the stream; `None` when it has ended, however.
    ///
    /// # Panics
    /// When none comes in time, or there is no stream.
    pub async fn try_next(&mut self) -> Option<QuicFrame> {
        let (_, recv) = self.stream.as_mut().expect("a stream");
        loop {
            if let Some(frame) = QuicFrame::read(&mut self.read) {
                return Some(frame);
            }
            let chunk = within("a frame", recv.read_chunk(64 * 1024, true)).await;
            self.read.extend_from_slice(&chunk.ok()??.bytes);
        }
    }

    /// The next frame of the stream.
    ///
    /// # Panics
    /// When there is none.
    pub async fn next(&mut self) -> QuicFrame {
        self.try_next().await.expect("a frame")
    }

    /// The next frame, which is text. Pings are answered on the way.
    ///
    /// # Panics
    /// When it is bytes.
    pub async fn next_text(&mut self) -> String {
        loop {
            match self.next().await {
                QuicFrame::Text(text) if text == "2" => self.text("3").await,
                QuicFrame::Text(text) => return text,
                QuicFrame::Binary(bytes) => panic!("bytes: {bytes:?}"),
            }
        }
    }

    /// Joins `/` of Socket.IO; gives the answer.
    pub async fn join(&mut self) -> String {
        self.text("40").await;
        let answer = self.next_text().await;
        assert!(answer.starts_with("40{\"sid\""), "{answer}");
        answer
    }

    /// Sends a datagram of these frames.
    pub fn datagram(&self, frames: &[QuicFrame]) {
        let mut bytes = Vec::new();
        frames.iter().for_each(|frame| frame.write(&mut bytes));
        self.raw_datagram(bytes);
    }

    /// Sends a datagram of these bytes.
    ///
    /// # Panics
    /// When the connection takes none.
    pub fn raw_datagram(&self, bytes: Vec<u8>) {
        self.session
            .send_datagram(Bytes::from(bytes))
            .expect("a datagram");
    }

    /// The frames of the next datagram.
    ///
    /// # Panics
    /// When none comes in time.
    pub async fn next_datagram(&self) -> Vec<QuicFrame> {
        let bytes = within("a datagram", self.session.read_datagram()).await;
        let mut bytes = bytes.expect("a datagram").to_vec();
        let mut frames = Vec::new();
        while let Some(frame) = QuicFrame::read(&mut bytes) {
            frames.push(frame);
        }
        assert!(bytes.is_empty(), "a datagram of whole frames");
        frames
    }

    /// Why the server ended it: code and reason. Whatever else it says is skipped.
    ///
    /// # Panics
    /// When it does not, or without a word.
    pub async fn closed(&mut self) -> (u32, String) {
        match within("the end", self.session.closed()).await {
            SessionError::WebTransportError(WebTransportError::Closed(code, reason)) => {
                (code, reason)
            }
            SessionError::ConnectionError(ConnectionError::ApplicationClosed(close)) => {
                let code = u64::from(close.error_code) as u32;
                (code, String::from_utf8_lossy(&close.reason).into_owned())
            }
            other => panic!("{other:?}"),
        }
    }
}
