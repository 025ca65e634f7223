//! What an idle session costs: the sum in ARCHITECTURE.md against the memory a server really takes; and what one
//! costs that is in two namespaces with handlers, and in rooms.
//!
//! The server is a process of its own, the fixture `bench` with one shard; the memory is what it has
//! resident, its growth over two thousand sessions that have joined and are idle. Leaves out: the
//! kernel's share, and systems other than Linux.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use ringside_tests::peer::WebSocket;

const WEBSOCKET: &str = "/socket.io/?EIO=4&transport=websocket";

/// Sessions before the measurement, so that tables and pools have their first size.
const BEFORE: usize = 500;
/// Sessions that are measured.
const SESSIONS: usize = 2_000;

/// Rooms that a session in use is in.
const ROOMS: usize = 4;

/// What a session may cost in any case.
const BAR: usize = 2_048;

struct Server {
    child: Child,
    at: SocketAddr,
}

impl Server {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_fixture"))
            .args(["bench", "--port", "0", "--shards", "1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the fixture");
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().expect("its output"));
        out.read_line(&mut line).expect("a line");
        let at = line.trim().strip_prefix("listening on http://");
        let at = at.expect("an address").parse().expect("an address");
        Self { child, at }
    }

    fn resident(&self) -> usize {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.child.id()));
        let statm = statm.expect("a Linux system");
        let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
        pages * 4096
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Gone already: all the better.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The sum that ARCHITECTURE.md states, in bytes.
fn stated() -> usize {
    let page = include_str!("../../ARCHITECTURE.md");
    let row = page.lines().find(|line| line.starts_with("| **sum**"));
    let row = row.expect("a row with the sum");
    let cell = row.split('|').nth(2).expect("its figure");
    cell.trim().trim_matches('*').parse().expect("a number")
}

async fn join(at: SocketAddr) -> WebSocket {
    let mut websocket = WebSocket::connect(at, WEBSOCKET).await;
    assert!(websocket.next_text().await.starts_with('0'));
    websocket.text("40").await;
    assert!(websocket.next_text().await.starts_with("40{\"sid\""));
    websocket
}

/// Joins another namespace too, and rooms in which all others are.
async fn join_all(at: SocketAddr) -> WebSocket {
    let mut websocket = join(at).await;
    websocket.text("40/second,").await;
    assert!(websocket.next_text().await.starts_with("40/second,"));
    let rooms: Vec<_> = (0..ROOMS).map(|n| format!("\"room {n}\"")).collect();
    let rooms = rooms.join(",");
    websocket.text(&format!(r#"421["join",[{rooms}]]"#)).await;
    assert_eq!(websocket.next_text().await, "431[true]");
    websocket
}

/// The server's memory for each session, over those after the first.
async fn measure(join: impl AsyncFn(SocketAddr) -> WebSocket) -> usize {
    let server = Server::start();
    let mut sessions = Vec::new();
    for _ in 0..BEFORE {
        sessions.push(join(server.at).await);
    }
    let before = server.resident();
    for _ in 0..SESSIONS {
        sessions.push(join(server.at).await);
    }
    (server.resident() - before) / SESSIONS
}

#[tokio::test]
async fn a_session_in_two_namespaces_and_in_rooms_keeps_to_the_bar() {
    let each = measure(join_all).await;
    println!("{each} bytes a session in two namespaces and {ROOMS} rooms");
    assert!(each <= BAR, "{each} bytes, {BAR} allowed");
}

#[tokio::test]
async fn an_idle_session_costs_what_the_architecture_says() {
    let each = measure(join).await;
    let sum = stated();
    println!("{each} bytes a session measured, {sum} stated");
    // Tables double, and an allocator keeps pages for what is to come; what was freed may serve again.
    assert!(each <= sum * 13 / 10, "{each} bytes measured, {sum} stated");
    assert!(each >= sum * 6 / 10, "{each} bytes measured, {sum} stated");
    assert!(each <= BAR, "{each} bytes, {BAR} allowed");
}
