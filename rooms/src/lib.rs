//! **Ringside rooms**: what a game server links to have players, ticks and state.
//!
//! A [`Game`] is rules only. The room sits its players, gives every tick exactly one input a player,
//! and sends what the game shows, encoded once however many watch.
//!
//! ```text
//! sockets (shard threads) ──bounded queue──> room's thread: inputs, step, snapshot
//!                         <──lanes────────── one publisher, one flush a tick
//! ```
//!
//! A game of one number that everybody can raise:
//!
//! ```no_run
//! use ringside_rooms::{Builder, Game, Input, Options, PlayerId, Server, Taken, Tick};
//!
//! #[derive(Clone, Default)]
//! struct Raise(bool);
//! impl Input for Raise {
//!     fn repeated(&self) -> Self { Raise(false) }
//! }
//!
//! #[derive(Default)]
//! struct Counter(u32);
//! impl Game for Counter {
//!     type Input = Raise;
//!     type Card = (PlayerId, String);
//!     type About = ();
//!     fn read_input(message: &[u8]) -> Option<(u16, Raise)> {
//!         Some((u16::from(*message.first()?), Raise(true)))
//!     }
//!     fn join(&mut self, id: PlayerId, name: &str, _bot: bool) -> Self::Card { (id, name.into()) }
//!     fn rename(&mut self, id: PlayerId, name: &str) -> Self::Card { (id, name.into()) }
//!     fn leave(&mut self, _: PlayerId) {}
//!     fn think(&mut self, _: PlayerId, _: Tick) -> Raise { Raise(true) }
//!     fn tick(&mut self, _: Tick, inputs: &[(PlayerId, Taken<Raise>)]) {
//!         self.0 += inputs.iter().filter(|(_, taken)| taken.input.0).count() as u32;
//!     }
//!     fn snapshot(&self, _: Tick, out: &mut Vec<u8>) { out.extend(self.0.to_le_bytes()) }
//!     fn about(&self) {}
//! }
//!
//! let server = Server::start(Counter::default(), &Options::default(), Builder::default(), "127.0.0.1:3000")?;
//! println!("http://{}", server.address());
//! server.wait();
//! # Ok::<(), ringside_rooms::ListenError>(())
//! ```

mod driver;
mod env;
mod game;
mod room;
mod server;

pub use driver::RoomReport;
pub use game::{Game, PlayerId};
pub use ringside_gateway::{
    Builder, ListenError, Origins, Page, Transports, raise_descriptor_limit,
};
pub use ringside_netcode::{
    Tick,
    input::{Input, Source, Taken},
    tick::{Overload, StepConfig},
};
pub use room::RoomCounters;
pub use server::{Options, Server};
