//! The facts of Engine.IO 4 and Socket.IO 5 that stock clients build on, at the level of bytes.
//!
//! Each test states one fact of the protocols' pages, or of the reference where they are silent (npm
//! engine.io 6.6, socket.io 4.8). Leaves out: races of polling requests (`gateway_polling.rs`).

#[path = "gateway_protocol/requests.rs"]
mod requests;
#[path = "gateway_protocol/sessions.rs"]
mod sessions;
#[path = "gateway_protocol/socketio.rs"]
mod socketio;

fn keys(json: &serde_json::Value) -> Vec<&str> {
    let object = json.as_object().expect("an object");
    object.keys().map(String::as_str).collect()
}
