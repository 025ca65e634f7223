//! The generic half of a game's client, for bots and headless players: the twin of `client/web/js/game/`.
//!
//! | part | what it is |
//! |---|---|
//! | [`Pace`] | which tick an input is for, a little ahead of the server |
//! | [`Prediction`] | one's own player before the server has answered, and its correction afterwards |
//! | [`Playback`], [`Timeline`] | where others are shown: a little behind, smoothly |
//! | [`InputSender`], [`InputPacket`], [`Wired`] | inputs on their way, from `netcode`; [`packet_text`] is how they travel |
//! | [`Acks`] | when to say which snapshots one has, if no input says so before |
//!
//! Values, told the time as a [`Duration`](std::time::Duration) since any moment. Leaves out: the connection (the
//! [`swarm`](crate::swarm) or a [`Socket`](crate::Socket)), decoding (`netcode`'s `Decoder`), and the rules.

mod acks;
mod pace;
mod packet;
mod playback;
mod prediction;

pub use acks::Acks;
pub use pace::Pace;
pub use packet::packet_text;
pub use playback::{Playback, PlaybackConfig, Timeline};
pub use prediction::{Foresight, Prediction};
pub use ringside_netcode::{
    Tick,
    input::{InputPacket, InputSender, ViewTick, Wired},
};

/// Milliseconds of a time.
fn ms(time: std::time::Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
