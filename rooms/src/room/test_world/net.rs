//! A network of clients in memory, and its time. Clients read, acknowledge and ask as a page does, and check what they get:
//! nothing reaches one that is outside.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use ringside_netcode::{
    Tick,
    bits::BitWriter,
    input::{InputSender, ViewTick, Wired},
    snapshot::{Decoder, FrameError, FrameSet},
    tick::Step,
};
use serde_json::value::RawValue;

use super::pebble::{Pebble, Push, Stone};
use crate::{
    game::Game,
    room::{ClientId, FrameFor, Goodbye, Outlet, Room, To, Urgency},
};

/// One client of the simulated network.
pub(crate) struct SimClient {
    pub(crate) shared: bool,
    inside: bool,
    answers: Vec<String>,
    /// Answers to questions for the time.
    pub(crate) times: Vec<Duration>,
    pub(crate) bye: Option<Goodbye>,
    /// Ids and JSON of the game's events.
    pub(crate) events: Vec<(u32, String)>,
    /// Frames on their way.
    pub(crate) waiting: VecDeque<Vec<u8>>,
    /// Its frames come as datagrams: of so many the last is lost. They are counted here.
    pub(crate) loses_one_in: Option<u64>,
    datagrams: u64,
    /// Frames that were no news.
    pub(crate) stale: u64,
    /// It reads nothing.
    pub(crate) stalled: bool,
    pub(crate) gone: bool,
    decoder: Decoder,
    pub(crate) used: u64,
    pub(crate) malformed: u64,
    /// How early its inputs come, as it was told last.
    pub(crate) depth: Option<i8>,
    wants_keyframe: bool,
    news: bool,
    /// Ticks since it last spoke.
    silent: u32,
    inputs: InputSender<Wired<Push>>,
}

impl SimClient {
    fn new() -> Self {
        Self {
            shared: false,
            inside: false,
            answers: Vec::new(),
            times: Vec::new(),
            bye: None,
            events: Vec::new(),
            waiting: VecDeque::new(),
            loses_one_in: None,
            datagrams: 0,
            stale: 0,
            stalled: false,
            gone: false,
            decoder: Decoder::new(Pebble::new().layers().clone()),
            used: 0,
            malformed: 0,
            depth: None,
            wants_keyframe: false,
            news: false,
            silent: 0,
            inputs: InputSender::new(),
        }
    }

    pub(crate) fn welcome(&self) -> &str {
        self.answers.last().expect("it was answered")
    }

    pub(crate) fn decoder_tick(&self) -> Option<Tick> {
        self.decoder.tick()
    }

    fn read(&mut self) {
        while let Some(bytes) = self.waiting.pop_front() {
            match self.decoder.read(&bytes) {
                Ok(info) => {
                    self.used += 1;
                    self.depth = info.feedback.map(|feedback| feedback.input_depth);
                    self.wants_keyframe = false;
                    self.news = true;
                }
                Err(FrameError::Stale) => self.stale += 1,
                Err(FrameError::MissingBaseline(_)) => self.wants_keyframe = true,
                Err(_) => {
                    self.malformed += 1;
                    self.wants_keyframe = true;
                }
            }
        }
    }

    fn packet(&mut self) -> Bytes {
        let mut bits = BitWriter::new();
        let ack = self.decoder.acknowledgement();
        let view = self.decoder.tick().unwrap_or_default();
        let newest = ack.map(|(newest, _)| newest);
        let mut packet = self.inputs.packet(newest, ViewTick::new(view, 0), false);
        packet.ack_bits = ack
            .map(|(_, earlier)| earlier)
            .filter(|_| self.loses_one_in.is_some());
        packet.write(&mut bits);
        bits.into_bytes().into()
    }
}

/// A network in memory, and its time.
#[derive(Default)]
pub(crate) struct Net {
    clients: BTreeMap<ClientId, SimClient>,
    pub(crate) now: Duration,
}

impl Net {
    pub(crate) fn client(&self, client: ClientId) -> &SimClient {
        &self.clients[&client]
    }

    pub(crate) fn client_mut(&mut self, client: ClientId) -> &mut SimClient {
        self.clients.entry(client).or_insert_with(SimClient::new)
    }

    /// `count` ticks, in which everybody reads and acknowledges.
    pub(crate) fn run(&mut self, room: &mut Room<Pebble>, count: u32) {
        for _ in 0..count {
            self.now += Duration::from_secs(1) / 60;
            self.talk(room);
            let tick = room.next_tick();
            let step = Step {
                tick,
                skipped: 0,
                snapshot: tick.get().is_multiple_of(3),
                late: Duration::ZERO,
            };
            let now = self.now;
            room.step(step, now, self);
        }
    }

    /// Everybody reads what has come, and sends what it has to say.
    pub(crate) fn talk(&mut self, room: &mut Room<Pebble>) {
        let mut sent = Vec::new();
        for (id, client) in &mut self.clients {
            if client.stalled || client.gone || !client.inside {
                continue;
            }
            client.read();
            if client.wants_keyframe {
                room.keyframe(*id, self.now);
            }
            // Twice a second it says again what it has: what it said may have been lost in a flood.
            client.silent += 1;
            if std::mem::take(&mut client.news) || client.silent >= 30 {
                client.silent = 0;
                sent.push((*id, client.packet()));
            }
        }
        for (id, packet) in sent {
            let now = self.now;
            room.packet(id, packet, now, self);
        }
    }

    /// A client sends an input for the next tick.
    pub(crate) fn send(&mut self, room: &mut Room<Pebble>, client: ClientId, input: Push) {
        self.send_for(room, client, room.next_tick(), input);
    }

    /// A client sends an input for this tick.
    pub(crate) fn send_for(
        &mut self,
        room: &mut Room<Pebble>,
        client: ClientId,
        target: Tick,
        input: Push,
    ) {
        let sender = self.client_mut(client);
        sender.inputs.push(target, Wired(input));
        let packet = sender.packet();
        let now = self.now;
        room.packet(client, packet, now, self);
    }

    /// A connection breaks; nothing reaches it any more. Gives what it was told.
    pub(crate) fn lose(&mut self, client: ClientId) -> Vec<(u32, String)> {
        let client = self.client_mut(client);
        client.gone = true;
        std::mem::take(&mut client.events)
    }

    /// All connections break.
    pub(crate) fn lose_all(&mut self) {
        self.clients.clear();
    }

    /// The pushes of all that a client sees, together.
    pub(crate) fn seen_by_all(&self, room: &Room<Pebble>, client: ClientId) -> u32 {
        let seen = self.seen(room, client);
        seen.values().map(|stone| stone.pushes).sum()
    }

    /// What a client sees, by number.
    pub(crate) fn seen(&self, room: &Room<Pebble>, client: ClientId) -> BTreeMap<u16, Stone> {
        let entities = self.client(client).decoder.entities(room.game().stones);
        entities
            .map(|entity| (entity.index, entity.value))
            .collect()
    }
}

impl Outlet for Net {
    fn answer(&mut self, client: ClientId, answer: &RawValue) {
        let client = self.client_mut(client);
        client.answers.push(answer.get().to_owned());
        let answer: serde_json::Value = serde_json::from_str(answer.get()).unwrap();
        if let Some(tick) = answer["tick"].as_u64() {
            client.inside = true;
            client.bye = None;
            client.waiting.clear();
            client.inputs = InputSender::new();
            client.decoder.restart(Tick::new(tick as u32));
        }
    }

    fn share(&mut self, client: ClientId, shared: bool) {
        self.client_mut(client).shared = shared;
    }

    fn dismiss(&mut self, client: ClientId, why: Option<Goodbye>) {
        let client = self.client_mut(client);
        (client.shared, client.inside, client.bye) = (false, false, why);
    }

    fn event(&mut self, to: To<'_>, name: &'static str, argument: &RawValue, _: Urgency) {
        for (id, client) in &mut self.clients {
            match to {
                To::Shared if !client.shared => continue,
                To::Clients(clients) if !clients.contains(id) => continue,
                _ => {}
            }
            assert!(client.inside, "{id:?} is told `{name}` outside");
            if name == "e" && !client.gone {
                let (number, _, event): (u32, u32, String) =
                    serde_json::from_str(argument.get()).unwrap();
                client.events.push((number, event));
            }
        }
    }

    fn frames(&mut self, frames: FrameSet, whose: &[FrameFor]) -> Option<FrameSet> {
        for FrameFor {
            client: id,
            frame,
            twice,
        } in whose
        {
            let client = self.clients.get_mut(id).expect("it was let in");
            assert!(
                client.shared && client.inside,
                "{id:?} gets a frame outside"
            );
            let mut bytes = Vec::new();
            frames.copy_to(*frame, &mut bytes);
            for _ in 0..1 + u32::from(*twice) {
                client.datagrams += 1;
                let lost = |one_in| client.datagrams.is_multiple_of(one_in);
                if !client.loses_one_in.is_some_and(lost) {
                    client.waiting.push_back(bytes.clone());
                }
            }
        }
        Some(frames)
    }

    fn frame(&mut self, client: ClientId, frame: &[u8]) {
        let client = self.client_mut(client);
        assert!(client.inside && !client.shared);
        client.waiting.push_back(frame.to_vec());
    }

    fn time(&mut self, client: ClientId, time: Duration) {
        self.client_mut(client).times.push(time);
    }

    fn is_gone(&self, client: ClientId) -> bool {
        self.clients.get(&client).is_none_or(|client| client.gone)
    }
}
