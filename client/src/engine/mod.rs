//! One Engine.IO 4 session: handshake, heartbeat, fallback, upgrade from polling to WebSocket or QUIC.
//!
//! The decisions are proto's [`ClientSession`]; here they are done. Promises: packets leave in the
//! order they were written, across an upgrade too; a WebSocket or QUIC that is refused costs a notice and
//! never the session; the machine is told once that it is over. Leaves out: reconnecting (a session
//! never comes back; the machine asks for a new one).

mod dial;
mod link;
mod polling;
#[cfg(feature = "quic")]
mod quic;
mod websocket;

use std::collections::VecDeque;

#[cfg(feature = "quic")]
pub(crate) use dial::usual_tls;
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

/// The transports there are here.
const KNOWN: &[Transport] = &[
    Transport::Polling,
    Transport::WebSocket,
    #[cfg(feature = "quic")]
    Transport::WebTransport,
];

/// A WebSocket or QUIC connection on trial.
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
    /// What polling may still upgrade to, the first first.
    upgrades: VecDeque<Transport>,
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
        upgraded_before: Option<Transport>,
        first: Option<JoinHandle<()>>,
    ) -> Option<Self> {
        let given = options.transports.iter().copied();
        let mut candidates: VecDeque<_> = given.filter(|it| KNOWN.contains(it)).collect();
        let better = |it: &Transport| options.upgrade && *it != Transport::Polling;
        let upgrades = candidates.iter().copied().filter(better).collect();
        if let Some(before) = upgraded_before
            && options.remember_upgrade
            && candidates.contains(&before)
        {
            candidates.retain(|it| *it != before);
            candidates.push_front(before);
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
            upgrades,
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
        for bytes in machine.wire.datagrams.drain(..) {
            self.link.datagram(bytes);
        }
    }

    /// Time passed.
    pub(crate) fn poll(&mut self, machine: &mut Machine) {
        let now = machine.wire.now;
        if let ClientAct::Close(_) = self.engine.poll(now) {
            machine.lost(DisconnectReason::PingTimeout, None);
        } else if self.probe.as_ref().is_some_and(|it| it.until <= now) {
            let message = format!("did not answer the probe within {UPGRADE_MS} ms");
            self.give_up_probe(message, machine);
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
            // A WebSocket or QUIC says so, and then the server's handshake counts.
            Event::Opened => {}
            Event::Text(text) => self.on_text(&text, machine),
            Event::Binary(bytes) => {
                if self.engine.is_open() {
                    machine.binary(&bytes);
                } else {
                    self.fail(Some(no_handshake()), machine);
                }
            }
            Event::Datagram(bytes) => {
                if self.engine.is_open() {
                    machine.datagram(&bytes);
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
        let offered = |to: &Transport| open.upgrades.iter().any(|name| name == to.name());
        self.upgrades
            .retain(|to| transport == Transport::Polling && offered(to));
        self.probe(machine.wire.now);
    }

    /// Tries the next transport that is offered, if there is one.
    fn probe(&mut self, now: Millis) {
        let Some(to) = self.upgrades.pop_front() else {
            return;
        };
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
        let to = probe.link.transport;
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
                    self.give_up_probe("answered the probe with something else", machine);
                }
            }
            Event::Closed(error) => {
                let error = error.unwrap_or_else(|| broken(to, "closed while upgrading"));
                self.lose_probe(&error, machine);
            }
            Event::Binary(_) | Event::Datagram(_) | Event::Paused => {}
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

    fn give_up_probe(&mut self, why: impl std::fmt::Display, machine: &mut Machine) {
        if let Some(probe) = &self.probe {
            self.lose_probe(&broken(probe.link.transport, why), machine);
        }
    }

    fn lose_probe(&mut self, error: &ConnectionError, machine: &mut Machine) {
        // It is answered that the candidate goes, which is what happens.
        let _ = self.engine.on_candidate_lost();
        let Some(probe) = self.probe.take() else {
            return;
        };
        if std::mem::take(&mut self.upgrading) {
            self.link.tell(Command::Resume);
        }
        machine.fell_back(probe.link.transport, Transport::Polling, error);
        self.probe(machine.wire.now);
    }

    /// The transport in use failed, or was closed.
    fn fail(&mut self, error: Option<ConnectionError>, machine: &mut Machine) {
        let from = self.link.transport;
        // A refused WebSocket says nothing about polling; a server that refuses polling is not there.
        let next = (from != Transport::Polling || self.try_all)
            .then(|| self.candidates.pop_front())
            .flatten();
        if let (None, Some(next)) = (machine.wire.link, next) {
            self.upgrades.retain(|it| *it != from);
            let error = error.unwrap_or_else(|| broken(from, "closed before it was open"));
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

/// An error of a transport.
fn broken(transport: Transport, why: impl std::fmt::Display) -> ConnectionError {
    let (reason, name) = match transport {
        Transport::WebTransport => (Reason::WebTransport, "QUIC"),
        _ => (Reason::WebSocket, "the WebSocket"),
    };
    failure(reason, format!("{name} {why}"))
}

fn no_handshake() -> ConnectionError {
    let message = "the server's Engine.IO handshake has no sid, or no heartbeat";
    failure(Reason::NotAServer, message)
}
