//! A client as a value: one connection shared by the sockets of a server, and its reconnection.
//!
//! ```text
//!  handles: connect, emit, disconnect ──> Machine <── driver: opened, text, binary, ended, poll(now)
//!                                            │
//!                              notices, a batch to write, which connection is wanted, next deadline
//! ```
//! Promises: every stage reaches every active socket, in order; between two attempts lies a seeded,
//! jittered, growing wait; after `reconnection_attempts` failures it says so and rests. No socket,
//! clock or task: time comes with the lock, and [`Machine::wanted`] says what the driver shall do.

mod namespace;
mod retries;
mod wire;

use std::{collections::VecDeque, time::Duration};

use ringside_proto::{
    engineio::{Data, PacketKind, Transport},
    socketio::{self, Kind, Limits},
    time::Millis,
    webtransport,
};
use serde_json::{Map, Value};

use crate::{
    backoff::Backoff,
    failure::{ConnectionError, Reason, failure},
    manager::Phase,
    options::Options,
    stage::{DisconnectReason, Stage, State, json},
};
use namespace::After;
pub(crate) use namespace::{Ask, Namespace, Waiter};
pub(crate) use wire::{DATAGRAM_BYTES_MAX, Draft, Inbound, Link, Message, Notice, Wire};

/// Levels of nesting accepted in JSON from the server: that of serde_json's own limit, so that
/// whatever is let in can also be parsed.
const JSON_DEPTH_MAX: u32 = 127;

/// See the module.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) options: Options,
    pub(crate) phase: Phase,
    pub(crate) backoff: Backoff,
    pub(crate) wire: Wire,
    pub(crate) namespaces: Vec<Namespace>,
    /// An upgrade to this transport has worked.
    pub(crate) upgraded_before: Option<Transport>,
    /// The next connection shall wait until the one before has closed.
    pub(crate) switching: bool,
    /// What a connection that we end still has to send.
    pub(crate) farewell: VecDeque<Message>,
    /// Its task has ended: nobody would drive it any more.
    pub(crate) gone: bool,
    gave_up: bool,
    stopped: bool,
    warned: bool,
    decoder: socketio::Decoder,
    limits: Limits,
    /// When the attempt, or the wait for the next one, is over.
    until: Millis,
}

impl Machine {
    pub(crate) fn new(options: Options, seed: u32) -> Self {
        let limits = Limits {
            attachments_max: options.max_attachments,
            packet_bytes_max: u32::try_from(options.message_max).unwrap_or(u32::MAX),
            ..Limits::default()
        };
        let backoff = Backoff::new(
            options.reconnection_delay,
            options.reconnection_delay_max,
            options.randomization_factor,
            options.seed.unwrap_or(seed),
        );
        Self {
            wire: Wire::new(options.buffer_max),
            options,
            phase: Phase::Closed,
            backoff,
            namespaces: Vec::new(),
            upgraded_before: None,
            switching: false,
            farewell: VecDeque::new(),
            gone: false,
            gave_up: false,
            stopped: false,
            warned: false,
            decoder: socketio::Decoder::new(),
            limits,
            until: Millis::NEVER,
        }
    }

    /// The namespace of that name; made on first use, with these options.
    pub(crate) fn namespace(&mut self, name: &str, options: &Options) -> usize {
        let found = self.namespaces.iter().position(|each| each.name == name);
        found.unwrap_or_else(|| {
            let at = self.namespaces.len();
            self.namespaces.push(Namespace::new(name, at, options));
            at
        })
    }

    /// The connection that shall be there, by its number.
    pub(crate) fn wanted(&self) -> Option<u64> {
        matches!(self.phase, Phase::Opening | Phase::Open).then_some(self.wire.generation)
    }

    pub(crate) fn state(&self, at: usize) -> State {
        let socket = &self.namespaces[at];
        match self.phase {
            _ if socket.connected() => State::Connected,
            _ if !socket.active && socket.rejected => State::Failed,
            _ if !socket.active => State::Disconnected,
            Phase::Opening | Phase::Open => State::Connecting,
            _ if self.stopped => State::Disconnected,
            _ if self.gave_up || !self.options.reconnection => State::Failed,
            _ => State::Reconnecting,
        }
    }

    // What the user asks.

    /// Connects unless connected.
    pub(crate) fn open(&mut self) {
        if matches!(self.phase, Phase::Closed | Phase::Waiting) {
            (self.stopped, self.gave_up) = (false, false);
            self.attempt();
        }
    }

    pub(crate) fn connect(&mut self, at: usize) {
        let open = self.phase == Phase::Open;
        let socket = &mut self.namespaces[at];
        if socket.connected() || (socket.active && open) {
            return;
        }
        (socket.active, socket.rejected) = (true, false);
        match self.phase {
            // Asked for while waiting, the next attempt is now.
            Phase::Closed | Phase::Waiting => self.open(),
            _ => self.wire.stage(at, Stage::Connecting),
        }
        if open {
            let timeout = self.options.timeout;
            self.namespaces[at].opened(&mut self.wire, timeout);
        }
    }

    pub(crate) fn disconnect(&mut self, at: usize) {
        let after = self.namespaces[at].disconnect(&mut self.wire);
        self.after(after);
    }

    pub(crate) fn emit(
        &mut self,
        at: usize,
        draft: Draft,
        ask: Ask,
    ) -> Result<(), ConnectionError> {
        self.namespaces[at].emit(&mut self.wire, at, draft, ask)
    }

    /// Answers an event of the server's.
    pub(crate) fn answer(
        &mut self,
        at: usize,
        sid: &str,
        draft: Draft,
    ) -> Result<(), ConnectionError> {
        self.namespaces[at].answer(&mut self.wire, sid, draft)
    }

    /// Ends the connection and any reconnecting.
    pub(crate) fn close(&mut self) {
        self.stopped = true;
        self.backoff.attempts = 0;
        if self.phase == Phase::Open {
            return self.lost(DisconnectReason::ForcedClose, None);
        }
        self.rest();
    }

    /// Drops the connection as if the network had; reconnection goes on.
    pub(crate) fn drop_connection(&mut self) {
        if self.phase == Phase::Open {
            self.lost(DisconnectReason::ForcedClose, None);
        }
    }

    /// Goes on over another transport: a deliberate reconnection.
    pub(crate) fn switch(&mut self, to: Transport) {
        self.options.transports.retain(|each| *each != to);
        self.options.transports.insert(0, to);
        self.options.upgrade = to != Transport::Polling;
        if self.phase != Phase::Open || self.wire.link.is_some_and(|link| link.transport == to) {
            return;
        }
        self.decoder = socketio::Decoder::new();
        self.each(|socket, wire| socket.switching(wire));
        self.farewell = self.wire.reset();
        self.switching = true;
        self.attempt();
    }

    /// What the auth function gave, for the connection of that number.
    pub(crate) fn say_hello(&mut self, at: usize, generation: u64, auth: Map<String, Value>) {
        let socket = &mut self.namespaces[at];
        if self.phase == Phase::Open && self.wire.generation == generation && socket.active {
            socket.say_hello(&mut self.wire, Some(auth));
        }
    }

    // What the driver tells.

    pub(crate) fn opened(&mut self, link: Link) {
        self.until = Millis::NEVER;
        self.phase = Phase::Open;
        self.wire.link = Some(link);
        let attempts = std::mem::take(&mut self.backoff.attempts);
        self.tell("open", &("open",));
        if attempts > 0 {
            self.tell("reconnect", &("reconnect", attempts));
        }
        let timeout = self.options.timeout;
        self.each(|socket, wire| socket.opened(wire, timeout));
    }

    pub(crate) fn upgraded(&mut self, to: Transport) {
        self.upgraded_before = Some(to);
        if let Some(link) = &mut self.wire.link {
            link.transport = to;
        }
        self.tell("upgrade", &("upgrade", to.name()));
    }

    /// A transport failed and another takes its place: told to who listens, written once.
    pub(crate) fn fell_back(&mut self, from: Transport, to: Transport, error: &ConnectionError) {
        let (from, to) = (from.name(), to.name());
        self.tell("fallback", &("fallback", from, to, error));
        if !std::mem::replace(&mut self.warned, true) {
            tracing::warn!("playing over {to}, because {error}");
        }
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.wire.stats.bytes_in += text.len() as u64;
        let packet = match self.decoder.text(text, &self.limits, self.wire.now) {
            Ok(Some(packet)) => packet.check(JSON_DEPTH_MAX),
            Ok(None) => return,
            Err(error) => Err(error),
        };
        match packet {
            Ok(()) => self.arrived(Inbound::Text(text.to_owned()), false),
            Err(error) => self.nonsense(&error),
        }
    }

    pub(crate) fn binary(&mut self, bytes: &[u8]) {
        self.wire.stats.bytes_in += bytes.len() as u64;
        match self.decoder.binary(bytes, &self.limits) {
            Ok(Some(whole)) => self.arrived(Inbound::Whole(whole), false),
            Ok(None) => {}
            Err(error) => self.nonsense(&error),
        }
    }

    /// A datagram arrived: one event, whole. Anything else may have come from anywhere, and is dropped.
    pub(crate) fn datagram(&mut self, bytes: &[u8]) {
        self.wire.stats.bytes_in += bytes.len() as u64;
        match self.unpack(bytes) {
            Some(event) => {
                self.wire.stats.datagrams_in += 1;
                self.arrived(event, true);
            }
            None => self.wire.stats.datagrams_bad += 1,
        }
    }

    /// The event that a datagram holds: its text, then each attachment, as frames.
    fn unpack(&self, bytes: &[u8]) -> Option<Inbound> {
        let mut frames = webtransport::Decoder::new(u32::try_from(bytes.len()).ok()?);
        let mut packets = socketio::Decoder::new();
        let mut found = None;
        let mut input = frames.input(bytes);
        while let Some(frame) = input.next().ok()? {
            if found.is_some() || frame.kind != PacketKind::Message {
                return None;
            }
            found = match frame.data {
                Data::Text(text) => match packets.text(text, &self.limits, self.wire.now).ok()? {
                    Some(packet) => {
                        packet.check(JSON_DEPTH_MAX).ok()?;
                        Some(Inbound::Text(text.to_owned()))
                    }
                    None => None,
                },
                Data::Binary(bytes) => packets
                    .binary(&bytes, &self.limits)
                    .ok()?
                    .map(Inbound::Whole),
            };
        }
        let event = found.filter(|_| frames.is_idle())?;
        let kind = event.packet()?.kind;
        matches!(kind, Kind::Event | Kind::BinaryEvent).then_some(event)
    }

    fn arrived(&mut self, inbound: Inbound, alone: bool) {
        let Some(packet) = inbound.packet() else {
            return;
        };
        self.wire.stats.messages_in += 1;
        let found = |each: &&mut Namespace| each.name == packet.namespace;
        if let Some(socket) = self.namespaces.iter_mut().find(found) {
            let after = socket.arrived(&mut self.wire, inbound, alone);
            self.after(after);
        }
    }

    fn nonsense(&mut self, error: &dyn std::fmt::Display) {
        let message = format!("the server sent what is not Socket.IO 5: {error}");
        self.lost(
            DisconnectReason::ParseError,
            Some(failure(Reason::Parse, message)),
        );
    }

    pub(crate) fn pinged(&mut self) {
        self.tell("ping", &("ping",));
    }

    /// The attempt failed, or the connection ended.
    pub(crate) fn lost(&mut self, reason: DisconnectReason, error: Option<ConnectionError>) {
        let open = self.phase == Phase::Open;
        let unsent = self.wire.reset();
        self.rest();
        if reason == DisconnectReason::ForcedClose {
            self.farewell = unsent;
        }
        if let Some(error) = &error {
            self.tell("error", &("error", error));
        }
        if open {
            self.tell("close", &("close", reason.as_str(), &error));
            self.each(|socket, wire| socket.lost(wire, reason, error.clone()));
        } else {
            let error = error.unwrap_or_else(|| {
                let message = "the server closed the connection before it was made";
                failure(Reason::Closed, message)
            });
            self.each(|socket, wire| socket.refused(wire, error.clone()));
            if self.backoff.attempts > 0 {
                self.tell("reconnect_error", &("reconnect_error", error));
            }
        }
        self.retry();
    }

    /// Time passed.
    pub(crate) fn poll(&mut self) {
        let now = self.wire.now;
        if self.until <= now {
            self.until = Millis::NEVER;
            match self.phase {
                Phase::Opening => self.lost(DisconnectReason::Timeout, Some(self.late(""))),
                Phase::Waiting => self.begin(),
                Phase::Open | Phase::Closed => {}
            }
        }
        for at in 0..self.namespaces.len() {
            self.namespaces[at].poll(&mut self.wire);
            if self.namespaces[at].welcome_until <= now {
                self.unwelcome(at);
            }
        }
        if let Err(error) = self.decoder.poll(now) {
            self.nonsense(&error);
        }
    }

    pub(crate) fn next_deadline(&self) -> Millis {
        let sockets = self.namespaces.iter().map(Namespace::next_deadline).min();
        self.until
            .min(self.decoder.next_deadline())
            .min(sockets.unwrap_or(Millis::NEVER))
    }

    /// A namespace did not answer: its own failure if others are in, that of the connection if not.
    fn unwelcome(&mut self, at: usize) {
        let error = self.late(&format!(" to CONNECT of {}", self.namespaces[at].name));
        if self.namespaces.iter().any(Namespace::connected) {
            let after = self.namespaces[at].reject(&mut self.wire, error);
            self.after(after);
        } else {
            self.lost(DisconnectReason::Timeout, Some(error));
        }
    }

    fn late(&self, to: &str) -> ConnectionError {
        let ms = self.options.timeout.unwrap_or_default().as_millis();
        failure(Reason::Timeout, "timeout").described(format!("no answer{to} within {ms} ms"))
    }

    fn attempt(&mut self) {
        self.phase = Phase::Opening;
        self.wire.generation += 1;
        self.until = self.after_now(self.options.timeout);
        for (at, socket) in self.namespaces.iter().enumerate() {
            if socket.active && !socket.held {
                self.wire.stage(at, Stage::Connecting);
            }
        }
    }

    fn after_now(&self, wait: Option<Duration>) -> Millis {
        wait.map_or(Millis::NEVER, |wait| self.wire.now + wait)
    }

    fn retry(&mut self) {
        // What was told may have stopped us, or opened anew.
        if self.stopped || self.phase != Phase::Closed {
            return;
        }
        let attempts = self.backoff.attempts;
        let enough = |most| attempts >= most;
        if !self.options.reconnection || self.options.reconnection_attempts.is_some_and(enough) {
            self.backoff.attempts = 0;
            self.gave_up = true;
            if self.options.reconnection {
                self.tell("reconnect_failed", &("reconnect_failed",));
                self.stage(&Stage::ReconnectFailed(attempts));
            }
            return;
        }
        let delay = self.backoff.duration();
        let attempt = self.backoff.attempts;
        self.phase = Phase::Waiting;
        self.until = self.after_now(Some(delay));
        let ms = delay.as_millis() as u64;
        self.tell("reconnecting", &("reconnecting", attempt, ms));
        self.stage(&Stage::Reconnecting(attempt, delay));
    }

    fn begin(&mut self) {
        let attempts = self.backoff.attempts;
        self.tell("reconnect_attempt", &("reconnect_attempt", attempts));
        self.each(|socket, _| socket.attempts = attempts);
        self.stage(&Stage::ReconnectAttempt(attempts));
        self.attempt();
    }

    /// No connection, and none on its way.
    fn rest(&mut self) {
        self.phase = Phase::Closed;
        self.until = Millis::NEVER;
        self.wire.generation += 1;
        self.decoder = socketio::Decoder::new();
    }

    /// A socket that leaves closes the connection when it was the last.
    fn after(&mut self, after: After) {
        if after == After::Left && !self.namespaces.iter().any(|each| each.active) {
            self.close();
        }
    }

    fn stage(&mut self, stage: &Stage) {
        for (at, socket) in self.namespaces.iter().enumerate() {
            if socket.active {
                self.wire.stage(at, stage.clone());
            }
        }
    }

    fn each(&mut self, mut f: impl FnMut(&mut Namespace, &mut Wire)) {
        for socket in self.namespaces.iter_mut().filter(|each| each.active) {
            f(socket, &mut self.wire);
        }
    }

    fn tell(&mut self, name: &'static str, args: &impl serde::Serialize) {
        self.wire
            .notices
            .push_back(Notice::Manager(name, json(args)));
    }
}
