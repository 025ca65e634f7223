//! Who is put where: by chance, by a room's code, from a lobby's list, or out of a queue.

use ringside_client::Transport;
use ringside_rooms::PlayerId;
use serde_json::{Value, json};

use crate::world::{Player, id, options, serve, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rooms_are_found_by_chance_by_code_and_in_a_lobby() {
    let server = serve(options(), None);
    let new = || Player::new(&server, Transport::WebSocket);
    let (a, b, c, lobby) = (new(), new(), new(), new());
    assert_eq!(lobby.ask("lobby", json!("walk")).await, json!([]));
    let first = a.join(json!({ "name": "A" })).await;
    let second = b.join(json!({ "name": "B" })).await;
    assert_eq!(first["room"], second["room"], "they are put together");
    assert_ne!(id(&first), id(&second));
    let private = c.join(json!({ "name": "C", "create": "private" })).await;
    assert_ne!(private["room"], first["room"]);
    let code = private["room"].as_str().unwrap().to_lowercase();
    let found = b.join(json!({ "name": "B", "room": code })).await;
    assert_eq!(found["room"], private["room"]);
    let nowhere = a.join(json!({ "room": "NOSUCH" })).await;
    assert_eq!(nowhere["code"], "no-room");

    let listed = a.ask("list", json!("walk")).await;
    assert_eq!(
        listed.as_array().unwrap().len(),
        1,
        "private rooms are not listed: {listed}"
    );
    until("the lobby hears of the public room alone", || {
        let told = lobby.heard("rooms");
        let all: Vec<&Value> = told
            .iter()
            .flat_map(|list| list.as_array().unwrap())
            .collect();
        assert!(all.iter().all(|room| room["room"] == first["room"]));
        all.iter().any(|room| room["people"] == 1)
    })
    .await;

    let rooms = server.rooms();
    let public = first["room"].as_str().unwrap();
    rooms.lock(public, true).unwrap();
    until("the room is locked", || {
        rooms.list().iter().any(|room| room.locked)
    })
    .await;
    let d = new();
    assert_eq!(d.join(json!({ "room": public })).await["code"], "locked");
    rooms.kick(public, PlayerId(id(&first)), "enough").unwrap();
    until("A is sent away", || {
        a.heard("bye").iter().any(|bye| bye["reason"] == "enough")
    })
    .await;

    let hidden = private["room"].as_str().unwrap();
    for room in [hidden, public] {
        rooms.close(room, "for today").unwrap();
        until("it is over", || rooms.report(room).is_err()).await;
    }
    until("the lobby hears of the public room's end alone", || {
        let told = lobby.heard("rooms");
        let mut all = told.iter().flat_map(|list| list.as_array().unwrap());
        assert!(all.clone().all(|room| room["room"] == first["room"]));
        all.any(|room| room["closed"] == true)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_puts_those_together_who_are_still_there() {
    let server = serve(options(), None);
    let new = || Player::new(&server, Transport::WebSocket);
    let (a, b, gone, c) = (new(), new(), new(), new());
    assert_eq!(
        a.join(json!({ "queue": "gold" })).await,
        json!({ "waiting": 1, "needed": 3 })
    );
    assert_eq!(gone.join(json!({ "queue": "gold" })).await["waiting"], 2);
    gone.socket.disconnect();
    until("who has gone does not wait", || {
        server.rooms().sockets().1 == 1
    })
    .await;
    assert_eq!(b.join(json!({ "queue": "gold" })).await["waiting"], 2);
    until("A hears of B", || {
        a.heard("queue").iter().any(|q| q["waiting"] == 2)
    })
    .await;
    assert_eq!(c.join(json!({ "queue": "gold" })).await["waiting"], 3);
    let mut rooms = Vec::new();
    for player in [&a, &b, &c] {
        until("everybody is placed", || !player.heard("placed").is_empty()).await;
        let placed = player.heard("placed")[0].clone();
        let welcome = player
            .join(json!({ "room": placed["room"], "token": placed["token"] }))
            .await;
        rooms.push((welcome["room"].clone(), id(&welcome)));
    }
    assert!(rooms.iter().all(|(room, _)| *room == rooms[0].0));
    assert_eq!(server.rooms().sockets(), (3, 0));
}
