//! The driver: threads that sleep to absolute deadlines and step many rooms each.
//!
//! ```text
//! shards ──Mailbox──> worker: obey letters, Rota says whose step is due, step it
//!        <──lanes───          one publisher a worker; one flush for all rooms that were due together
//! ```
//!
//! Promises: a room is on one thread at a time; letters are obeyed in the order they were posted; a room that
//! panics is closed, its players are told, and the other rooms of the thread do not notice. A new room
//! goes to the thread with the least measured load; a thread that has too much hands rooms over
//! ([`chores`]).

mod chores;
mod hosted;
mod lifecycle;
mod mailbox;
mod office;
mod packet;
mod rota;
mod wire;
mod worker;

pub(crate) use hosted::{Hosted, RoomAddress, RoomNow};
pub(crate) use mailbox::Full;
pub(crate) use office::{Entering, Letter, Office, Opening, Origin, What};
pub(crate) use packet::{PacketBytes, SHORT_MAX};
pub(crate) use worker::Worker;

pub use hosted::{RoomInfo, RoomReport};
pub use rota::{Rota, Turn};
