//! A connection of the gateway's own listener: TLS if there is any, then HTTP/1.1 or HTTP/2.
//!
//! Promises: every handshake and every head has its time; a connection that asks for nothing is closed.
//! HTTP/2 is for polling and pages, over TLS and by ALPN; browsers open WebSockets on connections of
//! HTTP/1.1. Leaves out HTTP/2 without TLS, which no browser speaks.

use std::{
    cell::Cell, convert::Infallible, future::Future, net::SocketAddr, pin::pin, rc::Rc,
    time::Duration,
};

use http::{HeaderValue, Request, header::HOST};
use hyper::{
    body::Incoming,
    rt::{Executor, Read, Write},
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpStream, time::timeout};

use super::answer;
use crate::{shard::GatewayShard, tls::Tls};

/// Requests at once on one connection of HTTP/2: a poll, a post and some pages for each of many tabs.
const STREAMS_MAX: u32 = 128;

/// Serves one connection until it closes or is upgraded.
pub(crate) async fn serve(this: Rc<GatewayShard>, stream: TcpStream, peer: SocketAddr) {
    match this.shared.tls.clone() {
        None => serve_http1(this, stream, peer).await,
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

async fn serve_http1<S>(this: Rc<GatewayShard>, stream: S, peer: SocketAddr)
where
    TokioIo<S>: Read + Write + Unpin + Send + 'static,
{
    let (limits, shared) = (this.shared.limits, this.shared.clone());
    let service = service_fn(move |request| {
        let (shared, answering) = (this.shared.clone(), answer(this.clone(), request, peer));
        async move {
            let answer = answering.await;
            shared.counts.count_answer(answer.status());
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(limits.handshake_ms))
        .max_headers(limits.headers)
        .max_buf_size(limits.header_bytes.max(8 * 1024))
        // Answers are small: one plain write of head and body costs the kernel less than a gathering one.
        .writev(false)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    if let Err(error) = connection.await {
        shared.counts.count_failure(&error);
        tracing::trace!(%peer, %error, "a connection ended with an error");
    }
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

    fn is_quiet(&self, since: u64) -> bool {
        self.begun.get() == since && self.under_way.get() == 0
    }
}

struct UnderWay(Rc<Activity>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.set(self.0.under_way.get() - 1);
    }
}
