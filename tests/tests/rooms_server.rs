//! A game server with its threads and sockets, met by our own client: matchmaking, seats over restarts and
//! storms, a room that panics.
//!
//! Every wait is for a condition with a deadline; ports are picked by the system. What a room promises by
//! itself is proved on simulated time, in the crate.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use ringside_client::{Options, Socket, Transport, io};
use ringside_netcode::{
    Replicate,
    bits::BitWriter,
    input::Input,
    interest::View,
    snapshot::{Capture, Decoder, EntityId, LayerId, Layers},
};
use ringside_rooms::{
    Audience, Cx, Game, Keep, Leave, LoadError, PlayerId, Refusal, RoomOptions, Server, Subscriber,
    Who,
};
use serde_json::{Value, json, value::RawValue};

#[path = "rooms_server/elsewhere.rs"]
mod elsewhere;

const DEADLINE: Duration = Duration::from_secs(20);

#[derive(Clone, Default, PartialEq, Replicate)]
struct Step {
    by: u8,
}

impl Input for Step {
    fn repeated(&self) -> Self {
        Self::default()
    }
}

#[derive(Clone, Copy, Replicate)]
struct Walker {
    ticks: u32,
}

/// A game that counts the ticks of each of its players, and falls over when told to.
struct Walk {
    layers: Layers,
    walkers: LayerId<Walker>,
    ticks: BTreeMap<PlayerId, u32>,
}

impl Walk {
    fn new() -> Self {
        let mut layers = Layers::new();
        let walkers = layers.add(1);
        let ticks = BTreeMap::new();
        Self {
            layers,
            walkers,
            ticks,
        }
    }
}

impl Game for Walk {
    type Input = Step;
    type Event = String;

    fn layers(&self) -> &Layers {
        &self.layers
    }

    fn join(&mut self, _: &mut Cx<'_, Self>, player: PlayerId, _: &Who) -> Result<(), Refusal> {
        self.ticks.insert(player, 0);
        Ok(())
    }

    fn leave(&mut self, _: &mut Cx<'_, Self>, player: PlayerId, why: Leave) -> Keep {
        if why == Leave::Lost {
            return Keep::For(DEADLINE);
        }
        self.ticks.remove(&player);
        Keep::Drop
    }

    fn tick(&mut self, cx: &mut Cx<'_, Self>) {
        for given in cx.inputs() {
            *self.ticks.entry(given.player).or_default() += 1;
        }
    }

    fn capture(&self, into: &mut Capture<'_>) {
        let cell = self.layers.cell(self.walkers, 0);
        for (id, ticks) in &self.ticks {
            let walker = Walker { ticks: *ticks };
            into.add(self.walkers, EntityId::new(id.0, 0), cell, &walker);
        }
    }

    fn interest(&self, _: Subscriber, view: &mut View) {
        view.insert(self.layers.cell(self.walkers, 0), 1);
    }

    fn message(&mut self, cx: &mut Cx<'_, Self>, _: PlayerId, message: &RawValue) {
        assert_ne!(message.get(), "\"fall over\"", "it was told to");
        cx.emit(Audience::All, &message.get().to_owned());
    }

    fn save(&self) -> Option<Vec<u8>> {
        serde_json::to_vec(&self.ticks.iter().collect::<Vec<_>>()).ok()
    }

    fn load(bytes: &[u8]) -> Result<Self, LoadError> {
        let ticks: Vec<(PlayerId, u32)> =
            serde_json::from_slice(bytes).map_err(|_| LoadError::Damaged)?;
        let mut game = Self::new();
        game.ticks = ticks.into_iter().collect();
        Ok(game)
    }
}

fn options() -> RoomOptions {
    RoomOptions {
        seats: 32,
        save_every: Duration::from_millis(100),
        ..RoomOptions::default()
    }
}

fn serve(options: RoomOptions, folder: Option<&PathBuf>) -> Server {
    let mut server = Server::builder();
    server.workers(2);
    server.define("walk", options, |_| Walk::new()).group(3);
    if let Some(folder) = folder {
        server.keep_in(folder);
    }
    server.listen("127.0.0.1:0").unwrap()
}

/// A client, and what it has heard.
struct Player {
    socket: Socket,
    heard: Arc<Mutex<Vec<(String, Value)>>>,
    decoder: Arc<Mutex<Decoder>>,
}

impl Player {
    fn new(server: &Server, transport: Transport) -> Self {
        let options = Options {
            transports: vec![transport],
            force_new: true,
            reconnection: false,
            ..Options::default()
        };
        let socket = io(&format!("http://{}", server.address()), options).unwrap();
        let heard = Arc::<Mutex<Vec<_>>>::default();
        for event in ["e", "bye", "rooms", "queue", "placed", "left"] {
            let heard = heard.clone();
            socket.on(event, move |_, value: Value| {
                heard.lock().unwrap().push((event.to_owned(), value));
            });
        }
        let decoder = Arc::new(Mutex::new(Decoder::new(Walk::new().layers)));
        let seen = decoder.clone();
        socket.on("s", move |socket, bytes: bytes::Bytes| {
            let mut decoder = seen.lock().unwrap();
            // Frames of before a restart mean nothing to it, and are turned away.
            if decoder.read(&bytes).is_ok()
                && let Some((newest, _)) = decoder.acknowledgement()
            {
                // Acknowledged, and no inputs.
                let mut packet = BitWriter::new();
                packet.put_bool(true);
                packet.put(newest.into(), 16);
                packet.put_bool(false);
                packet.put(0, 16 + 4);
                let packet = bytes::Bytes::from(packet.into_bytes());
                // It has gone meanwhile: nobody waits for this.
                let _ = socket.emit("i", &packet);
            }
        });
        Self {
            socket,
            heard,
            decoder,
        }
    }

    async fn ask(&self, event: &str, request: Value) -> Value {
        let answer = self
            .socket
            .timeout(DEADLINE)
            .emit_with_ack(event, &(request,));
        answer.await.expect("it is answered")
    }

    async fn join(&self, request: Value) -> Value {
        self.ask("join", request).await
    }

    /// Ticks that the server says the player had.
    fn ticks(&self, player: u16) -> u32 {
        let decoder = self.decoder.lock().unwrap();
        let layer = Walk::new().walkers;
        decoder
            .entity(layer, player)
            .map_or(0, |walker| walker.value.ticks)
    }

    fn heard(&self, event: &str) -> Vec<Value> {
        let heard = self.heard.lock().unwrap();
        let fitting = heard.iter().filter(|(name, _)| name == event);
        fitting.map(|(_, value)| value.clone()).collect()
    }
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    let mut looks = tokio::time::interval(Duration::from_millis(5));
    while !holds() {
        assert!(Instant::now() < deadline, "{what}, within {DEADLINE:?}");
        looks.tick().await;
    }
}

fn id(welcome: &Value) -> u16 {
    welcome["id"]
        .as_u64()
        .unwrap_or_else(|| panic!("no welcome: {welcome}")) as u16
}

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

/// Small rooms of four at 20 Hz on one thread: a hundred, or as many as `RINGSIDE_SMALL_ROOMS` says, which is a
/// measurement that wants a quiet machine. Bots play them, so it is the thread's own work that is measured,
/// without the frames of people.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn many_small_rooms_keep_their_ticks() {
    let asked = std::env::var("RINGSIDE_SMALL_ROOMS").ok();
    let count: usize = asked.as_ref().map_or(100, |text| text.parse().unwrap());
    let options = RoomOptions {
        seats: 4,
        bots: 4,
        empty_for: None,
        step: ringside_rooms::StepConfig {
            hz: 20,
            snapshot_every: 1,
            ..Default::default()
        },
        ..RoomOptions::default()
    };
    let mut server = Server::builder();
    server.workers(1);
    server.define("walk", options, |_| Walk::new()).open(count);
    let server = server.listen("127.0.0.1:0").unwrap();
    let rooms = server.rooms();
    until("all rooms run", || {
        let list = rooms.list();
        list.len() == count
            && list
                .iter()
                .all(|room| rooms.report(&room.room).unwrap().tick > 100)
    })
    .await;
    let mut late: Vec<u64> = Vec::new();
    let mut dropped = 0;
    for room in rooms.list() {
        let report = rooms.report(&room.room).unwrap();
        late.push(report.late_us.1);
        dropped += report.dropped;
    }
    late.sort_unstable();
    let (busy, open) = rooms.threads()[0];
    println!(
        "{open} rooms, the thread {}.{} % busy; p99 late of the rooms: median {} us, worst {} us; {dropped} steps dropped",
        busy / 10,
        busy % 10,
        late[count / 2],
        late[count - 1],
    );
    let nearly_all = late[count * 99 / 100];
    assert!(
        asked.is_none() || nearly_all <= 5_000,
        "99 of 100 rooms: {nearly_all} us"
    );
}
