//! Engine.IO 4 over HTTP long-polling, request by request, on the shard a test wants.
//!
//! The kernel deals connections out to the shards; where one landed shows in the sid of a session
//! opened on it, which names its shard. So a test can ask for a connection on the session's own
//! shard or on another, and gets it without luck.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
};

use super::{Http, Reply, WebSocket};

/// The open packet, read loosely.
#[derive(Clone, Debug)]
pub struct Open {
    /// The session's id.
    pub sid: String,
    /// The whole packet, without its digit.
    pub json: serde_json::Value,
}

impl Open {
    /// Reads `0{…}`.
    ///
    /// # Panics
    /// When it is no open packet.
    pub fn parse(text: &str) -> Self {
        let json = text.strip_prefix('0').expect("an open packet");
        let json: serde_json::Value = serde_json::from_str(json).expect("JSON");
        let sid = json["sid"].as_str().expect("a sid").to_owned();
        Self { sid, json }
    }
}

/// The shard that a sid names: its first byte, that is, its first six bits and the next two.
///
/// # Panics
/// When it is no base64url.
pub fn shard_of(sid: &str) -> usize {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'-' => 62,
        b'_' => 63,
        _ => panic!("{sid} is no sid"),
    };
    let bytes = sid.as_bytes();
    usize::from(digit(bytes[0])) << 2 | usize::from(digit(bytes[1])) >> 4
}

/// Where a request lands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On the shard that owns the session.
    Own,
    /// On another one.
    Other,
    /// On the owner, by a connection that has answered a poll already: those are read without an HTTP server in
    /// between.
    Direct,
}

impl Place {
    /// All of them.
    pub const EACH: [Self; 3] = [Self::Own, Self::Other, Self::Direct];
}

/// Connections tried until one lands where it should. Of four shards, all miss one with a chance of
/// 0.75^200.
const TRIES: usize = 200;

/// Sessions opened so far in this process.
static OPENED: AtomicU64 = AtomicU64::new(10_000);

/// A session opened by polling.
#[derive(Clone, Debug)]
pub struct Polling {
    at: SocketAddr,
    path: String,
    /// Part of the query that opened it, and of no other's: by this the server's side is found.
    pub mark: String,
    /// What the server said at the opening.
    pub open: Open,
}

impl Polling {
    /// Opens a session at `path`, such as `/engine.io/`.
    pub async fn open(at: SocketAddr, path: &str) -> Self {
        Self::open_on(&mut Http::connect(at).await, at, path).await
    }

    /// Opens a session by a connection at hand.
    pub async fn open_on(http: &mut Http, at: SocketAddr, path: &str) -> Self {
        let mark = format!("t={}", OPENED.fetch_add(1, Ordering::Relaxed));
        let target = format!("{path}?EIO=4&transport=polling&{mark}");
        let reply = http.get(&target).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        Self {
            at,
            path: path.to_owned(),
            mark,
            open: Open::parse(reply.text()),
        }
    }

    /// The target of its polling requests.
    pub fn target(&self) -> String {
        self.target_by("polling")
    }

    /// The target of its requests by a transport.
    pub fn target_by(&self, transport: &str) -> String {
        let (path, sid) = (&self.path, &self.open.sid);
        format!("{path}?EIO=4&transport={transport}&sid={sid}")
    }

    /// A connection that landed on this session's shard, or on another.
    pub async fn connection(&self, place: Place) -> Http {
        self.landing_at(place).await.0
    }

    /// The same, and the shard it landed on.
    async fn landing_at(&self, place: Place) -> (Http, usize) {
        let own = shard_of(&self.open.sid);
        let wanted = |shard| (shard == own) == (place != Place::Other);
        self.landing(wanted, place == Place::Direct).await
    }

    /// A connection that landed where `wanted` says, and where that is; `polled`: it has answered a poll.
    ///
    /// # Panics
    /// When none does.
    async fn landing(&self, wanted: impl Fn(usize) -> bool, polled: bool) -> (Http, usize) {
        for _ in 0..TRIES {
            let mut http = Http::connect(self.at).await;
            let probe = Self::open_on(&mut http, self.at, &self.path).await;
            let shard = shard_of(&probe.open.sid);
            let is_wanted = wanted(shard);
            if is_wanted && polled {
                probe.say("echo this way").await;
                assert_eq!(http.get(&probe.target()).await.text(), "4echo this way");
            }
            // It was only to see where the connection landed.
            assert_eq!(probe.post(b"1").await.text(), "ok");
            if is_wanted {
                return (http, shard);
            }
        }
        panic!("no connection landed on the wanted shard");
    }

    /// A GET that is pending: its reply is still to come.
    ///
    /// Once it lies at the server's end, a second request goes the same way behind it, from shard to shard, for a
    /// session that does not exist; once that is refused, the poll has arrived.
    pub async fn poll(&self, place: Place) -> Http {
        let (mut http, shard) = self.landing_at(place).await;
        let (mut behind, _) = self.landing(|it| it == shard, false).await;
        http.request("GET", &self.target(), &[], b"").await;
        http.arrived().await;
        let nobody = format!("{}AAAAAAAAAAAAAAAAAA", &self.open.sid[..2]);
        let target = self.target().replace(&self.open.sid, &nobody);
        let reply = behind.get(&target).await;
        assert!(reply.is_refusal(1), "{}", reply.text());
        http
    }

    /// A GET and its reply.
    pub async fn get(&self) -> Reply {
        Http::connect(self.at).await.get(&self.target()).await
    }

    /// A POST and its reply.
    pub async fn post(&self, body: &[u8]) -> Reply {
        let mut http = Http::connect(self.at).await;
        http.post(&self.target(), body).await
    }

    /// Sends a message and sees that it was taken.
    pub async fn say(&self, text: &str) {
        let reply = self.post(format!("4{text}").as_bytes()).await;
        assert_eq!((reply.status, reply.text()), (200, "ok"));
    }

    /// A WebSocket that asks to replace polling.
    ///
    /// # Errors
    /// The server's refusal.
    pub async fn candidate(&self, place: Place) -> Result<WebSocket, Reply> {
        let http = self.connection(place).await;
        WebSocket::upgrade(http, &self.target_by("websocket"), &[]).await
    }
}

/// The packets of a polling payload.
pub fn decode_payload(payload: &str) -> Vec<&str> {
    payload.split('\x1e').collect()
}

/// A polling payload of these packets.
pub fn encode_payload(packets: &[&str]) -> String {
    packets.join("\x1e")
}
