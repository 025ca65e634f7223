//! A gateway mounted into axum: its own routes beside the gateway's, sessions on the shards whatever
//! runtime the server has, and requests that are given up.

use std::{net::SocketAddr, time::Duration};

use axum::{Router, extract::ConnectInfo, routing::get};
use ringside_gateway::{
    AddressLimits, Connection, Gateway, Limits, Mount, Raw, RawMessage, Socket,
};
use ringside_tests::{
    peer::{Http, Open, Place, Polling, WebSocket, shard_of},
    within,
    world::{PATH, WEBSOCKET, unpaced},
};

/// A gateway inside axum, which has a runtime of its own with two threads.
struct Server {
    at: SocketAddr,
    mount: Mount,
    // Dropped, its tasks end.
    _runtime: tokio::runtime::Runtime,
}

fn server(knows_peers: bool, limits: Limits) -> Server {
    let mut io = Gateway::builder();
    let echo = Raw::new().on_message(|it: &Connection, said: RawMessage<'_>| {
        it.send(said).expect("an echo is sent");
    });
    io.shards(3)
        .pinned(false)
        .limits(limits)
        .trust_proxies(["127.0.0.1".parse().unwrap()])
        .engineio(PATH, echo)
        .on("hello", |_: &Socket, name: String| format!("hello {name}"));
    let mut mount = io.mount().expect("shards");
    if knows_peers {
        mount = mount.peer_from(|noted| Some(noted.get::<ConnectInfo<SocketAddr>>()?.0));
    }
    let app = Router::new()
        .route("/", get(|| async { "the game's own page" }))
        .layer(mount.clone());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("an option");
    let at = listener.local_addr().expect("an address");
    runtime.spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        axum::serve(listener, app).await.expect("axum serves");
    });
    Server {
        at,
        mount,
        _runtime: runtime,
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.mount.gateway().stop();
        self.mount.gateway().wait();
    }
}

#[test]
fn the_games_own_routes_and_the_gateways_share_a_port() {
    let server = server(true, unpaced());
    block_on(async {
        let mut http = Http::connect(server.at).await;
        assert_eq!(http.get("/").await.text(), "the game's own page");
        assert_eq!(http.get("/nothing").await.status, 404);
        let client = http.get("/socket.io/socket.io.js").await;
        assert_eq!(client.status, 200);
        let refusal = http.get("/engine.io/?EIO=4&transport=pigeon").await;
        assert!(refusal.is_refusal(0), "{}", refusal.text());
        // Polling, by the same connection.
        let session = Polling::open_on(&mut http, server.at, PATH).await;
        assert_eq!(http.post(&session.target(), b"4one").await.text(), "ok");
        assert_eq!(http.get(&session.target()).await.text(), "4one");
        assert_eq!(http.get("/").await.text(), "the game's own page");
    });
}

#[test]
fn a_websocket_leaves_the_servers_runtime_for_its_shard() {
    let server = server(true, unpaced());
    block_on(async {
        let mut shards = std::collections::HashSet::new();
        for _ in 0..6 {
            // What comes with the request is not lost, whoever has read it.
            let http = Http::connect(server.at).await;
            let mut websocket = WebSocket::upgrade_and_say(http, WEBSOCKET, "4early").await;
            let open = Open::parse(&websocket.next_text().await);
            shards.insert(shard_of(&open.sid));
            assert_eq!(websocket.next_text().await, "4early");
            for n in 0..100 {
                websocket.text(&format!("4{n}")).await;
            }
            for n in 0..100 {
                assert_eq!(websocket.next_text().await, format!("4{n}"));
            }
        }
        assert_eq!(shards.len(), 3, "every shard has its share");
    });
}

#[test]
fn an_upgrade_through_the_mount_keeps_the_session() {
    let server = server(true, unpaced());
    block_on(async {
        for place in Place::EACH {
            let session = Polling::open(server.at, PATH).await;
            session.say("before").await;
            let mut candidate = session.candidate(place).await.expect("an upgrade");
            candidate.text("2probe").await;
            assert_eq!(candidate.next_text().await, "3probe");
            candidate.text("5").await;
            assert_eq!(candidate.next_text().await, "4before");
            candidate.text("4after").await;
            assert_eq!(candidate.next_text().await, "4after");
        }
    });
}

#[test]
fn a_poll_that_is_given_up_there_is_given_up_here() {
    let server = server(true, unpaced());
    block_on(async {
        let session = Polling::open(server.at, PATH).await;
        let mut http = Http::connect(server.at).await;
        http.request("GET", &session.target(), &[], b"").await;
        // It is parked: a message comes by it, and so does nothing else.
        session.say("one").await;
        assert_eq!(http.reply().await.text(), "4one");
        http.request("GET", &session.target(), &[], b"").await;
        http.reset();
        // Until the gateway has heard of it, another poll is one too many and ends the session; afterwards
        // the session is as before a poll, or over, but never stuck.
        let ended = within("an answer, soon", async {
            loop {
                let reply = session.post(b"4two").await;
                if reply.status != 200 {
                    return reply;
                }
                let reply = session.get().await;
                if reply.text() != "4two" {
                    return reply;
                }
            }
        });
        let _ = tokio::time::timeout(Duration::from_secs(1), ended).await;
        assert_eq!(Http::connect(server.at).await.get("/").await.status, 200);
    });
}

#[test]
fn peers_are_who_the_server_says_they_are() {
    let limits = Limits {
        address: AddressLimits {
            sessions: 2,
            sessions_per_second: 1_000,
            count_loopback: true,
        },
        ..unpaced()
    };
    let open = async |at: SocketAddr, headers: &[(&str, &str)]| {
        let mut http = Http::connect(at).await;
        let target = format!("{PATH}?EIO=4&transport=polling");
        http.request("GET", &target, headers, b"").await;
        http.reply().await.status
    };
    let [known, unknown] = [true, false].map(|knows| server(knows, limits));
    block_on(async {
        // The proxy is known and named, so whom it speaks for counts.
        for client in ["192.0.2.1", "192.0.2.2"] {
            let forwarded = [("x-forwarded-for", client)];
            for expected in [200, 200, 429] {
                assert_eq!(open(known.at, &forwarded).await, expected);
            }
        }
        assert_eq!(open(known.at, &[]).await, 200);
        // Nobody is known: nobody has a share, and nobody is believed.
        for _ in 0..10 {
            let forwarded = [("x-forwarded-for", "192.0.2.1")];
            assert_eq!(open(unknown.at, &forwarded).await, 200);
        }
    });
}

#[test]
fn a_gateway_that_has_ended_says_so_and_the_rest_goes_on() {
    let server = server(true, unpaced());
    block_on(async {
        let mut websocket = WebSocket::connect(server.at, WEBSOCKET).await;
        assert!(websocket.next_text().await.starts_with('0'));
        let session = Polling::open(server.at, PATH).await;
        let mut parked = Http::connect(server.at).await;
        parked.request("GET", &session.target(), &[], b"").await;
        server.mount.gateway().drain(Duration::from_secs(20));
        let closed = websocket.closed().await;
        assert_eq!(closed.map(|(code, _)| code), Some(1012));
        // Told, or refused if it came too late to be told.
        let reply = parked.reply().await;
        assert!([200, 400, 503].contains(&reply.status), "{}", reply.status);
        server.mount.gateway().wait();
        let mut http = Http::connect(server.at).await;
        let target = format!("{PATH}?EIO=4&transport=polling");
        assert_eq!(http.get(&target).await.status, 503);
        assert_eq!(http.get("/").await.text(), "the game's own page");
    });
}

fn block_on(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(test);
}
