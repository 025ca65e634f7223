//! Player inputs: one per simulation tick, whatever the network did to them.
//!
//! [`InputBuffer`] is the server's side: inputs come in with the tick they are meant for, and
//! [`InputBuffer::take`] gives exactly one per tick, repeating or defaulting what is missing; from how much of the tick was
//! left when each came ([`TickLeft`]) it knows how early they arrive.
//! [`InputSender`] is the client's side: it keeps what is not acknowledged and writes packets
//! that repeat it; [`InputPacket`] is the wire form of both, and [`Wired`] that of an input with a schema.
//!
//! It does not interpret inputs and does not know who sent them.

mod buffer;
mod left;
mod packet;
mod wired;

pub use buffer::{Input, InputBuffer, InputCounters, InputPolicy, Refused, Source, Taken};
pub use left::TickLeft;
pub use packet::{InputPacket, InputSender, PACKET_INPUTS_MAX, PacketError, ViewTick, WireInput};
pub use wired::Wired;
