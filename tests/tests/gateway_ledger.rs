//! The ledger: sessions upgrade from polling to WebSocket while messages flow both ways, and every
//! message arrives exactly once and in order.
//!
//! Each client does what the stock one does: it polls and posts, opens a WebSocket beside, probes it,
//! finishes the requests in hand, says "5" and goes on. Each session upgrades at a moment of its own.
//! `RINGSIDE_SESSIONS` sets how many there are (1,000). With TLS there are a tenth of them.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    time::Duration,
};

use ringside_gateway::{Connection, EmitError, RawMessage};
use ringside_tests::{
    peer::{Http, Identity, Open, WebSocket},
    world::{Event, World},
};
use tokio::time::{Instant, interval, timeout};

const PATH: &str = "/engine.io/?EIO=4&transport=";

/// Messages a session gets and sends: three seconds of [`PACE`].
const MESSAGES: u32 = 60;

/// Twenty messages a second, each way.
const PACE: Duration = Duration::from_millis(50);

/// How long a whole run may take: the flow is three seconds of it.
const RUN: Duration = Duration::from_secs(180);

fn sessions() -> u32 {
    let text = std::env::var("RINGSIDE_SESSIONS").ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(1_000)
}

/// Where the gateway is, and whether it has TLS.
#[derive(Clone)]
struct Server {
    at: std::net::SocketAddr,
    identity: Option<Rc<Identity>>,
}

impl Server {
    async fn connect(&self) -> Http {
        match &self.identity {
            Some(identity) => Http::connect_tls(self.at, identity).await,
            None => Http::connect(self.at).await,
        }
    }
}

/// One client's side of the ledger.
struct Client {
    server: Server,
    sid: String,
    got: RefCell<Vec<u32>>,
    /// Ids queued by the application and not yet sent.
    next: Cell<u32>,
    begun: Instant,
    pausing: Cell<bool>,
}

impl Client {
    fn target(&self, transport: &str) -> String {
        format!("{PATH}{transport}&sid={}", self.sid)
    }

    /// The packets the application has queued by now.
    fn due(&self) -> Vec<String> {
        let ticks = self.begun.elapsed().as_millis() / PACE.as_millis();
        let until = MESSAGES.min(ticks as u32);
        let due = (self.next.get()..until).map(|id| format!("4{id}"));
        let due = due.collect();
        self.next.set(until);
        due
    }

    /// Enters what came; answers pings. Whether it was a ping.
    fn enter(&self, packet: &str) -> bool {
        match packet.as_bytes().first() {
            Some(b'4') => self.got.borrow_mut().push(packet[1..].parse().unwrap()),
            Some(b'6') => {}
            Some(b'2') => return true,
            _ => panic!("unexpected: {packet:?}"),
        }
        false
    }

    /// Polls until the upgrade has it pause.
    async fn receive(&self) {
        let mut http = self.server.connect().await;
        while !self.pausing.get() {
            let reply = http.get(&self.target("polling")).await;
            assert_eq!(reply.status, 200, "{}", reply.text());
            for packet in reply.text().split('\x1e') {
                assert!(!self.enter(packet), "no ping in so short a time");
            }
        }
    }

    /// Posts what is due until the upgrade has it pause.
    async fn send(&self) {
        let mut http = self.server.connect().await;
        let mut ticks = interval(PACE);
        while !self.pausing.get() {
            ticks.tick().await;
            let due = self.due();
            if !due.is_empty() {
                let body = due.join("\x1e");
                let reply = http.post(&self.target("polling"), body.as_bytes()).await;
                assert_eq!(reply.text(), "ok");
            }
        }
    }

    /// Probes a WebSocket; from then on polling pauses.
    async fn probe(&self, at: Instant) -> WebSocket {
        tokio::time::timeout_at(at, std::future::pending::<()>())
            .await
            .unwrap_err();
        let http = self.server.connect().await;
        let upgraded = WebSocket::upgrade(http, &self.target("websocket"), &[]).await;
        let mut candidate = upgraded.expect("the server upgrades");
        candidate.text("2probe").await;
        assert_eq!(candidate.next_text().await, "3probe");
        self.pausing.set(true);
        candidate
    }

    /// The rest of the flow, by WebSocket, and then a mark that shows the end of it.
    async fn go_on(&self, websocket: &mut WebSocket) {
        websocket.text("5").await;
        while self.next.get() < MESSAGES || self.got.borrow().len() < MESSAGES as usize {
            for packet in self.due() {
                websocket.text(&packet).await;
            }
            if let Ok(frame) = timeout(PACE, websocket.try_next()).await {
                match frame {
                    ringside_tests::peer::Frame::Text(packet) => {
                        self.enter(&packet);
                    }
                    other => panic!("unexpected: {other:?}"),
                }
            }
        }
        websocket.text("4echo end").await;
        loop {
            match websocket.next_text().await.as_str() {
                "4echo end" => break,
                packet => drop(self.enter(packet)),
            }
        }
    }
}

/// A client from its opening to the end of the flow. Returns its mark and what it received.
async fn client(server: Server, number: u32) -> (String, Vec<u32>) {
    let mut http = server.connect().await;
    let mark = format!("t={number}");
    let reply = http.get(&format!("{PATH}polling&{mark}")).await;
    let begun = Instant::now();
    let client = Client {
        server,
        sid: Open::parse(reply.text()).sid,
        got: RefCell::default(),
        next: Cell::new(0),
        begun,
        pausing: Cell::new(false),
    };
    // Spread over two seconds, the same in every run.
    let moment = u64::from(number.wrapping_mul(2_654_435_761) % 2_000) + 300;
    let upgrade = client.probe(begun + Duration::from_millis(moment));
    let ((), (), mut websocket) = tokio::join!(client.receive(), client.send(), upgrade);
    client.go_on(&mut websocket).await;
    (mark, client.got.into_inner())
}

/// Sends every session its messages, and notes what they send.
async fn serve(world: &mut World, sessions: u32) -> HashMap<String, Vec<u32>> {
    let mut connections: Vec<(Connection, u32)> = Vec::new();
    let mut got: HashMap<u64, (String, Vec<u32>)> = HashMap::new();
    let mut ticks = interval(PACE);
    let all = |got: &HashMap<u64, (String, Vec<u32>)>| {
        got.len() == sessions as usize
            && got.values().all(|(_, ids)| ids.len() == MESSAGES as usize)
    };
    while !all(&got) || connections.iter().any(|(_, next)| *next < MESSAGES) {
        tokio::select! {
            event = world.next() => match event {
                Event::Opened(connection) => {
                    let query = connection.handshake().query();
                    let (_, number) = query.rsplit_once("t=").unwrap();
                    got.insert(connection.id(), (format!("t={number}"), Vec::new()));
                    connections.push((connection, 0));
                }
                Event::Text(id, text) => got.get_mut(&id).unwrap().1.push(text.parse().unwrap()),
                // A client that is done may go.
                Event::Closed(id, _) => assert_eq!(got[&id].1.len(), MESSAGES as usize),
                other => panic!("unexpected: {other:?}"),
            },
            _ = ticks.tick() => {
                for (connection, next) in &mut connections {
                    if *next < MESSAGES {
                        say(connection, *next).await;
                        *next += 1;
                    }
                }
            }
        }
    }
    got.into_values().collect()
}

async fn say(connection: &Connection, id: u32) {
    let text = id.to_string();
    loop {
        match connection.send(RawMessage::Text(&text)) {
            Ok(()) => return,
            // A shard is behind: nothing was sent, so it is sent again.
            Err(EmitError::Busy { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_across_upgrades() {
    settle(sessions(), World::set_up(|_| {}), None).await;
}

#[tokio::test]
async fn nor_with_tls() {
    let identity = Identity::new();
    let world = World::set_up(|io| {
        io.tls(identity.server_tls());
    });
    settle(sessions().div_ceil(10), world, Some(identity)).await;
}

/// The whole run, and what both sides wrote down.
async fn settle(sessions: u32, mut world: World, identity: Option<Identity>) {
    let server = Server {
        at: world.at(),
        identity: identity.map(Rc::new),
    };
    let run = async {
        let clients: Vec<_> = (0..sessions)
            .map(|number| tokio::task::spawn_local(client(server.clone(), number)))
            .collect();
        let received = async {
            let mut received = Vec::new();
            for client in clients {
                received.push(client.await.expect("a client"));
            }
            received
        };
        tokio::join!(received, serve(&mut world, sessions))
    };
    let run = timeout(RUN, tokio::task::LocalSet::new().run_until(run)).await;
    let (received, sent) = run.expect("the whole run within its time");
    let expected: Vec<u32> = (0..MESSAGES).collect();
    for (mark, ids) in &received {
        assert_eq!(ids, &expected, "what {mark} received");
        assert_eq!(sent[mark], expected, "what {mark} sent");
    }
    assert_eq!(received.len(), sessions as usize);
    let stats = world.gateway.stats();
    assert_eq!((stats.dropped, stats.refused), (0, 0));
    println!(
        "{sessions} sessions, {} messages each way",
        u64::from(sessions) * u64::from(MESSAGES)
    );
}
