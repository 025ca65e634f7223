//! A connection of the gateway's own listener: TLS if there is any, then HTTP/1.1 or HTTP/2.
//!
//! Promises: every handshake and every head has its time; a connection that asks for nothing is closed.
//! HTTP/2 is for polling and pages, over TLS and by ALPN; browsers open WebSockets on connections of
//! HTTP/1.1. Leaves out HTTP/2 without TLS, which no browser speaks.

use std::{
    cell::Cell,
    convert::Infallible,
    future::{Future, poll_fn},
    net::SocketAddr,
    pin::{Pin, pin},
    rc::Rc,
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Version,
    header::{CONNECTION, HOST},
};
use hyper::{
    body::{Body, Incoming},
    rt::{Executor, Read, Write},
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpStream, time::timeout};

use super::{answer, direct};
use crate::{
    shard::GatewayShard,
    stream::{Lent, Stuck},
    tls::Tls,
};

/// Requests at once on one connection of HTTP/2: a poll, a post and some pages for each of many tabs.
const STREAMS_MAX: u32 = 128;

/// Serves one connection until it closes or is upgraded.
pub(crate) async fn serve(this: Rc<GatewayShard>, stream: TcpStream, peer: SocketAddr) {
    match this.shared.tls.clone() {
        None => serve_plain(this, stream, peer).await,
        // Boxed: connections without TLS need not carry room for it.
        Some(tls) => Box::pin(serve_tls(this, tls, stream, peer)).await,
    }
}

async fn serve_tls(this: Rc<GatewayShard>, tls: Tls, stream: TcpStream, peer: SocketAddr) {
    let patience = Duration::from_millis(this.shared.limits.handshake_ms);
    let stream = match timeout(patience, tls.acceptor().accept(stream)).await {
        Ok(Ok(stream)) => stream,
        failed => {
            this.shared.counts.count("tls.Handshake");
            return match failed {
                Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS"),
                _ => tracing::debug!(%peer, "the handshake of TLS took too long"),
            };
        }
    };
    match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") => serve_http2(this, stream, peer).await,
        _ => serve_http1(this, stream, peer).await,
    }
}

/// HTTP/1.1 as hyper is to speak it.
fn http1(this: &GatewayShard) -> http1::Builder {
    let limits = this.shared.limits;
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(limits.handshake_ms))
        .max_headers(limits.headers)
        .max_buf_size(limits.header_bytes.max(8 * 1024))
        // Answers are small: one plain write of head and body costs the kernel less than a gathering one.
        .writev(false);
    builder
}

/// Counts and tells of a connection that ended with an error.
fn ended_badly(this: &GatewayShard, peer: SocketAddr, error: &hyper::Error) {
    this.shared.counts.count_failure(error);
    tracing::trace!(%peer, %error, "a connection ended with an error");
}

async fn serve_http1<S>(this: Rc<GatewayShard>, stream: S, peer: SocketAddr)
where
    TokioIo<S>: Read + Write + Unpin + Send + 'static,
{
    let service = service_fn(|request| {
        let (shared, answering) = (this.shared.clone(), answer(this.clone(), request, peer));
        async move {
            let answer = answering.await;
            shared.counts.count_answer(answer.status());
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = http1(&this).serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.with_upgrades().await {
        ended_badly(&this, peer, &error);
    }
}

/// A connection of HTTP/1.1 without TLS, between two requests.
pub(super) struct Plain {
    pub(super) tcp: TcpStream,
    /// What was read of the next request.
    pub(super) early: Bytes,
    pub(super) about: About,
}

/// What stays with a connection wherever it goes.
#[derive(Clone, Copy)]
pub(super) struct About {
    pub(super) peer: SocketAddr,
    /// Worth taking back from hyper once it has answered a poll.
    pub(super) is_poller: bool,
    /// How often it has gone to another shard.
    pub(super) moves: u8,
}

/// HTTP/1.1 without TLS: by hyper, and while only polls come, by `direct`.
async fn serve_plain(this: Rc<GatewayShard>, tcp: TcpStream, peer: SocketAddr) {
    let fresh = Plain {
        tcp,
        early: Bytes::new(),
        about: About {
            peer,
            is_poller: true,
            moves: 0,
        },
    };
    if let Some(plain) = by_hyper(&this, fresh).await {
        take_turns(this, plain).await;
    }
}

async fn take_turns(this: Rc<GatewayShard>, mut plain: Plain) {
    loop {
        let other = match direct::serve(&this, plain).await {
            direct::Left::Ended => return,
            direct::Left::Elsewhere(owner, plain) => return hand_over(&this, owner, plain),
            direct::Left::Other(plain) => plain,
        };
        match by_hyper(&this, other).await {
            Some(back) => plain = back,
            None => return,
        }
    }
}

/// Gives a connection to the shard whose sessions it polls for. Where that cannot take it, it is closed, as
/// if the request had come to an overloaded server.
fn hand_over(this: &GatewayShard, owner: usize, plain: Plain) {
    let Plain { tcp, early, about } = plain;
    let about = About {
        moves: about.moves + 1,
        ..about
    };
    let Ok(tcp) = tcp.into_std() else { return };
    this.tell(owner, move |owner, _| {
        if let Ok(tcp) = TcpStream::from_std(tcp) {
            let plain = Plain { tcp, early, about };
            owner.local.spawn(take_turns(owner.clone(), plain));
        }
    });
}

/// Has hyper serve a connection, until it ends or, on a poller's, has answered a poll and waits. Then it is given
/// back, with what was read of the next request.
async fn by_hyper(this: &Rc<GatewayShard>, plain: Plain) -> Option<Plain> {
    let Plain { tcp, early, about } = plain;
    let (stuck, activity) = (Stuck::default(), Rc::new(Activity::default()));
    let polled = Rc::new(Cell::new(false));
    let service = service_fn(|request: Request<Incoming>| {
        let (this, under_way) = (this.clone(), activity.begin());
        polled.set(about.is_poller && is_poll(&request));
        let answering = answer(this.clone(), request, about.peer);
        async move {
            let answer = answering.await;
            drop(under_way);
            this.shared.counts.count_answer(answer.status());
            Ok::<_, Infallible>(answer)
        }
    });
    let stream = TokioIo::new(Lent::new(tcp, early, stuck.clone()));
    let connection = http1(this).serve_connection(stream, service);
    // Boxed: it is large, and goes while there are only polls.
    let mut connection = Box::new(connection.with_upgrades());
    let ended = poll_fn(|cx| match Pin::new(&mut *connection).poll(cx) {
        Poll::Ready(ended) => Poll::Ready(Some(ended)),
        // Its answer is written whole.
        Poll::Pending if polled.get() && activity.is_idle() && !stuck.get() => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    });
    match ended.await {
        None => {
            let parts = connection.into_parts()?;
            let (tcp, rest) = parts.io.into_inner().take_back();
            Some(Plain {
                tcp,
                early: [&parts.read_buf[..], &rest].concat().into(),
                about,
            })
        }
        Some(Ok(())) => None,
        Some(Err(error)) => {
            ended_badly(this, about.peer, &error);
            None
        }
    }
}

/// Whether this looks like a poll of an open session, on a connection that stays. A body would be taken for the
/// next request.
fn is_poll(request: &Request<Incoming>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    let stays = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"keep-alive");
    request.method() == Method::GET
        && request.body().is_end_stream()
        && request.version() == Version::HTTP_11
        && request.headers().get(CONNECTION).is_none_or(stays)
        && query.contains("transport=polling")
        && query.contains("sid=")
}

/// Tasks of one HTTP/2 connection, on the shard's own thread.
#[derive(Clone)]
struct OnShard;

impl<F: Future<Output = ()> + 'static> Executor<F> for OnShard {
    fn execute(&self, task: F) {
        drop(tokio::task::spawn_local(task));
    }
}

async fn serve_http2<S>(this: Rc<GatewayShard>, stream: S, peer: SocketAddr)
where
    TokioIo<S>: Read + Write + Unpin + 'static,
{
    let limits = this.shared.limits;
    let patience = Duration::from_millis(limits.handshake_ms);
    let activity = Rc::new(Activity::default());
    let service = service_fn({
        let activity = activity.clone();
        move |mut request: Request<Incoming>| {
            let (shared, under_way) = (this.shared.clone(), activity.begin());
            name_host(&mut request);
            let answering = answer(this.clone(), request, peer);
            async move {
                let answer = answering.await;
                drop(under_way);
                shared.counts.count_answer(answer.status());
                Ok::<_, Infallible>(answer)
            }
        }
    });
    let connection = http2::Builder::new(OnShard)
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(limits.header_bytes.min(u32::MAX as usize) as u32)
        .keep_alive_interval(patience)
        .keep_alive_timeout(patience)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    loop {
        let quiet_since = activity.count();
        match timeout(patience, connection.as_mut()).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => {
                return tracing::trace!(%peer, %error, "a connection ended with an error");
            }
            Err(_) if activity.is_quiet(quiet_since) => break,
            Err(_) => {}
        }
    }
    connection.as_mut().graceful_shutdown();
    // Whoever does not leave is cut.
    let _ = timeout(patience, connection).await;
}

/// HTTP/2 names the host in a place of its own.
fn name_host(request: &mut Request<Incoming>) {
    if request.headers().contains_key(HOST) {
        return;
    }
    let authority = request.uri().authority().map(|it| it.as_str());
    if let Some(Ok(host)) = authority.map(HeaderValue::from_str) {
        request.headers_mut().insert(HOST, host);
    }
}

/// Requests of one connection: begun so far, and under way.
#[derive(Default)]
struct Activity {
    begun: Cell<u64>,
    under_way: Cell<u32>,
}

impl Activity {
    fn begin(self: &Rc<Self>) -> UnderWay {
        self.begun.set(self.begun.get() + 1);
        self.under_way.set(self.under_way.get() + 1);
        UnderWay(self.clone())
    }

    fn count(&self) -> u64 {
        self.begun.get()
    }

    fn is_idle(&self) -> bool {
        self.under_way.get() == 0
    }

    fn is_quiet(&self, since: u64) -> bool {
        self.begun.get() == since && self.is_idle()
    }
}

struct UnderWay(Rc<Activity>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.set(self.0.under_way.get() - 1);
    }
}
