//! For tests: a room with a game that checks it, and clients in memory that check what they get.

mod net;
mod pebble;

use std::time::Duration;

pub(crate) use self::{
    net::Net,
    pebble::{Pebble, Push, push},
};
use super::{ClientId, Entry, Room, RoomOptions, Token};

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const A: ClientId = ClientId(1);
pub(crate) const B: ClientId = ClientId(2);
pub(crate) const C: ClientId = ClientId(3);

/// Sixty steps a second, a snapshot every third.
pub(crate) fn options() -> RoomOptions {
    RoomOptions::default()
}

/// Somebody who comes for the first time, with the token `n`.
pub(crate) fn entry(n: u64) -> Entry {
    let mut token = [0; 16];
    token[..8].copy_from_slice(&n.to_le_bytes());
    Entry {
        name: format!("player {n}"),
        token: Token(token),
        claim: None,
        watch: false,
        schema: None,
    }
}

/// A room of so many seats, and nobody in it yet.
pub(crate) fn room(seats: u16) -> (Room<Pebble>, Net) {
    let options = RoomOptions { seats, ..options() };
    (Room::new(Pebble::new(), "CODE", options, 7), Net::default())
}
