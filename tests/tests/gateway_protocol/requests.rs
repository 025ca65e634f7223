//! Engine.IO: the request that opens a session, its answer, and what is refused.

use ringside_gateway::{Origins, Transports};
use ringside_tests::{
    peer::{Http, Open, Polling, WebSocket},
    world::{PATH, WEBSOCKET, World},
};

use super::keys;

#[tokio::test]
async fn the_open_packet_says_exactly_five_things() {
    let world = World::new();
    let polling = Polling::open(world.at(), PATH).await.open;
    let mut websocket = WebSocket::connect(world.at(), WEBSOCKET).await;
    let websocket = Open::parse(&websocket.next_text().await);
    let expected = [
        "maxPayload",
        "pingInterval",
        "pingTimeout",
        "sid",
        "upgrades",
    ];
    for open in [&polling, &websocket] {
        let mut found = keys(&open.json);
        found.sort_unstable();
        assert_eq!(found, expected);
        assert_eq!(open.json["pingInterval"], 25_000);
        assert_eq!(open.json["pingTimeout"], 20_000);
        assert_eq!(open.json["maxPayload"], 1_000_000);
        assert_eq!(open.sid.len(), 20);
    }
    assert_eq!(polling.json["upgrades"], serde_json::json!(["websocket"]));
    assert_eq!(websocket.json["upgrades"], serde_json::json!([]));
    assert_ne!(polling.sid, websocket.sid);
}

#[tokio::test]
async fn a_bad_request_is_refused_with_its_code() {
    let world = World::new();
    let session = Polling::open(world.at(), PATH).await;
    let sid = &session.open.sid;
    let cases = [
        ("GET", "".to_owned(), 0),
        ("GET", "?EIO=4".into(), 0),
        ("GET", "?EIO=4&transport=".into(), 0),
        ("GET", "?EIO=4&transport=abc".into(), 0),
        ("GET", "?EIO=4&transport=constructor".into(), 0),
        ("GET", "?EIO=4&transport=webtransport".into(), 0),
        ("GET", "?EIO=4&transport=polling&sid=abc".into(), 1),
        ("POST", "?EIO=4&transport=polling".into(), 2),
        ("PUT", "?EIO=4&transport=polling".into(), 2),
        ("GET", "?EIO=4&transport=websocket".into(), 3),
        ("GET", format!("?EIO=4&transport=websocket&sid={sid}"), 3),
        ("GET", "?EIO=4&transport=polling&j=0".into(), 3),
        ("GET", format!("?EIO=3&transport=polling&sid={sid}"), 3),
        ("PUT", format!("?EIO=4&transport=polling&sid={sid}"), 3),
        ("GET", "?transport=polling".into(), 5),
        ("GET", "?EIO=abc&transport=polling".into(), 5),
        ("GET", "?EIO=3&transport=polling".into(), 5),
    ];
    for (method, query, code) in cases {
        let mut http = Http::connect(world.at()).await;
        http.request(method, &format!("{PATH}{query}"), &[], b"")
            .await;
        let reply = http.reply().await;
        assert!(
            reply.is_refusal(code),
            "{method} {query}: {} {}",
            reply.status,
            reply.text()
        );
        assert_eq!(reply.header("content-type"), Some("application/json"));
    }
    session.say("echo still here").await;
    assert_eq!(session.get().await.text(), "4echo still here");
}

#[tokio::test]
async fn a_bad_websocket_request_is_refused_with_its_code() {
    let world = World::new();
    let session = Polling::open(world.at(), PATH).await;
    let sid = &session.open.sid;
    let cases = [
        ("?EIO=4&transport=abc".to_owned(), 0),
        ("?EIO=4&transport=websocket&sid=abc".into(), 1),
        ("?EIO=4&transport=polling".into(), 3),
        // An upgrade under the name of a transport that has none (CVE-2023-31125).
        (format!("?EIO=4&transport=polling&sid={sid}"), 3),
        (format!("?EIO=3&transport=websocket&sid={sid}"), 3),
        ("?transport=websocket".into(), 5),
        ("?EIO=abc&transport=websocket".into(), 5),
    ];
    for (query, code) in cases {
        let http = Http::connect(world.at()).await;
        let reply = WebSocket::upgrade(http, &format!("{PATH}{query}"), &[]).await;
        let reply = reply.expect_err(&query);
        assert!(
            reply.is_refusal(code),
            "{query}: {} {}",
            reply.status,
            reply.text()
        );
    }
    session.say("echo still here").await;
    assert_eq!(session.get().await.text(), "4echo still here");
}

#[tokio::test]
async fn a_transport_that_is_switched_off_is_unknown() {
    let world = World::set_up(|io| {
        io.transports(Transports {
            polling: false,
            websocket: true,
        });
    });
    let reply = Http::connect(world.at())
        .await
        .get("/engine.io/?EIO=4&transport=polling")
        .await;
    assert!(reply.is_refusal(0));
    let mut websocket = WebSocket::connect(world.at(), WEBSOCKET).await;
    assert!(websocket.next_text().await.starts_with('0'));

    let world = World::set_up(|io| {
        io.transports(Transports {
            polling: true,
            websocket: false,
        });
    });
    let session = Polling::open(world.at(), PATH).await;
    assert_eq!(session.open.json["upgrades"], serde_json::json!([]));
    let refused = WebSocket::upgrade(
        Http::connect(world.at()).await,
        &session.target_by("websocket"),
        &[],
    )
    .await;
    assert!(refused.expect_err("it is off").is_refusal(0));

    let world = World::set_up(|io| {
        io.allow_upgrades(false);
    });
    let session = Polling::open(world.at(), PATH).await;
    assert_eq!(session.open.json["upgrades"], serde_json::json!([]));
    let mut websocket = WebSocket::connect(world.at(), WEBSOCKET).await;
    assert!(websocket.next_text().await.starts_with('0'));
}

#[tokio::test]
async fn pages_of_other_origins_are_refused_on_both_transports() {
    let world = World::new();
    let at = world.at();
    let host = ("origin", "http://localhost");
    let stranger = ("origin", "https://evil.example");
    for (origin, admitted) in [(host, true), (stranger, false)] {
        let mut http = Http::connect(at).await;
        http.request("GET", "/engine.io/?EIO=4&transport=polling", &[origin], b"")
            .await;
        let reply = http.reply().await;
        assert_eq!(reply.status == 200, admitted);
        let allowed = reply.header("access-control-allow-origin");
        assert_eq!(allowed, admitted.then_some("http://localhost"));
        for target in [WEBSOCKET, "/ws"] {
            let upgraded = WebSocket::upgrade(Http::connect(at).await, target, &[origin]).await;
            assert_eq!(upgraded.is_ok(), admitted);
            if let Err(reply) = upgraded {
                assert!(reply.is_refusal(4));
            }
        }
    }
    let anybody = World::set_up(|io| {
        io.origins(Origins::any());
    });
    let mut http = Http::connect(anybody.at()).await;
    http.request(
        "GET",
        "/engine.io/?EIO=4&transport=polling",
        &[stranger],
        b"",
    )
    .await;
    let reply = http.reply().await;
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    assert_eq!(reply.header("access-control-allow-credentials"), None);
}
