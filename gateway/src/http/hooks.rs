//! What the application adds to Engine.IO's answers (a cookie, headers, a first packet), and how it hears of
//! refusals.
//!
//! Promises: nobody pays for what is not asked for. Only good answers are added to, a refusal says no
//! more than it must.

use std::{fmt, net::SocketAddr};

use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header::SET_COOKIE};
use ringside_proto::engineio::HandshakeError;

use super::Answer;
use crate::{sid::Sid, socketio::Handshake};

/// A cookie that holds the session's id, for balancers that keep a client on one gateway by it; see
/// [`Builder::cookie`](crate::Builder::cookie).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    name: String,
    attributes: String,
}

impl Cookie {
    /// A cookie of that name for `/`, hidden from scripts, and sent by the browser only along with
    /// requests of the page's own site.
    ///
    /// # Panics
    /// When the name is not a token (RFC 9110 §5.6.2), or is empty.
    pub fn new(name: &str) -> Self {
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        assert!(
            !name.is_empty() && name.bytes().all(is_token),
            "{name:?} is no name for a cookie"
        );
        Self {
            name: name.to_owned(),
            attributes: "Path=/; HttpOnly; SameSite=Lax".to_owned(),
        }
    }

    /// With these attributes instead, such as `Path=/game; Secure; SameSite=None`.
    ///
    /// # Panics
    /// When they cannot stand in a header.
    #[must_use]
    pub fn attributes(mut self, attributes: &str) -> Self {
        assert!(
            HeaderValue::from_str(attributes).is_ok(),
            "{attributes:?} cannot stand in a header"
        );
        self.attributes = attributes.to_owned();
        self
    }

    fn value(&self, sid: &Sid) -> HeaderValue {
        let Self { name, attributes } = self;
        let text = match attributes.is_empty() {
            true => format!("{name}={sid}"),
            false => format!("{name}={sid}; {attributes}"),
        };
        // Checked when it was made.
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
    }
}

/// A request that will be answered, for [`Builder::headers`](crate::Builder::headers).
#[derive(Debug)]
#[non_exhaustive]
pub struct RequestHead<'a> {
    /// Whether it opens a session.
    pub is_initial: bool,
    /// GET or POST.
    pub method: &'a Method,
    /// Path and query.
    pub uri: &'a Uri,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Who asks, as the socket has it.
    pub peer: SocketAddr,
}

/// Adds headers to an answer.
pub(crate) type AddHeaders = Box<dyn Fn(&RequestHead<'_>, &mut HeaderMap) + Send + Sync>;

/// A request that opened or continued no session, as Node's `connection_error` shows it.
#[derive(Clone, Debug)]
pub struct ConnectionError {
    /// Engine.IO's number for it: 0 unknown transport, 1 unknown session, 2 bad method, 3 bad request,
    /// 4 forbidden, 5 unsupported version.
    pub code: u8,
    /// Engine.IO's word for it.
    pub message: &'static str,
    /// The request.
    pub request: Handshake,
}

type OnConnectionError = Box<dyn Fn(&ConnectionError) + Send + Sync>;

/// All that is added.
#[derive(Default)]
pub(crate) struct Hooks {
    pub(crate) cookie: Option<Cookie>,
    pub(crate) headers: Option<AddHeaders>,
    /// The text of a message that follows the open packet.
    pub(crate) initial: Option<Box<str>>,
    pub(crate) refused: Vec<OnConnectionError>,
}

impl Hooks {
    /// What is remembered of a request for those who hear of refusals, if there are any.
    pub(super) fn see<B>(&self, request: &Request<B>, peer: SocketAddr) -> Option<Handshake> {
        (!self.refused.is_empty()).then(|| Handshake::of(request, peer))
    }

    /// Tells those who hear of refusals, if this answer is one.
    pub(super) fn tell_refused(&self, seen: Option<Handshake>, answer: &Answer) {
        let error = answer.extensions().get::<HandshakeError>();
        if let (Some(request), Some(error)) = (seen, error) {
            let error = ConnectionError {
                code: error.code(),
                message: error.message(),
                request,
            };
            for f in &self.refused {
                let call = std::panic::AssertUnwindSafe(|| f(&error));
                if std::panic::catch_unwind(call).is_err() {
                    tracing::error!("who hears of refusals panicked");
                }
            }
        }
    }

    /// Adds the cookie to the answer that opens a session.
    pub(super) fn add_cookie(&self, answer: &mut Answer, sid: &Sid) {
        if let Some(cookie) = &self.cookie {
            answer.headers_mut().append(SET_COOKIE, cookie.value(sid));
        }
    }

    /// What the hook adds to the answer of this request, if there is a hook. Asked before the request is
    /// dealt with, so that what it notes is there for handlers.
    pub(super) fn headers_for<B>(
        &self,
        request: &Request<B>,
        peer: SocketAddr,
    ) -> Option<HeaderMap> {
        let add = self.headers.as_ref()?;
        let query = request.uri().query().unwrap_or_default();
        let head = RequestHead {
            is_initial: !query.split('&').any(|pair| pair.starts_with("sid=")),
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            peer,
        };
        let mut headers = HeaderMap::new();
        add(&head, &mut headers);
        Some(headers)
    }
}

/// Adds the hook's headers to a good answer.
pub(super) fn add_headers(headers: Option<HeaderMap>, answer: &mut Answer) {
    let status = answer.status();
    let is_good = status.is_success() || status == StatusCode::SWITCHING_PROTOCOLS;
    if let (Some(headers), true) = (headers, is_good) {
        let mut name = None;
        for (next, value) in headers {
            // A name is told with its first value only.
            name = next.or(name);
            if let Some(name) = &name {
                answer.headers_mut().append(name.clone(), value);
            }
        }
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hooks")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_the_sid_with_its_attributes() {
        let sid = Sid::new(3);
        let value = |cookie: Cookie| cookie.value(&sid).to_str().unwrap().to_owned();
        assert_eq!(
            value(Cookie::new("io")),
            format!("io={sid}; Path=/; HttpOnly; SameSite=Lax")
        );
        let bare = Cookie::new("x-y").attributes("");
        assert_eq!(value(bare), format!("x-y={sid}"));
    }

    #[test]
    #[should_panic(expected = "no name for a cookie")]
    fn a_cookies_name_cannot_smuggle_attributes() {
        let _ = Cookie::new("io=1; Path");
    }
}
