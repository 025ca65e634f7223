//! A gateway that drains: its sessions end, and whoever asks for a new one is told to go elsewhere, on
//! whichever connection, by TCP or by QUIC.
//!
//! World: one shard, kept draining for seconds by a client that reads nothing; those that ask were there
//! before it began, at each step on the way to a session. Leaves out: what the sessions themselves are told,
//! which their transports' tests have.

use std::sync::Arc;

use quinn::{ConnectionError, TransportErrorCode};
use ringside_gateway::{Builder, Connection, Limits, OutboxLimits, Quic as Settings, RawMessage};
use ringside_tests::{
    PATIENCE,
    peer::{Http, Identity, NATIVE, Polling, Quic, WebSocket, connect, quic_endpoint},
    within,
    world::{PATH, World, unpaced},
};
use tokio::sync::Semaphore;

/// A new session by polling.
const POLLING: &str = "/engine.io/?EIO=4&transport=polling";

/// What a client is told that may not open one.
const TOLD: &str = "this server is shutting down; connect again to reach another";

/// A gateway about to drain.
struct Leaving {
    world: World,
    /// A permit for each that the application was asked about.
    asked: Arc<Semaphore>,
    /// Those with `late` in their query are let in with a permit of this.
    gate: Arc<Semaphore>,
    /// A session that ends at once when it drains, and its client.
    witness: (Connection, WebSocket),
    /// The shard waits for it to read what it was sent: five seconds.
    deaf: WebSocket,
}

impl Leaving {
    async fn set_up(f: impl FnOnce(&mut Builder)) -> Self {
        let (asked, gate) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let (ask, wait) = (asked.clone(), gate.clone());
        let mut world = World::set_up(|io| {
            let outbox = OutboxLimits {
                bytes: 32 << 20,
                messages: 1_000,
            };
            io.shards(1).limits(Limits {
                outbox,
                ..unpaced()
            });
            io.allow_request(move |handshake| {
                ask.add_permits(1);
                let wait = wait.clone();
                async move {
                    if handshake.query_value("late").is_some() {
                        wait.acquire().await.expect("never closed").forget();
                    }
                    Ok(())
                }
            });
            f(io);
        });
        let deaf = WebSocket::connect(world.at(), "/ws").await;
        let connection = world.opened().await;
        // More than all buffers on the way take.
        for _ in 0..40 {
            let sent = connection.send(RawMessage::Binary(&[0; 500_000]));
            sent.expect("it waits in the outbox");
        }
        let client = WebSocket::connect(world.at(), "/ws").await;
        let witness = (world.opened().await, client);
        let it = Self {
            world,
            asked,
            gate,
            witness,
            deaf,
        };
        it.asked_about(2).await;
        it
    }

    /// Waits until the application was asked about so many more.
    async fn asked_about(&self, n: u32) {
        let asked = within("the application is asked", self.asked.acquire_many(n)).await;
        asked.expect("never closed").forget();
    }

    /// Begins to drain, and waits until its shard does.
    async fn drain(&mut self) {
        self.world.gateway.drain(PATIENCE);
        let why = self.world.closed(&self.witness.0).await;
        assert_eq!(why, "the server shuts down, please reconnect");
    }

    fn count(&self, name: &str) -> u64 {
        let closes = self.world.gateway.closes();
        closes.get(name).copied().unwrap_or_default()
    }

    /// Lets go of what it waited for.
    fn end(self) {
        let Self { world, deaf, .. } = self;
        drop(deaf);
        world.gateway.wait();
    }
}

#[tokio::test]
async fn no_session_opens_by_http_on_a_connection_that_is_kept_alive() {
    let mut leaving = Leaving::set_up(|_| {}).await;
    let at = leaving.world.at();
    let mut kept = Http::connect(at).await;
    Polling::open_on(&mut kept, at, PATH).await;
    // One that the application thinks about for too long.
    let mut late = Http::connect(at).await;
    let target = format!("{POLLING}&late=1");
    late.request("GET", &target, &[], b"").await;
    leaving.asked_about(2).await;
    leaving.drain().await;
    kept.request("GET", POLLING, &[], b"").await;
    leaving.gate.add_permits(1);
    for http in [&mut kept, &mut late] {
        let reply = http.reply().await;
        assert_eq!((reply.status, reply.text()), (503, TOLD));
    }
    assert_eq!(leaving.count("http.503"), 2);
    leaving.end();
}

#[tokio::test]
async fn no_session_opens_by_quic_however_far_its_connection_has_come() {
    let identity = Arc::new(Identity::new());
    let mut leaving = Leaving::set_up(|io| {
        io.quic(Settings::new(identity.server_tls()));
    })
    .await;
    let at = leaving.world.at();
    let pages = quic_endpoint(&identity, "h3");
    let natives = quic_endpoint(&identity, NATIVE);
    // Admitted, with nothing said yet: a page, and a native client.
    let page = Quic::page_from(&pages, at, PATH, &[]).await;
    let native = Quic::native_from(&natives, at).await;
    // One that has not asked for WebTransport yet, and one that the application thinks about for too long.
    let bare = connect(&pages, at).await;
    let late = connect(&pages, at).await;
    let endpoint = pages.clone();
    let late = tokio::spawn(async move {
        let mut late = Quic::page_on(&endpoint, late, "/engine.io/?late=1", &[]).await;
        late.closed().await
    });
    leaving.asked_about(3).await;
    leaving.drain().await;
    let told = (1012, TOLD.to_owned());
    for mut it in [page, native] {
        it.text("0").await;
        assert_eq!(it.closed().await, told);
    }
    let mut bare = Quic::page_on(&pages, bare, PATH, &[]).await;
    assert_eq!(bare.closed().await, told);
    leaving.gate.add_permits(1);
    assert_eq!(within("the late one's end", late).await.unwrap(), told);
    assert_eq!(leaving.count("quic.Draining"), 4);
    // And one that comes only now need not wait until it gives up.
    for (n, endpoint) in [pages, natives].into_iter().enumerate() {
        let connecting = endpoint.connect(at, "localhost").expect("an attempt");
        match within("an answer", connecting).await {
            Err(ConnectionError::ConnectionClosed(close)) => {
                assert_eq!(close.error_code, TransportErrorCode::CONNECTION_REFUSED);
            }
            other => panic!("{other:?}"),
        }
        // A first packet may be sent twice.
        assert!(leaving.count("quic.Draining") > 4 + n as u64);
    }
    leaving.end();
}
