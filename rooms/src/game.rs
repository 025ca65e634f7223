//! What a game tells its room, and what a room tells its game.
//!
//! A [`Game`] is rules only: no sockets, no clock, no threads. Promises: calls come from one thread, one
//! at a time; every tick has exactly one input for every player; the same calls give the same game.

use ringside_netcode::{
    Tick,
    input::{Input, Taken},
};
use serde::Serialize;

/// A player's number in its room: small, and used again only after all others were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct PlayerId(pub u16);

/// The rules of a game. See the module's documentation.
pub trait Game: Send + 'static {
    /// What a player does in one tick. Its default is doing nothing.
    type Input: Input + Send;
    /// What everybody is told of a player: sent on joining, to all.
    type Card: Serialize + Clone + Send;
    /// What a joining player is told of the game itself.
    type About: Serialize;

    /// Reads one input message: the client's own number for it, and the input. `None` when it is none.
    fn read_input(message: &[u8]) -> Option<(u16, Self::Input)>;

    /// A player comes in.
    fn join(&mut self, player: PlayerId, name: &str, bot: bool) -> Self::Card;

    /// A player who is in goes by another name.
    fn rename(&mut self, player: PlayerId, name: &str) -> Self::Card;

    /// A player is gone.
    fn leave(&mut self, player: PlayerId);

    /// What a bot does in this tick. It gets there by the same path as a person's input.
    fn think(&mut self, bot: PlayerId, tick: Tick) -> Self::Input;

    /// One step of the game, with one input for every player, by ascending number.
    fn tick(&mut self, tick: Tick, inputs: &[(PlayerId, Taken<Self::Input>)]);

    /// Writes what clients see after this tick.
    fn snapshot(&self, tick: Tick, out: &mut Vec<u8>);

    /// What a joining player is told of the game itself.
    fn about(&self) -> Self::About;
}
