//! WebSocket (RFC 6455): handshake, frames, messages, for the server's end and the client's.
//!
//! * [`handshake`]: header values in, verdict or accept key out; HTTP itself is not here.
//! * [`Decoder`]: bytes in, [`Event`]s out, unmasked and validated in place.
//! * [`server_header`], [`encode_frame`]: bytes out.
//! * [`PendingPongs`]: the bound on pongs a peer makes us owe it.
//! * [`Misbehaviour`]: every way a peer can break the protocol.
//!
//! It answers no ping and sends no close by itself: the caller does, since it owns the outbox.

mod decoder;
pub mod deflate;
mod encode;
pub mod extension;
mod frame;
pub mod handshake;
mod mask;
mod misbehaviour;

pub use decoder::{Decoder, Event, Input, Limits};
pub use encode::{
    CLOSE_REASON_BYTES_MAX, Header, PendingPongs, client_header, close_payload, encode_close,
    encode_frame, encode_masked_frame, frame_len, server_header,
};
pub use frame::{CONTROL_BYTES_MAX, CloseCode, HEADER_BYTES_MAX, OpCode, Role};
pub use handshake::accept_key;
pub use mask::unmask;
pub use misbehaviour::Misbehaviour;
