//! For tests: a game that checks its room, and a network of clients in memory that check what they get.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use ringside_netcode::{
    Tick,
    input::{Input, InputSender, ViewTick, Wired},
    snapshot::{Capture, Decoder, EntityId, FrameError, FrameIndex, FrameSet, LayerId, Layers},
    tick::Step,
};
use serde::Serialize;

use super::*;
use crate::{
    Replicate,
    cx::Audience,
    game::{Keep, Leave, Refusal, Subscriber},
};

/// Sixty steps a second, a snapshot every third.
pub(crate) fn options() -> RoomOptions {
    RoomOptions::default()
}

/// Somebody who comes for the first time, with the token `n`.
pub(crate) fn entry(n: u64) -> Entry {
    let mut token = [0; 16];
    token[..8].copy_from_slice(&n.to_le_bytes());
    Entry {
        name: format!("player {n}"),
        token: Token(token),
        claim: None,
        watch: false,
        schema: None,
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Replicate)]
pub(crate) struct Push {
    force: u8,
}

pub(crate) fn push(force: u8) -> Push {
    Push { force }
}

impl Input for Push {
    fn repeated(&self) -> Self {
        push(0)
    }
}

/// What is seen of a player.
#[derive(Clone, Copy, Debug, PartialEq, Replicate)]
pub(crate) struct Stone {
    pub(crate) pushes: u32,
    #[rep(owner)]
    pub(crate) secret: u32,
}

/// A game that checks what its room does to it. Players of odd and of even numbers live in two cells and see
/// their own only.
#[derive(Debug)]
pub(crate) struct Pebble {
    layers: Layers,
    stones: LayerId<Stone>,
    generation: u16,
    entities: BTreeMap<PlayerId, EntityId>,
    /// The sum of all forces received from each.
    pub(crate) pushes: BTreeMap<PlayerId, u32>,
    /// Who left, and why.
    pub(crate) left: Vec<(PlayerId, Leave)>,
    /// Events emitted so far, with those whom each concerned.
    pub(crate) emitted: Vec<(String, BTreeSet<PlayerId>)>,
    away: BTreeSet<PlayerId>,
    ticked: Option<Tick>,
    /// It panics when it hears this.
    pub(crate) fragile: bool,
}

impl Pebble {
    pub(crate) const KEPT: Duration = Duration::from_secs(5);

    pub(crate) fn new() -> Self {
        let mut layers = Layers::new();
        Self {
            stones: layers.add::<Stone>(2),
            layers,
            generation: 0,
            entities: BTreeMap::new(),
            pushes: BTreeMap::new(),
            left: Vec::new(),
            emitted: Vec::new(),
            away: BTreeSet::new(),
            ticked: None,
            fragile: false,
        }
    }

    fn cell(&self, player: PlayerId) -> ringside_netcode::snapshot::CellId {
        self.layers.cell(self.stones, player.0 % 2)
    }

    fn emit(&mut self, cx: &mut Cx<'_, Self>, audience: Audience, text: String) {
        let everybody = self.entities.keys().copied();
        let to = match &audience {
            Audience::All => everybody.collect(),
            Audience::Player(id) => everybody.filter(|other| other == id).collect(),
            Audience::Players(ids) => everybody.filter(|id| ids.contains(id)).collect(),
            Audience::Seeing(_) => unreachable!("who sees what is the room's to know"),
        };
        cx.emit(audience, &text);
        self.emitted.push((text, to));
    }
}

#[derive(Serialize, serde::Deserialize)]
struct Saved {
    generation: u16,
    players: Vec<(PlayerId, u16, u32)>,
}

impl Game for Pebble {
    type Input = Push;
    type Event = String;

    fn layers(&self) -> &Layers {
        &self.layers
    }

    fn join(&mut self, cx: &mut Cx<'_, Self>, player: PlayerId, who: &Who) -> Result<(), Refusal> {
        self.generation = self.generation.wrapping_add(1);
        let entity = EntityId::new(player.0, self.generation);
        assert!(
            self.entities.insert(player, entity).is_none(),
            "{player:?} joined twice"
        );
        self.pushes.insert(player, 0);
        self.emit(cx, Audience::All, format!("{} joined", who.name));
        Ok(())
    }

    fn leave(&mut self, cx: &mut Cx<'_, Self>, player: PlayerId, why: Leave) -> Keep {
        assert!(
            self.entities.contains_key(&player),
            "{player:?} left without being there"
        );
        self.left.push((player, why));
        if why == Leave::Lost {
            assert!(self.away.insert(player), "{player:?} was lost twice");
            return Keep::For(Self::KEPT);
        }
        self.away.remove(&player);
        self.entities.remove(&player);
        self.pushes.remove(&player);
        self.emit(cx, Audience::All, format!("{player:?} left"));
        Keep::Drop
    }

    fn back(&mut self, _: &mut Cx<'_, Self>, player: PlayerId) {
        self.away.remove(&player);
    }

    fn tick(&mut self, cx: &mut Cx<'_, Self>) {
        assert!(
            self.ticked.is_none_or(|last| cx.tick() == last.next()),
            "a tick was jumped over"
        );
        self.ticked = Some(cx.tick());
        let given = cx.inputs().iter().map(|given| given.player);
        assert!(
            given.eq(self.entities.keys().copied()),
            "one input a player, by number"
        );
        for given in cx.inputs() {
            *self.pushes.entry(given.player).or_default() += u32::from(given.input.force);
            let behind = given.view.behind(cx.tick());
            assert!(
                (0..=240).contains(&behind),
                "judged by {behind}/16 ticks ago"
            );
        }
        let number = cx.tick().get();
        if number.is_multiple_of(7) {
            self.emit(cx, Audience::All, format!("tick {number}"));
        }
        if number.is_multiple_of(5)
            && let Some(&last) = self.entities.keys().next_back()
        {
            self.emit(
                cx,
                Audience::Player(last),
                format!("you are the last at {number}"),
            );
        }
    }

    fn capture(&self, into: &mut Capture<'_>) {
        for (player, entity) in &self.entities {
            let stone = Stone {
                pushes: self.pushes[player],
                secret: 1000 + u32::from(player.0),
            };
            into.add(self.stones, *entity, self.cell(*player), &stone);
        }
    }

    fn interest(&self, who: Subscriber, view: &mut View) {
        match who {
            Subscriber::Player(player) => view.insert(self.cell(player), 1),
            Subscriber::Spectator(gaze) => {
                view.clear();
                view.insert(self.cell(gaze.player.unwrap_or_default()), 1);
            }
        }
    }

    fn owner(&self, player: PlayerId) -> Option<ringside_netcode::snapshot::Owner> {
        let entity = self.entities.get(&player)?;
        Some(ringside_netcode::snapshot::Owner::of(self.stones, *entity))
    }

    fn think(&mut self, _: PlayerId, _: Tick) -> Push {
        push(1)
    }

    fn message(&mut self, cx: &mut Cx<'_, Self>, _: PlayerId, message: &RawValue) {
        assert!(!self.fragile, "it was told so");
        self.emit(cx, Audience::All, message.get().to_owned());
    }

    fn save(&self) -> Option<Vec<u8>> {
        let entities = self.entities.iter();
        let saved = Saved {
            generation: self.generation,
            players: entities
                .map(|(id, e)| (*id, e.generation(), self.pushes[id]))
                .collect(),
        };
        serde_json::to_vec(&saved).ok()
    }

    fn load(bytes: &[u8]) -> Result<Self, crate::LoadError> {
        let saved: Saved = serde_json::from_slice(bytes).map_err(|_| crate::LoadError::Damaged)?;
        let mut game = Self::new();
        game.generation = saved.generation;
        for (id, generation, pushes) in saved.players {
            game.entities.insert(id, EntityId::new(id.0, generation));
            game.pushes.insert(id, pushes);
            game.away.insert(id);
        }
        Ok(game)
    }
}

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
    /// It reads nothing.
    pub(crate) stalled: bool,
    pub(crate) gone: bool,
    decoder: Decoder,
    pub(crate) used: u64,
    pub(crate) malformed: u64,
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
            stalled: false,
            gone: false,
            decoder: Decoder::new(Pebble::new().layers),
            used: 0,
            malformed: 0,
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
                Ok(_) => {
                    self.used += 1;
                    self.wants_keyframe = false;
                    self.news = true;
                }
                Err(FrameError::Stale) => {}
                Err(FrameError::MissingBaseline(_)) => self.wants_keyframe = true,
                Err(_) => {
                    self.malformed += 1;
                    self.wants_keyframe = true;
                }
            }
        }
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
        let sender = self.client_mut(client);
        sender.inputs.push(room.next_tick(), Wired(input));
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

impl SimClient {
    fn packet(&mut self) -> Bytes {
        let mut bits = ringside_netcode::bits::BitWriter::new();
        let ack = self.decoder.acknowledgement().map(|(newest, _)| newest);
        let view = self.decoder.tick().unwrap_or_default();
        self.inputs
            .packet(ack, ViewTick::new(view, 0), false)
            .write(&mut bits);
        bits.into_bytes().into()
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

    fn frames(&mut self, frames: FrameSet, whose: &[(ClientId, FrameIndex)]) -> Option<FrameSet> {
        for (id, frame) in whose {
            let client = self.clients.get_mut(id).expect("it was let in");
            assert!(
                client.shared && client.inside,
                "{id:?} gets a frame outside"
            );
            let mut bytes = Vec::new();
            frames.copy_to(*frame, &mut bytes);
            client.waiting.push_back(bytes);
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
