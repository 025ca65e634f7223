//! A server of walks on a port the system picks, players who hear and see, and waiting for a condition with a deadline.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use ringside_client::{Options, Socket, Transport, io};
use ringside_netcode::{bits::BitWriter, snapshot::Decoder};
use ringside_rooms::{Game, RoomOptions, Server};
use serde_json::Value;

use crate::walk::Walk;

pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) fn options() -> RoomOptions {
    RoomOptions {
        seats: 32,
        save_every: Duration::from_millis(100),
        ..RoomOptions::default()
    }
}

pub(crate) fn serve(options: RoomOptions, folder: Option<&PathBuf>) -> Server {
    let mut server = Server::builder();
    server.workers(2);
    server.define("walk", options, |_| Walk::new()).group(3);
    if let Some(folder) = folder {
        server.keep_in(folder);
    }
    server.listen("127.0.0.1:0").unwrap()
}

/// A client, and what it has heard.
pub(crate) struct Player {
    pub(crate) socket: Socket,
    heard: Arc<Mutex<Vec<(String, Value)>>>,
    pub(crate) decoder: Arc<Mutex<Decoder>>,
}

impl Player {
    pub(crate) fn new(server: &Server, transport: Transport) -> Self {
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
        let decoder = Arc::new(Mutex::new(Decoder::new(Walk::new().layers().clone())));
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

    pub(crate) async fn ask(&self, event: &str, request: Value) -> Value {
        let answer = self
            .socket
            .timeout(DEADLINE)
            .emit_with_ack(event, &(request,));
        answer.await.expect("it is answered")
    }

    pub(crate) async fn join(&self, request: Value) -> Value {
        self.ask("join", request).await
    }

    /// Ticks that the server says the player had.
    pub(crate) fn ticks(&self, player: u16) -> u32 {
        let decoder = self.decoder.lock().unwrap();
        let layer = Walk::new().walkers;
        decoder
            .entity(layer, player)
            .map_or(0, |walker| walker.value.ticks)
    }

    pub(crate) fn heard(&self, event: &str) -> Vec<Value> {
        let heard = self.heard.lock().unwrap();
        let fitting = heard.iter().filter(|(name, _)| name == event);
        fitting.map(|(_, value)| value.clone()).collect()
    }
}

pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    let mut looks = tokio::time::interval(Duration::from_millis(5));
    while !holds() {
        assert!(Instant::now() < deadline, "{what}, within {DEADLINE:?}");
        looks.tick().await;
    }
}

pub(crate) fn id(welcome: &Value) -> u16 {
    welcome["id"]
        .as_u64()
        .unwrap_or_else(|| panic!("no welcome: {welcome}")) as u16
}
