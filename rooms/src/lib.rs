//! **Ringside rooms**: what a game server links to have players, ticks and state.
//!
//! A [`Game`] is rules only. The room sits its players, gives every tick exactly one input a player, tells
//! each client what it may see and no more, and keeps the seat of whoever loses the connection.
//!
//! ```text
//! sockets (shard threads) ──mailbox──> room thread: letters, inputs, step, events, snapshot
//!                         <──lanes──── one publisher a thread; frames put together in the shards
//! ```
//!
//! # The parts
//!
//! | part | what it is |
//! |---|---|
//! | [`Game`] | the rules: join, leave, tick, what there is to see and who may see it, save and load |
//! | [`Room`] | a game with its seats, inputs, events and clients, as a value: no thread, no socket, no clock; the same seed and calls, the same room |
//! | [`Rota`] | many rooms' schedules on one thread, as a value: absolute deadlines, overload policies, fairness |
//! | [`Server`] | threads, sockets, matchmaking, lobbies, saved rooms, statistics |
//! | [`Rooms`] | the application's handle to its rooms |
//!
//! # Contract
//!
//! - **Ticks.** The simulation runs at a fixed rate; a snapshot is taken at the edge of a step, never between two
//!   (a timer of its own for patches is what makes them bunch). Who cannot keep up is treated as
//!   [`StepConfig::overload`](StepConfig) says; the number of a tick never depends on how late it was.
//! - **Inputs** have the tick they are for. Each tick takes one per player: received, repeated, or missing. The
//!   client is told how early its inputs come, and keeps them just early enough.
//! - **Frames** are differences from one the client has, encoded once per cell and baseline, whoever sees it. At
//!   most a round trip's worth and one more are in flight: who stalls for twenty seconds finds two frames, not four
//!   hundred.
//!   A budget in bytes bounds each client, headers included.
//! - **Events** are for what must not be lost between two snapshots: numbered, ordered, kept for those who are away.
//!   A late joiner gets a whole view and no past events.
//! - **Seats** survive the connection. A token, 128 bits, claims one from any socket and transport; a second
//!   connection of the same player takes it over. A claim that has expired is a request to join, so that nobody
//!   is stuck with a seat that is gone.
//! - **Faults.** A game that panics ends its room, with a reason; no other room notices.
//!
//! # A whole game
//!
//! Also in `examples/glow.rs`:
//!
//! ```no_run
#![doc = include_str!("../examples/glow.rs")]
//! ```

mod cx;
mod driver;
mod env;
mod game;
mod room;
mod server;
mod shared;

pub use cx::{Audience, Cx};
pub use driver::{RoomInfo, RoomReport, Rota, Turn};
pub use game::{Game, Gaze, Given, Keep, Leave, LoadError, PlayerId, Refusal, Subscriber, Who};
pub use ringside_gateway::{
    Ack, Args, Builder, ListenError, Origins, Page, Quic, Socket, Tls, TlsError, Transports,
    raise_descriptor_limit,
};
#[cfg(feature = "dev-cert")]
pub use ringside_gateway::{DevCertError, DevCertificate};
pub use ringside_netcode::{
    self, Replicate, Tick,
    input::{Input, Source},
    tick::{Overload, StepConfig},
};
pub use room::{
    Claim, ClientId, ClientReport, Entry, FrameFor, Goodbye, IntakeCounters, Nobody, Outlet, Room,
    RoomCounters, RoomOptions, To, Token, Urgency, Weather,
};
pub use server::{Kind, Request, Rooms, Server, ServerBuilder};
