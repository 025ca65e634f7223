//! Whether a request may open a session, and what it is told if not.
//!
//! Promises: the gateway's own state is asked first, then the address's share, then the application; a share
//! that was taken is given back when no session comes of it. Used by HTTP and QUIC alike. Leaves out: origins
//! (`origin.rs`), which are judged before, and how shares are counted (`admission.rs`).

use std::{future::Future, net::SocketAddr, pin::Pin, sync::Arc};

use http::{Request, StatusCode, uri::Scheme};
use ringside_proto::engineio::{HandshakeError, Query, Version};

use super::{Answer, plain, refuse, refuse_with};
use crate::{
    endpoint::Endpoint, session::Opening, shard::GatewayShard, shared::Shared, sid::Sid,
    socketio::Handshake,
};

/// Decides, before there is a session, who may open one.
pub(crate) type Allow =
    Box<dyn Fn(Arc<Handshake>) -> Pin<Box<dyn Future<Output = Result<(), String>>>> + Send + Sync>;

/// Why a request may not open a session.
pub(crate) enum NotAdmitted {
    /// The gateway ends its sessions, and opens no more.
    Draining,
    /// Its address has its share.
    Share,
    /// The application refuses, with these words.
    ByApplication(String),
}

impl NotAdmitted {
    pub(crate) const DRAINING: &str =
        "this server is shutting down; connect again to reach another";
    pub(crate) const SHARE: &str = "this address has as many sessions as it may; try again later";

    pub(super) fn answer(&self) -> Answer {
        match self {
            Self::Draining => plain(StatusCode::SERVICE_UNAVAILABLE, Self::DRAINING),
            Self::Share => plain(StatusCode::TOO_MANY_REQUESTS, Self::SHARE),
            Self::ByApplication(message) => refuse_with(HandshakeError::Forbidden, message),
        }
    }
}

/// Whether a request may open a session: by where the gateway is in its life, by its address, then by the
/// application.
pub(crate) async fn admit<B>(
    this: &GatewayShard,
    endpoint: &Endpoint,
    request: &Request<B>,
    peer: SocketAddr,
) -> Result<Opening, NotAdmitted> {
    let shared = &this.shared;
    // A connection that is kept alive may ask for as long as there is a session to wait for.
    if this.draining.get() {
        return Err(NotAdmitted::Draining);
    }
    let speaker = shared.admission.speaker(peer, request.headers());
    let Some(admitted) = shared.admission.admit(speaker.ip(), this.now()) else {
        tracing::debug!(%speaker, "refused: this address has its share of sessions");
        return Err(NotAdmitted::Share);
    };
    let handshake = Handshake::of(request, speaker);
    let handshake = Arc::new(handshake.secured(is_secure(shared, request, peer)));
    if let Some(allow) = &shared.allow
        && let Err(message) = allow(handshake.clone()).await
    {
        return Err(NotAdmitted::ByApplication(message));
    }
    // The application may have taken its time to say yes.
    if this.draining.get() {
        return Err(NotAdmitted::Draining);
    }
    let query = Query::parse(request.uri().query().unwrap_or_default());
    // A bare WebSocket has no query of Engine.IO's, and no revision.
    let version = match shared.allow_eio3 && endpoint.is_framed() {
        true => query.version(),
        false => Version::V4,
    };
    Ok(Opening {
        sid: Sid::new(this.id),
        version,
        text_only: query.b64,
        handshake,
        admitted,
    })
}

/// Tells those who hear of refusals of one that had no answer of HTTP's.
pub(crate) fn tell_refused(
    shared: &Shared,
    request: &Request<()>,
    peer: SocketAddr,
    error: HandshakeError,
) {
    let seen = shared.hooks.see(request, peer);
    shared.hooks.tell_refused(seen, &refuse(error));
}

/// Whether a client speaks TLS, as far as is known: by the word of a trusted proxy, or with this gateway.
pub(super) fn is_secure<B>(shared: &Shared, request: &Request<B>, peer: SocketAddr) -> bool {
    let by_proxy = shared.admission.is_secure_by_proxy(peer, request.headers());
    by_proxy.unwrap_or_else(|| {
        let is_named = request.uri().scheme() == Some(&Scheme::HTTPS);
        is_named || (shared.tls.is_some() && !shared.is_mounted)
    })
}
