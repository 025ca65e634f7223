//! A client of connection state recovery: it remembers what a stock one does, and comes back with it.

use ringside_tests::peer::{Open, SocketIo, WebSocket, shard_of};

use super::World;

/// A client that remembers what a stock one does.
pub(super) struct Returning {
    pub(super) client: SocketIo,
    /// Where its session is.
    pub(super) shard: usize,
    pub(super) sid: String,
    pub(super) pid: String,
    pub(super) offset: Option<String>,
    pub(super) got: Vec<String>,
}

impl Returning {
    pub(super) async fn new(world: &World) -> Self {
        let (mut client, shard) = open(world).await;
        let answer = client.ask_in("/", "").await;
        Self {
            client,
            shard,
            sid: field(&answer, "sid"),
            pid: field(&answer, "pid"),
            offset: None,
            got: Vec::new(),
        }
    }

    /// What it sends to come back.
    fn claim(&self) -> String {
        match &self.offset {
            Some(offset) => format!(r#"{{"pid":"{}","offset":"{offset}"}}"#, self.pid),
            None => format!(r#"{{"pid":"{}"}}"#, self.pid),
        }
    }

    /// Comes back on a new connection, leaving the old one as it is. Whether it is who it was.
    pub(super) async fn come_back(&mut self, world: &World) -> bool {
        let (mut client, shard) = open(world).await;
        let answer = client.ask_in("/", &self.claim()).await;
        let same = field(&answer, "pid") == self.pid;
        assert_eq!(field(&answer, "sid") == self.sid, same);
        (self.client, self.shard) = (client, shard);
        (self.sid, self.pid) = (field(&answer, "sid"), field(&answer, "pid"));
        same
    }

    /// Gives its connection away, for one that is in no namespace.
    pub(super) async fn leave(&mut self, world: &World) -> SocketIo {
        let (client, _) = open(world).await;
        std::mem::replace(&mut self.client, client)
    }

    /// Takes in events `["e", n, offset]` until `["end", offset]`.
    pub(super) async fn read(&mut self) {
        while self.read_one().await {}
    }

    /// Takes in one event; whether it is another than `["end", offset]`.
    pub(super) async fn read_one(&mut self) -> bool {
        let packet = self.client.next().await;
        let body = packet.strip_prefix("2[\"").expect(&packet);
        let (name, rest) = body.split_once('"').expect(&packet);
        let mut args: Vec<_> = rest
            .trim_start_matches(',')
            .trim_end_matches(']')
            .split(',')
            .collect();
        let last = args.pop().expect(&packet);
        self.offset = Some(last.trim_matches('"').to_owned());
        if name != "end" {
            self.got.push(format!("{name}{}", args.join(",")));
        }
        name != "end"
    }

    pub(super) async fn ask(&mut self, packet: &str, answer: &str) {
        self.client.send(packet).await;
        self.client.expect(answer).await;
    }
}

/// A session of its own, and the shard it is on.
async fn open(world: &World) -> (SocketIo, usize) {
    let target = "/socket.io/?EIO=4&transport=websocket";
    let mut websocket = WebSocket::connect(world.io.address(), target).await;
    let open = Open::parse(&websocket.next_text().await);
    (SocketIo(websocket), shard_of(&open.sid))
}

fn field(answer: &str, name: &str) -> String {
    let (_, rest) = answer.split_once(&format!("\"{name}\":\"")).expect(answer);
    rest.split('"').next().unwrap_or_default().to_owned()
}
