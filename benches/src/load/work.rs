//! The work as a script: what is sent when, and what is noted of what arrives.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use ringside_client::swarm::{Ended, Id, Message, Peer, Script, Swarm};

use super::{Pace, Plan, Work, plan::STAMP};

/// Reasons that are kept. The rest is counted.
const REASONS_MAX: usize = 8;

/// The longest latency that is told apart, in microseconds: a minute.
const LONGEST: u64 = 60_000_000;

/// Messages sent for lost time between two looks at the sockets: a bound on how long we do not read.
const CATCH_UP: u32 = 64;

pub(super) struct Worker {
    pub(super) plan: Plan,
    epoch: Instant,
    pub(super) joined: Vec<Id>,
    pub(super) lost: usize,
    pub(super) reasons: Vec<String>,
    /// Whether work has begun.
    working: bool,
    /// Messages sent, and those that are to arrive (or are known to be swallowed).
    pub(super) sent: u64,
    pub(super) due: u64,
    pub(super) received: u64,
    /// Fences passed, where broadcasts are swallowed.
    fences: (u64, u64),
    next: Instant,
    whose: usize,
    text: String,
    pub(super) whole: Histogram<u64>,
    pub(super) second: Histogram<u64>,
}

impl Worker {
    pub(super) fn new(plan: Plan) -> Self {
        // Three digits: 0.1 % of a latency is far below what can be measured here.
        let histogram = || {
            let histogram = Histogram::new_with_max(LONGEST, 3);
            histogram.expect("three digits up to a minute are a valid range")
        };
        let now = Instant::now();
        Self {
            epoch: now,
            joined: Vec::with_capacity(plan.connections),
            lost: 0,
            reasons: Vec::new(),
            working: false,
            sent: 0,
            due: 0,
            received: 0,
            fences: (0, 0),
            next: now,
            whose: 0,
            text: "x".repeat(plan.payload.max(STAMP)),
            whole: histogram(),
            second: histogram(),
            plan,
        }
    }

    /// Connections made or failed.
    pub(super) fn settled(&self) -> usize {
        self.joined.len() + self.lost
    }

    /// Work begins. In a closed loop, with a first message from everybody who is to send.
    pub(super) fn begin(&mut self, swarm: &mut Swarm) {
        self.working = true;
        self.next = Instant::now();
        if let (Work::Echo, Pace::InFlight(depth)) = (self.plan.work, self.plan.pace) {
            for id in self.joined.clone() {
                for _ in 0..depth {
                    self.say(swarm, id, Instant::now());
                }
            }
        }
    }

    /// Nothing more is sent.
    pub(super) fn end(&mut self) {
        self.working = false;
    }

    /// What was noted so far belongs to the warm-up.
    pub(super) fn forget(&mut self) {
        self.whole.reset();
        self.second.reset();
    }

    /// Sends what is due; returns how long there is nothing to send.
    pub(super) fn send(&mut self, swarm: &mut Swarm) -> Duration {
        /// With nothing to send, how long to wait for sockets.
        const IDLE: Duration = Duration::from_millis(100);
        if !self.working || self.joined.is_empty() {
            return IDLE;
        }
        match (self.plan.work, self.plan.pace) {
            (Work::Idle, _) | (Work::Echo, Pace::InFlight(_)) => IDLE,
            (Work::Broadcast, Pace::InFlight(most)) => {
                while self.on_their_way() < u64::from(most) {
                    self.broadcast(swarm, Instant::now());
                }
                IDLE
            }
            (work, Pace::Rate(rate)) => {
                let gap = Duration::from_secs_f64(1.0 / rate);
                for _ in 0..CATCH_UP {
                    let wait = self.next.saturating_duration_since(Instant::now());
                    if !wait.is_zero() {
                        return wait;
                    }
                    let due = self.next;
                    self.next += gap;
                    if work == Work::Broadcast {
                        self.broadcast(swarm, due);
                    } else {
                        self.whose = (self.whose + 1) % self.joined.len();
                        self.say(swarm, self.joined[self.whose], due);
                    }
                }
                Duration::ZERO
            }
        }
    }

    /// Broadcasts that have not arrived everywhere.
    fn on_their_way(&self) -> u64 {
        if self.plan.swallowed {
            return self.fences.0 - self.fences.1;
        }
        let each = self.joined.len() as u64 * u64::from(self.plan.burst);
        (self.due.saturating_sub(self.received)).div_ceil(each.max(1))
    }

    /// A burst of broadcasts, from the first connection that lives.
    fn broadcast(&mut self, swarm: &mut Swarm, due: Instant) {
        self.stamp(due, '0');
        let event = if self.plan.volatile { "v" } else { "b" };
        let Some(mut peer) = self.joined.first().and_then(|id| swarm.peer(*id)) else {
            return;
        };
        for _ in 0..self.plan.burst {
            // The text is a plain string: it always has a form.
            let _ = utter(&mut peer, &self.plan, event, &self.text);
            self.sent += 1;
            self.due += self.joined.len() as u64;
        }
        if self.plan.swallowed {
            self.text.replace_range(..1, "E");
            let _ = utter(&mut peer, &self.plan, "e", &self.text);
            self.fences.0 += 1;
        }
    }

    fn say(&mut self, swarm: &mut Swarm, id: Id, due: Instant) {
        if let Some(mut peer) = swarm.peer(id) {
            self.echo(&mut peer, due);
        }
    }

    fn echo(&mut self, peer: &mut Peer<'_>, due: Instant) {
        self.stamp(due, 'E');
        for _ in 0..self.plan.burst {
            let _ = utter(peer, &self.plan, "e", &self.text);
            self.sent += 1;
            self.due += 1;
        }
    }

    /// Writes into the text when its message was due.
    fn stamp(&mut self, due: Instant, first: char) {
        let micros = due.saturating_duration_since(self.epoch).as_micros();
        self.text
            .replace_range(..STAMP, &format!("{first}{micros:016}"));
    }

    /// Notes the latency of a message that bears a stamp.
    fn note(&mut self, now: Instant, text: &str) -> bool {
        let Some(digits) = text.get(1..STAMP) else {
            return false;
        };
        let Ok(due) = digits.parse::<u64>() else {
            return false;
        };
        let now = now.saturating_duration_since(self.epoch).as_micros() as u64;
        let latency = now.saturating_sub(due);
        self.whole.saturating_record(latency);
        self.second.saturating_record(latency);
        true
    }
}

/// Says one message in the protocol of the plan.
fn utter(
    peer: &mut Peer<'_>,
    plan: &Plan,
    event: &str,
    text: &str,
) -> Result<(), Box<dyn std::error::Error>> {
    if plan.settings.protocol.is_socket_io() {
        peer.emit(event, text)?;
    } else {
        peer.send(text);
    }
    Ok(())
}

impl Script for Worker {
    fn joined(&mut self, peer: &mut Peer<'_>) {
        self.joined.push(peer.id());
    }

    fn message(&mut self, peer: &mut Peer<'_>, message: Message<'_>) {
        let (text, echoed) = match message {
            Message::Text(text) => (text, text.starts_with('E')),
            // `["m","…"]`: the text begins behind the second opening quote.
            Message::Packet(packet) => match packet.payload.split_once(",\"") {
                Some((name, text)) => (text, name == "[\"e\""),
                None => return,
            },
            Message::Binary(_) => return,
        };
        if !self.note(peer.now(), text) {
            return;
        }
        if self.plan.swallowed && self.plan.work == Work::Broadcast {
            if echoed {
                self.fences.1 += 1;
                self.received = self.due;
            }
            return;
        }
        self.received += 1;
        let closed_loop = matches!(self.plan.pace, Pace::InFlight(_));
        if self.working && closed_loop && self.plan.work == Work::Echo {
            self.echo(peer, peer.now());
        }
    }

    fn ended(&mut self, id: Id, why: Ended) {
        self.lost += 1;
        self.joined.retain(|joined| *joined != id);
        if self.reasons.len() < REASONS_MAX {
            self.reasons.push(why.to_string());
        }
    }
}
