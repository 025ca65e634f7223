//! What players survive: a room that panics, a server that is killed, connections that break again and again.

use ringside_client::Transport;
use serde_json::{Value, json};

use crate::world::{Player, id, options, serve, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_that_panics_ends_with_a_reason_and_others_go_on() {
    let server = serve(options(), None);
    let (a, b) = (
        Player::new(&server, Transport::WebSocket),
        Player::new(&server, Transport::WebSocket),
    );
    let doomed = a.join(json!({ "create": "public" })).await;
    let other = b.join(json!({ "create": "public" })).await;
    assert_ne!(doomed["room"], other["room"]);
    a.socket.emit("say", &("fall over",)).unwrap();
    until("A is told", || {
        a.heard("bye").iter().any(|bye| bye["code"] == "crashed")
    })
    .await;
    let before = b.ticks(id(&other));
    b.socket.emit("say", &("still here",)).unwrap();
    until("B plays on", || {
        b.ticks(id(&other)) > before + 3 && !b.heard("e").is_empty()
    })
    .await;
    until("the room is gone", || server.rooms().list().len() == 1).await;
    // Whoever was in it can play elsewhere at once.
    assert_eq!(a.join(json!({})).await["room"], other["room"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_game_that_panics_when_it_is_saved_takes_no_other_room_along() {
    let folder = std::env::temp_dir().join(format!("ringside-saving-{}", std::process::id()));
    let server = serve(options(), Some(&folder));
    let new = || Player::new(&server, Transport::WebSocket);
    // Two on each thread, of which one falls.
    let players = [new(), new(), new(), new()];
    let mut welcomes = Vec::new();
    for player in &players {
        welcomes.push(player.join(json!({ "create": "public" })).await);
    }
    for doomed in &players[..2] {
        let word = "fall over when saved";
        doomed.socket.emit("say", &(word,)).unwrap();
        until("it is told", || {
            doomed
                .heard("bye")
                .iter()
                .any(|bye| bye["code"] == "crashed")
        })
        .await;
    }
    for (player, welcome) in players.iter().zip(&welcomes).skip(2) {
        let before = player.ticks(id(welcome));
        until("others play on", || player.ticks(id(welcome)) > before + 30).await;
    }
    drop(server);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_saved_room_is_restored_once() {
    let server = serve(options(), None);
    let rooms = server.rooms();
    let code = rooms.open("walk", false).unwrap();
    let saved = rooms.save(&code).unwrap().expect("walks save");
    let again = || rooms.restore("walk", &code, true, saved.clone());
    assert_eq!(again().unwrap_err().code, "taken");
    rooms.close(&code, "to be restored").unwrap();
    until("it is over", || rooms.report(&code).is_err()).await;
    again().unwrap();
    assert_eq!(again().unwrap_err().code, "taken");
    assert_eq!(rooms.list().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn players_resume_their_seats_after_the_server_is_killed() {
    let folder = std::env::temp_dir().join(format!("ringside-rooms-{}", std::process::id()));
    let (kept, at_death) = (folder.join("kept"), folder.join("at-death"));
    let server = serve(options(), Some(&kept));
    let mut seats = Vec::new();
    for n in 0..8 {
        let player = Player::new(&server, Transport::WebSocket);
        let welcome = player.join(json!({ "name": format!("P{n}") })).await;
        until("it plays", || player.ticks(id(&welcome)) > 20).await;
        seats.push((welcome, player));
    }
    let file = || {
        std::fs::read_dir(&kept)
            .unwrap()
            .filter_map(Result::ok)
            .find(|f| {
                f.path().extension().is_some_and(|e| e == "room")
                    && std::fs::read(f.path())
                        .is_ok_and(|bytes| bytes.windows(4).any(|w| w == b"\"P7\""))
            })
    };
    until("all of them are in the file", || file().is_some()).await;
    // What lies on the disk at this moment is what a killed server leaves behind.
    std::fs::create_dir_all(&at_death).unwrap();
    let file = file().unwrap();
    std::fs::copy(file.path(), at_death.join(file.file_name())).unwrap();
    drop(server);

    let server = serve(options(), Some(&at_death));
    for (n, (before, _)) in seats.iter().enumerate() {
        // By the other transport, half of them.
        let transport = if n % 2 == 0 {
            Transport::Polling
        } else {
            Transport::WebSocket
        };
        let player = Player::new(&server, transport);
        let claim = json!({
            "room": before["room"], "token": before["token"], "lastEvent": before["lastEvent"],
        });
        let after = player.join(claim).await;
        assert_eq!(
            (id(&after), &after["resumed"]),
            (id(before), &json!(true)),
            "{after}"
        );
        assert_eq!(after["room"], before["room"]);
        until("its game goes on", || player.ticks(id(before)) > 20).await;
        player.socket.disconnect();
    }
    drop(server);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_reconnect_storms_leave_no_ghost() {
    const PLAYERS: usize = 12;
    let server = serve(options(), None);
    let rooms = server.rooms();
    let mut seats: Vec<(Value, Player)> = Vec::new();
    for _ in 0..PLAYERS {
        let player = Player::new(&server, Transport::WebSocket);
        seats.push((player.join(json!({})).await, player));
    }
    for storm in 0..100 {
        let mut coming = Vec::new();
        for (n, (welcome, old)) in seats.drain(..).enumerate() {
            // Some say goodbye to the socket, some are cut, some are only replaced.
            match (n + storm) % 3 {
                0 => drop(old.socket.disconnect()),
                1 => old.socket.io().drop_connection(),
                _ => {}
            }
            let transport = if (n + storm) % 7 == 0 {
                Transport::Polling
            } else {
                Transport::WebSocket
            };
            let player = Player::new(&server, transport);
            let claim = json!({ "room": welcome["room"], "token": welcome["token"] });
            coming.push(async move { (player.join(claim).await, welcome, player, old) });
        }
        for coming in coming {
            let (after, before, player, old) = coming.await;
            assert_eq!((id(&after), &after["resumed"]), (id(&before), &json!(true)));
            old.socket.disconnect();
            seats.push((after, player));
        }
    }
    until("everybody sits once", || {
        let people: u32 = rooms.list().iter().map(|room| room.people).sum();
        (people as usize, rooms.sockets()) == (PLAYERS, (PLAYERS, 0))
    })
    .await;
    for (_, player) in &seats {
        assert_eq!(
            player
                .socket
                .emit_with_ack::<Value>("leave", &())
                .await
                .unwrap(),
            json!(true)
        );
    }
    until("nobody is left behind", || {
        let people: u32 = rooms.list().iter().map(|room| room.people).sum();
        (people, rooms.sockets()) == (0, (0, 0))
    })
    .await;
}
