//! A request to join, as a client sends it.
//!
//! Leaves out what comes of it: [`place`](super::directory) finds where it leads.

use serde::Deserialize;

use crate::room::Token;

/// A request to join, as a client sends it. Of `token` (with its `room`), `room`, `queue`, `create` the first
/// that is there decides; without any it is put into a room of the kind with others, or into a new one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Request {
    /// The name to go by.
    pub name: String,
    /// Which kind of game; needless if the server has only one.
    pub kind: Option<String>,
    /// The room's code: to join that one, or the seat's in `token`.
    pub room: Option<String>,
    /// A seat that is the client's: one it had, or one it was promised.
    pub token: Option<Token>,
    /// The newest event it has of that seat.
    pub last_event: u32,
    /// Open a room: `public`, or `private`, which is found by its code only.
    pub create: Option<Privacy>,
    /// Wait for others with the same key.
    pub queue: Option<String>,
    /// Only watch.
    pub watch: bool,
    /// The hash of the layers that the client can read.
    pub schema: Option<u32>,
}

/// Who finds a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Privacy {
    /// Everybody.
    Public,
    /// Whoever knows its code.
    Private,
}
