//! A game server: kinds of games, their rooms, who finds whom, and the events between.
//!
//! | event | direction | meaning |
//! |---|---|---|
//! | `join` request → ack | client | come in: see [`Request`]; the ack is the welcome, or `{code, error}` |
//! | `i` bytes | client | inputs and acknowledgements ([`InputPacket`](ringside_netcode::input::InputPacket)) |
//! | `k` | client | a keyframe, please |
//! | `say` value | client | a message for the game |
//! | `look` gaze | client | where a spectator looks |
//! | `leave` → ack | client | goodbye: the seat, or the place in a queue, is given up |
//! | `list` kind → ack | client | the kind's public rooms |
//! | `lobby` kind → ack | client | the same, and from now on `rooms` when they change |
//! | `weather` model | client | a bad network, where the room's options allow it |
//! | `clock` → ack | client | the server's time in milliseconds |
//! | `rate` n | client | one snapshot in `n` is enough |
//! | `s` bytes | server | a snapshot frame |
//! | `e` `[id, tick, event]` | server | an event of the game; id 0: not kept |
//! | `player`, `left` | server | somebody came, changed or went |
//! | `queue` `{waiting, needed}`, `placed` `{room, token}` | server | a queue's progress; a seat is promised |
//! | `rooms` list | server | rooms of a lobby that changed |
//! | `bye` `{code, reason}` | server | the room is done with this client |
//!
//! Promises: nothing a client sends reaches a game but through its seat; whoever disconnects leaves every
//! room and queue.

mod builder;
mod directory;
mod events;
mod handle;
mod keeper;
mod kind;
mod packet;
mod request;

pub use builder::{Server, ServerBuilder};
pub(crate) use directory::Directory;
pub use handle::Rooms;
pub(crate) use keeper::Keeper;
pub use kind::Kind;
pub use request::Request;
