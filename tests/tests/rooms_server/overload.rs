//! A room thread that is so far behind that it takes no more letters: whoever asks meanwhile is answered, and is no worse
//! off than before.

use std::sync::{Arc, Mutex, mpsc::sync_channel};

use ringside_client::Transport;
use ringside_rooms::{RoomOptions, Server};
use serde_json::json;

use crate::{
    walk::Walk,
    world::{Player, id, options, until},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_while_a_thread_is_far_behind_is_told_so_and_can_come_again() {
    let (open, gate) = sync_channel(0);
    let gate = Arc::new(Mutex::new(gate));
    let options = RoomOptions {
        seats: 3,
        ..options()
    };
    let mut server = Server::builder();
    server.workers(1);
    server
        .define("walk", options, move |_| Walk::behind(gate.clone()))
        .group(3);
    let server = server.listen("127.0.0.1:0").unwrap();
    let rooms = server.rooms();
    let new = || Player::new(&server, Transport::WebSocket);
    let (a, b, c, d, e) = (new(), new(), new(), new(), new());
    let room = a.join(json!({ "create": "public" })).await["room"].clone();
    let code = room.as_str().unwrap();
    b.join(json!({ "queue": "gold" })).await;
    c.join(json!({ "queue": "gold" })).await;

    a.socket.emit("say", &("wait",)).unwrap();
    until("the thread waits", || open.try_send(()).is_ok()).await;
    until("the thread takes no more", || {
        (0..10_000).any(|_| rooms.lock(code, false).is_err())
    })
    .await;
    // Once for each seat that is left.
    for _ in 0..2 {
        assert_eq!(d.join(json!({ "room": room })).await["code"], "busy");
    }
    assert_eq!(e.join(json!({ "queue": "gold" })).await["code"], "busy");
    assert_eq!(rooms.sockets(), (1, 2), "A sits, B and C wait");

    drop(open);
    until("the thread takes letters", || {
        rooms.lock(code, false).is_ok()
    })
    .await;
    // No seat was lost to those who were turned away.
    id(&d.join(json!({ "room": room })).await);
    let last = e.join(json!({ "queue": "gold" })).await;
    assert_eq!(last, json!({ "waiting": 3, "needed": 3 }));
    for player in [&b, &c, &e] {
        until("everybody is placed", || !player.heard("placed").is_empty()).await;
    }
}
