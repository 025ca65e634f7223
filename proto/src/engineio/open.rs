//! The JSON of the open packet: exactly the five members clients expect, in the usual order.

use bytes::BufMut;
use serde::{Deserialize, Serialize};

use super::Misbehaviour;

/// What the server tells a new client. Source: Engine.IO protocol, "Handshake".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenPacket<'a> {
    /// The session's id.
    #[serde(borrow)]
    pub sid: std::borrow::Cow<'a, str>,
    /// Names of the transports the client may upgrade to.
    #[serde(borrow)]
    pub upgrades: Vec<std::borrow::Cow<'a, str>>,
    /// Milliseconds from one ping to the next.
    pub ping_interval: u32,
    /// Milliseconds to wait for a pong.
    pub ping_timeout: u32,
    /// Bytes a polling body may have. Absent from servers of version 3.
    #[serde(default)]
    pub max_payload: u32,
}

impl<'a> OpenPacket<'a> {
    /// Writes the JSON, without the packet type before it.
    pub fn encode(&self, out: &mut impl BufMut) {
        // Serializing strings and numbers cannot fail, and a growing buffer takes everything.
        let _ = serde_json::to_writer(out.writer(), self);
    }

    /// Reads the JSON.
    ///
    /// # Errors
    /// [`Misbehaviour::InvalidOpen`].
    pub fn decode(text: &'a str) -> Result<Self, Misbehaviour> {
        serde_json::from_str(text).map_err(|_| Misbehaviour::InvalidOpen)
    }
}
