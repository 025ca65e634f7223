//! Whom operations reach: unions of rooms, without some, each socket once.

use std::collections::BTreeSet;

use ringside_gateway::Socket;
use ringside_tests::within;
use serde::{Deserialize, Serialize};

use super::{Dice, World, movable, synced};

const ROOMS: [&str; 5] = ["a", "b", "c", "d", "e"];

#[tokio::test]
async fn a_selector_reaches_the_union_of_rooms_minus_the_except_each_once() {
    let world = World::new(movable);
    let mut clients = world.clients(9).await;
    let mut model: Vec<BTreeSet<String>> = vec![BTreeSet::new(); clients.len()];
    let mut dice = Dice(0x5eed);
    for round in 0..300 {
        let at = dice.roll(9) as usize;
        let room = ROOMS[dice.roll(5) as usize];
        let joins = dice.roll(3) > 0;
        let verb = if joins { "join" } else { "leave" };
        let packet = format!(r#"2{round}["{verb}",["{room}"]]"#);
        let (client, _) = &mut clients[at];
        client.send(&packet).await;
        client.expect(&format!("3{round}[true]")).await;
        // The join travels to this very shard by its own lane: what comes back behind it has passed it.
        assert!(synced(client).await.is_empty());
        match joins {
            true => model[at].insert(room.to_owned()),
            false => model[at].remove(room),
        };

        let mut pick = |max: u64| -> Vec<String> {
            let count = dice.roll(max);
            let mut rooms: Vec<_> = (0..count)
                .map(|_| match dice.roll(7) {
                    own @ 0..=1 => clients[own as usize].1.clone(),
                    other => ROOMS[other as usize - 2].to_owned(),
                })
                .collect();
            rooms.dedup();
            rooms
        };
        let (to, except) = (pick(4), pick(3));
        let in_any = |socket: usize, rooms: &[String]| {
            rooms
                .iter()
                .any(|room| model[socket].contains(room) || clients[socket].1 == *room)
        };
        let expected: Vec<_> = (0..clients.len())
            .map(|socket| (to.is_empty() || in_any(socket, &to)) && !in_any(socket, &except))
            .collect();
        let target = world.io.to(&to).except(&except);
        target.emit("e", &round).unwrap();
        world.io.emit("end", &round).unwrap();
        for (socket, (client, _)) in clients.iter_mut().enumerate() {
            let got = client.until(&format!(r#"2["end",{round}]"#)).await;
            let wanted = match expected[socket] {
                true => vec![format!(r#"2["e",{round}]"#)],
                false => Vec::new(),
            };
            assert_eq!(
                got, wanted,
                "round {round}, socket {socket}: {to:?} except {except:?}"
            );
        }
        let found = within("sockets", world.io.to(&to).except(&except).fetch_sockets()).await;
        let found: BTreeSet<_> = found
            .unwrap()
            .iter()
            .map(|socket| socket.id().to_string())
            .collect();
        let wanted: BTreeSet<_> = (0..clients.len())
            .filter(|socket| expected[*socket])
            .map(|socket| clients[socket].1.clone())
            .collect();
        assert_eq!(found, wanted);
    }
}

#[tokio::test]
async fn a_socket_reaches_its_rooms_without_itself() {
    let world = World::new(|io| {
        movable(io);
        io.on(
            "say",
            |socket: &Socket, (rooms, except): (Vec<String>, Vec<String>)| {
                socket.to(rooms).except(except).emit("said", &()).is_ok()
            },
        );
    });
    let mut clients = world.clients(3).await;
    for (client, _) in &mut clients {
        client.send(r#"21["join",["x","y"]]"#).await;
        client.expect("31[true]").await;
    }
    let third = clients[2].1.clone();
    let (first, _) = &mut clients[0];
    synced(first).await;
    first
        .send(&format!(r#"22["say",["x","y"],["{third}"]]"#))
        .await;
    first.expect("32[true]").await;
    assert!(synced(first).await.is_empty());
    clients[1].0.expect(r#"2["said"]"#).await;
    world.io.emit("end", &()).unwrap();
    clients[1].0.expect(r#"2["end"]"#).await;
    clients[2].0.expect(r#"2["end"]"#).await;
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Player {
    name: String,
    score: u32,
}

#[tokio::test]
async fn sockets_are_fetched_with_rooms_and_data_and_moved_from_afar() {
    let world = World::new(|io| {
        io.on("name", |socket: &Socket, name: String| {
            socket.set_data(&Player { name, score: 7 }).is_ok()
        });
        io.on_async("rooms", |socket: Socket, ()| async move {
            let mut rooms = socket.rooms().await.unwrap();
            rooms.sort();
            rooms
        });
    });
    let mut clients = world.clients(4).await;
    clients[0].0.send(r#"21["name","ann"]"#).await;
    clients[0].0.expect("31[true]").await;
    world.io.everybody().sockets_join(["red", "blue"]).unwrap();
    world.io.to(&clients[3].1).sockets_leave("blue").unwrap();
    let found = within("sockets", world.io.to("blue").fetch_sockets())
        .await
        .unwrap();
    assert_eq!(found.len(), 3);
    let ann = found
        .iter()
        .find(|socket| socket.id().to_string() == clients[0].1)
        .unwrap();
    assert_eq!(
        ann.data(),
        Some(Player {
            name: "ann".to_owned(),
            score: 7
        })
    );
    let mut rooms = ann.rooms().to_vec();
    rooms.sort();
    assert_eq!(rooms, ["blue", "red"]);
    assert_eq!(ann.handshake()["query"]["transport"], "websocket");
    ann.join("gold").unwrap();
    ann.emit("won", &1).unwrap();
    clients[0].0.expect(r#"2["won",1]"#).await;
    clients[0].0.send(r#"22["rooms"]"#).await;
    clients[0].0.expect(r#"32[["blue","gold","red"]]"#).await;

    world.io.to("gold").disconnect_sockets(false).unwrap();
    clients[0].0.expect("1").await;
    // The connection stays, and may come in again.
    let again = clients[0].0.join("/", "").await;
    assert_ne!(again, clients[0].1);
    clients[0].0.send(r#"23["rooms"]"#).await;
    clients[0].0.expect("33[[]]").await;
    world.io.to("red").disconnect_sockets(true).unwrap();
    for (client, _) in &mut clients[1..] {
        client.expect("1").await;
        assert!(client.0.closed().await.is_some());
    }
    assert!(synced(&mut clients[0].0).await.is_empty());
}
