//! The application's own pages: what a gateway serves beside its sessions.
//!
//! Promises: enough for a page, its scripts and a few computed answers; known bytes carry a tag and are
//! not sent twice. Leaves out everything else a web server does: put one in front, or the gateway
//! into one.

use std::{
    borrow::Cow,
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    net::SocketAddr,
    path::Path,
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

    /// A file, read now; its type is told by its name.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn file(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let body = std::fs::read(path).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", path.display()))
        })?;
        let kind = match path.extension().and_then(|ending| ending.to_str()) {
            Some("html" | "htm") => "text/html; charset=utf-8",
            Some("js" | "mjs") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("txt" | "md") => "text/plain; charset=utf-8",
            Some("json") => "application/json",
            Some("svg") => "image/svg+xml",
            Some("png") => "image/png",
            Some("jpg" | "jpeg") => "image/jpeg",
            Some("ico") => "image/x-icon",
            Some("wasm") => "application/wasm",
            _ => "application/octet-stream",
        };
        Ok(Self::new(kind, body))
    }

    /// A JSON answer.
    pub fn json(body: impl Into<Bytes>) -> Self {
        Self::new("application/json", body)
    }

    pub(super) fn answer(&self, asked: &HeaderMap) -> Answer {
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

/// A request with a body.
#[derive(Debug)]
pub struct PostRequest<'a> {
    /// The query, without its question mark.
    pub query: &'a str,
    /// Who asks.
    pub peer: SocketAddr,
    /// The body: at most [`Limits::message_bytes`](crate::Limits::message_bytes).
    pub body: &'a [u8],
}

/// Answers a request with a body.
pub(crate) type OnPost = Arc<dyn Fn(&PostRequest<'_>) -> Page + Send + Sync>;

type Compute = Arc<dyn Fn(&PageRequest<'_>) -> Page + Send + Sync>;

#[derive(Clone)]
enum Route {
    Fixed(Page),
    Computed(Compute),
}

/// Pages by path.
#[derive(Clone, Default)]
pub(crate) struct Pages(HashMap<String, Route>, HashMap<String, OnPost>);

impl Pages {
    pub(crate) fn fix(&mut self, path: String, page: Page) {
        self.0.insert(path, Route::Fixed(page));
    }

    pub(crate) fn post(&mut self, path: String, answer: OnPost) {
        self.1.insert(path, answer);
    }

    /// Who answers this request, if it is one with a body that somebody awaits.
    pub(crate) fn on_post<B>(&self, request: &Request<B>) -> Option<OnPost> {
        let is_post = request.method() == Method::POST;
        is_post
            .then(|| self.1.get(request.uri().path()).cloned())
            .flatten()
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
