//! The server of the benches as one writes it first in Rust: tokio-tungstenite, a task for each
//! connection, a broadcast channel between them, on one thread. Read buffers are cut to 4 KiB, because
//! the usual 128 KiB are zeroed at every read and would measure themselves.
//!
//! A message that begins with `E` comes back to its sender; any other goes to everybody.

use std::env;

use futures_util::{SinkExt, StreamExt};
use tokio::{
    net::{TcpSocket, TcpStream},
    sync::broadcast,
};
use tokio_tungstenite::{
    accept_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

/// Messages a slow connection may be behind by before it loses some.
const BEHIND: usize = 4096;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: u16 = env::args().nth(1).as_deref().unwrap_or("9106").parse()?;
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(([127, 0, 0, 1], port).into())?;
    let listener = socket.listen(4096)?;
    println!("listening on http://{}", listener.local_addr()?);
    let (everybody, _) = broadcast::channel(BEHIND);
    tokio::task::LocalSet::new()
        .run_until(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    continue;
                };
                let _ = stream.set_nodelay(true);
                tokio::task::spawn_local(serve(stream, everybody.clone()));
            }
        })
        .await
}

async fn serve(stream: TcpStream, everybody: broadcast::Sender<Message>) {
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .write_buffer_size(4096);
    let Ok(mut socket) = accept_async_with_config(stream, Some(config)).await else {
        return;
    };
    let mut heard = everybody.subscribe();
    loop {
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) if text.starts_with('E') => {
                    if socket.send(Message::Text(text)).await.is_err() { return }
                }
                Some(Ok(Message::Text(text))) => { let _ = everybody.send(Message::Text(text)); }
                Some(Ok(_)) => {}
                _ => return,
            },
            message = heard.recv() => match message {
                Ok(message) => if socket.send(message).await.is_err() { return },
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return,
            },
        }
    }
}
