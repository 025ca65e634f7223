//! A connection on its way from HTTP to a session: the bare socket, with its TLS if it has any.
//!
//! Promises: bytes that were read early are handed on, whatever layer read them; a stream may change
//! its runtime, and so its shard. Leaves out writing in earnest: that is the sink's, which takes the
//! stream apart.

use std::{
    io::{self, Read, Write},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::{rt::TokioIo, server::conn::auto};
use rustls::ServerConnection;
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

/// The TLS of one connection. Boxed, for it is large and most connections have none.
pub(crate) struct TlsSession(Box<ServerConnection>);

/// How far a stream of TLS goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TlsState {
    Open,
    /// The peer has said that no more comes.
    Ended,
    /// The peer has broken TLS; an alert is ready to be sent.
    Broken,
}

impl TlsSession {
    fn new(mut connection: ServerConnection) -> Self {
        // What is encrypted is taken out at once, and its bound is the sink's.
        connection.set_buffer_limit(None);
        Self(Box::new(connection))
    }

    /// Appends what `ciphertext` says to `plain`.
    pub(crate) fn decrypt(&mut self, mut ciphertext: &[u8], plain: &mut Vec<u8>) -> TlsState {
        while !ciphertext.is_empty() {
            // It takes a part of a slice, and of memory it cannot run out: what was complete has been
            // taken out of it.
            if !matches!(self.0.read_tls(&mut ciphertext), Ok(n) if n > 0) {
                return TlsState::Broken;
            }
            let Ok(state) = self.0.process_new_packets() else {
                return TlsState::Broken;
            };
            // The end, or "no more for now": either way all that is there was taken.
            let _ = self.0.reader().read_to_end(plain);
            if state.peer_has_closed() {
                return TlsState::Ended;
            }
        }
        TlsState::Open
    }

    /// Appends to `wire` what is to be sent for `plain`, and what TLS itself has to say before.
    pub(crate) fn encrypt(&mut self, plain: &[u8], wire: &mut Vec<u8>) {
        // Into memory, without a limit: neither can fail.
        let _ = self.0.writer().write_all(plain);
        while self.0.wants_write() {
            let _ = self.0.write_tls(wire);
        }
    }

    /// Whether TLS itself has something to say.
    pub(crate) fn wants_write(&self) -> bool {
        self.0.wants_write()
    }

    /// Says that no more comes.
    pub(crate) fn close(&mut self) {
        self.0.send_close_notify();
    }
}

/// A socket, and its TLS.
pub(crate) struct Stream {
    pub(crate) tcp: TcpStream,
    pub(crate) tls: Option<TlsSession>,
}

impl Stream {
    /// Reads some of what comes into `bytes`, which is emptied first; nothing is the end.
    pub(crate) async fn read(&mut self, bytes: &mut Vec<u8>, at_most: usize) -> io::Result<()> {
        let mut ciphertext = Vec::new();
        loop {
            bytes.resize(at_most, 0);
            self.tcp.readable().await?;
            let n = match self.tcp.try_read(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                n => n?,
            };
            bytes.truncate(n);
            let Some(tls) = &mut self.tls else {
                return Ok(());
            };
            std::mem::swap(bytes, &mut ciphertext);
            bytes.clear();
            let state = tls.decrypt(&ciphertext, bytes);
            if tls.wants_write() {
                self.try_write(b"")?;
            }
            match state {
                _ if n == 0 || !bytes.is_empty() => return Ok(()),
                TlsState::Open => {}
                TlsState::Ended => return Ok(()),
                TlsState::Broken => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
    }

    /// Writes a few bytes into an empty socket buffer: they fit, or the peer is hostile.
    ///
    /// # Errors
    /// They did not fit.
    pub(crate) fn try_write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut wire = Vec::new();
        let bytes = match &mut self.tls {
            Some(tls) => {
                tls.encrypt(bytes, &mut wire);
                &wire
            }
            None => bytes,
        };
        match self.tcp.try_write(bytes)? {
            n if n == bytes.len() => Ok(()),
            _ => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

/// A WebSocket as an HTTP server leaves it behind.
pub(crate) struct WebSocket {
    pub(crate) stream: Stream,
    /// What the client sent behind its request.
    pub(crate) leftover: Vec<u8>,
    /// Messages may be compressed.
    pub(crate) deflate: bool,
}

impl WebSocket {
    /// The bare socket; nothing of the HTTP server is left. `None`: the upgrade failed, or the socket is
    /// of a kind that is not known here.
    pub(crate) async fn take_back(upgrade: OnUpgrade, deflate: bool) -> Option<Self> {
        let upgraded = upgrade.await.ok()?;
        match take_apart(upgraded) {
            Ok((stream, leftover)) => Some(Self {
                stream,
                leftover,
                deflate,
            }),
            Err(_) => {
                tracing::error!(
                    "a WebSocket is dropped: its server runs on streams other than tokio's \
                     TcpStream and tokio-rustls' TlsStream of one"
                );
                None
            }
        }
    }

    /// Lets go of the runtime of this thread.
    pub(crate) fn detach(self) -> io::Result<Detached> {
        Ok(Detached {
            tcp: self.stream.tcp.into_std()?,
            tls: self.stream.tls,
            leftover: self.leftover,
            deflate: self.deflate,
        })
    }
}

/// A WebSocket between two runtimes.
pub(crate) struct Detached {
    tcp: std::net::TcpStream,
    tls: Option<TlsSession>,
    leftover: Vec<u8>,
    deflate: bool,
}

impl Detached {
    /// Is taken up by the runtime of this thread.
    pub(crate) fn attach(self) -> io::Result<WebSocket> {
        let tcp = TcpStream::from_std(self.tcp)?;
        // Whoever accepted it may not have asked for this; a failure costs only latency.
        let _ = tcp.set_nodelay(true);
        Ok(WebSocket {
            stream: Stream { tcp, tls: self.tls },
            leftover: self.leftover,
            deflate: self.deflate,
        })
    }
}

/// A plain socket that hyper has for a while: what was read before comes first, and whoever lent it can tell whether
/// everything that was to be written has been.
pub(crate) struct Lent {
    tcp: TcpStream,
    early: Bytes,
    stuck: Stuck,
}

/// Whether a write waits. Shared across threads only by its type: hyper wants a stream that could be.
#[derive(Clone, Default)]
pub(crate) struct Stuck(Arc<Mutex<bool>>);

impl Stuck {
    pub(crate) fn get(&self) -> bool {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, stuck: bool) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = stuck;
    }
}

impl Lent {
    pub(crate) fn new(tcp: TcpStream, early: Bytes, stuck: Stuck) -> Self {
        Self { tcp, early, stuck }
    }

    /// The socket, and what of the early bytes nobody has read.
    pub(crate) fn take_back(self) -> (TcpStream, Bytes) {
        (self.tcp, self.early)
    }
}

impl AsyncRead for Lent {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.early.is_empty() {
            return Pin::new(&mut self.tcp).poll_read(cx, buf);
        }
        let n = self.early.len().min(buf.remaining());
        buf.put_slice(&self.early[..n]);
        self.early.advance(n);
        if self.early.is_empty() {
            self.early = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Lent {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write(cx, bytes);
        self.stuck.set(written.is_pending());
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

/// The servers this may come from: the gateway's own, and hyper-util's `auto` (which axum uses), each
/// with TLS or without.
fn take_apart(upgraded: Upgraded) -> Result<(Stream, Vec<u8>), Upgraded> {
    let upgraded = match upgraded.downcast::<TokioIo<Lent>>() {
        Ok(parts) => {
            let (tcp, early) = parts.io.into_inner().take_back();
            return Ok((bare(tcp), [&parts.read_buf[..], &early].concat()));
        }
        Err(upgraded) => upgraded,
    };
    let upgraded = match upgraded.downcast::<TokioIo<TlsStream<TcpStream>>>() {
        Ok(parts) => return Ok(encrypted(parts.io.into_inner(), &parts.read_buf)),
        Err(upgraded) => upgraded,
    };
    let upgraded = match auto::upgrade::downcast::<TokioIo<TcpStream>>(upgraded) {
        Ok(parts) => return Ok((bare(parts.io.into_inner()), parts.read_buf.to_vec())),
        Err(upgraded) => upgraded,
    };
    let parts = auto::upgrade::downcast::<TokioIo<TlsStream<TcpStream>>>(upgraded)?;
    Ok(encrypted(parts.io.into_inner(), &parts.read_buf))
}

fn bare(tcp: TcpStream) -> Stream {
    Stream { tcp, tls: None }
}

fn encrypted(stream: TlsStream<TcpStream>, read: &[u8]) -> (Stream, Vec<u8>) {
    let (tcp, mut connection) = stream.into_inner();
    let mut leftover = read.to_vec();
    // What was decrypted and not asked for yet lies behind what was.
    let _ = connection.reader().read_to_end(&mut leftover);
    let tls = Some(TlsSession::new(connection));
    (Stream { tcp, tls }, leftover)
}

/// Reads what is there. A read that did not fill the buffer has emptied the socket: that is noted without asking the
/// system once more, which would cost a call for every message. What arrives from now on is a new event, where events tell
/// of changes.
///
/// # Errors
/// As [`TcpStream::try_read`].
pub(crate) fn read_now(stream: &TcpStream, bytes: &mut [u8]) -> io::Result<usize> {
    let read = stream.try_read(bytes)?;
    if cfg!(target_os = "linux") && (1..bytes.len()).contains(&read) {
        let nothing = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
        // It says what it was told: that there is nothing.
        let _ = stream.try_io(Interest::READABLE, nothing);
    }
    Ok(read)
}
