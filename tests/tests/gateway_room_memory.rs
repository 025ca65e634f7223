//! What rooms cost in memory: a membership of a room that is there at most 64 bytes, a new room at most 512, a socket's own
//! room nothing.
//!
//! Measured as the growth of this process, clients included, which do not grow meanwhile: over so many rooms that a
//! page more or less does not count. Leaves out: what an idle session costs, which the load generator measures.

use ringside_gateway::{Gateway, Limits, Target};
use ringside_tests::{bystander::resident, peer::SocketIo, world::unpaced};

const CLIENTS: usize = 400;
/// Rooms that all of them join.
const SHARED: usize = 400;
/// Rooms that each joins alone.
const ALONE: usize = 250;

type Clients = [(SocketIo, String)];

/// Has some join, and waits until they have.
async fn joined(io: &Gateway, clients: &mut Clients, all: Target, rooms: &[String]) {
    all.sockets_join(rooms).expect("they join");
    // Behind it on the same path: it has happened when this comes.
    io.to(&rooms[rooms.len() - 1]).emit("in", &()).unwrap();
    for (client, _) in clients {
        client.expect(r#"2["in"]"#).await;
    }
}

#[tokio::test]
async fn rooms_cost_what_they_should() {
    let mut io = Gateway::builder();
    io.shards(2).pinned(false).limits(Limits {
        rooms: SHARED + ALONE + 1,
        ..unpaced()
    });
    let io = io.listen("127.0.0.1:0").expect("a free port");
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(SocketIo::connect(io.address()).await);
    }
    // What is made on first use is made.
    joined(&io, &mut clients, io.everybody(), &["first".to_owned()]).await;

    let rooms: Vec<_> = (0..SHARED).map(|n| format!("room {n:05}")).collect();
    let before = resident();
    joined(&io, &mut clients, io.everybody(), &rooms).await;
    let membership = (resident() - before) / (CLIENTS * SHARED);

    let before = resident();
    for (at, client) in clients.iter_mut().enumerate() {
        let rooms: Vec<_> = (0..ALONE).map(|n| format!("room {at:03} {n:03}")).collect();
        let only = io.to(&client.1);
        joined(&io, std::slice::from_mut(client), only, &rooms).await;
    }
    let room = (resident() - before) / (CLIENTS * ALONE);
    println!("{membership} bytes a membership, {room} bytes a new room with its first member");
    assert!(membership <= 64, "{membership} bytes a membership");
    assert!(room <= 512, "{room} bytes a new room");

    // Every socket is in its own room, and no table knows of it.
    for (client, id) in &mut clients {
        io.to(&*id).emit("own", &()).unwrap();
        client.expect(r#"2["own"]"#).await;
    }
    assert_eq!(io.stats().joins_refused, 0);
    io.stop();
    io.wait();
}
