//! Listening: one socket per shard on one address, and errors that name the mend.
//!
//! Promises: a port somebody else uses is an error, although SO_REUSEPORT would let a second server
//! share it in silence. Port 0 picks one port for all shards. The descriptor limit is raised as far
//! as the system allows, and running out of descriptors pauses accepting, with one warning.

use std::{
    fmt,
    future::{Future, poll_fn},
    io::{self, ErrorKind},
    net::{SocketAddr, TcpListener as StdListener},
    pin::pin,
    sync::Once,
    task::Poll,
    time::Duration,
};

use rustix::process::{Resource, getrlimit, setrlimit};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

/// Connections waiting to be accepted, per shard: absorbs a reconnect storm of a few thousand.
const BACKLOG: i32 = 4096;

/// How long accepting pauses when descriptors have run out.
const PAUSE: Duration = Duration::from_millis(100);

/// Why a gateway cannot listen.
#[derive(Debug)]
#[non_exhaustive]
pub enum ListenError {
    /// Another program, or another copy of this one, listens there.
    InUse(SocketAddr),
    /// The port is privileged, or the system forbids it.
    Forbidden(SocketAddr),
    /// The address is not one of this machine's.
    NotOurs(SocketAddr),
    /// The address cannot be understood or looked up.
    BadAddress(String),
    /// A gateway that is mounted into another server has no port, and so no QUIC.
    QuicOfMount,
    /// Anything else.
    Io(io::Error),
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse(at) => write!(
                f,
                "port {} on {} is taken by another program; stop it, or choose another port (0 picks a free one)",
                at.port(),
                at.ip()
            ),
            Self::Forbidden(at) => {
                write!(
                    f,
                    "listening on {at} is not allowed; choose a port above 1023"
                )
            }
            Self::NotOurs(at) => write!(
                f,
                "{} is not an address of this machine; use 127.0.0.1, or 0.0.0.0 for all of them",
                at.ip()
            ),
            Self::BadAddress(text) => {
                write!(
                    f,
                    "{text:?} is not an address to listen on; write it as host:port"
                )
            }
            Self::QuicOfMount => f.write_str(
                "QUIC needs a port, which a mounted gateway has not; leave out `quic`, or use `listen`",
            ),
            Self::Io(error) => write!(f, "cannot listen: {error}"),
        }
    }
}

impl std::error::Error for ListenError {}

impl From<io::Error> for ListenError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

pub(crate) fn explain(error: io::Error, at: SocketAddr) -> ListenError {
    match error.kind() {
        ErrorKind::AddrInUse => ListenError::InUse(at),
        ErrorKind::PermissionDenied => ListenError::Forbidden(at),
        ErrorKind::AddrNotAvailable => ListenError::NotOurs(at),
        _ => ListenError::Io(error),
    }
}

fn socket(at: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(at), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if shared {
        socket.set_reuse_port(true)?;
    }
    socket.bind(&at.into())?;
    Ok(socket)
}

/// One listener per shard, all on the same address.
pub(crate) fn bind(at: SocketAddr, shards: usize) -> Result<Vec<StdListener>, ListenError> {
    if at.port() != 0 {
        // A probe that does not share: it fails if anybody listens there, sharing or not. (With
        // SO_REUSEADDR alone two sockets may bind, but only one may listen.)
        let probe = socket(at, false).and_then(|probe| probe.listen(1));
        probe.map_err(|error| explain(error, at))?;
    }
    let mut at = at;
    let mut listeners = Vec::with_capacity(shards);
    for _ in 0..shards {
        let socket = socket(at, true).map_err(|error| explain(error, at))?;
        socket.listen(BACKLOG).map_err(|error| explain(error, at))?;
        socket.set_nonblocking(true)?;
        let listener = StdListener::from(socket);
        // The first one picked the port, if it was 0.
        at = listener.local_addr()?;
        listeners.push(listener);
    }
    Ok(listeners)
}

/// Raises the soft limit of descriptors to the hard one; returns the limit then in force.
pub fn raise_descriptor_limit() -> Option<u64> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        // Refused: the old limit stays, which is what is reported.
        let _ = setrlimit(Resource::Nofile, limit);
    }
    getrlimit(Resource::Nofile).current
}

/// Accepts until `until` is ready, handing each connection to `each`; then takes in those who wait
/// already, and closes the listener.
pub(crate) async fn accept(
    listener: StdListener,
    mut each: impl FnMut(TcpStream, SocketAddr),
    until: impl Future<Output = ()>,
) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the runtime refuses the listener"),
    };
    let mut each = |stream: TcpStream, peer| {
        // Small messages must not wait for each other; a failure costs only latency.
        let _ = stream.set_nodelay(true);
        each(stream, peer);
    };
    let mut until = pin!(until);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut until => break,
        };
        match accepted {
            Ok((stream, peer)) => each(stream, peer),
            Err(error) if is_exhaustion(&error) => {
                // Descriptors are the process's, so once for all shards.
                static WARNING: Once = Once::new();
                WARNING.call_once(|| {
                    tracing::warn!(
                        limit = raise_descriptor_limit(),
                        "out of descriptors: accepting pauses until some are free; raise `ulimit -n`"
                    );
                });
                tokio::time::sleep(PAUSE).await;
            }
            // The peer was gone before it was accepted: its loss only.
            Err(_) => {}
        }
    }
    while let Poll::Ready(Ok((stream, peer))) =
        poll_fn(|cx| Poll::Ready(listener.poll_accept(cx))).await
    {
        each(stream, peer);
    }
}

fn is_exhaustion(error: &io::Error) -> bool {
    let errno = rustix::io::Errno::from_io_error(error);
    matches!(
        errno,
        Some(
            rustix::io::Errno::MFILE
                | rustix::io::Errno::NFILE
                | rustix::io::Errno::NOBUFS
                | rustix::io::Errno::NOMEM
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_shards_listen_on_the_port_the_first_one_got() {
        let listeners = bind("127.0.0.1:0".parse().unwrap(), 3).unwrap();
        let ports: Vec<_> = listeners
            .iter()
            .map(|l| l.local_addr().unwrap().port())
            .collect();
        assert!(ports[0] != 0 && ports.iter().all(|port| *port == ports[0]));
    }

    #[test]
    fn a_second_server_on_the_port_is_an_error_that_names_the_mend() {
        let first = bind("127.0.0.1:0".parse().unwrap(), 2).unwrap();
        let error = bind(first[0].local_addr().unwrap(), 2).unwrap_err();
        assert!(matches!(error, ListenError::InUse(_)));
        assert!(error.to_string().contains("choose another port"));
    }
}
