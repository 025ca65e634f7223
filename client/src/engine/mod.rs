//! One Engine.IO 4 session: handshake, heartbeat, fallback, upgrade from polling to WebSocket.
//!
//! The decisions are proto's [`ClientSession`]; here they are done. Promises: packets leave in the
//! order they were written, across an upgrade too; a WebSocket that is refused costs a notice and
//! never the session; the machine is told once that it is over. Leaves out: reconnecting (a session
//! never comes back; the machine asks for a new one).

mod dial;
mod link;
mod polling;
mod websocket;

use std::collections::VecDeque;

use ringside_proto::{
    close::CloseReason,
    engineio::{
        ClientAct, ClientSession, Data, OpenPacket, Packet, PacketKind, Transport, Version,
    },
    time::Millis,
};
use tokio::task::JoinHandle;
use url::Url;

use crate::{
    address,
    failure::{ConnectionError, Reason, failure},
    machine::{self, Machine, Message},
    options::Options,
    stage::DisconnectReason,
};
use link::{Command, Event, Link, Settings};

/// How long an upgrade may take, ms: the server's own default for it.
const UPGRADE_MS: u32 = 10_000;

/// A WebSocket on trial.
struct Probe {
    link: Link,
    until: Millis,
    /// No poll is on its way any more.
    paused: bool,
}

/// See the module.
pub(crate) struct Session {
    pub(crate) generation: u64,
    settings: Settings,
    engine: ClientSession,
    candidates: VecDeque<Transport>,
    link: Link,
    probe: Option<Probe>,
    upgradable: bool,
    try_all: bool,
    /// Between the probe's answer and the switch, nothing is written.
    upgrading: bool,
    refused: Option<(Transport, ConnectionError)>,
}

impl Session {
    /// Begins to connect, after `first` has ended. `None`: there is no transport to use.
    pub(crate) fn start(
        generation: u64,
        base: &Url,
        options: &Options,
        upgraded_before: bool,
        first: Option<JoinHandle<()>>,
    ) -> Option<Self> {
        let known = [Transport::Polling, Transport::WebSocket];
        let given = options.transports.iter().copied();
        let mut candidates: VecDeque<_> = given.filter(|it| known.contains(it)).collect();
        let websocket = candidates.contains(&Transport::WebSocket);
        if options.remember_upgrade && upgraded_before && websocket {
            candidates.retain(|it| *it != Transport::WebSocket);
            candidates.push_front(Transport::WebSocket);
        }
        let transport = candidates.pop_front()?;
        let settings = Settings {
            url: base.clone(),
            headers: options.extra_headers.clone(),
            protocols: options.protocols.clone(),
            tls: options.tls.clone(),
            message_max: options.message_max,
            session: None,
        };
        Some(Self {
            generation,
            engine: ClientSession::new(Version::V4, transport),
            link: Link::start(transport, at(&settings, transport), first),
            settings,
            candidates,
            probe: None,
            upgradable: options.upgrade && websocket,
            try_all: options.try_all_transports,
            upgrading: false,
            refused: None,
        })
    }

    /// Waits for the next thing to do. May be dropped while it waits.
    pub(crate) async fn next(&mut self) -> Heard {
        match &mut self.probe {
            Some(probe) => tokio::select! {
                event = self.link.next() => Heard::Link(event),
                event = probe.link.next() => Heard::Probe(event),
            },
            None => Heard::Link(self.link.next().await),
        }
    }

    /// Does what was heard asks for.
    pub(crate) fn handle(&mut self, heard: Heard, machine: &mut Machine) {
        match heard {
            Heard::Link(event) => self.on_link(event, machine),
            Heard::Probe(event) => self.on_probe(event, machine),
        }
    }

    /// Hands the transport what waits, if it takes it.
    pub(crate) fn flush(&mut self, machine: &mut Machine) {
        if self.engine.is_open() && !self.link.busy && !self.upgrading {
            let batch = machine.wire.batch();
            if !batch.is_empty() {
                self.link.send(batch);
            }
        }
    }

    /// Time passed.
    pub(crate) fn poll(&mut self, machine: &mut Machine) {
        let now = machine.wire.now;
        if let ClientAct::Close(_) = self.engine.poll(now) {
            machine.lost(DisconnectReason::PingTimeout, None);
        } else if self.probe.as_ref().is_some_and(|it| it.until <= now) {
            let message = format!("no answer to the WebSocket probe within {UPGRADE_MS} ms");
            self.give_up_probe(failure(Reason::WebSocket, message), machine);
        }
    }

    pub(crate) fn next_deadline(&self) -> Millis {
        let probe = self.probe.as_ref().map_or(Millis::NEVER, |it| it.until);
        self.engine.next_deadline().min(probe)
    }

    /// Sends what is left and closes, behind the caller's back; gives when that is done.
    pub(crate) fn finish(self, rest: Vec<Message>) -> Option<JoinHandle<()>> {
        if self.engine.is_open() {
            self.link.finish(rest)
        } else {
            None
        }
    }

    fn on_link(&mut self, event: Event, machine: &mut Machine) {
        match event {
            // A WebSocket says so, and then the server's handshake counts.
            Event::Opened => {}
            Event::Text(text) => self.on_text(&text, machine),
            Event::Binary(bytes) => {
                if self.engine.is_open() {
                    machine.binary(&bytes);
                } else {
                    self.fail(Some(no_handshake()), machine);
                }
            }
            Event::Drained => {
                self.link.busy = false;
                machine.wire.drained();
                self.advance(machine);
            }
            Event::Paused => {
                if let Some(probe) = &mut self.probe {
                    probe.paused = true;
                }
                self.advance(machine);
            }
            Event::Closed(error) => self.fail(error, machine),
        }
    }

    fn on_text(&mut self, text: &str, machine: &mut Machine) {
        let Ok(Packet {
            kind,
            data: Data::Text(data),
        }) = Packet::decode_text(text, Version::V4)
        else {
            return self.nonsense(text, machine);
        };
        match self.engine.on_packet(kind, data, machine.wire.now) {
            ClientAct::Deliver => machine.text(data),
            ClientAct::SendPong => {
                let pong = char::from(PacketKind::Pong.digit());
                machine.wire.push(Message::Text(format!("{pong}{data}")));
                machine.pinged();
            }
            ClientAct::Opened => self.opened(data, machine),
            ClientAct::Close(CloseReason::ClosedByPeer) => {
                machine.lost(DisconnectReason::TransportClose, None);
            }
            ClientAct::Close(_) if machine.wire.link.is_none() => {
                self.fail(Some(no_handshake()), machine);
            }
            ClientAct::Close(_) => self.nonsense(text, machine),
            _ => {}
        }
    }

    fn nonsense(&mut self, text: &str, machine: &mut Machine) {
        let start: String = text.chars().take(40).collect();
        let message = format!("the server sent {start:?}, which is no Engine.IO packet");
        let error = failure(Reason::NotAServer, message);
        machine.lost(DisconnectReason::ParseError, Some(error));
    }

    fn opened(&mut self, data: &str, machine: &mut Machine) {
        let Ok(open) = OpenPacket::decode(data) else {
            return self.fail(Some(no_handshake()), machine);
        };
        if open.sid.is_empty() || open.ping_interval.saturating_add(open.ping_timeout) == 0 {
            return self.fail(Some(no_handshake()), machine);
        }
        let sid = open.sid.into_owned();
        let max_payload = open.max_payload;
        let transport = self.link.transport;
        self.settings.session = Some((sid.clone(), max_payload as usize));
        self.link.tell(Command::Session(sid, max_payload as usize));
        if let Some((from, error)) = self.refused.take() {
            machine.fell_back(from, transport, &error);
        }
        machine.opened(machine::Link {
            transport,
            max_payload,
        });
        let offered = open.upgrades.iter().any(|name| name == "websocket");
        if self.upgradable && transport == Transport::Polling && offered {
            self.probe(machine.wire.now);
        }
    }

    fn probe(&mut self, now: Millis) {
        let to = Transport::WebSocket;
        if self.engine.on_candidate(to).is_ok() {
            self.probe = Some(Probe {
                link: Link::start(to, at(&self.settings, to), None),
                until: now.plus(UPGRADE_MS),
                paused: false,
            });
        }
    }

    fn on_probe(&mut self, event: Event, machine: &mut Machine) {
        let Some(probe) = &mut self.probe else { return };
        match event {
            Event::Opened => {
                let ping = char::from(PacketKind::Ping.digit());
                probe.link.send(vec![Message::Text(format!("{ping}probe"))]);
            }
            Event::Drained => {
                probe.link.busy = false;
                self.advance(machine);
            }
            Event::Text(text) => {
                let packet = Packet::decode_text(&text, Version::V4);
                let act = match &packet {
                    Ok(Packet {
                        kind,
                        data: Data::Text(data),
                    }) => self.engine.on_candidate_packet(*kind, data),
                    _ => self.engine.on_candidate_lost(),
                };
                if act == ClientAct::PausePolling {
                    self.upgrading = true;
                    self.link.tell(Command::Pause);
                } else {
                    let message = "the WebSocket answered the probe with something else";
                    self.give_up_probe(failure(Reason::WebSocket, message), machine);
                }
            }
            Event::Closed(error) => {
                let message = "the WebSocket closed while upgrading";
                let error = error.unwrap_or_else(|| failure(Reason::WebSocket, message));
                self.give_up_probe(error, machine);
            }
            Event::Binary(_) | Event::Paused => {}
        }
    }

    /// Switches to the probed transport once nothing of the old one is on its way.
    fn advance(&mut self, machine: &mut Machine) {
        let ready = |probe: &mut Probe| probe.paused && !probe.link.busy;
        if !self.upgrading || self.link.busy {
            return;
        }
        let Some(probe) = self.probe.take_if(ready) else {
            return;
        };
        if let ClientAct::SwitchTo(transport) = self.engine.on_paused() {
            self.link = probe.link;
            let upgrade = char::from(PacketKind::Upgrade.digit());
            self.link.send(vec![Message::Text(upgrade.to_string())]);
            self.upgrading = false;
            machine.upgraded(transport);
        }
    }

    fn give_up_probe(&mut self, error: ConnectionError, machine: &mut Machine) {
        // It is answered that the candidate goes, which is what happens.
        let _ = self.engine.on_candidate_lost();
        self.probe = None;
        if std::mem::take(&mut self.upgrading) {
            self.link.tell(Command::Resume);
        }
        machine.fell_back(Transport::WebSocket, Transport::Polling, &error);
    }

    /// The transport in use failed, or was closed.
    fn fail(&mut self, error: Option<ConnectionError>, machine: &mut Machine) {
        let from = self.link.transport;
        // A refused WebSocket says nothing about polling; a server that refuses polling is not there.
        let next = (from == Transport::WebSocket || self.try_all)
            .then(|| self.candidates.pop_front())
            .flatten();
        if let (None, Some(next)) = (machine.wire.link, next) {
            self.upgradable &= from != Transport::WebSocket;
            let message = "closed before it was open";
            let error = error.unwrap_or_else(|| failure(Reason::WebSocket, message));
            self.refused = Some((from, error));
            self.engine = ClientSession::new(Version::V4, next);
            self.link = Link::start(next, at(&self.settings, next), None);
            return;
        }
        let reason = match error {
            Some(_) => DisconnectReason::TransportError,
            None => DisconnectReason::TransportClose,
        };
        machine.lost(reason, error);
    }
}

/// What was heard, and from which transport.
pub(crate) enum Heard {
    Link(Event),
    Probe(Event),
}

/// The settings of one transport: for a WebSocket, with its whole address.
fn at(settings: &Settings, transport: Transport) -> Settings {
    let mut settings = settings.clone();
    if transport == Transport::WebSocket {
        let sid = settings.session.as_ref().map(|(sid, _)| sid.as_str());
        settings.url = address::request(&settings.url, transport.name(), sid);
    }
    settings
}

fn no_handshake() -> ConnectionError {
    let message = "the server's Engine.IO handshake has no sid, or no heartbeat";
    failure(Reason::NotAServer, message)
}
