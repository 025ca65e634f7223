//! What people write for a server: a URL, `host:port`, or `//host`; its path is the namespace.

use url::Url;

use crate::Options;

/// Why there is no connection to begin with: the caller's move.
#[derive(Debug)]
#[non_exhaustive]
pub enum SetupError {
    /// This is no address of a server.
    Address(String),
    /// A client lives on a tokio runtime, and here is none.
    NoRuntime,
}

impl std::fmt::Display for SetupError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address(text) => write!(
                f,
                "{text:?} is no address of a server; write http://HOST:PORT, ws:// or https:// alike"
            ),
            Self::NoRuntime => f.write_str("a client must be made inside a tokio runtime"),
        }
    }
}

impl std::error::Error for SetupError {}

/// The server's address, with scheme `http` or `https`.
pub(crate) fn parse(text: &str) -> Result<Url, SetupError> {
    let bad = || SetupError::Address(text.to_owned());
    let full = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{}", text.trim_start_matches('/'))
    };
    let full = match full.split_once("://") {
        Some(("ws", rest)) => format!("http://{rest}"),
        Some(("wss", rest)) => format!("https://{rest}"),
        _ => full,
    };
    let url = Url::parse(&full).map_err(|_| bad())?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(bad());
    }
    Ok(url)
}

/// The namespace a URL names.
pub(crate) fn namespace(url: &Url) -> String {
    url.path().to_owned()
}

/// Where Engine.IO answers on this server; the query is the user's part of it.
pub(crate) fn endpoint(url: &Url, options: &Options) -> Url {
    let mut base = url.clone();
    base.set_fragment(None);
    let slash = if options.add_trailing_slash { "/" } else { "" };
    let path = options.path.trim_matches('/');
    base.set_path(&format!("/{path}{slash}"));
    if !options.query.is_empty() {
        base.query_pairs_mut().clear().extend_pairs(&options.query);
    }
    base
}

/// The address of one request.
pub(crate) fn request(base: &Url, transport: &str, sid: Option<&str>) -> Url {
    let mut url = base.clone();
    {
        let mut query = url.query_pairs_mut();
        query.append_pair("EIO", "4");
        query.append_pair("transport", transport);
        if let Some(sid) = sid {
            query.append_pair("sid", sid);
        }
    }
    url
}

/// An address without its query, for messages.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_for_a_server() {
        for (text, is) in [
            ("http://a.b:1/x?y=2", "http://a.b:1/x?y=2"),
            ("ws://a.b", "http://a.b/"),
            ("wss://a.b/chat", "https://a.b/chat"),
            ("a.b:3000", "http://a.b:3000/"),
            ("//a.b/chat", "http://a.b/chat"),
            ("[::1]:3000", "http://[::1]:3000/"),
        ] {
            assert_eq!(parse(text).unwrap().as_str(), is);
        }
        for text in ["", "ftp://a", "http://", "a b"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn requests_name_path_version_transport_and_session() {
        let url = parse("http://h/chat?room=7").unwrap();
        let mut options = Options::default();
        let base = endpoint(&url, &options);
        assert_eq!(
            request(&base, "polling", Some("a b")).as_str(),
            "http://h/socket.io/?room=7&EIO=4&transport=polling&sid=a+b"
        );
        options.path = "/play/".to_owned();
        options.add_trailing_slash = false;
        options.query = vec![("q".to_owned(), "ü&".to_owned())];
        let base = endpoint(&url, &options);
        assert_eq!(
            request(&base, "websocket", None).as_str(),
            "http://h/play?q=%C3%BC%26&EIO=4&transport=websocket"
        );
        assert_eq!(namespace(&url), "/chat");
        assert_eq!(shown(&base), "http://h/play");
    }
}
