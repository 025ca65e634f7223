//! The application's own pages: what a gateway serves beside its sessions.
//!
//! Promises: enough for a page, its scripts and a few computed answers; known bytes carry a tag and are
//! not sent twice. Leaves out everything else a web server does: put one in front, or the gateway
//! into one.

use std::{
    borrow::Cow,
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    net::SocketAddr,
    sync::Arc,
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
};
use http_body_util::Full;

use super::{Answer, plain};

/// Something to serve: bytes and what they are.
#[derive(Clone, Debug)]
pub struct Page {
    content_type: Cow<'static, str>,
    body: Bytes,
    etag: String,
}

impl Page {
    /// A page of any type.
    pub fn new(content_type: impl Into<Cow<'static, str>>, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let mut hasher = DefaultHasher::new();
        body.hash(&mut hasher);
        let etag = format!("\"{:016x}\"", hasher.finish());
        Self {
            content_type: content_type.into(),
            body,
            etag,
        }
    }

    /// An HTML page.
    pub fn html(body: impl Into<Bytes>) -> Self {
        Self::new("text/html; charset=utf-8", body)
    }

    /// A JSON answer.
    pub fn json(body: impl Into<Bytes>) -> Self {
        Self::new("application/json", body)
    }

    fn answer(&self, asked: &HeaderMap) -> Answer {
        let fresh = asked
            .get(IF_NONE_MATCH)
            .is_some_and(|tag| tag.as_bytes() == self.etag.as_bytes());
        let body = if fresh {
            Bytes::new()
        } else {
            self.body.clone()
        };
        let mut answer = Response::new(Full::new(body));
        if fresh {
            *answer.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let headers = answer.headers_mut();
        if let Ok(value) = HeaderValue::from_str(&self.content_type) {
            headers.insert(CONTENT_TYPE, value);
        }
        if let Ok(value) = HeaderValue::from_str(&self.etag) {
            headers.insert(ETAG, value);
        }
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        answer
    }
}

/// A request for a computed page.
#[derive(Debug)]
pub struct PageRequest<'a> {
    /// The query, without its question mark.
    pub query: &'a str,
    /// Who asks.
    pub peer: SocketAddr,
}

type Compute = Arc<dyn Fn(&PageRequest<'_>) -> Page + Send + Sync>;

#[derive(Clone)]
enum Route {
    Fixed(Page),
    Computed(Compute),
}

/// Pages by path.
#[derive(Clone, Default)]
pub(crate) struct Pages(HashMap<String, Route>);

impl Pages {
    pub(crate) fn fix(&mut self, path: String, page: Page) {
        self.0.insert(path, Route::Fixed(page));
    }

    pub(crate) fn compute(
        &mut self,
        path: String,
        page: impl Fn(&PageRequest<'_>) -> Page + Send + Sync + 'static,
    ) {
        self.0.insert(path, Route::Computed(Arc::new(page)));
    }

    pub(crate) fn answer<B>(&self, request: &Request<B>, peer: SocketAddr) -> Answer {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return plain(StatusCode::METHOD_NOT_ALLOWED, "pages are got, not sent to");
        }
        match self.0.get(request.uri().path()) {
            Some(Route::Fixed(page)) => page.answer(request.headers()),
            Some(Route::Computed(compute)) => {
                let query = request.uri().query().unwrap_or_default();
                compute(&PageRequest { query, peer }).answer(request.headers())
            }
            None => plain(StatusCode::NOT_FOUND, "there is no such page here"),
        }
    }
}
