//! A whiteboard: strokes as they are drawn, cursors as they move, and all of it for who comes later.
//!
//! `cargo run -p ringside-gateway --example whiteboard`, then open the address it prints in two tabs; each
//! path below `/board-` of its namespace is a board of its own (`?board=7`).

use std::{
    collections::HashMap,
    error::Error,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use ringside_gateway::{Gateway, Key, Page, Socket};

/// Strokes a board keeps: 10,000 of some 100 bytes are 1 MB.
const STROKES_MAX: usize = 10_000;

/// A stroke is a colour and points, as bytes of the page's making.
const STROKE_BYTES_MAX: usize = 4_096;

type Boards = Arc<Mutex<HashMap<String, Vec<Bytes>>>>;

/// Where a pointer is, between 0 and 1.
type Point = (f32, f32);

fn main() -> Result<(), Box<dyn Error>> {
    let boards = Boards::default();
    let mut io = Gateway::builder();
    io.page("/", Page::html(include_str!("whiteboard.html")));

    let board = io.of_pattern("/board-*");
    let drawn = boards.clone();
    board.on("strokes", move |socket: &Socket, ()| {
        let drawn = lock(&drawn);
        let strokes = drawn.get(socket.namespace_name());
        (strokes.cloned().unwrap_or_default(),)
    });
    let drawn = boards.clone();
    board.on("stroke", move |socket: &Socket, stroke: Bytes| {
        if stroke.len() > STROKE_BYTES_MAX {
            return false;
        }
        let sent = socket.broadcast().emit("stroke", &stroke).is_ok();
        let mut drawn = lock(&drawn);
        let strokes = drawn.entry(socket.namespace_name().to_owned()).or_default();
        if strokes.len() < STROKES_MAX {
            strokes.push(stroke);
        }
        sent
    });
    board.on("cursor", |socket: &Socket, at: Point| {
        // Each drawer's newest position counts, and none is waited for.
        let newest = Key::new(number(socket)).map(|key| socket.broadcast().latest(key));
        newest.map(|others| others.emit("cursor", &(socket.id(), at)).is_ok())
    });
    let drawn = boards.clone();
    board.on("clear", move |socket: &Socket, ()| {
        lock(&drawn).remove(socket.namespace_name());
        socket.everybody().emit("clear", &()).is_ok()
    });
    board.on_disconnect(|socket, _| {
        // Nobody may be left to hear of it.
        let _ = socket.broadcast().emit("gone", &socket.id());
    });

    let io = io.listen(("127.0.0.1", port()))?;
    println!("listening on http://{}", io.address());
    io.wait();
    Ok(())
}

fn lock(boards: &Boards) -> std::sync::MutexGuard<'_, HashMap<String, Vec<Bytes>>> {
    boards
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// A number of a socket's own, small enough for a key.
fn number(socket: &Socket) -> u32 {
    let id = socket.id();
    let bytes = id.as_str().bytes().rev().take(4);
    bytes.fold(0, |number, byte| number << 6 | u32::from(byte & 63))
}

/// The first argument, or 3000.
fn port() -> u16 {
    let argument = std::env::args().nth(1);
    argument.and_then(|port| port.parse().ok()).unwrap_or(3000)
}
