//! What a request's query asks for, and the exact refusals of Engine.IO.
//!
//! It checks in the reference's order (npm engine.io 6.6, `Server.verify`), because clients and
//! the public test suite see the first error only. Origins and `allowRequest` are the caller's.

use super::{Transport, Version};

/// The parameters of Engine.IO in a query; others are the application's and stay untouched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Query<'a> {
    /// `EIO`: the revision of the protocol.
    pub eio: Option<&'a str>,
    /// `transport`.
    pub transport: Option<&'a str>,
    /// `sid`: absent or empty in a handshake.
    pub sid: Option<&'a str>,
    /// `t`: against caches; meaningless.
    pub t: Option<&'a str>,
    /// `b64`: a client of version 3 that cannot read binary payloads.
    pub b64: bool,
    /// `j`: a client of version 3 that wants JSONP, which is refused.
    pub j: Option<&'a str>,
}

impl<'a> Query<'a> {
    /// Reads the query (without `?`). Of a repeated parameter the first counts; an empty `sid` is
    /// none. Values are taken as they stand: none of those allowed needs percent-encoding.
    pub fn parse(query: &'a str) -> Self {
        let mut it = Self::default();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let slot = match name {
                "EIO" => &mut it.eio,
                "transport" => &mut it.transport,
                "sid" => &mut it.sid,
                "t" => &mut it.t,
                "j" => &mut it.j,
                "b64" => {
                    it.b64 = !value.is_empty();
                    continue;
                }
                _ => continue,
            };
            slot.get_or_insert(value);
        }
        it.sid = it.sid.filter(|sid| !sid.is_empty());
        it
    }

    /// The revision: 4 for `EIO=4`, 3 for anything else, as in the reference.
    pub fn version(&self) -> Version {
        if self.eio == Some("4") {
            Version::V4
        } else {
            Version::V3
        }
    }

    /// Judges a request by its query, method and kind; existing sessions judge further
    /// ([`super::ServerSession::check_request`]).
    ///
    /// `is_upgrade`: the request asks for WebSocket. `allow_v3`: clients of Engine.IO 3 are welcome.
    ///
    /// # Errors
    /// The refusal to send.
    pub fn check(
        &self,
        method: &str,
        is_upgrade: bool,
        allow_v3: bool,
    ) -> Result<RequestKind<'a>, HandshakeError> {
        let transport = match self.transport.and_then(Transport::from_name) {
            // WebTransport sessions do not begin with an HTTP request of this kind.
            None | Some(Transport::WebTransport) => return Err(HandshakeError::UnknownTransport),
            Some(transport) => transport,
        };
        if let Some(sid) = self.sid {
            return Ok(RequestKind::Existing { sid, transport });
        }
        if method != "GET" {
            return Err(HandshakeError::BadHandshakeMethod);
        }
        if (transport == Transport::WebSocket) != is_upgrade {
            return Err(HandshakeError::BadRequest);
        }
        let version = self.version();
        if version == Version::V3 && !allow_v3 {
            return Err(HandshakeError::UnsupportedVersion);
        }
        if self.j.is_some() {
            return Err(HandshakeError::BadRequest);
        }
        Ok(RequestKind::Handshake { version, transport })
    }
}

/// What an acceptable request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind<'a> {
    /// It opens a session.
    Handshake {
        /// The revision the client speaks.
        version: Version,
        /// The transport it opens with.
        transport: Transport,
    },
    /// It belongs to a session: look it up, answer [`HandshakeError::UnknownSid`] if there is
    /// none, and ask it ([`super::ServerSession::check_request`]).
    Existing {
        /// The session's id as the client claims it.
        sid: &'a str,
        /// The transport it uses.
        transport: Transport,
    },
}

/// Why a request is refused, with the numbers of the reference (npm engine.io, `Server.errors`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum HandshakeError {
    /// The transport is unknown or switched off.
    UnknownTransport = 0,
    /// There is no session of that id.
    UnknownSid = 1,
    /// A handshake that is not GET.
    BadHandshakeMethod = 2,
    /// Anything else that does not fit.
    BadRequest = 3,
    /// The application refuses.
    Forbidden = 4,
    /// A revision that is not spoken here.
    UnsupportedVersion = 5,
}

impl HandshakeError {
    /// All of them, in order of their number.
    pub const ALL: [Self; 6] = [
        Self::UnknownTransport,
        Self::UnknownSid,
        Self::BadHandshakeMethod,
        Self::BadRequest,
        Self::Forbidden,
        Self::UnsupportedVersion,
    ];

    /// The number clients see.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The HTTP status: 403 when the application refuses, else 400.
    pub const fn status(self) -> u16 {
        match self {
            Self::Forbidden => 403,
            _ => 400,
        }
    }

    /// The message clients see.
    pub const fn message(self) -> &'static str {
        match self {
            Self::UnknownTransport => "Transport unknown",
            Self::UnknownSid => "Session ID unknown",
            Self::BadHandshakeMethod => "Bad handshake method",
            Self::BadRequest => "Bad request",
            Self::Forbidden => "Forbidden",
            Self::UnsupportedVersion => "Unsupported protocol version",
        }
    }

    /// The body, of type `application/json`.
    pub const fn body(self) -> &'static str {
        match self {
            Self::UnknownTransport => r#"{"code":0,"message":"Transport unknown"}"#,
            Self::UnknownSid => r#"{"code":1,"message":"Session ID unknown"}"#,
            Self::BadHandshakeMethod => r#"{"code":2,"message":"Bad handshake method"}"#,
            Self::BadRequest => r#"{"code":3,"message":"Bad request"}"#,
            Self::Forbidden => r#"{"code":4,"message":"Forbidden"}"#,
            Self::UnsupportedVersion => r#"{"code":5,"message":"Unsupported protocol version"}"#,
        }
    }
}

impl std::fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for HandshakeError {}
