//! Long-polling: a GET waits for packets, a POST brings some.
//!
//! Promises: either may arrive on any shard; the session's owner decides. A body is bounded while it
//! streams in, and a request that is given up is told to the owner. Source: Engine.IO protocol, "HTTP
//! long-polling".

use std::{pin::Pin, rc::Rc, sync::Arc, time::Duration};

use http::{Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use ringside_core::ConnId;
use ringside_proto::engineio::{HandshakeError, Packet, PacketKind, Transport, Version, payload};
use tokio::sync::oneshot;

use super::{Answer, RequestBody, plain, refuse};
use crate::{
    endpoint::Endpoint,
    poll::PollAnswer,
    session::{Opening, Poll, Post, PostBegin, abort_poll, abort_post},
    shard::GatewayShard,
    sid::Sid,
};

/// A new session: the open packet is the answer.
pub(super) fn open(this: &Rc<GatewayShard>, endpoint: Arc<Endpoint>, opening: Opening) -> Answer {
    let (version, sid) = (opening.version, opening.sid);
    let opened = this.open(
        &mut this.local.shard(),
        endpoint,
        Transport::Polling,
        opening,
    );
    this.local.wake_pump();
    match opened {
        Some((conn, text)) => {
            this.announce(conn);
            let mut answer = plain(StatusCode::OK, open_payload(this, version, &text));
            this.shared.hooks.add_cookie(&mut answer, &sid);
            answer
        }
        None => plain(
            StatusCode::SERVICE_UNAVAILABLE,
            "this shard holds all connections it can",
        ),
    }
}

/// The open packet, and behind it the first message, if there is one.
fn open_payload(this: &GatewayShard, version: Version, open: &[u8]) -> Vec<u8> {
    let open = String::from_utf8_lossy(open);
    let open = Packet::text(PacketKind::Open, &open);
    let initial = this.shared.hooks.initial.as_deref();
    let initial = initial.map(|text| Packet::text(PacketKind::Message, text));
    let packets: Vec<_> = std::iter::once(open).chain(initial).collect();
    let mut body = Vec::new();
    match version {
        Version::V4 => payload::encode(&mut body, &packets),
        Version::V3 => payload::encode_v3_text(&mut body, &packets),
    }
    body
}

/// A GET: answered when there is something to send.
pub(super) async fn get(this: Rc<GatewayShard>, sid: Sid, version: Version) -> Answer {
    let (conn, answer) = match this.ask(sid.shard(), Poll { sid, version }).await {
        Some(Ok(parked)) => parked,
        Some(Err(error)) => return refuse(error),
        None => return busy(),
    };
    let mut guard = GivenUp {
        this,
        conn,
        answer: Some(answer),
    };
    let body = std::future::poll_fn(|cx| match &mut guard.answer {
        Some(answer) => Pin::new(answer).poll(cx),
        None => std::task::Poll::Pending,
    })
    .await;
    guard.answer = None;
    match body {
        Ok(answer) => payload_answer(answer),
        // The session ended without a word to this poll.
        Err(_) => refuse(HandshakeError::BadRequest),
    }
}

fn payload_answer(PollAnswer { payload, binary }: PollAnswer) -> Answer {
    let mut answer = Response::new(Full::new(payload));
    let kind = match binary {
        true => "application/octet-stream",
        false => "text/plain; charset=UTF-8",
    };
    let kind = http::HeaderValue::from_static(kind);
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}

/// A parked GET; dropped before its answer was taken, its peer has given up.
struct GivenUp {
    this: Rc<GatewayShard>,
    conn: ConnId,
    answer: Option<oneshot::Receiver<PollAnswer>>,
}

impl Drop for GivenUp {
    fn drop(&mut self) {
        if let Some(mut answer) = self.answer.take() {
            // From here on the sink cannot answer it. What it has answered is lost with the connection,
            // so the session must not go on as if it had arrived.
            answer.close();
            let lost = answer.try_recv().is_ok_and(|answer| !answer.is_noop());
            let conn = self.conn;
            // Through the lane even to this very shard: the shard may be in use where this drops.
            self.this.tell(conn.shard(), move |this, shard| {
                abort_poll(this, shard, conn, lost)
            });
        }
    }
}

/// A POST that has begun; dropped while armed, its peer has given up.
struct Unfinished {
    this: Rc<GatewayShard>,
    conn: ConnId,
    armed: bool,
    too_big: bool,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.armed {
            let (conn, too_big) = (self.conn, self.too_big);
            self.this.tell(conn.shard(), move |this, shard| {
                abort_post(this, shard, conn, too_big)
            });
        }
    }
}

/// A POST: its packets are taken in, then it is answered.
pub(super) async fn post<B: RequestBody>(
    this: Rc<GatewayShard>,
    request: Request<B>,
    sid: Sid,
    version: Version,
) -> Answer {
    let binary = request
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes() == b"application/octet-stream");
    let conn = match this
        .ask(
            sid.shard(),
            PostBegin {
                sid,
                version,
                binary,
            },
        )
        .await
    {
        Some(Ok(conn)) => conn,
        Some(Err(error)) => return refuse(error),
        None => return busy(),
    };
    let mut guard = Unfinished {
        this: this.clone(),
        conn,
        armed: true,
        too_big: false,
    };
    let limit = this.shared.limits.message_bytes as usize;
    let body = Limited::new(request.into_body(), limit).collect();
    let patience = Duration::from_millis(this.shared.limits.body_ms);
    let body = match tokio::time::timeout(patience, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) => {
            guard.too_big = error.downcast_ref::<LengthLimitError>().is_some();
            let status = if guard.too_big {
                StatusCode::PAYLOAD_TOO_LARGE
            } else {
                StatusCode::BAD_REQUEST
            };
            return plain(
                status,
                format!("a request's body has at most {limit} bytes"),
            );
        }
        Err(_) => return plain(StatusCode::REQUEST_TIMEOUT, "the body took too long"),
    };
    guard.armed = false;
    let good = match this
        .ask(
            conn.shard(),
            Post {
                conn,
                version,
                binary,
                body,
            },
        )
        .await
    {
        Some(answer) => answer.await.unwrap_or(false),
        None => return busy(),
    };
    if good {
        // The reference's answer; browsers treat text/html as text here.
        let mut answer = plain(StatusCode::OK, "ok");
        answer
            .headers_mut()
            .insert(CONTENT_TYPE, http::HeaderValue::from_static("text/html"));
        answer
    } else {
        refuse(HandshakeError::BadRequest)
    }
}

fn busy() -> Answer {
    plain(
        StatusCode::SERVICE_UNAVAILABLE,
        "the session's shard is overloaded; try again",
    )
}
