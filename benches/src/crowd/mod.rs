//! A crowd of headless players in somebody's game: as many as wanted, and how their snapshots arrive.
//!
//! ```text
//! resize(n) ──> all seated ──> measure(warm-up, time) ──> Sample ──> resize, measure, … (most)
//! ```
//! One thread, on the client's [`swarm`](ringside_client::swarm). What a player says and understands is its game's
//! ([`Game`], [`Player`]): ours ([`arena`], [`glimmer`]), Colyseus' ([`colyseus`]) and the bare loop's ([`floor`]) are
//! measured by the same code.
//! Promises: gaps are those between snapshots as they were read, of every player, and one that is still open when
//! the measurement ends counts as long as it is by then; bytes are all that arrived within TCP; a snapshot that
//! cannot be used is counted. Leaves out: TLS, and starting or pinning the server.

pub mod arena;
pub mod colyseus;
pub mod floor;
pub mod glimmer;
mod most;
mod players;
mod sample;

use std::{
    cmp::Reverse,
    io,
    time::{Duration, Instant},
};

use ringside_client::swarm::{Id, Message, Peer, Settings, Swarm};

pub use most::{Limit, Most, most};
pub use sample::{Sample, ServerCost};

use self::players::{Players, Seat};
use crate::cost::{Server, UserShare, own_run_time};

/// What a message was to the player who got it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nothing that is counted.
    Other,
    /// It is in the game now.
    Seated,
    /// A snapshot with so many bytes of its own.
    Snapshot(usize),
    /// A snapshot that cannot be used.
    Unusable,
}

/// One player.
pub trait Player {
    /// Its connection is there.
    fn ready(&mut self, peer: &mut Peer<'_>);

    /// A message arrived.
    fn hear(&mut self, peer: &mut Peer<'_>, message: Message<'_>) -> Heard;

    /// Says what is due by itself, and when it wants to be asked again. Paced players are asked [`BEHIND`] each
    /// snapshot.
    fn act(&mut self, peer: &mut Peer<'_>) -> Option<Instant> {
        let _ = peer;
        None
    }

    /// Says goodbye.
    fn leave(&mut self, peer: &mut Peer<'_>);

    /// How many entities it sees that move, and that do not, if it looks.
    fn sees(&self) -> Option<(usize, usize)> {
        None
    }
}

/// What players do beside looking on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Nothing.
    Watch,
    /// They answer each snapshot with an input, at once.
    Answer,
    /// They send an input [`BEHIND`] each snapshot.
    Paced,
}

/// Time from a snapshot to the input of a paced player: half an interval, so that it is there 25 ms before the next is due, as
/// [`Pace`](ringside_client::game::Pace) has it on the shortest way.
pub const BEHIND: Duration = Duration::from_millis(25);

/// A game: who its next player is, and how it is reached.
pub trait Game {
    /// How players connect.
    fn settings(&self) -> Settings;

    /// The path of the next player's connection, where it has one of its own.
    ///
    /// # Errors
    /// The server does not hand one out.
    fn path(&mut self) -> Result<Option<String>, String> {
        Ok(None)
    }

    /// Whether its players are asked to act [`BEHIND`] each snapshot.
    fn is_paced(&self) -> bool {
        false
    }

    /// The next player, the `n`th from 0.
    fn player(&mut self, n: usize) -> Box<dyn Player>;
}

/// Connections started a second: a server accepts so many without a queue.
const RAMP_PER_SECOND: f64 = 400.0;
/// Those who are not in the game after this never will be.
const SEATED_WITHIN: Duration = Duration::from_secs(20);
/// Longest wait for sockets: players act at most so late.
const TURN: Duration = Duration::from_millis(2);
/// How often the server's samples are counted.
const LOOK: Duration = Duration::from_millis(200);

/// The players of one game, and what connects them.
pub struct Crowd {
    game: Box<dyn Game>,
    swarm: Swarm,
    players: Players,
    here: Vec<Id>,
    server: Option<Server>,
}

impl Crowd {
    /// Nobody yet. `pid`: the server's process, if its cost is to be told.
    ///
    /// # Errors
    /// The system refuses a poll.
    pub fn new(game: Box<dyn Game>, pid: Option<u32>) -> io::Result<Self> {
        let paced = game.is_paced();
        Ok(Self {
            swarm: Swarm::new(game.settings())?,
            game,
            players: Players::new(paced),
            here: Vec::new(),
            server: pid.map(Server::new),
        })
    }

    /// Lets players come or go until there are so many, all of them in the game.
    ///
    /// # Errors
    /// Some do not get in, with the first reasons.
    pub fn resize(&mut self, players: usize) -> Result<(), String> {
        self.here
            .retain(|id| matches!(self.players.all.get(id.0), Some(Some(_))));
        let leaving = self.here.split_off(players.min(self.here.len()));
        for &id in &leaving {
            let seat = self.players.all[id.0].as_mut();
            if let (Some(seat), Some(mut peer)) = (seat, self.swarm.peer(id)) {
                seat.player.leave(&mut peer);
            }
        }
        self.swarm.flush(&mut self.players);
        leaving.into_iter().for_each(|id| self.close(id));
        let begun = Instant::now();
        let (before, mut give_up) = (self.here.len(), begun + SEATED_WITHIN);
        loop {
            let due = begun.elapsed().as_secs_f64() * RAMP_PER_SECOND;
            while self.here.len() < players && ((self.here.len() - before) as f64) <= due {
                self.connect()?;
                give_up = Instant::now() + SEATED_WITHIN;
            }
            if self.here.len() == players && self.players.seated + self.gone() >= players {
                break;
            }
            if Instant::now() > give_up {
                break;
            }
            self.turn().map_err(|error| error.to_string())?;
        }
        if self.players.seated < players {
            let mut said = format!("only {} of {players} got in", self.players.seated);
            for reason in self.players.reasons.drain(..) {
                said = said + "\n  " + &reason;
            }
            let outside = |id: &Id| {
                !self.players.all[id.0]
                    .as_ref()
                    .is_some_and(|seat| seat.seated)
            };
            let outside: Vec<Id> = self.here.iter().copied().filter(outside).collect();
            outside.into_iter().for_each(|id| self.close(id));
            return Err(said);
        }
        Ok(())
    }

    fn close(&mut self, id: Id) {
        self.swarm.close(id);
        if let Some(seat) = self.players.all[id.0].take() {
            self.players.seated -= usize::from(seat.seated);
        }
    }

    /// Of those who should be here, how many are not any more.
    fn gone(&self) -> usize {
        let gone = |id: &&Id| self.players.all[id.0].is_none();
        self.here.iter().filter(gone).count()
    }

    fn connect(&mut self) -> Result<(), String> {
        let told = |error: io::Error| format!("{error} (raise `ulimit -n`?)");
        let id = match self.game.path()? {
            Some(path) => self.swarm.connect_to(&path),
            None => self.swarm.connect(),
        }
        .map_err(told)?;
        self.players.all.resize_with(id.0 + 1, || None);
        self.players.all[id.0] = Some(Seat::new(self.game.player(id.0)));
        self.here.push(id);
        Ok(())
    }

    /// Lets those act who want to, and handles what arrives meanwhile.
    fn turn(&mut self) -> io::Result<()> {
        let now = Instant::now();
        while let Some(&Reverse((at, n))) = self.players.due.peek()
            && at <= now
        {
            self.players.due.pop();
            let seat = self.players.all.get_mut(n).and_then(Option::as_mut);
            if let (Some(seat), Some(mut peer)) = (seat, self.swarm.peer(Id(n)))
                && let Some(next) = seat.player.act(&mut peer)
            {
                self.players.due.push(Reverse((next, n)));
            }
        }
        // Those who are due meanwhile act together: waiting for each would be spinning.
        self.swarm.turn(Some(TURN), &mut self.players).map(drop)
    }

    fn turn_until(&mut self, until: Instant, mut look: impl FnMut()) -> io::Result<()> {
        let mut look_at = Instant::now() + LOOK;
        while Instant::now() < until {
            self.turn()?;
            if Instant::now() >= look_at {
                look_at += LOOK;
                look();
            }
        }
        Ok(())
    }

    /// Plays for `warm_up`, then for `time` with an eye on everything.
    ///
    /// # Errors
    /// The system refuses to wait, or the server's process cannot be read.
    pub fn measure(&mut self, warm_up: Duration, time: Duration) -> io::Result<Sample> {
        self.turn_until(Instant::now() + warm_up, || {})?;
        let lost_before = self.players.lost;
        self.players.begin(Instant::now());
        let mut share = self.server.map(UserShare::start).transpose()?;
        let before = (
            self.server.map(Server::read).transpose()?,
            own_run_time().unwrap_or_default(),
            self.swarm.received_bytes(),
        );
        let begun = Instant::now();
        self.turn_until(begun + time, || {
            if let Some(share) = &mut share {
                share.count();
            }
        })?;
        let measured = begun.elapsed();
        let after = self.server.map(Server::read).transpose()?;
        let own = own_run_time().unwrap_or_default() - before.1;
        let bytes = self.swarm.received_bytes() - before.2;
        self.players.end(Instant::now());
        let cost = match (before.0, after, &mut share) {
            (Some(before), Some(after), Some(share)) => {
                let run_time = after.run_time.saturating_sub(before.run_time);
                Some((run_time, share.share(&after)))
            }
            _ => None,
        };
        let seen = self.players.all.iter().flatten();
        let seen: Vec<_> = seen.filter_map(|seat| seat.player.sees()).collect();
        let counted = &self.players.counted;
        Ok(Sample::of(sample::Raw {
            players: self.here.len(),
            lost: self.players.lost - lost_before,
            measured,
            snapshots: counted.snapshots,
            payload: counted.payload,
            bytes,
            unusable: counted.unusable,
            gaps: &counted.gaps,
            seen: &seen,
            own,
            cost,
        }))
    }
}
