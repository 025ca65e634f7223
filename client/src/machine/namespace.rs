//! One namespace's socket: joining, acknowledgements, buffering, recovery.
//!
//! Promises: events leave in the order they were emitted; what is emitted while offline is kept (up
//! to `buffer_max`) and leaves on connecting; every waiter is answered once. Leaves out: the
//! connection (`mod.rs`), sending again until acknowledged (`retries.rs`).

use std::{collections::VecDeque, time::Duration};

use ringside_proto::{
    engineio::PacketKind,
    socketio::{AckTable, ClientAct, ClientNamespace, Kind, encode_connect, encode_disconnect},
    time::Millis,
};
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};
use tokio::sync::oneshot;

use super::{
    retries::Retries,
    wire::{Draft, Inbound, Message, Notice, Wire},
};
use crate::{
    failure::{AckError, ConnectionError, EmitError, Reason, failure},
    options::{Auth, Options, Source},
    stage::{DisconnectReason, Stage},
};

/// Who waits for an acknowledgement.
#[derive(Debug)]
pub(crate) enum Waiter {
    User(oneshot::Sender<Result<Inbound, AckError>>),
    /// The entry of that number among those sent again until acknowledged.
    Retry(u64),
}

/// How an event is to be sent.
#[derive(Debug, Default)]
pub(crate) struct Ask {
    pub(crate) volatile: bool,
    pub(crate) timeout: Option<Duration>,
    pub(crate) waiter: Option<Waiter>,
}

/// An event that was not sent, and who waited for its answer.
pub(super) struct Refusal {
    pub(super) error: ConnectionError,
    pub(super) waiter: Option<Waiter>,
}

/// An event that cannot leave yet.
#[derive(Debug)]
struct Waiting {
    draft: Draft,
    waiter: Option<Waiter>,
    until: Millis,
}

/// What the connection must do about it.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum After {
    Nothing,
    /// This socket no longer wants the connection.
    Left,
}

/// What a packet means.
enum Step {
    Welcome { sid: String, recovered: bool },
    Deliver,
    Answer(u64),
    Hold,
    Reject(ConnectionError),
    Leave,
    Ignore,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Namespace {
    pub(crate) name: String,
    pub(crate) auth: Auth,
    /// Whether it wants to be connected.
    pub(crate) active: bool,
    pub(crate) rejected: bool,
    pub(crate) recovered: bool,
    pub(crate) sid: Option<String>,
    /// Somebody listens to what leaves.
    pub(crate) watched: bool,
    /// When joining has taken too long.
    pub(super) welcome_until: Millis,
    /// A switch of transport is under way, which shall keep the id.
    pub(super) held: bool,
    pub(super) attempts: u32,
    pub(super) retries: Retries,
    at: usize,
    ack_timeout: Option<Duration>,
    link: ClientNamespace,
    offset: Option<String>,
    unsent: VecDeque<Waiting>,
    early: VecDeque<Inbound>,
    acks: AckTable<Waiter>,
}

impl Namespace {
    pub(super) fn new(name: &str, at: usize, options: &Options) -> Self {
        Self {
            name: name.to_owned(),
            auth: options.auth.clone(),
            active: false,
            rejected: false,
            recovered: false,
            sid: None,
            watched: false,
            welcome_until: Millis::NEVER,
            held: false,
            attempts: 0,
            retries: Retries::new(options.retries),
            at,
            ack_timeout: options.ack_timeout,
            link: ClientNamespace::new(),
            offset: None,
            unsent: VecDeque::new(),
            early: VecDeque::new(),
            acks: AckTable::new(),
        }
    }

    pub(crate) fn connected(&self) -> bool {
        self.link.is_connected()
    }

    /// Sends an event, once.
    pub(super) fn emit_once(
        &mut self,
        wire: &mut Wire,
        draft: Draft,
        mut ask: Ask,
    ) -> Result<(), Refusal> {
        let online = self.connected();
        // An answer is wanted, so it should arrive: those go by the stream.
        if ask.volatile && online && ask.waiter.is_none() && wire.write_datagram(&draft) {
            if self.watched {
                wire.watch(self.at, &draft);
            }
            return Ok(());
        }
        if ask.volatile && (!online || wire.congested()) {
            if let Some(Waiter::User(waiter)) = ask.waiter {
                // Who no longer waits is not told.
                let _ = waiter.send(Err(AckError::Skipped));
            }
            return Ok(());
        }
        let acks = ask.waiter.as_ref().map_or(0, |_| self.acks.len());
        if let Some(error) = wire.refusal(self.unsent.len(), acks) {
            wire.stage(self.at, Stage::Error(error.clone()));
            let waiter = ask.waiter.take();
            return Err(Refusal { error, waiter });
        }
        let timeout = ask.timeout.or(self.ack_timeout);
        let waiting = Waiting {
            draft,
            until: match (&ask.waiter, timeout) {
                (Some(_), Some(timeout)) => wire.now + timeout,
                _ => Millis::NEVER,
            },
            waiter: ask.waiter,
        };
        if online {
            return self.out(wire, waiting);
        }
        self.unsent.push_back(waiting);
        Ok(())
    }

    fn out(&mut self, wire: &mut Wire, waiting: Waiting) -> Result<(), Refusal> {
        let Waiting {
            draft,
            waiter,
            until,
        } = waiting;
        if let Some(error) = wire.oversize(&draft) {
            wire.stage(self.at, Stage::Error(error.clone()));
            return Err(Refusal { error, waiter });
        }
        if self.watched {
            wire.watch(self.at, &draft);
        }
        // The bound was kept when the event was emitted.
        let id = waiter.and_then(|waiter| self.acks.expect(waiter, until, usize::MAX).ok());
        wire.write(draft, id);
        Ok(())
    }

    /// Tells who waits.
    pub(super) fn settle(
        &mut self,
        wire: &mut Wire,
        waiter: Waiter,
        result: Result<Inbound, AckError>,
    ) {
        match waiter {
            // Who no longer waits is not told.
            Waiter::User(waiter) => drop(waiter.send(result)),
            Waiter::Retry(serial) => self.retried(wire, serial, result),
        }
    }

    pub(super) fn fail(&mut self, wire: &mut Wire, refusal: Refusal) {
        if let Some(waiter) = refusal.waiter {
            let error = AckError::NotSent(EmitError::Refused(refusal.error));
            self.settle(wire, waiter, Err(error));
        }
    }

    /// Answers an event that came to the socket when it had this id: another server, or this one
    /// after a restart, would take the answer for that to an event of its own.
    pub(super) fn answer(
        &mut self,
        wire: &mut Wire,
        sid: &str,
        draft: Draft,
    ) -> Result<(), ConnectionError> {
        if !self.connected() || self.sid.as_deref() != Some(sid) {
            let message = "the connection that asked is over";
            return Err(failure(Reason::Closed, message));
        }
        if let Some(error) = wire.oversize(&draft) {
            wire.stage(self.at, Stage::Error(error.clone()));
            return Err(error);
        }
        wire.write(draft, None);
        Ok(())
    }

    /// The connection is there: asks to be admitted.
    pub(super) fn opened(&mut self, wire: &mut Wire, timeout: Option<Duration>) {
        self.welcome_until = timeout.map_or(Millis::NEVER, |timeout| wire.now + timeout);
        let auth = match &self.auth.0 {
            Source::Nothing => None,
            Source::Value(map) => Some(map.clone()),
            Source::Function(_) => {
                let (namespace, generation) = (self.at, wire.generation);
                return wire.notices.push_back(Notice::Auth {
                    namespace,
                    generation,
                });
            }
        };
        self.say_hello(wire, auth);
    }

    pub(super) fn say_hello(&mut self, wire: &mut Wire, auth: Option<Map<String, Value>>) {
        let recovery = self.link.pid().map(|pid| {
            let mut map = Map::new();
            map.insert("pid".to_owned(), pid.into());
            if let Some(offset) = &self.offset {
                map.insert("offset".to_owned(), offset.as_str().into());
            }
            map
        });
        let hello = match (recovery, auth) {
            (Some(mut recovery), auth) => {
                recovery.extend(auth.unwrap_or_default());
                Some(recovery)
            }
            (None, auth) => auth,
        };
        let mut out = vec![PacketKind::Message.digit()];
        let encoded = encode_connect(&mut out, &self.name, hello.as_ref());
        if let (Ok(()), Ok(text)) = (encoded, String::from_utf8(out)) {
            self.link.on_connecting();
            wire.push(Message::Text(text));
        } else {
            self.rejected = true;
            self.active = false;
            let error = failure(Reason::Rejected, "the namespace's name cannot be sent");
            self.refused(wire, error);
        }
    }

    /// A packet of this namespace arrived, by the stream or (`alone`) as a datagram.
    pub(super) fn arrived(&mut self, wire: &mut Wire, inbound: Inbound, alone: bool) -> After {
        if !self.active {
            return After::Nothing;
        }
        match self.step(&inbound) {
            Step::Welcome { sid, recovered } => self.welcome(wire, sid, recovered),
            Step::Deliver => self.deliver(wire, inbound, alone),
            Step::Answer(id) => {
                if let Some(waiter) = self.acks.answer(id) {
                    self.settle(wire, waiter, Ok(inbound));
                }
            }
            // Recovery replays what was missed before CONNECT's answer; the same bound as for sending.
            Step::Hold if !alone && self.early.len() < wire.buffer_max => {
                self.early.push_back(inbound);
            }
            Step::Hold | Step::Ignore => {}
            Step::Reject(error) => return self.reject(wire, error),
            Step::Leave => return self.leave(wire, DisconnectReason::ServerDisconnect),
        }
        After::Nothing
    }

    fn step(&mut self, inbound: &Inbound) -> Step {
        let Some(packet) = inbound.packet() else {
            return Step::Ignore;
        };
        match self.link.on_packet(&packet) {
            Ok(ClientAct::Connected { sid, recovered, .. }) => Step::Welcome {
                sid: sid.into_owned(),
                recovered,
            },
            Ok(ClientAct::Deliver) => match (packet.kind, packet.id) {
                (Kind::Event | Kind::BinaryEvent, _) => Step::Deliver,
                (_, Some(id)) => Step::Answer(id),
                _ => Step::Ignore,
            },
            Ok(ClientAct::Hold) => Step::Hold,
            Ok(ClientAct::Refused) => Step::Reject(refused(packet.payload)),
            Ok(ClientAct::Disconnected) => Step::Leave,
            Ok(ClientAct::Ignore) => Step::Ignore,
            Err(_) => {
                let message = "the server speaks the Socket.IO protocol of 2.x; this client needs 3.x or later";
                Step::Reject(failure(Reason::Version, message))
            }
        }
    }

    fn welcome(&mut self, wire: &mut Wire, sid: String, recovered: bool) {
        self.welcome_until = Millis::NEVER;
        self.recovered = recovered;
        if !recovered {
            self.offset = None;
            self.unhold(wire);
        }
        let switched = std::mem::take(&mut self.held);
        self.sid = Some(sid);
        for inbound in std::mem::take(&mut self.early) {
            self.deliver(wire, inbound, false);
        }
        for waiting in std::mem::take(&mut self.unsent) {
            if let Err(refusal) = self.out(wire, waiting) {
                self.fail(wire, refusal);
            }
        }
        self.resend(wire, true);
        let attempts = std::mem::take(&mut self.attempts);
        match wire.link {
            Some(link) if switched => wire.stage(self.at, Stage::Switch(link.transport)),
            _ => {
                wire.stage(self.at, Stage::Connect);
                if attempts > 0 {
                    wire.stage(self.at, Stage::Reconnect(attempts));
                }
            }
        }
    }

    fn deliver(&mut self, wire: &mut Wire, event: Inbound, alone: bool) {
        let Some(packet) = event.packet() else { return };
        let ack = packet.id.zip(self.sid.clone());
        // The offset travels as the last argument of events without an ack. What may be lost has none.
        if !alone && self.link.pid().is_some() && ack.is_none() && packet.payload.ends_with("\"]") {
            let args: Vec<&RawValue> = serde_json::from_str(packet.payload).unwrap_or_default();
            let last = args.get(1..).and_then(<[_]>::last);
            if let Some(offset) = last.and_then(|last| serde_json::from_str(last.get()).ok()) {
                self.offset = Some(offset);
            }
        }
        let namespace = self.at;
        wire.notices.push_back(Notice::Event {
            namespace,
            event,
            ack,
        });
    }

    /// The transport is being switched: the session shall outlive it.
    pub(super) fn switching(&mut self, wire: &mut Wire) {
        self.welcome_until = Millis::NEVER;
        if !self.connected() {
            return self.link.on_closed();
        }
        if self.link.pid().is_none() {
            return self.ended(wire, DisconnectReason::TransportSwitch, None);
        }
        self.held = true;
        self.link.on_closed();
    }

    /// A switch of transport that lost the session after all.
    fn unhold(&mut self, wire: &mut Wire) {
        if self.held {
            self.held = false;
            self.sid = None;
            wire.stage(
                self.at,
                Stage::Disconnect(DisconnectReason::TransportSwitch, None),
            );
            self.abandon(wire);
        }
    }

    /// Joining failed.
    pub(super) fn refused(&mut self, wire: &mut Wire, error: ConnectionError) {
        self.welcome_until = Millis::NEVER;
        self.link.on_closed();
        self.unhold(wire);
        wire.stage(self.at, Stage::ConnectFailed(error.clone()));
        wire.stage(self.at, Stage::ConnectError(error));
    }

    /// Joining failed for good.
    pub(super) fn reject(&mut self, wire: &mut Wire, error: ConnectionError) -> After {
        self.rejected = true;
        self.active = false;
        self.refused(wire, error);
        After::Left
    }

    /// The connection is over.
    pub(super) fn lost(
        &mut self,
        wire: &mut Wire,
        reason: DisconnectReason,
        error: Option<ConnectionError>,
    ) {
        self.welcome_until = Millis::NEVER;
        if !self.connected() {
            let message = format!(
                "the connection closed before {} was joined: {reason}",
                self.name
            );
            return self.refused(
                wire,
                error.unwrap_or_else(|| failure(Reason::Closed, message)),
            );
        }
        if let Some(error) = &error {
            wire.stage(self.at, Stage::Error(error.clone()));
        }
        self.ended(wire, reason, error);
    }

    pub(super) fn disconnect(&mut self, wire: &mut Wire) -> After {
        if self.connected() {
            let mut out = vec![PacketKind::Message.digit()];
            let encoded = encode_disconnect(&mut out, &self.name);
            if let (Ok(()), Ok(text)) = (encoded, String::from_utf8(out)) {
                wire.push(Message::Text(text));
            }
        }
        self.leave(wire, DisconnectReason::ClientDisconnect)
    }

    fn leave(&mut self, wire: &mut Wire, reason: DisconnectReason) -> After {
        self.welcome_until = Millis::NEVER;
        self.active = false;
        if self.sid.is_some() {
            self.ended(wire, reason, None);
        }
        self.link.on_closed();
        After::Left
    }

    fn ended(
        &mut self,
        wire: &mut Wire,
        reason: DisconnectReason,
        details: Option<ConnectionError>,
    ) {
        self.link.on_closed();
        self.held = false;
        self.sid = None;
        wire.stage(self.at, Stage::Disconnect(reason, details));
        self.abandon(wire);
    }

    /// Acks of events that were sent in a session that is over.
    fn abandon(&mut self, wire: &mut Wire) {
        for waiter in self.acks.drain() {
            self.settle(wire, waiter, Err(AckError::Disconnected));
        }
    }

    /// Time passed: ends waits for acks. Whether joining takes too long is `mod.rs`'s to see.
    pub(super) fn poll(&mut self, wire: &mut Wire) {
        while let Some((_, waiter)) = self.acks.poll(wire.now) {
            self.settle(wire, waiter, Err(AckError::Timeout));
        }
        let now = wire.now;
        while let Some(at) = self.unsent.iter().position(|waiting| waiting.until <= now) {
            if let Some(waiter) = self.unsent.remove(at).and_then(|waiting| waiting.waiter) {
                self.settle(wire, waiter, Err(AckError::Timeout));
            }
        }
    }

    pub(super) fn next_deadline(&self) -> Millis {
        let unsent = self.unsent.iter().map(|waiting| waiting.until).min();
        self.welcome_until
            .min(self.acks.next_deadline())
            .min(unsent.unwrap_or(Millis::NEVER))
    }
}

/// The server's refusal: `{"message":…,"data":…}`, or a string.
fn refused(payload: &str) -> ConnectionError {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Refusal {
        Object {
            message: String,
            #[serde(default)]
            data: Option<Value>,
        },
        Text(String),
    }
    let (message, data) = match serde_json::from_str(payload) {
        Ok(Refusal::Object { message, data }) => (message, data),
        Ok(Refusal::Text(message)) => (message, None),
        Err(_) => (payload.to_owned(), None),
    };
    ConnectionError {
        data,
        ..failure(Reason::Rejected, message)
    }
}
