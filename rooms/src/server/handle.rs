//! The application's handle to its rooms, from any thread.

use std::{
    sync::{Arc, mpsc::sync_channel},
    time::Duration,
};

use ringside_gateway::Gateway;

use super::{Directory, request::Privacy};
use crate::{
    driver::{Office, Origin, RoomAddress, RoomInfo, RoomReport, What},
    env,
    game::{PlayerId, Refusal},
    room::Token,
};

/// How long a room may take to answer: far longer than a step, short enough for a page.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// A handle to all rooms of a server. Cheap to clone.
#[derive(Clone)]
pub struct Rooms {
    pub(crate) directory: Arc<Directory>,
    pub(crate) office: Arc<Office>,
    pub(crate) gateway: Gateway,
}

impl Rooms {
    /// Opens a room of this kind; a private one is found by its code only. Returns the code.
    ///
    /// # Errors
    /// No such kind, or too many rooms.
    pub fn open(&self, kind: &str, private: bool) -> Result<String, Refusal> {
        let privacy = if private {
            Privacy::Private
        } else {
            Privacy::Public
        };
        let address = self
            .directory
            .create(kind, privacy, None, &self.office, &self.gateway)?;
        Ok(address.code.clone())
    }

    /// Opens a room as it was saved.
    ///
    /// # Errors
    /// No such kind, a room with this code, or too many rooms. Bytes that are no room are logged, and the room ends
    /// at once.
    pub fn restore(
        &self,
        kind: &str,
        code: &str,
        private: bool,
        bytes: Vec<u8>,
    ) -> Result<(), Refusal> {
        let privacy = if private {
            Privacy::Private
        } else {
            Privacy::Public
        };
        let saved = (Some(code.to_ascii_uppercase()), Origin::Saved(bytes));
        self.directory
            .create(kind, privacy, Some(saved), &self.office, &self.gateway)?;
        Ok(())
    }

    /// Opens a room that shows a recording: what [`replay`](Self::replay) gave, of this kind of game. It is
    /// private; whoever comes with its code watches. Returns the code.
    ///
    /// # Errors
    /// No such kind, or too many rooms. Bytes that are no recording are logged, and the room ends at once.
    pub fn play(&self, kind: &str, recording: Vec<u8>) -> Result<String, Refusal> {
        let shown = Some((None, Origin::Recording(recording)));
        let address =
            self.directory
                .create(kind, Privacy::Private, shown, &self.office, &self.gateway)?;
        Ok(address.code.clone())
    }

    /// Promises a seat, for a matchmaker of one's own: hand the token to the player, who joins with it.
    ///
    /// # Errors
    /// No such room, or no seat.
    pub fn reserve(&self, room: &str) -> Result<Token, Refusal> {
        let token = env::token();
        let address = self.find(room)?;
        if address.free() == 0 {
            return Err(Refusal::of("full", "the room is full"));
        }
        self.post(&address, What::Reserve { token })?;
        Ok(token)
    }

    /// All rooms, private ones as well, in the order they were opened.
    pub fn list(&self) -> Vec<RoomInfo> {
        self.directory
            .all()
            .iter()
            .map(|address| address.info())
            .collect()
    }

    /// What a room last reported of itself.
    ///
    /// # Errors
    /// No such room.
    pub fn report(&self, room: &str) -> Result<RoomReport, Refusal> {
        let address = self.find(room)?;
        Ok(address.report.get())
    }

    /// Sends a player away.
    ///
    /// # Errors
    /// No such room.
    pub fn kick(&self, room: &str, player: PlayerId, reason: &str) -> Result<(), Refusal> {
        let reason = reason.to_owned();
        self.post(&*self.find(room)?, What::Kick { player, reason })
    }

    /// Whether nobody may join a room any more.
    ///
    /// # Errors
    /// No such room.
    pub fn lock(&self, room: &str, locked: bool) -> Result<(), Refusal> {
        self.post(&*self.find(room)?, What::Lock(locked))
    }

    /// Changes the population that bots fill up to.
    ///
    /// # Errors
    /// No such room.
    pub fn set_bots(&self, room: &str, population: u16) -> Result<(), Refusal> {
        self.post(&*self.find(room)?, What::Bots(population))
    }

    /// Gives a room to another room thread, between two of its steps; the threads also do so by themselves
    /// when one is much busier than another. Its players notice nothing.
    ///
    /// # Errors
    /// No such room.
    pub fn move_to(&self, room: &str, thread: usize) -> Result<(), Refusal> {
        self.post(&*self.find(room)?, What::Move(thread))
    }

    /// Ends a room; everybody in it is told why.
    ///
    /// # Errors
    /// No such room.
    pub fn close(&self, room: &str, reason: &str) -> Result<(), Refusal> {
        self.post(&*self.find(room)?, What::Close(reason.to_owned()))
    }

    /// A room's recording of its last seconds, as a file; `None` if it keeps none. Waits for the room.
    ///
    /// # Errors
    /// No such room, or it does not answer.
    pub fn replay(&self, room: &str) -> Result<Option<Vec<u8>>, Refusal> {
        let (answer, answered) = sync_channel(1);
        self.post(&*self.find(room)?, What::Replay(answer))?;
        wait(&answered)
    }

    /// A room as bytes, for [`restore`](Self::restore) here or in another process; `None` if its game does
    /// not save. Waits for the room.
    ///
    /// # Errors
    /// No such room, or it does not answer.
    pub fn save(&self, room: &str) -> Result<Option<Vec<u8>>, Refusal> {
        let (answer, answered) = sync_channel(1);
        self.post(&*self.find(room)?, What::Save(answer))?;
        wait(&answered)
    }

    /// How busy each room thread is, in thousandths, and how many rooms it has.
    pub fn threads(&self) -> Vec<(u32, u32)> {
        let desks = self.office.desks.iter();
        desks
            .map(|desk| desk.load.get())
            .map(|load| (load.busy, load.rooms))
            .collect()
    }

    /// Sockets in rooms, and sockets in queues.
    pub fn sockets(&self) -> (usize, usize) {
        self.directory.counts()
    }

    fn find(&self, room: &str) -> Result<Arc<RoomAddress>, Refusal> {
        let found = self.directory.by_code(room);
        found.ok_or_else(|| Refusal::of("no-room", format!("there is no room {room}")))
    }

    fn post(&self, to: &RoomAddress, what: What) -> Result<(), Refusal> {
        let posted = self.office.post(to, what);
        posted.map_err(|_| Refusal::too_far_behind())
    }
}

fn wait<T>(answered: &std::sync::mpsc::Receiver<T>) -> Result<T, Refusal> {
    let answer = answered.recv_timeout(ANSWER_WITHIN);
    answer.map_err(|_| Refusal::of("busy", "the room does not answer"))
}
