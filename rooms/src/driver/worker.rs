//! One room thread: its rooms, its letters, its publisher, and its share of the load.
//!
//! Promises: letters are obeyed between steps, so joins wait for at most one step of each room that is due;
//! sends are flushed when nothing more is due, or after half a millisecond. Leaves out how rooms come and go
//! ([`lifecycle`](super::lifecycle)) and what is done between steps ([`chores`](super::chores)).

use std::{
    collections::HashMap,
    hash::BuildHasherDefault,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use ringside_gateway::{Gateway, Publisher};
use ringside_netcode::tick::{FixedStep, Step};

use super::{
    Full, Hosted, Letter, Office, RoomAddress, RoomInfo, Rota, Turn, What,
    wire::{Sockets, Wire},
};
use crate::{game::Refusal, room::Places, server::Directory};

/// Sends wait for company no longer than this.
const FLUSH_WITHIN: Duration = Duration::from_micros(500);

/// A room with all that its thread keeps for it.
pub(crate) struct Hosting {
    pub(super) address: Arc<RoomAddress>,
    pub(super) room: Box<dyn Hosted>,
    pub(super) sockets: Sockets,
    pub(super) schedule: Option<FixedStep>,
    pub(super) empty_since: Option<Duration>,
    pub(super) saved_at: Duration,
    /// Time its steps took since the last report.
    pub(super) cost: Duration,
    pub(super) shown: Option<RoomInfo>,
}

/// A room thread.
pub(crate) struct Worker {
    pub(super) number: usize,
    pub(super) office: Arc<Office>,
    pub(super) directory: Arc<Directory>,
    pub(super) gateway: Gateway,
    pub(super) publisher: Publisher,
    pub(super) rota: Rota<u64>,
    /// By numbers of this server's own, and looked at for each letter.
    pub(super) rooms: HashMap<u64, Hosting, BuildHasherDefault<Places>>,
    pub(super) letters: Vec<Letter>,
    pub(super) unflushed_since: Option<Duration>,
    pub(super) chores_at: Duration,
    pub(super) chores: u32,
    /// Time spent on steps and letters since the last report.
    pub(super) busy: Duration,
    pub(super) reported_at: Duration,
}

impl Worker {
    /// Starts the thread.
    pub(crate) fn start(
        number: usize,
        office: Arc<Office>,
        directory: Arc<Directory>,
        gateway: Gateway,
    ) -> std::io::Result<JoinHandle<()>> {
        let publisher = gateway.publisher().map_err(std::io::Error::other)?;
        let mut worker = Self {
            number,
            office,
            directory,
            gateway,
            publisher,
            rota: Rota::default(),
            rooms: HashMap::default(),
            letters: Vec::new(),
            unflushed_since: None,
            chores_at: Duration::ZERO,
            chores: 0,
            busy: Duration::ZERO,
            reported_at: Duration::ZERO,
        };
        let thread = std::thread::Builder::new().name(format!("rooms {number}"));
        thread.spawn(move || worker.live())
    }

    pub(super) fn now(&self) -> Duration {
        self.office.clock.now()
    }

    fn live(&mut self) {
        loop {
            if !self.read_letters() {
                return self.end();
            }
            let now = self.now();
            if now >= self.chores_at {
                self.do_chores(now);
            }
            match self.rota.poll(now) {
                Turn::Run(id, step) => self.step(id, step, now),
                Turn::WaitUntil(at) => self.rest(at.min(self.chores_at)),
                Turn::Idle => self.rest(self.chores_at),
            }
            if self
                .unflushed_since
                .is_some_and(|since| now - since > FLUSH_WITHIN)
            {
                self.flush();
            }
        }
    }

    pub(super) fn flush(&mut self) {
        self.publisher.flush();
        self.unflushed_since = None;
    }

    fn rest(&mut self, until: Duration) {
        self.flush();
        let time = until.saturating_sub(self.now());
        self.office.desks[self.number].mailbox.wait(time);
    }

    fn step(&mut self, id: u64, step: Step, now: Duration) {
        let Some(hosting) = self.rooms.get_mut(&id) else {
            self.rota.remove(id);
            return;
        };
        let mut out = Wire {
            publisher: &mut self.publisher,
            sockets: &mut hosting.sockets,
        };
        let room = &mut hosting.room;
        let stepped = catch_unwind(AssertUnwindSafe(|| room.step(step, now, &mut out)));
        let done = self.office.clock.now();
        hosting.cost += done - now;
        self.busy += done - now;
        self.unflushed_since.get_or_insert(now);
        self.rota.finish(id, done);
        match stepped {
            Ok(()) => self.look_after(id),
            Err(_) => self.bury(id),
        }
    }

    /// Obeys what has arrived; false when the thread is to end.
    fn read_letters(&mut self) -> bool {
        let mut letters = std::mem::take(&mut self.letters);
        self.office.desks[self.number].mailbox.take(&mut letters);
        if letters.is_empty() {
            self.letters = letters;
            return true;
        }
        let before = self.now();
        let mut goes_on = true;
        let mut next = 0;
        while let Some(letter) = letters.get_mut(next) {
            if let What::Packet { .. } = letter.what {
                next += self.packets(&letters[next..]);
                continue;
            }
            next += 1;
            let room = letter.room;
            match std::mem::replace(&mut letter.what, What::Stop) {
                What::Stop => goes_on = false,
                What::Adopt(hosting) => self.adopt(*hosting),
                What::Move(to) => self.hand_over(room, to),
                What::Open(opening) => self.open(*opening),
                what => self.obey(room, what),
            }
        }
        letters.clear();
        self.letters = letters;
        let now = self.now();
        self.busy += now - before;
        self.unflushed_since.get_or_insert(now);
        goes_on
    }

    /// The packets at the head of these letters, as far as they are for one room; says how many. They come by the ten
    /// thousand, bring their own time, and change nothing that others see of the room, unless a sender is shown the door.
    fn packets(&mut self, letters: &[Letter]) -> usize {
        let id = letters[0].room;
        let mut packets = letters.iter().map_while(|letter| match &letter.what {
            What::Packet { client, bytes, at } if letter.room == id => Some((*client, bytes, *at)),
            _ => None,
        });
        let mut handed_on = 0;
        let Some(hosting) = self.rooms.get_mut(&id) else {
            for (client, bytes, at) in packets {
                let bytes = bytes.clone();
                self.forward(id, What::Packet { client, bytes, at });
                handed_on += 1;
            }
            return handed_on;
        };
        let mut out = Wire {
            publisher: &mut self.publisher,
            sockets: &mut hosting.sockets,
        };
        let room = &mut hosting.room;
        let read = catch_unwind(AssertUnwindSafe(|| {
            while out.sockets.dismissed.is_empty()
                && let Some((client, bytes, at)) = packets.next()
            {
                handed_on += 1;
                room.packet(client, bytes.as_ref(), at, &mut out);
            }
        }));
        if read.is_err() {
            self.bury(id);
        } else if !hosting.sockets.dismissed.is_empty() {
            self.look_after(id);
        }
        handed_on
    }

    fn obey(&mut self, id: u64, mut what: What) {
        let Some(hosting) = self.rooms.get_mut(&id) else {
            return self.forward(id, what);
        };
        let now = self.office.clock.now();
        let mut entering = None;
        if let What::Enter(entry) = &mut what {
            let client = entry.client;
            entering = Some((client, entry.promised));
            hosting.sockets.admit(client, entry.socket.clone());
            let ack = entry.ack.take().map(|ack| (client, ack));
            hosting.sockets.acks.extend(ack);
        }
        if let What::Time { client, ack, .. } = &mut what {
            hosting.sockets.asks_time(*client, ack.take());
        }
        let mut out = Wire {
            publisher: &mut self.publisher,
            sockets: &mut hosting.sockets,
        };
        let room = &mut hosting.room;
        let obeyed = catch_unwind(AssertUnwindSafe(|| room.obey(what, now, &mut out)));
        if let Some((client, _)) = entering
            && !hosting.room.has(client)
        {
            // It was refused, and knows.
            hosting.sockets.forget(client);
            hosting.sockets.dismissed.push(client);
        }
        if obeyed.is_err() {
            return self.bury(id);
        }
        self.look_after(id);
        if let Some((_, true)) = entering
            && let Some(hosting) = self.rooms.get(&id)
        {
            // After `people` has been stored, so that nobody is counted too little.
            hosting.address.unpromise();
        }
    }

    /// A letter for a room that has moved, or that is not there any more.
    fn forward(&mut self, id: u64, what: What) {
        let address = self.directory.by_id(id);
        let (what, refusal) = match &address {
            // Maybe to ourselves: the room has left and is coming back, and lies before it in the mailbox.
            Some(address) => match self.office.post(address, what) {
                Ok(()) => return,
                Err(Full(letter)) => (letter.what, Refusal::too_far_behind()),
            },
            None => {
                let gone = Refusal::of("no-room", "this room is not there any more");
                (what, gone)
            }
        };
        if let What::Enter(entering) = what {
            self.directory.bindings.unbind(entering.client, id);
            if let (Some(address), true) = (address, entering.promised) {
                address.unpromise();
            }
            if let Some(ack) = entering.ack {
                // It has gone: nobody waits for this.
                let _ = self.publisher.acknowledge(ack, &(refusal,));
            }
        }
    }

    /// The server stops: what can be saved is saved.
    fn end(&mut self) {
        for hosting in self.rooms.values() {
            let Some(keeper) = &self.office.keeper else {
                break;
            };
            match catch_unwind(AssertUnwindSafe(|| hosting.room.save())) {
                Ok(None) => {}
                Ok(Some(bytes)) => keeper.keep_at_last(&hosting.address, bytes),
                Err(_) => tracing::error!(
                    room = hosting.address.code,
                    "a room panicked when it was saved at the end"
                ),
            }
        }
        self.publisher.flush();
    }
}
