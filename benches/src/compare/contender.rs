//! Who takes part, and how each is started.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A server that is measured.
#[derive(Clone, Debug)]
pub struct Contender {
    /// Its name in results; stable.
    pub key: &'static str,
    /// Its name for people. Ours begin with `*`.
    pub title: &'static str,
    /// The program and its arguments; `PORT` stands for the port.
    pub command: Vec<String>,
    /// Whether it speaks Socket.IO, rather than plain WebSocket.
    pub socket_io: bool,
    /// Whether broadcasts are swallowed.
    pub swallows: bool,
    /// Whose players load it, where it is a game: a word for `ringside-swarm`.
    pub game: Option<&'static str>,
}

/// Where programs are.
#[derive(Clone, Debug)]
pub struct Places {
    /// `fixture`, `arena-room`, `game-demo`, and what loads them.
    pub ours: PathBuf,
    /// The rivals written in Rust.
    pub rivals: PathBuf,
    /// The rivals written in JavaScript, with their packages.
    pub scripts: PathBuf,
    /// An older `fixture` to compare with, if there is one.
    pub baseline: Option<PathBuf>,
}

/// In place of the program there is a text of a few hundred bytes until it is moved there.
const STUB_BYTES_MAX: u64 = 1_000_000;

/// Every contender, whether its program is there or not.
pub fn everybody(places: &Places) -> Vec<Contender> {
    let script = |name: &str| places.scripts.join(name).display().to_string();
    let rival = |name: &str| places.rivals.join(name).display().to_string();
    let fixture = |program: &Path, mode: &str, sink: &str| {
        let program = program.display().to_string();
        let words = [
            "bench", "--shards", "1", "--mode", mode, "--sink", sink, "--port", "PORT",
        ];
        std::iter::once(program)
            .chain(words.map(str::to_owned))
            .collect()
    };
    let current = places.ours.join("fixture");
    let contender = |key, title, command, socket_io, swallows| Contender {
        key,
        title,
        command,
        socket_io,
        swallows,
        game: None,
    };
    let with_port = |mut words: Vec<String>| {
        words.push("PORT".to_owned());
        words
    };
    // Its package moves the program here when its script for that is allowed to run.
    let moved = script("node_modules/bun/bin/bun.exe");
    let bun = match fs::metadata(&moved) {
        Ok(found) if found.len() > STUB_BYTES_MAX => moved,
        _ => script("node_modules/@oven/bun-linux-x64/bin/bun"),
    };
    let mut all = vec![
        contender(
            "ringside",
            "*Ringside (Socket.IO)",
            fixture(&current, "sio", "tcp"),
            true,
            false,
        ),
        contender(
            "ringside-null",
            "*Ringside, broadcasts swallowed",
            fixture(&current, "sio", "null"),
            true,
            true,
        ),
        contender(
            "ringside-ws",
            "*Ringside (plain WebSocket)",
            fixture(&current, "ws", "tcp"),
            false,
            false,
        ),
        contender(
            "floor",
            "send() floor (no server)",
            with_port(vec![rival("floor")]),
            false,
            false,
        ),
        contender(
            "bun",
            "Bun, server.publish",
            with_port(vec![bun, script("bun.js")]),
            false,
            false,
        ),
        contender(
            "socketioxide",
            "socketioxide (Socket.IO)",
            with_port(vec![rival("socketioxide")]),
            true,
            false,
        ),
        contender(
            "socket.io",
            "Node socket.io (Socket.IO)",
            with_port(vec!["node".into(), script("socketio.mjs")]),
            true,
            false,
        ),
        contender(
            "ws",
            "Node ws",
            with_port(vec!["node".into(), script("ws.mjs")]),
            false,
            false,
        ),
        contender(
            "tungstenite",
            "tokio-tungstenite, 4 KiB",
            with_port(vec![rival("tungstenite")]),
            false,
            false,
        ),
    ];
    let mut floor_null = with_port(vec![rival("floor")]);
    floor_null.extend(["--sink", "null"].map(str::to_owned));
    all.push(contender(
        "floor-null",
        "floor, loop only",
        floor_null,
        false,
        true,
    ));
    if let Some(baseline) = &places.baseline {
        all.push(contender(
            "baseline-null",
            "the baseline, swallowed",
            fixture(baseline, "sio", "null"),
            true,
            true,
        ));
    }
    all.extend(games(places));
    all
}

/// Bytes of the floor's snapshots: with their header as many as ours have within TCP.
const FLOOR_BYTES: &str = "200";

/// Those whose rooms are compared, with players in them.
fn games(places: &Places) -> Vec<Contender> {
    let ours = |name: &str, rest: &[&str]| {
        let program = places.ours.join(name).display().to_string();
        let rest = rest.iter().map(|word| (*word).to_owned());
        std::iter::once(program).chain(rest).collect::<Vec<_>>()
    };
    let colyseus = |rest: &[&str]| {
        let script = places.scripts.join("colyseus.mjs").display().to_string();
        let mut words = ["env", "NODE_ENV=production", "node"]
            .map(str::to_owned)
            .to_vec();
        words.extend([script, "PORT".to_owned()]);
        words.extend(rest.iter().map(|word| (*word).to_owned()));
        words
    };
    let game = |key, title, game, command| Contender {
        key,
        title,
        command,
        socket_io: false,
        swallows: false,
        game: Some(game),
    };
    vec![
        game(
            "rooms",
            "*Ringside rooms",
            "arena",
            ours("arena-room", &["--port", "PORT"]),
        ),
        game("colyseus", "Colyseus", "colyseus", colyseus(&[])),
        game(
            "colyseus-views",
            "Colyseus, a StateView each",
            "colyseus",
            colyseus(&["--views"]),
        ),
        game(
            "floor-rooms",
            "send() floor (no server)",
            "floor",
            vec![
                places.rivals.join("floor").display().to_string(),
                "PORT".to_owned(),
                "--tick".to_owned(),
                FLOOR_BYTES.to_owned(),
            ],
        ),
        game(
            "glimmer",
            "*GLIMMER",
            "glimmer",
            ours(
                "game-demo",
                &["--port", "PORT", "--bots", "0", "--shards", "1"],
            ),
        ),
        // As many moving and standing as a player of GLIMMER saw just before.
        game(
            "colyseus-glimmer",
            "Colyseus, as much in view as in GLIMMER",
            "colyseus",
            colyseus(&["--entities", "MOVING", "--standing", "STANDING"]),
        ),
    ]
}
