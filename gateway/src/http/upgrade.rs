//! The upgrade to WebSocket: hyper answers 101, then the bare socket goes to the session's shard.
//!
//! Promises: what the client sent behind its request is not lost (hyper has read it; it goes to the
//! decoder first); after the upgrade hyper's memory is gone. A socket for a session of another shard
//! is handed over. Source: RFC 6455 §4.2.

use std::{net::SocketAddr, rc::Rc, sync::Arc};

use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode,
    header::{
        CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
        SEC_WEBSOCKET_VERSION, UPGRADE,
    },
};
use http_body_util::Full;
use ringside_proto::{
    engineio::{Misbehaviour, PacketKind, Transport, Version},
    ws::{
        self, extension,
        handshake::{AcceptKey, Refusal, UpgradeRequest},
    },
};

use super::{Answer, RequestBody, admit, plain, refuse};
use crate::{
    endpoint::Endpoint,
    session::{Offer, adopt, start},
    shard::GatewayShard,
    sid::Sid,
    stream::{Stream, WebSocket},
};

/// Whether the request asks for WebSocket.
pub(super) fn is_asked(headers: &HeaderMap) -> bool {
    text(headers, &UPGRADE).is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn accept<B>(request: &Request<B>) -> Result<AcceptKey, Refusal> {
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

/// Whether messages may be compressed: the gateway is willing, and the client offers it.
fn agree_on_deflate<B>(this: &GatewayShard, request: &Request<B>) -> Option<&'static str> {
    this.shared.compression?;
    let offers = request.headers().get_all(SEC_WEBSOCKET_EXTENSIONS).iter();
    let offers: Vec<_> = offers.filter_map(|value| value.to_str().ok()).collect();
    extension::negotiate(&offers.join(","))
}

fn switching(key: &AcceptKey, extension: Option<&'static str>) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = answer.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(key) = HeaderValue::from_str(key.as_str()) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, key);
    }
    if let Some(extension) = extension {
        let extension = HeaderValue::from_static(extension);
        headers.insert(SEC_WEBSOCKET_EXTENSIONS, extension);
    }
    answer
}

/// A session that begins on WebSocket.
pub(super) async fn open<B: RequestBody>(
    this: Rc<GatewayShard>,
    endpoint: Arc<Endpoint>,
    mut request: Request<B>,
    peer: SocketAddr,
) -> Answer {
    let key = match accept(&request) {
        Ok(key) => key,
        Err(refusal) => return refused(refusal),
    };
    let opening = match admit(&this, &endpoint, &request, peer).await {
        Ok(opening) => opening,
        Err(why) => return why.answer(),
    };
    let extension = agree_on_deflate(&this, &request);
    let (deflate, framed) = (extension.is_some(), endpoint.is_framed());
    let mut answer = switching(&key, extension);
    if framed {
        this.shared.hooks.add_cookie(&mut answer, &opening.sid);
    }
    let upgrade = hyper::upgrade::on(&mut request);
    let task = this.clone();
    this.local.spawn(async move {
        let Some(websocket) = WebSocket::take_back(upgrade, deflate).await else {
            return;
        };
        let Some(websocket) = at_home(&task, websocket) else {
            return;
        };
        let mut shard = task.local.shard();
        let opened = task.open(&mut shard, endpoint, Transport::WebSocket, opening);
        // All slots taken: dropping the stream says so.
        let Some((conn, text)) = opened else { return };
        let decoder = task.ws_decoder(deflate);
        start(&task, &mut shard, conn, websocket, decoder);
        drop(shard);
        if framed {
            task.send_packet(conn, PacketKind::Open, &text);
            if let Some(text) = &task.shared.hooks.initial {
                task.send_packet(conn, PacketKind::Message, text.as_bytes());
            }
        }
        task.announce(conn);
    });
    answer
}

/// A WebSocket for a session that polls: its owner decides, and gets the socket.
pub(super) async fn offer<B: RequestBody>(
    this: Rc<GatewayShard>,
    mut request: Request<B>,
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
    let extension = agree_on_deflate(&this, &request);
    let deflate = extension.is_some();
    let upgrade = hyper::upgrade::on(&mut request);
    let task = this.clone();
    this.local.spawn(async move {
        let Some(websocket) = WebSocket::take_back(upgrade, deflate).await else {
            return;
        };
        if !taken {
            return refuse_stream(websocket.stream, Misbehaviour::SecondUpgrade);
        }
        if conn.shard() == task.id {
            if let Some(websocket) = at_home(&task, websocket) {
                adopt(&task, conn, websocket);
            }
            return;
        }
        // The runtime it is on lets go of the socket, and the owner's takes it up.
        let Ok(websocket) = websocket.detach() else {
            return;
        };
        task.tell(conn.shard(), move |owner, _| {
            if let Ok(websocket) = websocket.attach() {
                adopt(owner, conn, websocket);
            }
        });
    });
    switching(&key, extension)
}

/// A WebSocket on this shard's own runtime: where the gateway is mounted, it comes from another.
fn at_home(this: &GatewayShard, websocket: WebSocket) -> Option<WebSocket> {
    if !this.shared.is_mounted {
        return Some(websocket);
    }
    websocket.detach().and_then(|it| it.attach()).ok()
}

/// Closes a socket that no session takes, with the reason.
fn refuse_stream(mut stream: Stream, why: Misbehaviour) {
    let mut frame = Vec::new();
    ws::encode_close(&mut frame, why.close_code(), why.sentence());
    // It is closed in any case; the reason is a courtesy.
    let _ = stream.try_write(&frame);
}
