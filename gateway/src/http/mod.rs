//! HTTP: what a connection asks for, before it is a session's.
//!
//! ```text
//! <path>/             Engine.IO: polling, or the upgrade to WebSocket
//! <path>/ringside.js  the browser client, and socket.io.js where stock pages look for it
//! anything else       the application's pages
//! ```
//!
//! Promises: hyper (or whoever the gateway is mounted into) parses, this answers; headers are bounded in number,
//! bytes and time; a refusal says what would be accepted. After an upgrade nothing of hyper is left. Leaves out:
//! who may open a session (`admit.rs`).

mod admit;
mod direct;
mod hooks;
mod origin;
mod pages;
mod poll_request;
mod polling;
mod serve;
mod upgrade;

use std::{
    error::Error,
    future::{Future, ready},
    net::SocketAddr,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
};
use http_body::Body;
use http_body_util::{BodyExt, Full, Limited};
use ringside_proto::engineio::{HandshakeError, Query, RequestKind, Transport};

use admit::is_secure;
pub(crate) use admit::{Allow, NotAdmitted, admit, tell_refused};
pub(crate) use hooks::Hooks;
pub use hooks::{ConnectionError, Cookie, RequestHead};
pub use origin::Origins;
pub(crate) use pages::Pages;
pub use pages::{Page, PageRequest, PostRequest};
pub(crate) use serve::serve;

use crate::{
    endpoint::{Endpoint, Speaks},
    shard::GatewayShard,
};

pub(crate) type Answer = Response<Full<Bytes>>;

/// The body of a request, whoever parsed it.
pub(crate) trait RequestBody:
    Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + 'static
{
}

impl<B> RequestBody for B where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + 'static
{
}

/// An answer in the making. Boxed by its kind: the parser keeps one such place per connection and moves
/// what it is given there, so a poll must not be as large as the largest request there is.
pub(crate) type Answering = Pin<Box<dyn Future<Output = Answer>>>;

fn at_once(answer: Answer) -> Answering {
    Box::pin(ready(answer))
}

/// Answers a request.
pub(crate) fn answer<B: RequestBody>(
    this: Rc<GatewayShard>,
    request: Request<B>,
    peer: SocketAddr,
) -> Answering {
    let limit = this.shared.limits.headers;
    if request.headers().len() > limit {
        // HTTP/1.1 does not get here with more; a header of HTTP/2 is a byte or two.
        let text = format!("a request has at most {limit} headers");
        let answer = plain(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, text);
        return at_once(answer);
    }
    let limit = this.shared.limits.url_bytes;
    let url = request.uri().path_and_query();
    if url.is_some_and(|url| url.as_str().len() > limit) {
        let text = format!("a request's path and query have at most {limit} bytes");
        return at_once(plain(StatusCode::URI_TOO_LONG, text));
    }
    let path = request.uri().path();
    let Some((endpoint, rest)) = this.shared.endpoint_at(path) else {
        return match this.shared.pages.on_post(&request) {
            Some(on_post) => Box::pin(posted(this, on_post, request, peer)),
            None => at_once(this.shared.pages.answer(&request, peer)),
        };
    };
    if rest.is_empty() {
        let endpoint = endpoint.clone();
        return engine(this, endpoint, request, peer);
    }
    let file = match endpoint.speaks {
        Speaks::SocketIo => ringside_web::asset(rest),
        _ => None,
    };
    at_once(match file {
        Some(file) => client_file(file, request.headers()),
        None => plain(StatusCode::NOT_FOUND, "no such file of the client"),
    })
}

/// The answer of a mounted gateway that cannot give any.
pub(crate) fn unavailable() -> Answer {
    let text = "the gateway has ended, or is overloaded; try again later";
    plain(StatusCode::SERVICE_UNAVAILABLE, text)
}

/// A request with a body, for the application.
async fn posted<B: RequestBody>(
    this: Rc<GatewayShard>,
    on_post: pages::OnPost,
    request: Request<B>,
    peer: SocketAddr,
) -> Answer {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let limits = this.shared.limits;
    let body = Limited::new(request.into_body(), limits.message_bytes as usize).collect();
    match tokio::time::timeout(Duration::from_millis(limits.body_ms), body).await {
        Ok(Ok(body)) => on_post(&PostRequest {
            query: &query,
            peer,
            body: &body.to_bytes(),
        })
        .answer(&HeaderMap::new()),
        Ok(Err(_)) => plain(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!(
                "a request's body has at most {} bytes",
                limits.message_bytes
            ),
        ),
        Err(_) => plain(StatusCode::REQUEST_TIMEOUT, "the body took too long"),
    }
}

fn client_file(file: &'static ringside_web::Asset, asked: &HeaderMap) -> Answer {
    let fresh = asked
        .get(IF_NONE_MATCH)
        .is_some_and(|tag| tag.as_bytes() == file.etag.as_bytes());
    let body = if fresh {
        Bytes::new()
    } else {
        Bytes::from_static(&file.bytes)
    };
    let mut answer = Response::new(Full::new(body));
    if fresh {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(file.content_type));
    // Asked for again each time, sent again only when it has changed.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&file.etag) {
        headers.insert(ETAG, tag);
    }
    answer
}

fn engine<B: RequestBody>(
    this: Rc<GatewayShard>,
    endpoint: Arc<Endpoint>,
    request: Request<B>,
    peer: SocketAddr,
) -> Answering {
    let (shared, seen) = (this.shared.clone(), this.shared.hooks.see(&request, peer));
    let seen = seen.map(|seen| seen.secured(is_secure(&shared, &request, peer)));
    let origin = match this.shared.origins.judge(request.headers()) {
        Ok(origin) => origin,
        Err(()) => {
            let answer = refuse(HandshakeError::Forbidden);
            shared.hooks.tell_refused(seen, &answer);
            return at_once(answer);
        }
    };
    let headers = this.shared.hooks.headers_for(&request, peer);
    let answering = if request.method() == Method::OPTIONS {
        at_once(origin::preflight())
    } else if !endpoint.is_framed() {
        Box::pin(upgrade::open(this, endpoint, request, peer))
    } else {
        session_request(this, endpoint, request, peer)
            .unwrap_or_else(|error| at_once(refuse(error)))
    };
    match (origin, headers, seen) {
        (origin::Admitted::NoBrowser, None, None) => answering,
        (origin, headers, seen) => Box::pin(async move {
            let mut answer = answering.await;
            origin.allow(answer.headers_mut());
            hooks::add_headers(headers, &mut answer);
            shared.hooks.tell_refused(seen, &answer);
            answer
        }),
    }
}

fn session_request<B: RequestBody>(
    this: Rc<GatewayShard>,
    endpoint: Arc<Endpoint>,
    request: Request<B>,
    peer: SocketAddr,
) -> Result<Answering, HandshakeError> {
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let is_upgrade = upgrade::is_asked(request.headers());
    let kind = query.check(
        request.method().as_str(),
        is_upgrade,
        this.shared.allow_eio3,
    )?;
    let (RequestKind::Handshake { transport, .. } | RequestKind::Existing { transport, .. }) = kind;
    let offered = match transport {
        Transport::Polling => this.shared.transports.polling,
        Transport::WebSocket => this.shared.transports.websocket,
        Transport::WebTransport => false,
    };
    if !offered {
        return Err(HandshakeError::UnknownTransport);
    }
    let version = query.version();
    Ok(match kind {
        RequestKind::Handshake {
            transport: Transport::Polling,
            ..
        } => Box::pin(async move {
            match admit(&this, &endpoint, &request, peer).await {
                Ok(opening) => polling::open(&this, endpoint, opening),
                Err(why) => why.answer(),
            }
        }),
        RequestKind::Handshake { .. } => Box::pin(upgrade::open(this, endpoint, request, peer)),
        RequestKind::Existing { sid, transport } => {
            let sid = this.shared.sid(sid).ok_or(HandshakeError::UnknownSid)?;
            // Nor is there an upgrade under the name of a transport that has none.
            if is_upgrade != (transport == Transport::WebSocket) {
                return Err(HandshakeError::BadRequest);
            }
            if transport == Transport::WebSocket {
                Box::pin(upgrade::offer(this, request, sid, version))
            } else if request.method() == Method::GET {
                Box::pin(polling::get(this, sid, version))
            } else if request.method() == Method::POST {
                Box::pin(polling::post(this, request, sid, version))
            } else {
                return Err(HandshakeError::BadRequest);
            }
        }
    })
}

/// A refusal in Engine.IO's own form.
fn refuse(error: HandshakeError) -> Answer {
    refuse_with(error, error.message())
}

/// A refusal in Engine.IO's own form, with words of the application's.
fn refuse_with(error: HandshakeError, message: &str) -> Answer {
    #[derive(serde::Serialize)]
    struct Body<'a> {
        code: u8,
        message: &'a str,
    }
    let body = Body {
        code: error.code(),
        message,
    };
    // A number and a text: they always serialize.
    let mut answer = Response::new(Full::from(serde_json::to_vec(&body).unwrap_or_default()));
    *answer.status_mut() = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // For the hooks: what kind of refusal it is.
    answer.extensions_mut().insert(error);
    answer
}

/// An answer of one line of text.
fn plain(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(text.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=UTF-8"),
    );
    answer
}
