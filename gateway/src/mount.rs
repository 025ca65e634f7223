//! A gateway inside somebody else's HTTP server: a tower service, or a layer around one.
//!
//! ```text
//! axum, hyper, … (their runtime) ── request ──> a shard (the session's, if there is one)
//!                                <── answer ──
//!         after 101: the socket leaves their runtime for the shard's
//! ```
//!
//! Promises: sessions live on the shards as ever, whatever runs the server, and a delivery costs what it
//! costs behind the gateway's own listener. A request that is given up there is given up here.
//! Leaves out: TLS, which is the server's; tokio-rustls' streams are taken up together with their state.

use std::{
    convert::Infallible,
    error::Error,
    fmt,
    future::Future,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::Once,
    task::{Context, Poll},
};

use ::http::{Extensions, Request, Response};
use bytes::Bytes;
use http_body::Body;
use http_body_util::{BodyExt, Either, Full};
use tokio::sync::oneshot;
use tower_layer::Layer;
use tower_service::Service;

use crate::{Gateway, gateway::Reach, http, shard::Remote};

/// Finds a request's peer among what its server has noted.
type PeerOf = fn(&Extensions) -> Option<SocketAddr>;

/// A gateway to be mounted: a [`Service`] that answers every request, or a [`Layer`] that answers those
/// to the gateway's paths and leaves the rest to the service within. Cheap to clone.
///
/// ```no_run
/// use std::net::SocketAddr;
/// use axum::{Router, extract::ConnectInfo, routing::get};
/// use ringside_gateway::Gateway;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let mut io = Gateway::builder();
/// io.on("chat", |socket: &ringside_gateway::Socket, text: String| {
///     socket.broadcast().emit("chat", &text).is_ok()
/// });
/// let mount = io.mount()?.peer_from(|noted| Some(noted.get::<ConnectInfo<SocketAddr>>()?.0));
/// let app = Router::new().route("/", get(|| async { "a page" })).layer(mount);
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
/// axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Mount {
    gateway: Gateway,
    peer: Option<PeerOf>,
}

impl Mount {
    pub(crate) fn new(gateway: Gateway) -> Self {
        Self {
            gateway,
            peer: None,
        }
    }

    /// Where the server notes who asks: for axum,
    /// `|noted| Some(noted.get::<ConnectInfo<SocketAddr>>()?.0)`. Without it all peers are unknown:
    /// limits per address are off, and no proxy is trusted.
    #[must_use]
    pub fn peer_from(mut self, f: PeerOf) -> Self {
        self.peer = Some(f);
        self
    }

    /// The gateway, to emit by and to drain.
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    fn peer_of(&self, noted: &Extensions) -> SocketAddr {
        let peer = self.peer.and_then(|find| find(noted));
        peer.unwrap_or_else(|| {
            static WARNING: Once = Once::new();
            WARNING.call_once(|| {
                tracing::warn!(
                    "a mounted gateway does not know its peers: limits per address are off; set \
                     Mount::peer_from"
                );
            });
            SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))
        })
    }

    /// Has a shard answer the request.
    fn forward<B>(&self, request: Request<B>) -> impl Future<Output = http::Answer> + Send + use<B>
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        let peer = self.peer_of(request.extensions());
        let request = request.map(BodyExt::boxed_unsync);
        let (reply, answer) = oneshot::channel();
        let gateway = self.gateway.clone();
        let sent = gateway.reach(request.uri()).and_then(|reach| {
            let Reach { shard, ended } = reach;
            let call = Remote::message(move |shard, _| {
                let (shared, answering) = (
                    shard.shared.clone(),
                    http::answer(shard.clone(), request, peer),
                );
                shard.local.spawn(async move {
                    let mut reply = reply;
                    let answer = tokio::select! {
                        answer = answering => answer,
                        // Given up over there.
                        () = reply.closed() => return,
                    };
                    shared.counts.count_answer(answer.status());
                    let _ = reply.send(answer);
                });
            });
            gateway.hand(shard, call).then_some(ended)
        });
        async move {
            let Some(ended) = sent else {
                return http::unavailable();
            };
            tokio::select! {
                answer = answer => answer.unwrap_or_else(|_| http::unavailable()),
                // The shards are gone, and with them all they were asked.
                () = ended => http::unavailable(),
            }
        }
    }
}

impl fmt::Debug for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mount")
    }
}

impl<B> Service<Request<B>> for Mount
where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let answer = self.forward(request);
        Box::pin(async move { Ok(answer.await) })
    }
}

impl<S> Layer<S> for Mount {
    type Service = Mounted<S>;

    fn layer(&self, inner: S) -> Mounted<S> {
        Mounted {
            mount: self.clone(),
            inner,
        }
    }
}

/// A service with a gateway in front of it; made by [`Mount`] as a layer.
#[derive(Clone, Debug)]
pub struct Mounted<S> {
    mount: Mount,
    inner: S,
}

impl<S, B, R> Service<Request<B>> for Mounted<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    R: Body<Data = Bytes> + 'static,
    S::Error: 'static,
{
    type Response = Response<Either<Full<Bytes>, R>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if self.mount.gateway.answers(request.uri().path()) {
            let answer = self.mount.forward(request);
            Box::pin(async move { Ok(answer.await.map(Either::Left)) })
        } else {
            let answer = self.inner.call(request);
            Box::pin(async move { Ok(answer.await?.map(Either::Right)) })
        }
    }
}
