//! A messenger: rooms, names, who is typing, and what was said before.
//!
//! `cargo run -p ringside-gateway --example chat`, then open the address it prints in two tabs.

use std::{
    collections::{HashMap, VecDeque},
    error::Error,
    sync::{Arc, Mutex},
};

use ringside_gateway::{Gateway, Page, Recovery, Socket};
use serde::{Deserialize, Serialize};

/// Messages a room remembers for those who come later.
const REMEMBERED: usize = 50;

/// Rooms that are remembered at once: visitors choose their names.
const ROOMS_MAX: usize = 1_000;

#[derive(Clone, Serialize)]
struct Message {
    from: String,
    text: String,
}

/// Who somebody is, kept as the socket's data: it survives a lost connection.
#[derive(Clone, Deserialize, Serialize)]
struct Person {
    name: String,
    room: String,
}

type History = Arc<Mutex<HashMap<String, VecDeque<Message>>>>;

fn main() -> Result<(), Box<dyn Error>> {
    let history = History::default();
    let mut io = Gateway::builder();
    io.page("/", Page::html(include_str!("chat.html")));
    io.recovery(Recovery::default());

    let said = history.clone();
    io.on("join", move |socket: &Socket, person: Person| {
        if let Some(before) = socket.data::<Person>() {
            // Leaving fails only when the socket is gone, and then it is in no room.
            let _ = socket.leave(&before.room);
        }
        socket.set_data(&person).ok()?;
        socket.join(&person.room).ok()?;
        socket.to(&person.room).emit("joined", &person.name).ok()?;
        let said = said.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        Some(said.get(&person.room).cloned().unwrap_or_default())
    });
    io.on("message", move |socket: &Socket, text: String| {
        let Some(Person { name: from, room }) = socket.data() else {
            return false;
        };
        let message = Message { from, text };
        let sent = socket.to(&room).emit("message", &message).is_ok();
        remember(&history, room, message);
        sent
    });
    io.on("typing", |socket: &Socket, ()| {
        if let Some(person) = socket.data::<Person>() {
            // Who is behind need not know.
            let _ = socket
                .volatile()
                .to(&person.room)
                .emit("typing", &person.name);
        }
    });
    io.of("/").on_disconnecting(|socket, _, rooms| {
        if let Some(person) = socket.data::<Person>() {
            let _ = socket.to(rooms).emit("left", &person.name);
        }
    });

    let io = io.listen(("127.0.0.1", port()))?;
    println!("listening on http://{}", io.address());
    io.wait();
    Ok(())
}

fn remember(history: &History, room: String, message: Message) {
    let mut history = history
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    if history.len() >= ROOMS_MAX && !history.contains_key(&room) {
        return;
    }
    let said = history.entry(room).or_default();
    said.push_back(message);
    if said.len() > REMEMBERED {
        said.pop_front();
    }
}

/// The first argument, or 3000.
fn port() -> u16 {
    let argument = std::env::args().nth(1);
    argument.and_then(|port| port.parse().ok()).unwrap_or(3000)
}
