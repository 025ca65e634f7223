//! One room thread: its rooms, its letters, its publisher, and its share of the load.
//!
//! Promises: letters are obeyed between steps, so joins wait for at most one step of each room that is due;
//! sends are flushed when nothing more is due, or after half a millisecond. Once a second a thread that is
//! busy looks for one that is less so and hands it a room, so that the two come nearer each other; for a
//! moment after that a shard may get what the room sends by two lanes, which clients put in order by the
//! numbers of frames and events.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
        mpsc::SyncSender,
    },
    thread::JoinHandle,
    time::Duration,
};

use bytes::Bytes;
use ringside_gateway::{Ack, Class, Gateway, Publisher, Room as Members, Socket};
use ringside_netcode::tick::{FixedStep, Histogram, Step};
use serde_json::value::RawValue;

use super::{
    Hosted, RoomAddress, RoomReport, Rota, Turn,
    hosted::{RoomInfo, crash},
    mailbox::{Full, Mailbox},
    wire::{Sockets, Wire},
};
use crate::{
    env::Clock,
    game::{Gaze, PlayerId},
    room::{ClientId, Entry, Token, Weather},
    server::{Directory, Keeper, Kind},
};

/// How often a thread reports, tells lobbies, and looks after its rooms.
const CHORES_EVERY: Duration = Duration::from_millis(250);
/// Chores between two reports and looks at the balance.
const CHORES_A_REPORT: u32 = 4;
/// Sends wait for company no longer than this.
const FLUSH_WITHIN: Duration = Duration::from_micros(500);
/// A thread this busy (in 1/1000) hands rooms over, if another is less busy by at least the margin.
const BUSY: u32 = 600;
const MARGIN: u32 = 200;

/// A letter to a room thread.
pub(crate) struct Letter {
    pub(crate) room: u64,
    pub(crate) what: What,
}

/// What it says.
pub(crate) enum What {
    Enter {
        client: ClientId,
        entry: Entry,
        socket: Socket,
        ack: Option<Ack>,
        /// The player was counted as promised.
        promised: bool,
    },
    Packet {
        client: ClientId,
        bytes: Bytes,
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
        weather: Option<Weather>,
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
    Open {
        address: Arc<RoomAddress>,
        members: Members,
        kind: Arc<Kind>,
        /// A saved room to go on with.
        saved: Option<Vec<u8>>,
        seed: u64,
    },
    Adopt(Box<Hosting>),
    Stop,
}

/// A room with all that its thread keeps for it.
pub(crate) struct Hosting {
    address: Arc<RoomAddress>,
    room: Box<dyn Hosted>,
    sockets: Sockets,
    schedule: Option<FixedStep>,
    empty_since: Option<Duration>,
    saved_at: Duration,
    /// Time its steps took since the last report.
    cost: Duration,
    shown: Option<RoomInfo>,
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
    /// How busy it is, in 1/1000.
    pub(crate) load: AtomicU32,
    pub(crate) rooms: AtomicU32,
}

impl Office {
    pub(crate) fn new(workers: usize, keeper: Option<Keeper>) -> Self {
        let desk = |_| Desk {
            mailbox: Mailbox::new(),
            load: AtomicU32::new(0),
            rooms: AtomicU32::new(0),
        };
        Self {
            clock: Clock::start(),
            desks: (0..workers).map(desk).collect(),
            keeper,
        }
    }

    /// Posts a letter to a room, wherever it is.
    pub(crate) fn post(&self, to: &RoomAddress, what: What) -> Result<(), Full> {
        let input = matches!(what, What::Packet { .. });
        let letter = Letter { room: to.id, what };
        // Relaxed: where it was a moment ago will do, for letters are forwarded.
        let desk = &self.desks[to.worker.load(Ordering::Relaxed)];
        match input {
            true => desk.mailbox.post_input(letter),
            false => desk.mailbox.post_urgent(letter),
        }
    }

    /// The thread for a new room: the least busy, and of those with about the same load the one with
    /// fewest rooms.
    pub(crate) fn least_busy(&self) -> usize {
        let busy = |desk: &Desk| {
            let load = desk.load.load(Ordering::Relaxed) / 50;
            (load, desk.rooms.load(Ordering::Relaxed))
        };
        let desks = self.desks.iter().enumerate();
        desks
            .min_by_key(|(_, desk)| busy(desk))
            .map_or(0, |(n, _)| n)
    }
}

/// A room thread.
pub(crate) struct Worker {
    number: usize,
    office: Arc<Office>,
    directory: Arc<Directory>,
    gateway: Gateway,
    publisher: Publisher,
    rota: Rota<u64>,
    rooms: HashMap<u64, Hosting>,
    letters: Vec<Letter>,
    unflushed_since: Option<Duration>,
    chores_at: Duration,
    chores: u32,
    /// Time spent on steps and letters since the last report.
    busy: Duration,
    reported_at: Duration,
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
            rooms: HashMap::new(),
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

    fn now(&self) -> Duration {
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

    fn flush(&mut self) {
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
        for Letter { room, what } in letters.drain(..) {
            match what {
                What::Stop => goes_on = false,
                What::Adopt(hosting) => self.adopt(*hosting),
                What::Open {
                    address,
                    members,
                    kind,
                    saved,
                    seed,
                } => self.open(address, members, &kind, saved, seed),
                what => self.obey(room, what),
            }
        }
        self.letters = letters;
        let now = self.now();
        self.busy += now - before;
        self.unflushed_since.get_or_insert(now);
        goes_on
    }

    fn open(
        &mut self,
        address: Arc<RoomAddress>,
        members: Members,
        kind: &Kind,
        saved: Option<Vec<u8>>,
        seed: u64,
    ) {
        let now = self.now();
        let code = address.code.clone();
        let made = catch_unwind(AssertUnwindSafe(|| match saved {
            None => Ok((kind.make)(&code, seed)),
            Some(bytes) => (kind.load)(&bytes, now),
        }));
        let room = match made {
            Ok(Ok(room)) => room,
            Ok(Err(error)) => {
                tracing::error!(room = code, %error, "a saved room cannot be restored");
                return self.directory.forget(&address);
            }
            Err(_) => {
                tracing::error!(room = code, "the game panicked when its room was made");
                return self.directory.forget(&address);
            }
        };
        self.adopt(Hosting {
            address,
            room,
            sockets: Sockets::new(members),
            schedule: None,
            empty_since: None,
            saved_at: now,
            cost: Duration::ZERO,
            shown: None,
        });
    }

    fn adopt(&mut self, mut hosting: Hosting) {
        let now = self.now();
        let id = hosting.address.id;
        let schedule = hosting.schedule.take().map(Ok).unwrap_or_else(|| {
            // Rooms of one rate are spread over the tick, so that they are not all due together.
            let period = Duration::from_secs(1) / hosting.room.step_config().hz.max(1);
            let phase = period * (id.wrapping_mul(40_503) & 0xffff) as u32 / 0x1_0000;
            FixedStep::new(
                hosting.room.step_config(),
                hosting.room.next_tick(),
                now + phase,
            )
        });
        let schedule = match schedule {
            Ok(schedule) => schedule,
            Err(error) => {
                tracing::error!(room = hosting.address.code, %error, "a room cannot be run");
                return self.directory.forget(&hosting.address);
            }
        };
        self.rota.add(id, schedule);
        self.rooms.insert(id, hosting);
        self.office.desks[self.number]
            .rooms
            .store(self.rooms.len() as u32, Ordering::Relaxed);
        self.look_after(id);
    }

    fn obey(&mut self, id: u64, mut what: What) {
        let Some(hosting) = self.rooms.get_mut(&id) else {
            return self.forward(id, what);
        };
        let now = self.office.clock.now();
        let promised = matches!(what, What::Enter { promised: true, .. });
        if let What::Enter {
            client,
            socket,
            ack,
            ..
        } = &mut what
        {
            hosting.sockets.clients.insert(*client, socket.clone());
            hosting
                .sockets
                .acks
                .extend(ack.take().map(|ack| (*client, ack)));
        }
        let entering = match &what {
            What::Enter { client, .. } => Some(*client),
            _ => None,
        };
        let mut out = Wire {
            publisher: &mut self.publisher,
            sockets: &mut hosting.sockets,
        };
        let room = &mut hosting.room;
        let obeyed = catch_unwind(AssertUnwindSafe(|| room.obey(what, now, &mut out)));
        if let Some(client) = entering
            && !hosting.room.has(client)
        {
            // It was refused, and knows.
            hosting.sockets.clients.remove(&client);
            hosting.sockets.dismissed.push(client);
        }
        if obeyed.is_err() {
            return self.bury(id);
        }
        self.look_after(id);
        if promised && let Some(hosting) = self.rooms.get(&id) {
            // After `people` has been stored, so that nobody is counted too little.
            hosting.address.promised.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// A letter for a room that has moved, or that is not there any more.
    fn forward(&mut self, id: u64, what: What) {
        match self.directory.by_id(id) {
            Some(address) if address.worker.load(Ordering::Relaxed) != self.number => {
                // Full: as if it had been posted there.
                let _ = self.office.post(&address, what);
            }
            _ => {
                if let What::Enter {
                    client,
                    ack: Some(ack),
                    ..
                } = what
                {
                    self.directory.unbind(client, id);
                    let refusal = crate::Refusal::of("no-room", "this room is not there any more");
                    let _ = self.publisher.acknowledge(ack, &(refusal,));
                }
            }
        }
    }

    /// Keeps what others see of a room true, after anything happened to it.
    fn look_after(&mut self, id: u64) {
        let Some(hosting) = self.rooms.get_mut(&id) else {
            return;
        };
        let Hosting {
            address,
            room,
            sockets,
            ..
        } = hosting;
        for client in sockets.dismissed.drain(..) {
            self.directory.unbind(client, id);
        }
        address
            .people
            .store(room.people() as u32, Ordering::Relaxed);
        address
            .spectators
            .store(room.spectators() as u32, Ordering::Relaxed);
        address.locked.store(room.is_locked(), Ordering::Relaxed);
        if room.is_closed() {
            self.remove(id);
        }
    }

    /// A room whose game panicked: its players are told, and it is over.
    fn bury(&mut self, id: u64) {
        if let Some(hosting) = self.rooms.get_mut(&id) {
            tracing::error!(room = hosting.address.code, "a room panicked and is closed");
            crash(&mut Wire {
                publisher: &mut self.publisher,
                sockets: &mut hosting.sockets,
            });
            for client in hosting.sockets.dismissed.drain(..) {
                self.directory.unbind(client, id);
            }
        }
        self.remove(id);
    }

    fn remove(&mut self, id: u64) {
        self.rota.remove(id);
        let Some(hosting) = self.rooms.remove(&id) else {
            return;
        };
        self.directory.forget(&hosting.address);
        if let Some(keeper) = &self.office.keeper {
            keeper.forget(&hosting.address);
        }
        self.office.desks[self.number]
            .rooms
            .store(self.rooms.len() as u32, Ordering::Relaxed);
        self.tell_lobby(&hosting.address.kind, &[hosting.address.info()]);
    }

    fn tell_lobby(&mut self, kind: &str, changes: &[RoomInfo]) {
        let Ok(lobby) = self.gateway.room(&Directory::lobby(kind)) else {
            return;
        };
        if let Err(error) = self
            .publisher
            .emit(&lobby, Class::Reliable, "rooms", &(changes,))
        {
            tracing::warn!(%error, "a lobby could not be told of its rooms");
        }
    }

    fn do_chores(&mut self, now: Duration) {
        self.chores_at = now + CHORES_EVERY;
        self.chores += 1;
        let mut changes: HashMap<String, Vec<RoomInfo>> = HashMap::new();
        let mut empty = Vec::new();
        for (id, hosting) in &mut self.rooms {
            let Hosting { address, room, .. } = hosting;
            let deserted = room.people() == 0
                && room.spectators() == 0
                && address.promised.load(Ordering::Relaxed) == 0;
            let since = *hosting.empty_since.get_or_insert(now);
            if !deserted {
                hosting.empty_since = None;
            } else if room.empty_for().is_some_and(|time| now - since >= time) {
                empty.push(*id);
            }
            let info = address.info();
            if !address.private && hosting.shown.as_ref() != Some(&info) {
                hosting.shown = Some(info.clone());
                changes.entry(info.kind.clone()).or_default().push(info);
            }
            if let Some(keeper) = &self.office.keeper
                && now - hosting.saved_at >= room.save_every()
                && let Some(bytes) = room.save()
            {
                hosting.saved_at = now;
                keeper.keep(address, bytes);
            }
        }
        for (kind, changes) in changes {
            self.tell_lobby(&kind, &changes);
        }
        for id in empty {
            self.remove(id);
        }
        if self.chores.is_multiple_of(CHORES_A_REPORT) {
            self.report(now);
        }
    }

    fn report(&mut self, now: Duration) {
        let passed = (now - self.reported_at).max(Duration::from_millis(1));
        self.reported_at = now;
        let thousandths = |busy: Duration| (busy.as_micros() * 1000 / passed.as_micros()) as u32;
        let load = thousandths(std::mem::take(&mut self.busy));
        self.office.desks[self.number]
            .load
            .store(load, Ordering::Relaxed);
        let mut costs: Vec<(u32, u64)> = Vec::new();
        for (id, hosting) in &mut self.rooms {
            costs.push((thousandths(std::mem::take(&mut hosting.cost)), *id));
            let mut report = RoomReport {
                code: hosting.address.code.clone(),
                kind: hosting.address.kind.clone(),
                worker: self.number,
                ..RoomReport::default()
            };
            hosting.room.report(&mut report);
            if let Some(schedule) = self.rota.schedule(*id) {
                let quantiles = |h: &Histogram| {
                    let us = |per_mille| h.quantile(per_mille).as_micros() as u64;
                    (us(500), us(990))
                };
                let stats = schedule.stats();
                report.step_us = quantiles(&stats.cost);
                report.late_us = quantiles(&stats.lateness);
                report.dropped = stats.dropped;
                report.skipped = stats.skipped;
                report.rate_percent = schedule.rate_percent();
                schedule.clear_stats();
            }
            *hosting
                .address
                .report
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner()) = report;
        }
        self.balance(load, &costs);
    }

    /// Hands a room over, if this thread is much busier than another.
    fn balance(&mut self, load: u32, costs: &[(u32, u64)]) {
        let other = self.office.least_busy();
        let theirs = self.office.desks[other].load.load(Ordering::Relaxed);
        if other == self.number || load < BUSY || load < theirs + MARGIN || costs.len() < 2 {
            return;
        }
        // The one that brings the two nearest to each other without turning the tables.
        let half = (load - theirs) / 2;
        let fitting = costs.iter().filter(|(cost, _)| *cost > 0 && *cost <= half);
        let Some(&(cost, id)) = fitting.max() else {
            return;
        };
        let schedule = self.rota.remove(id);
        let Some(mut hosting) = self.rooms.remove(&id) else {
            return;
        };
        hosting.schedule = schedule;
        tracing::info!(
            room = hosting.address.code,
            from = self.number,
            to = other,
            "a room moves"
        );
        // What the room has sent goes out before its new thread sends anything.
        self.flush();
        let desk = &self.office.desks[other];
        desk.load.fetch_add(cost, Ordering::Relaxed);
        hosting.address.worker.store(other, Ordering::Relaxed);
        desk.mailbox.post_always(Letter {
            room: id,
            what: What::Adopt(Box::new(hosting)),
        });
        self.office.desks[self.number]
            .rooms
            .store(self.rooms.len() as u32, Ordering::Relaxed);
    }

    /// The server stops: what can be saved is saved.
    fn end(&mut self) {
        for hosting in self.rooms.values() {
            if let (Some(keeper), Some(bytes)) = (&self.office.keeper, hosting.room.save()) {
                keeper.keep_at_last(&hosting.address, bytes);
            }
        }
        self.publisher.flush();
    }
}
