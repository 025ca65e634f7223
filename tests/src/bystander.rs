//! What attacks are measured by: somebody honest, and what the process uses meanwhile.
//!
//! `RINGSIDE_ATTACKERS` sets how many attack at once (50); a release is tested with 1,000. Leaves out:
//! systems other than Linux.

use std::time::{Duration, Instant};

use crate::{
    peer::WebSocket,
    world::{WEBSOCKET, World},
};

/// How many attack at once.
pub fn attackers() -> usize {
    let text = std::env::var("RINGSIDE_ATTACKERS").ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(50)
}

/// Somebody honest: its echoes come back, soon enough.
#[derive(Debug)]
pub struct Bystander(pub WebSocket);

impl Bystander {
    /// Connects.
    ///
    /// # Panics
    /// When the server does not open a session.
    pub async fn new(world: &World) -> Self {
        let mut websocket = WebSocket::connect(world.at(), WEBSOCKET).await;
        assert!(websocket.next_text().await.starts_with('0'));
        Self(websocket)
    }

    /// How long an echo takes.
    ///
    /// # Panics
    /// When something else comes back.
    pub async fn echo(&mut self) -> Duration {
        let begun = Instant::now();
        self.0.text("4echo hello").await;
        loop {
            match self.0.next_text().await.as_str() {
                "2" => self.0.text("3").await,
                "4echo hello" => return begun.elapsed(),
                other => panic!("unexpected: {other}"),
            }
        }
    }

    /// The slowest but one in a hundred of `echoes`.
    pub async fn p99(&mut self, echoes: usize) -> Duration {
        let mut took = Vec::with_capacity(echoes);
        for _ in 0..echoes {
            took.push(self.echo().await);
        }
        took.sort();
        took[echoes - 1 - echoes / 100]
    }
}

/// Resident memory of this process, in bytes.
///
/// # Panics
/// Where there is no `/proc`.
pub fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("a Linux system");
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

/// Nanoseconds that the gateway's threads have used.
///
/// # Panics
/// Where there is no `/proc`.
pub fn shards_ns() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").expect("a Linux system");
    tasks
        .flatten()
        .filter(|task| {
            let name = std::fs::read_to_string(task.path().join("comm"));
            name.is_ok_and(|name| name.starts_with("shard"))
        })
        .filter_map(|task| std::fs::read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok())
        .sum()
}

/// Panics of handlers are what is tested here: they need not fill the log.
pub fn quiet() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if info.payload().downcast_ref::<&str>() != Some(&"a handler fails") {
            usual(info);
        }
    }));
}
