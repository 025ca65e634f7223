//! Socket.IO: packets of protocol 5 and of its predecessor, namespaces, acks, attachments.
//!
//! * [`Packet::scan`]: the envelope of a packet in some nanoseconds, borrowed from its text.
//! * [`Decoder`]: joins a packet with its binary attachments, under [`Limits`].
//! * [`encode_event`], [`encode_ack`] and friends: from serde straight into any `BufMut`;
//!   bytes at any depth of the arguments become placeholders and attachments.
//! * [`Args`]: typed arguments, attachments put back in their places.
//! * [`ServerNamespaces`], [`ClientNamespace`]: who is connected to what.
//! * [`AckTable`], [`Offset`]: acks that are awaited, positions for recovery.
//! * [`msgpack`]: the same packets in another encoding.
//! * [`Misbehaviour`]: every way a peer can break it; [`EncodeError`]: every way a caller can.
//!
//! Rooms, adapters and handlers are not here.

mod acks;
mod args;
mod assembly;
mod client;
mod encode;
mod extract;
mod inject;
pub mod json;
mod misbehaviour;
pub mod msgpack;
mod only_text;
mod packet;
mod placeholders;
mod probe;
mod recovery;
mod server;

pub use acks::{AckTable, PENDING_MAX, TooManyPending};
pub use args::{Args, ArgsError, Spread};
pub use assembly::{Decoder, Limits, Whole};
pub use client::{ClientAct, ClientNamespace};
pub use encode::{
    Attachments, EncodeError, encode_ack, encode_connect, encode_connect_error, encode_disconnect,
    encode_event,
};
pub use misbehaviour::Misbehaviour;
pub use packet::{EventName, Kind, Packet, RESERVED_EVENTS};
pub use recovery::{OFFSET_LEN_MAX, Offset, RecoveryClaim};
pub use server::{CONNECT_TIMEOUT, NAMESPACES_MAX, ServerAct, ServerNamespaces, split_query};
