//! Engine.IO over QUIC: packets as frames on one stream, and events that may be lost as datagrams.
//!
//! ```text
//!  UDP, on the number of the server's TCP port; TLS 1.3, ALPN ringside/1
//!    one bidirectional stream     0 (or 0{"sid":…}, to take over a polling session), then frames both ways
//!    datagrams                    one event each: its text, then its attachments, as the same frames
//! ```
//! The frames are those of Engine.IO over WebTransport ([`webtransport`]); there is no HTTP/3 around them, for
//! that is for browsers. QUIC is quinn's. Promises: of several addresses the first to answer is used; the
//! connection survives a change of our own address. Leaves out: 0-RTT (`quic.rs` says why).

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use futures_util::future::select_ok;
use quinn::{ClientConfig, Connection, Endpoint, RecvStream, SendStream, VarInt};
use ringside_proto::{
    engineio::{Data, Packet, Transport},
    webtransport::{self, Decoder},
};
use tokio::{
    net::lookup_host,
    sync::mpsc::{Receiver, Sender},
    time::{sleep, timeout},
};

use super::{
    broken,
    dial::{innermost, usual_tls},
    link::{Command, Ends, Event, Settings},
};
use crate::{
    failure::{ConnectionError, Reason, failure},
    machine::Message,
    quic,
};

/// Addresses of a name that are tried, each a little after the one before (RFC 8305, section 5).
const ADDRESSES_MAX: usize = 4;
const STAGGER: Duration = Duration::from_millis(100);
/// How long a handshake may take. Networks that let no UDP through say nothing, and another transport waits.
const CONNECT: Duration = Duration::from_secs(5);
/// Codes of a close that is in order: nothing special, normal, the server is going (RFC 6455, section 7.4.1).
const USUAL: [u64; 3] = [0, 1000, 1001];
/// Bytes read at once: many small messages, and no more than that held for a slow listener.
const READ_BYTES: usize = 64 * 1024;
/// The parts of a connection that is there.
struct Wire {
    connection: Connection,
    send: SendStream,
    recv: RecvStream,
}

pub(super) async fn run(settings: Settings, ends: Ends) {
    let Ends {
        mut commands,
        events,
        mut datagrams,
    } = ends;
    let over = match connect(&settings).await {
        Ok(mut wire) => {
            // Nobody listens any more: then nobody is told.
            let _ = events.send(Event::Opened).await;
            let over = tokio::select! {
                over = read(&settings, &mut wire.recv, &events) => over,
                over = hear(&wire.connection, &events) => over,
                over = say(&wire.connection, &mut datagrams) => over,
                over = write(&mut wire.send, &mut commands, &events) => {
                    if over.is_none() {
                        // The other side shall see the end of the stream, and close.
                        wire.connection.closed().await;
                        return;
                    }
                    over
                }
            };
            wire.connection.close(VarInt::from_u32(0), b"");
            over
        }
        Err(error) => Some(error),
    };
    let _ = events.send(Event::Closed(over)).await;
}

async fn connect(settings: &Settings) -> Result<Wire, ConnectionError> {
    let url = &settings.url;
    let host = url.host_str().unwrap_or_default();
    // An IPv6 address stands in brackets in a URL and nowhere else.
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = url.port_or_known_default().unwrap_or(443);
    let refused = |detail: String| {
        let message = format!("QUIC to {host}:{port} failed: {detail}");
        failure(Reason::WebTransport, message).described(detail)
    };
    let tls = settings.tls.clone().unwrap_or_else(usual_tls);
    let config = quic::config(&tls).map_err(refused)?;
    let addresses = lookup_host((host, port))
        .await
        .map_err(|error| refused(innermost(&error)))?;
    let attempts: Vec<_> = addresses
        .take(ADDRESSES_MAX)
        .zip(0..)
        .map(|(at, turn)| {
            let config = config.clone();
            Box::pin(async move {
                sleep(STAGGER * turn).await;
                dial(at, config, host).await
            })
        })
        .collect();
    if attempts.is_empty() {
        return Err(refused("the name has no address".to_owned()));
    }
    let (connection, _) = timeout(CONNECT, select_ok(attempts))
        .await
        .map_err(|_| refused(format!("no answer within {} s", CONNECT.as_secs())))?
        .map_err(refused)?;
    let open = async {
        let (mut send, recv) = connection.open_bi().await?;
        send.write_all(&hello(settings)).await?;
        Ok::<_, quinn::WriteError>((send, recv))
    };
    let (send, recv) = open.await.map_err(|error| refused(innermost(&error)))?;
    Ok(Wire {
        connection,
        send,
        recv,
    })
}

async fn dial(at: SocketAddr, config: ClientConfig, host: &str) -> Result<Connection, String> {
    let any: SocketAddr = match at {
        SocketAddr::V4(_) => ([0; 4], 0).into(),
        SocketAddr::V6(_) => ([0; 16], 0).into(),
    };
    // A socket of its own: it lives as long as the connection does.
    let endpoint = Endpoint::client(any).map_err(|error| innermost(&error))?;
    let connecting = endpoint.connect_with(config, at, host);
    let connecting = connecting.map_err(|error| innermost(&error))?;
    connecting.await.map_err(|error| innermost(&error))
}

/// The first frame: a new session, or the polling session to take over.
fn hello(settings: &Settings) -> Vec<u8> {
    let text = match &settings.session {
        Some((sid, _)) => format!("0{}", serde_json::json!({ "sid": sid })),
        None => "0".to_owned(),
    };
    let mut out = webtransport::header(false, text.len()).to_vec();
    out.extend_from_slice(text.as_bytes());
    out
}

/// Reads the stream until it is over; gives why.
async fn read(
    settings: &Settings,
    stream: &mut RecvStream,
    events: &Sender<Event>,
) -> Option<ConnectionError> {
    let max = settings.message_max;
    let mut decoder = Decoder::new(u32::try_from(max).unwrap_or(u32::MAX));
    loop {
        let chunk = match stream.read_chunk(READ_BYTES, true).await {
            Ok(chunk) => chunk?.bytes,
            Err(quinn::ReadError::ConnectionLost(error)) => return lost(&error),
            Err(error) => return Some(broken(Transport::WebTransport, innermost(&error))),
        };
        let mut input = decoder.input(&chunk);
        loop {
            let event = match input.next() {
                Ok(None) => break,
                Ok(Some(packet)) => event(&packet),
                Err(error) => {
                    let message = format!(
                        "the server sent a frame that is none, or above {max} bytes (message_max): {}",
                        error.sentence()
                    );
                    return Some(failure(Reason::Parse, message));
                }
            };
            if events.send(event).await.is_err() {
                return None;
            }
        }
    }
}

fn event(packet: &Packet<'_>) -> Event {
    match &packet.data {
        Data::Text(text) => Event::Text(format!("{}{text}", char::from(packet.kind.digit()))),
        Data::Binary(bytes) => Event::Binary(Bytes::copy_from_slice(bytes)),
    }
}

/// Hears datagrams until the connection is over; gives why. While nobody takes them QUIC drops the oldest.
async fn hear(connection: &Connection, events: &Sender<Event>) -> Option<ConnectionError> {
    loop {
        match connection.read_datagram().await {
            Ok(bytes) => events.send(Event::Datagram(bytes)).await.ok()?,
            Err(error) => return lost(&error),
        }
    }
}

/// Sends datagrams. What the path does not take is lost, as datagrams may be.
async fn say(connection: &Connection, datagrams: &mut Receiver<Bytes>) -> Option<ConnectionError> {
    while let Some(bytes) = datagrams.recv().await {
        let _ = connection.send_datagram(bytes);
    }
    // The other end of the channel has gone, and takes this task with it.
    std::future::pending().await
}

/// Writes until it is told to finish, which gives nothing, or until it fails.
async fn write(
    stream: &mut SendStream,
    commands: &mut Receiver<Command>,
    events: &Sender<Event>,
) -> Option<ConnectionError> {
    let mut out = Vec::new();
    while let Some(command) = commands.recv().await {
        let (batch, last) = match command {
            Command::Send(batch) => (batch, false),
            Command::Finish(batch) => (batch, true),
            Command::Session(..) | Command::Pause | Command::Resume => continue,
        };
        out.clear();
        for message in &batch {
            put(&mut out, message);
        }
        match stream.write_all(&out).await {
            _ if last => {
                // It errs if it was finished or the connection is over, and then that is that.
                let _ = stream.finish();
                return None;
            }
            Ok(()) => drop(events.send(Event::Drained).await),
            Err(quinn::WriteError::ConnectionLost(error)) => return lost(&error),
            Err(error) => return Some(broken(Transport::WebTransport, innermost(&error))),
        }
    }
    None
}

fn put(out: &mut Vec<u8>, message: &Message) {
    match message {
        Message::Text(text) => {
            out.extend_from_slice(&webtransport::header(false, text.len()));
            out.extend_from_slice(text.as_bytes());
        }
        Message::Binary(bytes) => webtransport::encode(out, &Packet::binary(bytes)),
    }
}

/// Why a connection ended: one that was closed with a word says it, any other is as good as closed.
fn lost(error: &quinn::ConnectionError) -> Option<ConnectionError> {
    match error {
        quinn::ConnectionError::ApplicationClosed(close)
            if !close.reason.is_empty() && !USUAL.contains(&close.error_code.into_inner()) =>
        {
            let said = String::from_utf8_lossy(&close.reason);
            let why = format!("was closed by the server: {said}");
            Some(broken(Transport::WebTransport, why).described(close.error_code))
        }
        quinn::ConnectionError::TransportError(error) => {
            Some(broken(Transport::WebTransport, format!("broke: {error}")))
        }
        _ => None,
    }
}
