//! Ringside inside axum: the game's own routes beside Socket.IO, on one port.
//!
//! `cargo run -p ringside-gateway --example axum`, then open http://127.0.0.1:3000 in two windows.

use std::{error::Error, net::SocketAddr};

use axum::{
    Router,
    extract::{ConnectInfo, State},
    response::Html,
    routing::get,
};
use ringside_gateway::{Gateway, Mount, Socket};

const PAGE: &str = r#"<!doctype html><meta charset="utf-8"><title>Ringside in axum</title>
<form><input autofocus><button>Say</button></form><ul></ul>
<script src="/socket.io/socket.io.js"></script>
<script>
  const socket = io();
  const [form, said] = ["form", "ul"].map((it) => document.querySelector(it));
  const show = (text) => { said.append(Object.assign(document.createElement("li"), { textContent: text })); };
  socket.on("chat", show);
  form.onsubmit = (event) => {
    event.preventDefault();
    const field = form.querySelector("input");
    socket.emit("chat", field.value);
    show(field.value);
    field.value = "";
  };
</script>"#;

/// The gateway, to be mounted as a layer.
fn gateway() -> Result<Mount, Box<dyn Error>> {
    let mut io = Gateway::builder();
    io.on("chat", |socket: &Socket, text: String| {
        socket.broadcast().emit("chat", &text).is_ok()
    });
    // axum notes who asks; the gateway looks there.
    let mount = io.mount()?;
    Ok(mount.peer_from(|noted| Some(noted.get::<ConnectInfo<SocketAddr>>()?.0)))
}

/// A route of the game's own, which sees the gateway too.
async fn players(State(gateway): State<Gateway>) -> String {
    format!("{} connected\n", gateway.stats().connections)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mount = gateway()?;
    let app = Router::new()
        .route("/", get(|| async { Html(PAGE) }))
        .route("/players", get(players))
        .with_state(mount.gateway().clone())
        .layer(mount);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("open http://{} in two windows", listener.local_addr()?);
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).await?;
    Ok(())
}
