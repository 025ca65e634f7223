//! The client's end of a WebSocket, frame by frame.
//!
//! Promises: masks what it sends (with a mask of zeros where nobody looks); joins no fragments;
//! answers nothing by itself. Source: RFC 6455 §5.2.

use std::{io, net::SocketAddr};

use super::{Http, Reply};
use crate::within;

/// A frame as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
    /// A close frame: its code (0 for none) and reason.
    Close(u16, String),
    /// A ping.
    Ping(Vec<u8>),
    /// A pong.
    Pong(Vec<u8>),
    /// No frame: the stream has ended.
    Ended,
}

/// The sample key of RFC 6455 §1.3, and what it must be answered with.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// An open WebSocket.
#[derive(Debug)]
pub struct WebSocket(pub Http);

impl WebSocket {
    /// The headers that ask for the upgrade.
    pub const HEADERS: [(&'static str, &'static str); 4] = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", KEY),
    ];

    /// Opens one on a connection of its own.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn connect(at: SocketAddr, target: &str) -> Self {
        let opened = Self::upgrade(Http::connect(at).await, target, &[]).await;
        opened.expect("the server upgrades")
    }

    /// Upgrades a connection, with further headers.
    ///
    /// # Errors
    /// The server's refusal.
    pub async fn upgrade(
        mut http: Http,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Result<Self, Reply> {
        let headers: Vec<_> = Self::HEADERS.iter().chain(headers).copied().collect();
        http.request("GET", target, &headers, b"").await;
        let reply = http.reply().await;
        if reply.status != 101 {
            return Err(reply);
        }
        assert_eq!(reply.header("sec-websocket-accept"), Some(ACCEPT));
        Ok(Self(http))
    }

    /// Upgrades a connection, with a message right behind the request: in one write, before any answer.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn upgrade_and_say(mut http: Http, target: &str, text: &str) -> Self {
        let early = Self::frame(0x81, text.as_bytes());
        http.request("GET", target, &Self::HEADERS, &early).await;
        assert_eq!(http.reply().await.status, 101);
        Self(http)
    }

    /// Sends a text message.
    pub async fn text(&mut self, text: &str) {
        let frame = Self::frame(0x81, text.as_bytes());
        self.0.send(&frame).await.expect("a frame is sent");
    }

    /// Sends a binary message.
    pub async fn binary(&mut self, bytes: &[u8]) {
        let frame = Self::frame(0x82, bytes);
        self.0.send(&frame).await.expect("a frame is sent");
    }

    /// A masked frame; `first` is its first byte: FIN, reserved bits and opcode.
    pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = Self::header(first, payload.len() as u64);
        frame.extend_from_slice(payload);
        frame
    }

    /// The header of a frame that claims to have `len` bytes, with a mask that changes nothing.
    pub fn header(first: u8, len: u64) -> Vec<u8> {
        let mut header = vec![first];
        match len {
            0..=125 => header.push(0x80 | len as u8),
            126..=0xffff => {
                header.push(0x80 | 126);
                header.extend_from_slice(&(len as u16).to_be_bytes());
            }
            _ => {
                header.push(0x80 | 127);
                header.extend_from_slice(&len.to_be_bytes());
            }
        }
        header.extend_from_slice(&[0; 4]);
        header
    }

    /// The next frame.
    pub async fn next(&mut self) -> Frame {
        within("a frame", self.try_next()).await
    }

    /// The next frame that is text.
    ///
    /// # Panics
    /// When something else comes.
    pub async fn next_text(&mut self) -> String {
        match self.next().await {
            Frame::Text(text) => text,
            other => panic!("text was expected, not {other:?}"),
        }
    }

    /// The next frame. Waits for ever, and may be given up at any time.
    pub async fn try_next(&mut self) -> Frame {
        loop {
            if let Some((frame, len)) = parse(&self.0.buffer) {
                self.0.buffer.drain(..len);
                return frame;
            }
            if self.0.fill().await.is_err() {
                return Frame::Ended;
            }
        }
    }

    /// Reads until the server's close frame, or until the stream ends without one.
    pub async fn closed(&mut self) -> Option<(u16, String)> {
        loop {
            match self.next().await {
                Frame::Close(code, reason) => return Some((code, reason)),
                Frame::Ended => return None,
                _ => {}
            }
        }
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// The peer has closed.
    pub async fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.send(bytes).await
    }
}

/// The frame at the front of `bytes` and its length, once it is whole.
fn parse(bytes: &[u8]) -> Option<(Frame, usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    assert_eq!(second & 0x80, 0, "a server does not mask");
    assert_eq!(first & 0xf0, 0x80, "whole frames without extensions");
    let (at, len) = match second {
        126 => {
            let len = u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?);
            (4, usize::from(len))
        }
        127 => {
            let len = u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?);
            (10, usize::try_from(len).expect("a length"))
        }
        len => (2, usize::from(len)),
    };
    let payload = bytes.get(at..at + len)?.to_vec();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text is UTF-8");
    let frame = match first & 0x0f {
        1 => Frame::Text(text(&payload)),
        2 => Frame::Binary(payload),
        8 if payload.len() >= 2 => Frame::Close(
            u16::from_be_bytes([payload[0], payload[1]]),
            text(&payload[2..]),
        ),
        8 => Frame::Close(0, String::new()),
        9 => Frame::Ping(payload),
        10 => Frame::Pong(payload),
        opcode => panic!("no such opcode: {opcode}"),
    };
    Some((frame, at + len))
}
