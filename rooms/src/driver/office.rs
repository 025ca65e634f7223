//! What room threads are told, and where: the letters, and the desks they go to.

use std::{
    sync::{Arc, mpsc::SyncSender},
    time::Duration,
};

use ringside_gateway::{Ack, Room as Members, Socket};
use serde_json::value::RawValue;

use super::{
    PacketBytes, RoomAddress,
    mailbox::{Full, Mailbox},
    worker::Hosting,
};
use crate::{
    env::Clock,
    game::{Gaze, PlayerId},
    room::{ClientId, Entry, Token, Weather},
    server::{Keeper, Kind},
    shared::Shared,
};

/// A letter to a room thread.
pub(crate) struct Letter {
    pub(crate) room: u64,
    pub(crate) what: What,
}

/// What it says. Packets come by the ten thousand, so what is larger and rare lies beside the letter.
pub(crate) enum What {
    Enter(Box<Entering>),
    Packet {
        client: ClientId,
        bytes: PacketBytes,
        at: Duration,
    },
    Keyframe {
        client: ClientId,
    },
    Message {
        client: ClientId,
        message: Box<RawValue>,
    },
    Look {
        client: ClientId,
        gaze: Gaze,
    },
    Weather {
        client: ClientId,
        weather: Option<Box<Weather>>,
    },
    /// One snapshot in so many is enough.
    Thin {
        client: ClientId,
        one_in: u32,
    },
    /// What time is it, by way of the client's modelled network?
    Time {
        client: ClientId,
        ack: Option<Ack>,
        at: Duration,
    },
    Leave {
        client: ClientId,
    },
    Gone {
        client: ClientId,
    },
    Reserve {
        token: Token,
    },
    Kick {
        player: PlayerId,
        reason: String,
    },
    Lock(bool),
    Bots(u16),
    Close(String),
    Replay(SyncSender<Option<Vec<u8>>>),
    Save(SyncSender<Option<Vec<u8>>>),
    Open(Box<Opening>),
    Adopt(Box<Hosting>),
    /// The room goes to this thread.
    Move(usize),
    Stop,
}

/// A letter is a cache line, and so are many of them read.
const _: () = assert!(size_of::<Letter>() <= 64);

/// Somebody who comes in.
pub(crate) struct Entering {
    pub(crate) client: ClientId,
    pub(crate) entry: Entry,
    pub(crate) socket: Socket,
    pub(crate) ack: Option<Ack>,
    /// The player was counted as promised.
    pub(crate) promised: bool,
}

/// A room that is to be opened.
pub(crate) struct Opening {
    pub(crate) address: Arc<RoomAddress>,
    pub(crate) members: Members,
    pub(crate) kind: Arc<Kind>,
    pub(crate) origin: Origin,
}

/// What a room begins with.
pub(crate) enum Origin {
    /// A new game of this seed.
    Seed(u64),
    /// A saved room, to go on with.
    Saved(Vec<u8>),
    /// A recording, to show.
    Recording(Vec<u8>),
}

/// What all room threads share.
pub(crate) struct Office {
    pub(crate) clock: Clock,
    pub(crate) desks: Vec<Desk>,
    pub(crate) keeper: Option<Keeper>,
}

/// One room thread, from outside.
pub(crate) struct Desk {
    pub(crate) mailbox: Mailbox<Letter>,
    pub(crate) load: Shared<Load>,
}

/// How much a room thread has to do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Load {
    /// How busy it is, in 1/1000.
    pub(crate) busy: u32,
    pub(crate) rooms: u32,
}

impl Office {
    pub(crate) fn new(workers: usize, keeper: Option<Keeper>) -> Self {
        let desk = |_| Desk {
            mailbox: Mailbox::new(),
            load: Shared::default(),
        };
        Self {
            clock: Clock::start(),
            desks: (0..workers).map(desk).collect(),
            keeper,
        }
    }

    /// Posts a letter to a room, wherever it is.
    pub(crate) fn post(&self, to: &RoomAddress, what: What) -> Result<(), Full<Letter>> {
        let input = matches!(what, What::Packet { .. });
        let letter = Letter { room: to.id, what };
        // It may be moving: letters are forwarded.
        let desk = &self.desks[to.now.get().worker];
        match input {
            true => desk.mailbox.post_input(letter),
            false => desk.mailbox.post_urgent(letter),
        }
    }

    /// The thread for a new room: the least busy, and of those with about the same load the one with
    /// fewest rooms.
    pub(crate) fn least_busy(&self) -> usize {
        let busy = |desk: &Desk| {
            let load = desk.load.get();
            (load.busy / 50, load.rooms)
        };
        let desks = self.desks.iter().enumerate();
        desks
            .min_by_key(|(_, desk)| busy(desk))
            .map_or(0, |(n, _)| n)
    }
}
