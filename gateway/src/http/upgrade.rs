//! The upgrade to WebSocket: hyper answers 101, then the bare socket goes to the session's shard.
//!
//! Promises: what the client sent behind its request is not lost (hyper has read it; it goes to the
//! decoder first); after the upgrade hyper's memory is gone. A socket for a session of another shard
//! is handed over. Source: RFC 6455 §4.2.

use std::{net::SocketAddr, rc::Rc, sync::Arc};

use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode,
    header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE},
};
use http_body_util::Full;
use hyper::{body::Incoming, upgrade::OnUpgrade};
use hyper_util::rt::TokioIo;
use ringside_proto::{
    engineio::{Misbehaviour, PacketKind, Transport, Version},
    ws::{
        self,
        handshake::{AcceptKey, Refusal, UpgradeRequest},
    },
};
use tokio::net::TcpStream;

use super::{Answer, admit, plain, refuse};
use crate::{
    endpoint::Endpoint,
    session::{Offer, adopt, start},
    shard::GatewayShard,
    sid::Sid,
};

/// Whether the request asks for WebSocket.
pub(super) fn is_asked(headers: &HeaderMap) -> bool {
    text(headers, &UPGRADE).is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn accept(request: &Request<Incoming>) -> Result<AcceptKey, Refusal> {
    let headers = request.headers();
    let asked = UpgradeRequest {
        method: request.method().as_str(),
        connection: text(headers, &CONNECTION),
        upgrade: text(headers, &UPGRADE),
        version: text(headers, &SEC_WEBSOCKET_VERSION),
        key: text(headers, &SEC_WEBSOCKET_KEY),
    };
    asked.accept()
}

fn refused(refusal: Refusal) -> Answer {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let mut answer = plain(status, refusal.sentence());
    if refusal == Refusal::Version {
        answer
            .headers_mut()
            .insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    }
    answer
}

fn switching(key: &AcceptKey) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = answer.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(key) = HeaderValue::from_str(key.as_str()) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, key);
    }
    answer
}

/// The bare socket, and what hyper has read beyond the request.
async fn take_back(upgrade: OnUpgrade) -> Option<(TcpStream, Vec<u8>)> {
    let upgraded = upgrade.await.ok()?;
    let parts = upgraded.downcast::<TokioIo<TcpStream>>().ok()?;
    Some((parts.io.into_inner(), parts.read_buf.to_vec()))
}

/// A session that begins on WebSocket.
pub(super) async fn open(
    this: Rc<GatewayShard>,
    endpoint: Arc<Endpoint>,
    mut request: Request<Incoming>,
    peer: SocketAddr,
) -> Answer {
    let key = match accept(&request) {
        Ok(key) => key,
        Err(refusal) => return refused(refusal),
    };
    let opening = match admit(&this, &endpoint, &request, peer).await {
        Ok(opening) => opening,
        Err(answer) => return *answer,
    };
    let upgrade = hyper::upgrade::on(&mut request);
    let task = this.clone();
    this.local.spawn(async move {
        let Some((stream, leftover)) = take_back(upgrade).await else {
            return;
        };
        let framed = endpoint.is_framed();
        let mut shard = task.local.shard();
        let opened = task.open(&mut shard, endpoint, Transport::WebSocket, opening);
        // All slots taken: dropping the stream says so.
        let Some((conn, text)) = opened else { return };
        start(&task, &mut shard, conn, stream, task.ws_decoder(), leftover);
        drop(shard);
        if framed {
            task.send_packet(conn, PacketKind::Open, &text);
        }
        task.announce(conn);
    });
    switching(&key)
}

/// A WebSocket for a session that polls: its owner decides, and gets the socket.
pub(super) async fn offer(
    this: Rc<GatewayShard>,
    mut request: Request<Incoming>,
    sid: Sid,
    version: Version,
) -> Answer {
    let key = match accept(&request) {
        Ok(key) => key,
        Err(refusal) => return refused(refusal),
    };
    let (conn, taken) = match this.ask(sid.shard(), Offer { sid, version }).await {
        Some(Ok(offered)) => offered,
        Some(Err(error)) => return refuse(error),
        None => {
            return plain(
                StatusCode::SERVICE_UNAVAILABLE,
                "the session's shard is overloaded",
            );
        }
    };
    let upgrade = hyper::upgrade::on(&mut request);
    let task = this.clone();
    this.local.spawn(async move {
        let Some((stream, leftover)) = take_back(upgrade).await else {
            return;
        };
        if !taken {
            return refuse_stream(&stream, Misbehaviour::SecondUpgrade);
        }
        if conn.shard() == task.id {
            return adopt(&task, conn, stream, leftover);
        }
        // The runtime of this shard lets go of the socket, and the owner's takes it up.
        let Ok(stream) = stream.into_std() else {
            return;
        };
        task.tell(conn.shard(), move |owner, _| {
            if let Ok(stream) = TcpStream::from_std(stream) {
                adopt(owner, conn, stream, leftover);
            }
        });
    });
    switching(&key)
}

/// Closes a socket that no session takes, with the reason.
fn refuse_stream(stream: &TcpStream, why: Misbehaviour) {
    let mut frame = Vec::new();
    ws::encode_close(&mut frame, why.close_code(), why.sentence());
    // It is closed in any case; the reason is a courtesy.
    let _ = stream.try_write(&frame);
}
