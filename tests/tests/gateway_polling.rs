//! Long-polling under races: what happens when requests of one session overlap, break off, come too
//! late or land on another shard than the session's.
//!
//! Each race is run twice where it can be: with requests that land on the owner, and on another
//! shard. The outcomes are those of the reference (npm engine.io), unless a test says otherwise.

#[path = "gateway_polling/bodies.rs"]
mod bodies;
#[path = "gateway_polling/direct.rs"]
mod direct;
#[path = "gateway_polling/races.rs"]
mod races;
#[path = "gateway_polling/upgrades.rs"]
mod upgrades;

use ringside_tests::{
    peer::{Http, Place, Polling, WebSocket, shard_of},
    world::{PATH, World},
};

/// Each further request finds no session.
async fn assert_dead(session: &Polling) {
    let reply = session.get().await;
    assert!(reply.is_refusal(1), "{}", reply.text());
    let reply = session.post(b"4late").await;
    assert!(reply.is_refusal(1), "{}", reply.text());
}

/// It takes messages and answers them.
async fn assert_alive(session: &Polling) {
    session.say("echo still here").await;
    let reply = session.get().await;
    assert_eq!((reply.status, reply.text()), (200, "4echo still here"));
}

/// A POST of which only the head was sent, and the server has agreed to read its body.
async fn begin_post(session: &Polling, place: Place, length: usize) -> Http {
    let mut http = session.connection(place).await;
    let target = session.target();
    let head = format!(
        "POST {target} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\nexpect: 100-continue\r\n\r\n"
    );
    http.send(head.as_bytes()).await.unwrap();
    assert_eq!(http.reply().await.status, 100);
    http
}

#[tokio::test]
async fn a_session_of_another_shard_is_served_by_every_shard() {
    let mut world = World::new();
    let (session, _) = world.polling().await;
    let mut own = session.connection(Place::Own).await;
    let mut other = session.connection(Place::Other).await;
    for round in 0..20 {
        let (text, reply) = (format!("4echo {round}"), format!("4echo {round}"));
        let (post, get) = match round % 2 {
            0 => (&mut own, &mut other),
            _ => (&mut other, &mut own),
        };
        assert_eq!(
            post.post(&session.target(), text.as_bytes()).await.text(),
            "ok"
        );
        assert_eq!(get.get(&session.target()).await.text(), reply);
    }
}

#[tokio::test]
async fn a_wrong_sid_is_unknown_on_every_way_in() {
    let world = World::new();
    let session = Polling::open(world.at(), PATH).await;
    let real = session.open.sid.as_bytes();
    // The same shard, another random part; a shard that does not exist; no sid at all.
    let mut guessed = real.to_vec();
    guessed[19] = if real[19] == b'A' { b'B' } else { b'A' };
    let guessed = String::from_utf8(guessed).unwrap();
    assert_eq!(shard_of(&guessed), shard_of(&session.open.sid));
    let nowhere = format!("__{}", &session.open.sid[2..]);
    for sid in [&*guessed, &*nowhere, "x", "AAAAAAAAAAAAAAAAAAAA", "%00"] {
        let at = world.at();
        let target = |by| format!("{PATH}?EIO=4&transport={by}&sid={sid}");
        let get = Http::connect(at).await.get(&target("polling")).await;
        assert!(get.is_refusal(1), "{sid}: {}", get.text());
        let post = Http::connect(at)
            .await
            .post(&target("polling"), b"4hi")
            .await;
        assert!(post.is_refusal(1), "{sid}: {}", post.text());
        let refused = WebSocket::upgrade(Http::connect(at).await, &target("websocket"), &[]).await;
        let refused = refused.expect_err("no session, no upgrade");
        assert!(refused.is_refusal(1), "{sid}: {}", refused.text());
    }
    assert_alive(&session).await;
}
