//! Running out of descriptors: accepting pauses with one warning, who is there goes on, and when some
//! are free again newcomers get in.
//!
//! The server is a process of its own, the fixture `engineio`, for the limit is a process's.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, sync_channel},
};

use ringside_tests::{
    PATIENCE,
    peer::{Frame, Http, WebSocket},
};

const WEBSOCKET: &str = "/engine.io/?EIO=4&transport=websocket";

/// Descriptors the server may have: its threads and listeners need some thirty.
const LIMIT: usize = 64;

struct Server {
    child: Child,
    at: SocketAddr,
    /// What it logs.
    log: Receiver<String>,
}

impl Drop for Server {
    fn drop(&mut self) {
        // Gone already: all the better.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn server() -> Server {
    let fixture = env!("CARGO_BIN_EXE_fixture");
    let script = format!("ulimit -n {LIMIT}; exec {fixture} engineio --port 0 --shards 2");
    let mut child = Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a shell");
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().expect("its output"));
    out.read_line(&mut line).expect("a line");
    let at = line.trim().strip_prefix("listening on http://");
    let at = at.expect("an address").parse().expect("an address");
    let errors = BufReader::new(child.stderr.take().expect("its errors"));
    let (sender, log) = sync_channel(1_000);
    std::thread::spawn(move || {
        for line in errors.lines().map_while(Result::ok) {
            if sender.try_send(line).is_err() {
                return;
            }
        }
    });
    Server { child, at, log }
}

/// Sends an echo and has it back, answering pings on the way.
async fn echo(websocket: &mut WebSocket) {
    websocket.text("4echo").await;
    loop {
        match websocket.next().await {
            Frame::Text(text) if text == "2" => websocket.text("3").await,
            Frame::Text(text) if text == "4echo" => return,
            Frame::Text(text) if text.starts_with('0') => {}
            other => panic!("unexpected: {other:?}"),
        }
    }
}

#[tokio::test]
async fn without_descriptors_accepting_pauses_and_nobody_dies() {
    let mut server = server();
    for round in 0..2 {
        let mut honest = WebSocket::connect(server.at, WEBSOCKET).await;
        echo(&mut honest).await;
        // The kernel completes connections that the server cannot accept.
        let mut crowd = Vec::new();
        for _ in 0..LIMIT * 2 {
            crowd.push(Http::connect(server.at).await);
        }
        if round == 0 {
            let warning = server.log.recv_timeout(PATIENCE).expect("a warning");
            assert!(warning.contains("out of descriptors"), "{warning}");
            assert!(warning.contains("ulimit -n"), "{warning}");
        }
        for _ in 0..20 {
            echo(&mut honest).await;
        }
        drop(crowd);
        let mut newcomer = WebSocket::connect(server.at, WEBSOCKET).await;
        echo(&mut newcomer).await;
        echo(&mut honest).await;
    }
    assert!(server.child.try_wait().expect("its state").is_none());
    assert_eq!(server.log.try_iter().collect::<Vec<_>>(), [""; 0]);
}
