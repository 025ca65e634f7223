//! From a knock at the port to a session: handshake, CONNECT, the stream, its first packet.
//!
//! ```text
//! handshake ─┬─ h3 ─> CONNECT ─> path, origin, share, allow_request ─┬─> stream ─┬─> `0`       a new session
//!            └─ ringside/1 ────> share, allow_request ───────────────┘           └─> `0{"sid"…` its owner decides
//! ```
//!
//! Promises: each step has its time; a refusal says code and reason where the peer can hear it, and is
//! counted under a name of its own.

use std::{net::SocketAddr, rc::Rc, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request as Head, header::HOST};
use quinn::{Connection, Incoming, crypto::rustls::HandshakeData};
use ringside_proto::{
    engineio::{HandshakeError, Misbehaviour, PacketKind, Transport, Version},
    webtransport::{Decoder, Opening as FirstPacket},
};
use tokio::time::timeout;
use web_transport_quinn::{RecvStream, Request, SendStream, Session, proto::ConnectRequest};

use super::{
    NATIVE,
    candidate::{self, OfferLine},
    carrier::{Carrier, Held, Line},
    endpoint::HalfOpen,
    read,
    refusal::Refusal,
};
use crate::{
    endpoint::Endpoint,
    http::{NotAdmitted, admit, tell_refused},
    session::Opening,
    shard::GatewayShard,
    sid::Sid,
};

/// Bytes of a packet before there is a session: the longest holds a sid.
pub(super) const FIRST_PACKET_MAX: u32 = 256;

/// Bytes read at once of a stream that has no session yet.
pub(super) const READ: usize = 4096;

/// The query by which a browser's page asks for datagrams.
const DATAGRAMS: &str = "datagrams=1";

/// Sees one connection through to its session, which begins on the shard `home` if it is new, or out.
pub(super) async fn welcome(
    this: Rc<GatewayShard>,
    incoming: Incoming,
    half_open: HalfOpen,
    home: usize,
) {
    let patience = Duration::from_millis(this.shared.limits.handshake_ms);
    let shaken = timeout(patience, shake_hands(&this, incoming)).await;
    drop(half_open);
    let (line, judged) = match shaken.unwrap_or(Err(Refusal::HANDSHAKE)) {
        Ok(shaken) => shaken,
        // There is nothing yet by which it could be told.
        Err(why) => return this.shared.counts.count(why.name),
    };
    let (endpoint, opening) = match judged {
        Ok(judged) => judged,
        Err(why) => return refuse(&this, line, why).await,
    };
    let patience = Duration::from_millis(this.shared.timing.upgrade_timeout.into());
    let first = timeout(patience, First::read(&line.session)).await;
    let Ok(Some(first)) = first else {
        return refuse(&this, line, Refusal::NO_PACKET).await;
    };
    match first.asks {
        Ok(FirstPacket::Fresh) => {
            open(this, endpoint, opening, first.on(line), home).await;
        }
        Ok(FirstPacket::Upgrade { ref sid }) => {
            // The session that polls counts for its address already.
            drop(opening);
            let sid = sid.clone();
            offer(&this, &sid, first.on(line)).await;
        }
        Err(why) => refuse(&this, line, why.into()).await,
    }
}

async fn refuse(this: &GatewayShard, line: Line, why: Refusal) {
    this.shared.counts.count(why.name);
    line.close(why.code, &why.reason).await;
}

/// Whether a session may open, and where.
type Judged = Result<(Arc<Endpoint>, Opening), Refusal>;

/// The handshake of QUIC and TLS, and that of WebTransport.
async fn shake_hands(
    this: &Rc<GatewayShard>,
    incoming: Incoming,
) -> Result<(Line, Judged), Refusal> {
    let peer = incoming.remote_address();
    let connecting = incoming.accept().map_err(|_| Refusal::HANDSHAKE)?;
    let connection = connecting.await.map_err(|_| Refusal::HANDSHAKE)?;
    let held = Held(connection.clone());
    let data = connection.handshake_data();
    let data = data.and_then(|data| data.downcast::<HandshakeData>().ok());
    match data {
        Some(data) if data.protocol.as_deref() == Some(NATIVE) => {
            Ok(native(this, connection, held, peer, data.server_name).await)
        }
        _ => browser(this, connection, held, peer).await,
    }
}

/// A client with a connection of its own: it has no page, and no path to ask for.
async fn native(
    this: &Rc<GatewayShard>,
    connection: Connection,
    held: Held,
    peer: SocketAddr,
    host: Option<String>,
) -> (Line, Judged) {
    let endpoint = this.shared.endpoints[0].clone();
    // The name it asked TLS for is all it says of where it wants to.
    let host = host.as_deref().unwrap_or("localhost");
    let uri = format!("https://{host}{}", endpoint.path);
    let head = Head::builder().uri(uri).header(HOST, host);
    let judged = match head.body(()) {
        Ok(head) => admitted(this, endpoint, &head, peer).await,
        Err(_) => Err(Refusal::NO_REQUEST),
    };
    let session = Session::raw(connection);
    (Line::new(session, true, held), judged)
}

/// A browser's page: HTTP/3's CONNECT to one of our paths.
async fn browser(
    this: &Rc<GatewayShard>,
    connection: Connection,
    held: Held,
    peer: SocketAddr,
) -> Result<(Line, Judged), Refusal> {
    let request = Request::accept(connection)
        .await
        .map_err(|_| Refusal::NO_REQUEST)?;
    let head = head_of(&request).ok_or(Refusal::NO_REQUEST)?;
    let wants_datagrams = head
        .uri()
        .query()
        .is_some_and(|query| query.split('&').any(|pair| pair == DATAGRAMS));
    let judged = judge(this, &head, peer).await;
    // It is let in to be told why not: a refusal of HTTP's shows its page nothing.
    let session = request.ok().await.map_err(|_| Refusal::NO_REQUEST)?;
    Ok((Line::new(session, wants_datagrams, held), judged))
}

/// The request as a browser made it.
fn head_of(request: &ConnectRequest) -> Option<Head<()>> {
    let url = &request.url;
    let mut head = Head::builder()
        .uri(url.as_str())
        .header(HOST, host_of(url)?);
    for (name, value) in &request.headers {
        head = head.header(name, value);
    }
    head.body(()).ok()
}

/// Host and port as a page's `Host` header has them.
fn host_of(url: &url::Url) -> Option<String> {
    let host = url.host_str()?;
    Some(match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    })
}

async fn judge(this: &Rc<GatewayShard>, head: &Head<()>, peer: SocketAddr) -> Judged {
    let shared = &this.shared;
    if head.headers().len() > shared.limits.headers {
        return Err(Refusal::NO_REQUEST);
    }
    if shared.origins.judge(head.headers()).is_err() {
        tell_refused(shared, head, peer, HandshakeError::Forbidden);
        return Err(Refusal::ORIGIN);
    }
    let path = head.uri().path();
    let mut endpoints = shared.endpoints.iter().filter(|it| it.is_framed());
    let endpoint = endpoints.find(|it| it.matches(path) == Some(""));
    match endpoint {
        Some(endpoint) => admitted(this, endpoint.clone(), head, peer).await,
        None => Err(Refusal::NOT_FOUND),
    }
}

async fn admitted(
    this: &Rc<GatewayShard>,
    endpoint: Arc<Endpoint>,
    head: &Head<()>,
    peer: SocketAddr,
) -> Judged {
    match admit(this, &endpoint, head, peer).await {
        Ok(opening) => Ok((
            endpoint,
            Opening {
                version: Version::V4,
                text_only: false,
                ..opening
            },
        )),
        Err(why) => {
            if let NotAdmitted::ByApplication(_) = why {
                tell_refused(&this.shared, head, peer, HandshakeError::Forbidden);
            }
            Err(why.into())
        }
    }
}

/// The client's stream, and what it asks for.
struct First {
    send: SendStream,
    recv: RecvStream,
    asks: Result<FirstPacket, Misbehaviour>,
    leftover: Bytes,
}

impl First {
    /// Waits for the stream and its first packet. `None`: the peer has gone.
    async fn read(session: &Session) -> Option<Self> {
        let (send, mut recv) = session.accept_bi().await.ok()?;
        let mut decoder = Decoder::new(FIRST_PACKET_MAX);
        loop {
            let chunk = recv.read_chunk(READ, true).await.ok()??;
            let mut input = decoder.input(&chunk.bytes);
            let asks = match input.next() {
                Ok(None) => continue,
                Ok(Some(packet)) => FirstPacket::from_packet(&packet),
                Err(misbehaviour) => Err(misbehaviour),
            };
            let rest = input.rest().len();
            let leftover = chunk.bytes.slice(chunk.bytes.len() - rest..);
            return Some(Self {
                send,
                recv,
                asks,
                leftover,
            });
        }
    }

    fn on(self, line: Line) -> Carrier {
        Carrier {
            line,
            send: self.send,
            recv: self.recv,
            leftover: self.leftover,
        }
    }
}

/// A session that begins, on this shard or on the one it is dealt to.
async fn open(
    this: Rc<GatewayShard>,
    endpoint: Arc<Endpoint>,
    opening: Opening,
    carrier: Carrier,
    home: usize,
) {
    if home == this.id {
        return open_here(this, endpoint, opening, carrier).await;
    }
    let sid = Sid::new(home);
    let opening = Opening { sid, ..opening };
    // If that shard is overloaded, the line ends here.
    this.tell(home, move |owner, _| {
        let task = open_here(owner.clone(), endpoint, opening, carrier);
        owner.local.spawn(task);
    });
}

async fn open_here(
    this: Rc<GatewayShard>,
    endpoint: Arc<Endpoint>,
    opening: Opening,
    carrier: Carrier,
) {
    if this.draining.get() {
        // It was admitted before, and its first packet comes now.
        return refuse(&this, carrier.line, Refusal::DRAINING).await;
    }
    let opened = this.open(
        &mut this.local.shard(),
        endpoint,
        Transport::WebTransport,
        opening,
    );
    let Some((conn, text)) = opened else {
        return refuse(&this, carrier.line, Refusal::FULL).await;
    };
    read::start(&this, &mut this.local.shard(), conn, carrier);
    this.send_packet(conn, PacketKind::Open, &text);
    if let Some(text) = &this.shared.hooks.initial {
        this.send_packet(conn, PacketKind::Message, text.as_bytes());
    }
    this.announce(conn);
}

/// A stream for a session that polls: its owner decides, and gets it.
async fn offer(this: &Rc<GatewayShard>, sid: &str, carrier: Carrier) {
    let Some(sid) = this.shared.sid(sid) else {
        return refuse(this, carrier.line, Refusal::NO_SESSION).await;
    };
    match this.ask(sid.shard(), OfferLine { sid }).await {
        Some(Ok(conn)) if conn.shard() == this.id => candidate::adopt(this, conn, carrier),
        Some(Ok(conn)) => {
            // If that shard is overloaded, the line ends here.
            this.tell(conn.shard(), move |owner, _| {
                candidate::adopt(owner, conn, carrier);
            });
        }
        Some(Err(Some(misbehaviour))) => refuse(this, carrier.line, misbehaviour.into()).await,
        Some(Err(None)) => refuse(this, carrier.line, Refusal::NO_SESSION).await,
        None => refuse(this, carrier.line, Refusal::FULL).await,
    }
}
