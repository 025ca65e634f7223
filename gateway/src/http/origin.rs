//! Which pages may use the gateway from a browser.
//!
//! A browser lets any page open a WebSocket to anywhere, with the user's cookies. So the `Origin` it
//! sends is judged, for WebSocket as for polling. Promises: by default only the server's own pages get
//! in; a refused origin is logged once, with the setting that would admit it. What is no browser sends
//! no origin and is not meant here.

use std::{collections::HashSet, sync::Mutex};

use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS,
        ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, HOST,
        ORIGIN, VARY,
    },
};
use http_body_util::Full;

use super::Answer;

/// The origins a gateway admits.
#[derive(Debug, Default)]
pub struct Origins {
    allowed: Allowed,
    /// Refused so far, so that each is logged once. Bounded, for peers choose the text.
    refused: Mutex<HashSet<String>>,
}

#[derive(Debug, Default)]
enum Allowed {
    /// The page's own host and port.
    #[default]
    Own,
    /// Every page, without credentials.
    Any,
    /// The page's own, and these.
    List(Vec<String>),
}

/// Origins remembered as refused: 1,000 lines of log at most.
const REFUSED_MAX: usize = 1_000;

impl Origins {
    /// Pages of the gateway's own host and port.
    pub fn own() -> Self {
        Self::default()
    }

    /// Every page there is. Credentials (cookies) are then not allowed.
    pub fn any() -> Self {
        Self {
            allowed: Allowed::Any,
            ..Self::default()
        }
    }

    /// The gateway's own pages and those of `origins`, each as `https://example.org`.
    pub fn list(origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let list = origins.into_iter().map(Into::into).collect();
        Self {
            allowed: Allowed::List(list),
            ..Self::default()
        }
    }

    /// Judges a request; what is admitted says which headers to add to its answer.
    pub(crate) fn judge(&self, headers: &HeaderMap) -> Result<Admitted, ()> {
        let Some(origin) = headers.get(ORIGIN) else {
            return Ok(Admitted::NoBrowser);
        };
        let text = origin.to_str().unwrap_or_default();
        if matches!(self.allowed, Allowed::Any) {
            return Ok(Admitted::Anybody);
        }
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let own = text
            .split_once("://")
            .is_some_and(|(_, rest)| Some(rest) == host);
        let listed = matches!(&self.allowed, Allowed::List(list) if list.iter().any(|o| o == text));
        if own || listed {
            return Ok(Admitted::Origin(origin.clone()));
        }
        let mut refused = self
            .refused
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if refused.len() < REFUSED_MAX && refused.insert(text.to_owned()) {
            tracing::warn!(
                origin = text,
                "refused a page of another origin; to admit it, set Origins::list([{text:?}])"
            );
        }
        Err(())
    }
}

/// A request that may be answered.
pub(crate) enum Admitted {
    /// It has no origin.
    NoBrowser,
    /// Every origin is welcome.
    Anybody,
    /// This origin is.
    Origin(HeaderValue),
}

impl Admitted {
    /// Tells the browser.
    pub(crate) fn allow(self, headers: &mut HeaderMap) {
        match self {
            Self::NoBrowser => {}
            Self::Anybody => {
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            }
            Self::Origin(origin) => {
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
                headers.insert(
                    ACCESS_CONTROL_ALLOW_CREDENTIALS,
                    HeaderValue::from_static("true"),
                );
                headers.insert(VARY, HeaderValue::from_static("Origin"));
            }
        }
    }
}

/// The answer to a browser that asks before it asks.
pub(super) fn preflight() -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let headers = answer.headers_mut();
    headers.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET,POST"),
    );
    headers.insert(
        ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("Content-Type"),
    );
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(origin: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("game.example:3000"));
        if !origin.is_empty() {
            headers.insert(ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        headers
    }

    #[test]
    fn only_the_own_page_gets_in_by_default() {
        let origins = Origins::own();
        assert!(origins.judge(&headers("http://game.example:3000")).is_ok());
        assert!(origins.judge(&headers("")).is_ok());
        for stranger in [
            "http://game.example",
            "https://evil.example",
            "null",
            "http://game.example:3000.evil",
        ] {
            assert!(origins.judge(&headers(stranger)).is_err(), "{stranger}");
        }
    }

    #[test]
    fn a_listed_page_gets_in_and_any_means_any_without_credentials() {
        let listed = Origins::list(["https://friend.example"]);
        assert!(listed.judge(&headers("https://friend.example")).is_ok());
        assert!(listed.judge(&headers("https://evil.example")).is_err());
        let mut answer = HeaderMap::new();
        Origins::any()
            .judge(&headers("https://evil.example"))
            .unwrap()
            .allow(&mut answer);
        assert_eq!(answer[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert!(!answer.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS));
    }
}
