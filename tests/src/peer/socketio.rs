//! Socket.IO 5 over a WebSocket, packet by packet.

use std::net::SocketAddr;

use super::{Frame, WebSocket};

/// A client that says exactly what it is told to. Pings are answered on the way.
#[derive(Debug)]
pub struct SocketIo(pub WebSocket);

impl SocketIo {
    /// Opens a session, in no namespace yet.
    ///
    /// # Panics
    /// When the server does not open one.
    pub async fn open(at: SocketAddr) -> Self {
        let target = "/socket.io/?EIO=4&transport=websocket";
        let mut websocket = WebSocket::connect(at, target).await;
        assert!(websocket.next_text().await.starts_with('0'));
        Self(websocket)
    }

    /// Opens a session and joins `/`. Gives the socket's id too.
    pub async fn connect(at: SocketAddr) -> (Self, String) {
        let mut it = Self::open(at).await;
        let sid = it.join("/", "").await;
        (it, sid)
    }

    /// Joins a namespace; gives the socket's id.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn join(&mut self, namespace: &str, auth: &str) -> String {
        let answer = self.ask_in(namespace, auth).await;
        let (_, sid) = answer.split_once("\"sid\":\"").expect("an admission");
        sid.split('"').next().unwrap_or_default().to_owned()
    }

    /// Asks for a namespace; gives the answer as it comes.
    pub async fn ask_in(&mut self, namespace: &str, auth: &str) -> String {
        let prefix = prefix(namespace);
        self.send(&format!("0{prefix}{auth}")).await;
        self.next().await
    }

    /// Sends a packet.
    pub async fn send(&mut self, packet: &str) {
        self.0.text(&format!("4{packet}")).await;
    }

    /// The next packet.
    ///
    /// # Panics
    /// When something else comes, or nothing in time.
    pub async fn next(&mut self) -> String {
        loop {
            let text = self.0.next_text().await;
            match text.strip_prefix('4') {
                Some(packet) => return packet.to_owned(),
                None if text == "2" => self.0.text("3").await,
                None => panic!("no Socket.IO packet: {text:?}"),
            }
        }
    }

    /// The next packet is this one.
    ///
    /// # Panics
    /// When it is another.
    pub async fn expect(&mut self, packet: &str) {
        assert_eq!(self.next().await, packet);
    }

    /// Everything up to a packet, without it.
    pub async fn until(&mut self, packet: &str) -> Vec<String> {
        let mut before = Vec::new();
        loop {
            match self.next().await {
                next if next == packet => return before,
                next => before.push(next),
            }
        }
    }

    /// The next frame, whatever it is.
    pub async fn frame(&mut self) -> Frame {
        self.0.next().await
    }
}

/// A namespace as packets have it.
fn prefix(namespace: &str) -> String {
    match namespace {
        "/" => String::new(),
        name => format!("{name},"),
    }
}
