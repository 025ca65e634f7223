//! HTTP servers that answer as a test says, and TCP servers that never do.

use std::{net::SocketAddr, sync::Arc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A handshake that promises patience, and no upgrade.
pub(crate) const OPEN: &str =
    r#"0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000}"#;

/// A request as a script sees it.
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) body: String,
}

impl Request {
    /// Whether it belongs to a session.
    pub(crate) fn has_sid(&self) -> bool {
        self.target.contains("sid=")
    }

    pub(crate) fn is_post(&self) -> bool {
        self.method == "POST"
    }
}

/// What a script answers. `None`: nothing, ever.
pub(crate) type Reply = Option<(u16, &'static str, String)>;

/// A page of plain text.
pub(crate) fn ok(body: impl Into<String>) -> Reply {
    Some((200, "text/plain", body.into()))
}

/// Starts a server that answers each request as the script says.
pub(crate) async fn serve(
    script: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> SocketAddr {
    let script = Arc::new(script);
    accept(move |stream| talk(stream, script.clone())).await
}

/// Starts a server that takes connections and says nothing.
pub(crate) async fn mute() -> SocketAddr {
    accept(async |mut stream: TcpStream| {
        let mut scratch = [0; 1024];
        while matches!(stream.read(&mut scratch).await, Ok(1..)) {}
    })
    .await
}

/// Starts a server that gives each connection to `serve`.
pub(crate) async fn accept<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

/// Reads one request; nothing at the end of the stream.
pub(crate) async fn read(stream: &mut TcpStream) -> Option<(Vec<u8>, Request)> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let length = text
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.parse().ok())
        .unwrap_or(0);
    while bytes.len() < head + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let mut words = text.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let body = String::from_utf8_lossy(&bytes[head..]).into_owned();
    let request = Request {
        method,
        target,
        body,
    };
    Some((bytes, request))
}

async fn talk(mut stream: TcpStream, script: Arc<impl Fn(&Request) -> Reply>) {
    while let Some((_, request)) = read(&mut stream).await {
        let Some((status, kind, body)) = script(&request) else {
            // Held until the client gives up.
            let _ = stream.read(&mut [0; 1]).await;
            return;
        };
        let answer = format!(
            "HTTP/1.1 {status} Such\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// A proxy in front of `to` that takes no WebSocket: it answers the upgrade as if it were a page.
pub(crate) async fn stripping_proxy(to: SocketAddr) -> SocketAddr {
    accept(move |mut stream: TcpStream| async move {
        let Some((bytes, request)) = read(&mut stream).await else {
            return;
        };
        if request.target.contains("transport=websocket") {
            let refusal = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
            // The client may have left already.
            let _ = stream.write_all(refusal).await;
            return;
        }
        if let Ok(mut server) = TcpStream::connect(to).await
            && server.write_all(&bytes).await.is_ok()
        {
            // It ends when either side does.
            let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
        }
    })
    .await
}
