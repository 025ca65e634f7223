//! What a game tells its room, and what a room asks of its game.
//!
//! A [`Game`] is rules only: no sockets, no clock, no threads, no randomness of its own. Promises to it:
//! calls come from one thread, one at a time; every tick has exactly one input for every player; the
//! same calls with the same inputs give the same game, so that it can be replayed, saved, and tested on
//! simulated time.

use std::time::Duration;

use ringside_netcode::{
    Tick,
    input::{Input, Source, ViewTick},
    interest::View,
    schema::Replicate,
    snapshot::{Capture, Layers, Owner},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::cx::Cx;

/// A player's number in its room: a seat. Small, and given again only after all others were.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default,
)]
pub struct PlayerId(pub u16);

/// Who sits on a seat, as the room knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Who {
    /// The name, fit to be shown: no control characters, not empty, at most 20 characters.
    pub name: String,
    /// Nobody is behind it but the game's own [`Game::think`].
    pub bot: bool,
}

/// Why a player leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Leave {
    /// The connection ended without a word. The answer, [`Keep`], decides about the seat.
    Lost,
    /// The player said goodbye.
    Left,
    /// The kept seat was not claimed in time.
    Expired,
    /// The game or its operator sent the player away.
    Kicked,
}

/// What becomes of the seat of a player whose connection was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// It stays the player's for so long; until then its input is what is missing: repeated, then none.
    For(Duration),
    /// It is free at once.
    Drop,
}

/// Why somebody is not let in, in words for people. The code is for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// A word that does not change: `full`, `locked`, `closed`, `no-room`, `expired`, `game`, …
    pub code: &'static str,
    /// What to show.
    pub error: String,
}

impl Refusal {
    /// A refusal of the game's own, with the code `game`.
    pub fn new(error: impl Into<String>) -> Self {
        Self::of("game", error)
    }

    /// Of a room whose thread takes no more letters now.
    pub(crate) fn too_far_behind() -> Self {
        Self::of("busy", "the room's thread is too far behind")
    }

    pub(crate) fn of(code: &'static str, error: impl Into<String>) -> Self {
        Self {
            code,
            error: error.into(),
        }
    }
}

/// Whose view is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subscriber {
    /// A player.
    Player(PlayerId),
    /// Somebody who only watches, and where to.
    Spectator(Gaze),
}

/// Where a spectator looks; a client says it with the event `look`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Gaze {
    /// At this player, wherever it goes.
    pub player: Option<PlayerId>,
    /// At this place, in the game's own units.
    pub at: Option<(i32, i32)>,
}

/// What a player does in one tick.
#[derive(Clone, Debug, PartialEq)]
pub struct Given<I> {
    /// Whose it is.
    pub player: PlayerId,
    /// What to simulate.
    pub input: I,
    /// Where it came from: received, repeated, or missing.
    pub source: Source,
    /// The moment the player saw when it acted, checked and cut: for
    /// [`History::rewind`](ringside_netcode::history::History::rewind).
    pub view: ViewTick,
}

/// A saved game cannot be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadError {
    /// The game does not save, or not in this version.
    Unsupported,
    /// The bytes are not what was saved.
    Damaged,
    /// It was saved by a game with other layers.
    Schema,
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Unsupported => "this version of the game cannot load it",
            Self::Damaged => "the saved room is damaged",
            Self::Schema => "the room was saved by a game with other layers",
        })
    }
}

impl std::error::Error for LoadError {}

/// The rules of a game. See the module's documentation.
pub trait Game: Sized + Send + 'static {
    /// What a player does in a tick. Its schema is its wire form; its default is doing nothing.
    type Input: Input + Replicate + PartialEq + Send;
    /// What happened, for those it concerns; sent as JSON.
    type Event: Serialize;

    /// What there is to see, by layers; it does not change.
    fn layers(&self) -> &Layers;

    /// A player comes in. On an error nothing may have changed.
    ///
    /// # Errors
    /// A reason not to let it in, which it is told.
    fn join(&mut self, cx: &mut Cx<'_, Self>, player: PlayerId, who: &Who) -> Result<(), Refusal>;

    /// A player leaves. Only for [`Leave::Lost`] the answer matters: kept, the player is still in the game
    /// and either comes [`back`](Self::back) or leaves again, as [`Leave::Expired`].
    fn leave(&mut self, cx: &mut Cx<'_, Self>, player: PlayerId, why: Leave) -> Keep;

    /// A player whose seat was kept is here again.
    fn back(&mut self, cx: &mut Cx<'_, Self>, player: PlayerId) {
        let _ = (cx, player);
    }

    /// One step: [`Cx::inputs`] has one input for every player, by ascending number.
    fn tick(&mut self, cx: &mut Cx<'_, Self>);

    /// Shows everything there is to see after this tick.
    fn capture(&self, into: &mut Capture<'_>);

    /// Fits `view`, which is as it was left last time, to what the subscriber may see. What is not in it
    /// never reaches the client. Called for each client at each snapshot: cheap, please.
    fn interest(&self, who: Subscriber, view: &mut View);

    /// The entity whose owner-only fields the player gets.
    fn owner(&self, player: PlayerId) -> Option<Owner> {
        let _ = player;
        None
    }

    /// The name of the `n`th bot, counted from 1; each its own.
    fn bot_name(&self, n: u16) -> String {
        format!("Bot {n}")
    }

    /// What a bot does in this tick. It takes the same path as a person's input.
    fn think(&mut self, bot: PlayerId, tick: Tick) -> Self::Input {
        let _ = (bot, tick);
        Self::Input::default()
    }

    /// Whether a client that follows the rules can have sent this. What is not is counted and dropped,
    /// as if it had been lost.
    fn plausible(&self, player: PlayerId, input: &Self::Input) -> bool {
        let _ = (player, input);
        true
    }

    /// A message from a player: chat, a vote. Ordered and rare, unlike inputs.
    fn message(&mut self, cx: &mut Cx<'_, Self>, player: PlayerId, message: &RawValue) {
        let _ = (cx, player, message);
    }

    /// What everybody is told of a player, beside its name.
    fn card(&self, player: PlayerId) -> impl Serialize {
        let _ = player;
    }

    /// What a joining player is told of the game itself.
    fn about(&self) -> impl Serialize {}

    /// The whole game as bytes, for a restart or a move to another process; `None` if it does not save.
    fn save(&self) -> Option<Vec<u8>> {
        None
    }

    /// The game that [`save`](Self::save) made these bytes of.
    ///
    /// # Errors
    /// The bytes may be of an older version, or damaged.
    fn load(bytes: &[u8]) -> Result<Self, LoadError> {
        let _ = bytes;
        Err(LoadError::Unsupported)
    }
}
