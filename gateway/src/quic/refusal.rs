//! Why somebody gets no session over QUIC: what it is told, and under which name it is counted.
//!
//! Promises: each reason has a name of its own; `docs/protocol.md` lists them. Leaves out: the reasons for which
//! sessions end, which are proto's.

use std::borrow::Cow;

use ringside_proto::{close::CloseReason, engineio::Misbehaviour};

use crate::http::NotAdmitted;

/// Why somebody gets no session: counted by `name`, and told where it can be.
pub(super) struct Refusal {
    pub(super) name: &'static str,
    pub(super) code: u16,
    pub(super) reason: Cow<'static, str>,
}

impl Refusal {
    pub(super) const HANDSHAKE: Self = Self::new("quic.Handshake", 1002, "the handshake failed");
    pub(super) const NO_REQUEST: Self =
        Self::new("quic.NoRequest", 1002, "WebTransport was not asked for");
    pub(super) const NO_PACKET: Self =
        Self::new("quic.NoFirstPacket", 1002, "no first packet came in time");
    pub(super) const DRAINING: Self = Self::new("quic.Draining", 1012, NotAdmitted::DRAINING);
    pub(super) const FULL: Self =
        Self::new("quic.Full", 1013, "this shard holds all connections it can");
    pub(super) const ORIGIN: Self =
        Self::new("quic.Origin", 4403, "pages of this origin may not connect");
    pub(super) const NOT_FOUND: Self =
        Self::new("quic.NotFound", 4404, "nothing answers at this path");
    pub(super) const NO_SESSION: Self =
        Self::new("quic.UnknownSid", 4404, "there is no such session");
    const SHARE: Self = Self::new("quic.AddressShare", 4429, NotAdmitted::SHARE);

    const fn new(name: &'static str, code: u16, reason: &'static str) -> Self {
        Self {
            name,
            code,
            reason: Cow::Borrowed(reason),
        }
    }
}

impl From<Misbehaviour> for Refusal {
    fn from(why: Misbehaviour) -> Self {
        let entry = CloseReason::EngineIo(why).entry();
        Self::new(entry.name, entry.code.0, entry.sentence)
    }
}

impl From<NotAdmitted> for Refusal {
    fn from(why: NotAdmitted) -> Self {
        match why {
            NotAdmitted::Draining => Self::DRAINING,
            NotAdmitted::Share => Self::SHARE,
            NotAdmitted::ByApplication(reason) => Self {
                name: "quic.NotAllowed",
                code: 4403,
                reason: reason.into(),
            },
        }
    }
}
