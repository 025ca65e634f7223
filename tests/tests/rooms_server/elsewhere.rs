//! Rooms that go on elsewhere: on another thread while they are played, and as a recording when they are over.

use std::time::Duration;

use ringside_client::Transport;
use ringside_rooms::RoomOptions;
use serde_json::{Value, json};

use crate::{
    walk::Walk,
    world::{Player, id, options, serve, until},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_moves_from_thread_to_thread_and_nobody_notices() {
    const MOVES: usize = 40;
    /// Ten each, which is what a room hears of a player at once.
    const MOVES_A_WORD: usize = 4;
    let server = serve(options(), None);
    let rooms = server.rooms();
    let new = || Player::new(&server, Transport::WebSocket);
    let (a, b) = (new(), new());
    let welcome = a.join(json!({ "create": "public" })).await;
    let code = welcome["room"].as_str().unwrap();
    let seat_of_a = id(&welcome);
    let seat_of_b = id(&b.join(json!({ "room": code })).await);
    until("both see both", || {
        [&a, &b]
            .iter()
            .all(|player| player.ticks(seat_of_a).min(player.ticks(seat_of_b)) > 0)
    })
    .await;
    // From here on both have had an input for every tick: the difference never changes.
    let apart = |player: &Player| {
        let decoder = player.decoder.lock().unwrap();
        let layer = Walk::new().walkers;
        let ticks = |seat| decoder.entity(layer, seat).unwrap().value.ticks;
        ticks(seat_of_a) - ticks(seat_of_b)
    };
    let before = apart(&a);
    let mut late = Vec::new();
    for n in 0..MOVES {
        let say = |player: &Player, by: char| {
            if n.is_multiple_of(MOVES_A_WORD) {
                player.socket.emit("say", &(format!("{by}{n}"),)).unwrap();
            }
        };
        say(&a, 'a');
        rooms.move_to(code, n % 2).unwrap();
        say(&b, 'b');
        if n % 10 == 5 {
            // In the middle of it, others come.
            let player = new();
            let welcome = player.join(json!({ "room": code })).await;
            late.push((id(&welcome), player));
        }
        let seen = (a.ticks(seat_of_a), b.ticks(seat_of_a));
        until("snapshots go on", || {
            a.ticks(seat_of_a) > seen.0 && b.ticks(seat_of_a) > seen.1
        })
        .await;
    }
    assert_eq!(
        (apart(&a), apart(&b)),
        (before, before),
        "a tick without an input, or with two"
    );
    let said = |player: &Player, by: char| -> Vec<String> {
        let heard = player.heard("e").into_iter();
        let texts =
            heard.map(|event| serde_json::from_str::<String>(event[2].as_str().unwrap()).unwrap());
        texts.filter(|text| text.starts_with(by)).collect()
    };
    let all = |by: char| -> Vec<String> {
        let words = (0..MOVES).step_by(MOVES_A_WORD);
        words.map(|n| format!("{by}{n}")).collect()
    };
    for player in [&a, &b] {
        until("all was heard", || {
            said(player, 'a').len() + said(player, 'b').len() >= 2 * MOVES / MOVES_A_WORD
        })
        .await;
        assert_eq!((said(player, 'a'), said(player, 'b')), (all('a'), all('b')));
    }
    for (seat, player) in &late {
        until("who came late plays, too", || player.ticks(*seat) > 3).await;
    }
    assert_eq!(rooms.list()[0].people as usize, 2 + late.len());
    let (mut last, mut threads) = (None, std::collections::BTreeSet::new());
    for n in 0..4 {
        rooms.move_to(code, n % 2).unwrap();
        until("the report says where it is", || {
            let worker = rooms.report(code).unwrap().worker;
            worker == n % 2 && rooms.threads()[worker].1 == 1
        })
        .await;
        threads.insert(rooms.report(code).unwrap().worker);
        last = Some(rooms.report(code).unwrap());
    }
    assert_eq!(threads.len(), 2);
    let inputs = last.unwrap().inputs;
    assert_eq!((inputs.malformed, inputs.flooded), (0, 0));
    assert_eq!(rooms.move_to("NOSUCH", 0).unwrap_err().code, "no-room");
    // To no thread, and to the one it is on: it stays.
    rooms.move_to(code, 7).unwrap();
    let seen = a.ticks(seat_of_a);
    until("it still runs", || a.ticks(seat_of_a) > seen + 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_room_recorded_is_watched_by_whoever_has_the_code() {
    let recorded = RoomOptions {
        replay: Some(Duration::from_secs(10)),
        ..options()
    };
    let server = serve(recorded, None);
    let rooms = server.rooms();
    let player = Player::new(&server, Transport::WebSocket);
    let welcome = player.join(json!({ "name": "A" })).await;
    let seat = id(&welcome);
    until("half a second is played", || player.ticks(seat) > 30).await;
    let file = rooms.replay(welcome["room"].as_str().unwrap()).unwrap();
    let file = file.expect("it records");
    let listed = rooms.list().len();
    let film = rooms.play("walk", file).unwrap();

    let viewer = Player::new(&server, Transport::Polling);
    let shown = viewer.join(json!({ "room": film, "watch": true })).await;
    assert_eq!((&shown["id"], &shown["room"]), (&Value::Null, &json!(film)));
    until("the recording plays", || viewer.ticks(seat) > 5).await;
    // It is private: nobody is put there who did not ask for it, and there is nobody to play with.
    let other = Player::new(&server, Transport::WebSocket);
    assert_eq!(other.join(json!({})).await["room"], welcome["room"]);
    assert_eq!(rooms.list().len(), listed + 1);
    until("it is over, and said so", || {
        viewer.heard("bye").iter().any(|bye| bye["code"] == "over")
    })
    .await;
    until("the room is gone", || rooms.list().len() == listed).await;
    assert!(viewer.ticks(seat) >= 30);
    // What is no recording is no room.
    let broken = rooms.play("walk", b"no film".to_vec()).unwrap();
    until("nothing is left of it", || rooms.report(&broken).is_err()).await;
}
