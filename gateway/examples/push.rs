//! Notifications from the server: a thread of its own tells the time, and an HTTP POST reaches a user.
//!
//! `cargo run -p ringside-gateway --example push`, open the address it prints, then
//! `curl -d '{"user":"ann","text":"hello"}' http://127.0.0.1:3000/notify`

use std::{
    error::Error,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use ringside_gateway::{Gateway, Key, Page};
use serde::{Deserialize, Serialize};

/// Who is behind gets the newest time only.
const CLOCK: Key = match Key::new(1) {
    Some(key) => key,
    None => unreachable!(),
};

#[derive(Deserialize)]
struct Notification {
    user: String,
    text: String,
}

#[derive(Serialize)]
struct Reached {
    sent: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let running: Arc<OnceLock<Gateway>> = Arc::default();
    let mut io = Gateway::builder();
    io.page("/", Page::html(include_str!("push.html")));
    // Every user has a room of that name, whatever number of tabs.
    io.on_connect(|socket| {
        if let Some(user) = socket.handshake().query_value("user") {
            // It fails only when the socket is gone already.
            let _ = socket.join(format!("user {user}"));
        }
    });
    let gateway = running.clone();
    io.post("/notify", move |request| {
        let sent = match (serde_json::from_slice(request.body), gateway.get()) {
            (Ok(Notification { user, text }), Some(io)) => io
                .to(format!("user {user}"))
                .emit("notification", &text)
                .is_ok(),
            _ => false,
        };
        Page::json(serde_json::to_vec(&Reached { sent }).unwrap_or_default())
    });

    let io = io.listen(("127.0.0.1", port()))?;
    // It is empty until here.
    let _ = running.set(io.clone());
    println!("listening on http://{}", io.address());
    let clock = io.clone();
    std::thread::spawn(move || {
        loop {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            let seconds = now.map_or(0, |now| now.as_secs());
            // A shard that is behind gets the next one.
            let _ = clock.everybody().latest(CLOCK).emit("time", &seconds);
            std::thread::sleep(Duration::from_secs(1));
        }
    });
    io.wait();
    Ok(())
}

/// The first argument, or 3000.
fn port() -> u16 {
    let argument = std::env::args().nth(1);
    argument.and_then(|port| port.parse().ok()).unwrap_or(3000)
}
