//! The server of the benches on socketioxide and axum, as their documentation shows it, on one thread.
//!
//! `e` comes back to its sender; `b` goes to everybody as `m`.

use std::{env, time::Duration};

use serde_json::Value;
use socketioxide::{
    SocketIo,
    extract::{Data, SocketRef},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: u16 = env::args().nth(1).as_deref().unwrap_or("9105").parse()?;
    let (layer, io) = SocketIo::builder()
        .ping_interval(Duration::from_secs(120))
        .ping_timeout(Duration::from_secs(60))
        .build_layer();
    io.ns("/", async |socket: SocketRef| {
        socket.on("e", async |socket: SocketRef, Data::<Value>(text)| {
            let _ = socket.emit("e", &text);
        });
        socket.on("b", async |io: SocketIo, Data::<Value>(text)| {
            let _ = io.emit("m", &text).await;
        });
    });
    let listener = tokio::net::TcpSocket::new_v4()?;
    listener.set_reuseaddr(true)?;
    listener.bind(([127, 0, 0, 1], port).into())?;
    let listener = listener.listen(4096)?;
    println!("listening on http://{}", listener.local_addr()?);
    let app = axum::Router::new().layer(layer);
    axum::serve(
        axum::serve::ListenerExt::tap_io(listener, |stream| {
            let _ = stream.set_nodelay(true);
        }),
        app,
    )
    .await?;
    Ok(())
}
