//! TLS of the gateway's own: what is said arrives whole, slow readers included; certificates are replaced
//! while it runs; who speaks no TLS, or never finishes a handshake, is let go.
//!
//! Leaves out: upgrades under load, which the ledger has, and other people's clients (`tests/interop`).

use std::{fs, io::Write, net::SocketAddr, path::PathBuf, time::Duration};

use ringside_gateway::{Limits, OutboxLimits, RawMessage, Timing, Tls, TlsError};
use ringside_tests::{
    peer::{Frame, Http, Identity, Open, WebSocket},
    within,
    world::{Event, PATH, WEBSOCKET, World, unpaced},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn world(identity: &Identity, limits: Limits) -> World {
    World::set_up(|io| {
        io.tls(identity.server_tls()).limits(limits);
    })
}

async fn websocket(at: SocketAddr, identity: &Identity, target: &str) -> WebSocket {
    let http = Http::connect_tls(at, identity).await;
    let upgraded = WebSocket::upgrade(http, target, &[]).await;
    upgraded.expect("the server upgrades")
}

#[tokio::test]
async fn messages_of_every_size_arrive_over_tls() {
    let identity = Identity::new();
    let mut world = world(&identity, unpaced());
    let mut websocket = websocket(world.at(), &identity, WEBSOCKET).await;
    assert!(websocket.next_text().await.starts_with('0'));
    let connection = world.opened().await;
    assert!(connection.handshake().is_secure());
    // Around a record of TLS, and around what is read at once.
    for len in [1, 125, 16_383, 16_384, 16_385, 65_536, 200_000, 900_000] {
        let text = format!("4echo {}", "x".repeat(len));
        websocket.text(&text).await;
        assert_eq!(websocket.next_text().await, text);
        let bytes: Vec<u8> = (0..len).map(|n| n as u8).collect();
        websocket.binary(&bytes).await;
        let Event::Binary(_, got) = world.next().await else {
            panic!("bytes were sent");
        };
        assert_eq!(got, bytes);
        connection.send(RawMessage::Binary(&bytes)).unwrap();
        assert_eq!(websocket.next().await, Frame::Binary(bytes));
    }
    connection.close().unwrap();
    assert_eq!(websocket.closed().await.map(|(code, _)| code), Some(1000));
}

#[tokio::test]
async fn polling_works_over_tls_and_what_comes_with_the_upgrade_is_not_lost() {
    let identity = Identity::new();
    let mut world = world(&identity, unpaced());
    let mut http = Http::connect_tls(world.at(), &identity).await;
    let target = format!("{PATH}?EIO=4&transport=polling");
    let open = Open::parse(http.get(&target).await.text());
    let target = format!("{target}&sid={}", open.sid);
    assert_eq!(http.post(&target, b"4echo by post").await.text(), "ok");
    assert_eq!(http.get(&target).await.text(), "4echo by post");
    // Request, probe and all in one write, so in one record.
    let http = Http::connect_tls(world.at(), &identity).await;
    let _websocket = WebSocket::upgrade_and_say(http, WEBSOCKET, "4early").await;
    assert_eq!(world.text().await, "early");
}

#[tokio::test]
async fn a_slow_reader_gets_everything_once_and_in_order() {
    let identity = Identity::new();
    let limits = Limits {
        outbox: OutboxLimits {
            bytes: 64 << 20,
            messages: 10_000,
        },
        ..unpaced()
    };
    let mut world = world(&identity, limits);
    let mut slow = websocket(world.at(), &identity, "/ws").await;
    let connection = world.opened().await;
    // More than the kernel holds for a socket: the rest waits, encrypted or not.
    const MESSAGES: usize = 2_000;
    let message = |n: usize| format!("{n} {}", "x".repeat(7_000 + n % 4_000));
    for n in 0..MESSAGES {
        connection.send(RawMessage::Text(&message(n))).unwrap();
    }
    let stats = within("it blocks", async {
        loop {
            let stats = world.gateway.stats();
            if stats.waiting() > 0 && stats.accepted >= MESSAGES as u64 {
                return stats;
            }
            tokio::task::yield_now().await;
        }
    });
    stats.await;
    for n in 0..MESSAGES {
        assert_eq!(slow.next_text().await, message(n));
    }
    // Both directions still work.
    slow.text("echo after").await;
    assert_eq!(slow.next_text().await, "echo after");
}

#[tokio::test]
async fn the_peers_end_of_tls_ends_its_session() {
    let identity = Identity::new();
    let mut world = world(&identity, unpaced());
    let mut stream = identity.connect(world.at(), &[]).await.unwrap();
    let mut head = "GET /ws HTTP/1.1\r\nhost: x\r\n".to_owned();
    for (name, value) in WebSocket::HEADERS {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let connection = world.opened().await;
    stream.shutdown().await.unwrap();
    assert_eq!(
        world.closed(&connection).await,
        "the stream ended without a close"
    );
    // And garbage in the place of a record.
    let mut http = Http::connect_tls(world.at(), &identity).await;
    http.send(head.as_bytes()).await.unwrap();
    let connection = world.opened().await;
    http.send_in_clear(b"\x17\x03\x03\x00\x1dnot a record of anybody's key")
        .await;
    assert_eq!(world.closed(&connection).await, "reading or writing failed");
    http.closed().await;
}

#[tokio::test]
async fn who_speaks_no_tls_or_never_finishes_is_let_go() {
    let identity = Identity::new();
    let limits = Limits {
        handshake_ms: 300,
        ..unpaced()
    };
    let world = world(&identity, limits);
    // Plain HTTP; a hello that never ends; nothing at all; a handshake, and then no request.
    for begin in [
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".as_slice(),
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"",
    ] {
        let mut http = Http::connect(world.at()).await;
        http.send(begin).await.unwrap();
        http.closed().await;
    }
    Http::connect_tls(world.at(), &identity)
        .await
        .closed()
        .await;
    let mut quiet = identity.connect(world.at(), &["h2"]).await.unwrap();
    assert_eq!(quiet.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    quiet
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await
        .unwrap();
    let mut said = Vec::new();
    let ended = within("a quiet connection ends", quiet.read_to_end(&mut said));
    // With or without TLS's own goodbye.
    let _ = ended.await;
    assert!(!said.is_empty(), "the server's settings, at least");
    assert_eq!(world.gateway.closes().get("tls.Handshake"), Some(&3));
}

/// A folder of this test's own, for a certificate and its key.
struct Files(PathBuf);

impl Files {
    fn new(name: &str, identity: &Identity) -> Self {
        let folder = std::env::temp_dir().join(format!("ringside-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let files = Self(folder);
        files.put(identity);
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Replaces both, as tools that renew certificates do: each at once, one after the other.
    fn put(&self, identity: &Identity) {
        for (name, text) in [("key", &identity.key_pem), ("cert", &identity.cert_pem)] {
            let new = self.path("new");
            let mut file = fs::File::create(&new).unwrap();
            file.write_all(text.as_bytes()).unwrap();
            fs::rename(new, self.path(name)).unwrap();
        }
    }

    fn tls(&self) -> Result<Tls, TlsError> {
        Tls::files(self.path("cert"), self.path("key"))
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // Left behind, it is the system's to clean.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Connects until the server shows that identity.
async fn shows(at: SocketAddr, identity: &Identity) {
    within("the certificate is taken up", async {
        while identity.connect(at, &[]).await.is_err() {}
    })
    .await;
}

#[tokio::test]
async fn a_replaced_certificate_is_taken_up_while_it_runs() {
    let [old, new] = [(); 2].map(|()| Identity::new());
    let files = Files::new("tls-replaced", &old);
    let world = World::set_up(|io| {
        io.tls(files.tls().unwrap()).timing(Timing::default());
    });
    let mut before = websocket(world.at(), &old, WEBSOCKET).await;
    assert!(before.next_text().await.starts_with('0'));
    files.put(&new);
    shows(world.at(), &new).await;
    assert!(old.connect(world.at(), &[]).await.is_err());
    // Who was there goes on.
    before.text("4echo still here").await;
    assert_eq!(before.next_text().await, "4echo still here");
    // What cannot be used is not: the last good pair stays.
    fs::write(files.path("cert"), "nonsense").unwrap();
    let tls = files.tls().unwrap_err();
    assert!(tls.to_string().contains("BEGIN CERTIFICATE"), "{tls}");
    let calm = Duration::from_secs(3);
    let until = tokio::time::Instant::now() + calm;
    while tokio::time::Instant::now() < until {
        assert!(new.connect(world.at(), &[]).await.is_ok());
    }
    files.put(&old);
    shows(world.at(), &old).await;
}

#[test]
fn what_cannot_be_used_says_why() {
    let [one, other] = [(); 2].map(|()| Identity::new());
    let files = Files::new("tls-unusable", &one);
    let missing = Tls::files(files.path("absent.pem"), files.path("key")).unwrap_err();
    assert!(missing.to_string().contains("absent.pem"), "{missing}");
    let swapped = Tls::files(files.path("key"), files.path("cert")).unwrap_err();
    assert!(matches!(swapped, TlsError::NoCertificate(_)), "{swapped}");
    let no_key = Tls::files(files.path("cert"), files.path("cert")).unwrap_err();
    assert!(matches!(no_key, TlsError::NoKey(_)), "{no_key}");
    let alien = Tls::pem(one.cert_pem.as_bytes(), other.key_pem.as_bytes()).unwrap_err();
    assert!(matches!(alien, TlsError::Unusable(_)), "{alien}");
}
