//! A connected client of a room: what it has seen, what it may see, and the network between.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use ringside_netcode::{
    Tick,
    flow::{Flow, Loss},
    interest::View,
    link::Link,
    replay::Recorder,
    snapshot::{Delivery, Viewer},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    RoomOptions,
    intake::{Acked, PacketRate},
    options::Weather,
    outlet::{ClientId, Outlet, To, Urgency},
};
use crate::game::Gaze;

/// A secret by which a player proves that a seat is its own: 128 bits nobody can guess.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub [u8; 16]);

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for Token {
    /// Logs are read by more people than the token is for.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

impl std::str::FromStr for Token {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let digits: Option<Vec<u8>> = text.chars().map(|c| Some(c.to_digit(16)? as u8)).collect();
        let digits = digits.filter(|digits| digits.len() == 32).ok_or(())?;
        let mut token = [0; 16];
        for (byte, pair) in token.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair[0] << 4 | pair[1];
        }
        Ok(Self(token))
    }
}

impl Serialize for Token {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map_err(|()| serde::de::Error::custom("a token has 32 hexadecimal digits"))
    }
}

/// What travels to a client through a modelled network.
#[derive(Clone, Debug)]
pub(super) enum Parcel {
    Frame(Vec<u8>),
    Event(&'static str, Box<RawValue>),
    /// The room's time when it was asked.
    Time(Duration),
}

/// What travels from a client through a modelled network.
#[derive(Clone, Debug)]
pub(super) enum Posted {
    Packet(Bytes),
    /// What time is it?
    AskTime,
}

/// A modelled network between a room and one client.
#[derive(Debug)]
pub(super) struct Links {
    pub down: Link<Parcel>,
    pub up: Link<Posted>,
}

impl Links {
    pub fn new(weather: Weather, seed: u64) -> Self {
        Self {
            down: Link::new(weather.down, seed),
            up: Link::new(weather.up, !seed),
        }
    }

    /// Hands over what has arrived by `now`.
    pub fn deliver(&mut self, client: ClientId, now: Duration, out: &mut impl Outlet) {
        while let Some(parcel) = self.down.receive(now) {
            match parcel {
                Parcel::Frame(bytes) => out.frame(client, &bytes),
                Parcel::Event(name, json) => {
                    out.event(To::Clients(&[client]), name, &json, Urgency::Reliable);
                }
                Parcel::Time(time) => out.time(client, time),
            }
        }
    }
}

/// One connected client.
#[derive(Debug)]
pub(super) struct Client {
    pub id: ClientId,
    pub viewer: Viewer,
    pub keyframes: PacketRate,
    pub links: Option<Box<Links>>,
    /// It gets one snapshot in so many.
    pub one_in: u32,
    pub tally: Tally,
}

/// What was sent to one client.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub frames: u64,
    pub bytes: u64,
    pub conflated: u64,
    pub over_budget: u64,
}

/// Bytes of a frame that is to be a datagram: what the event around it leaves of 1,000, with room for a namespace's
/// name.
const DATAGRAM_FRAME_BYTES: usize = 920;
/// Keyframes a second that a client is given: each is a whole state.
const KEYFRAMES_PER_SECOND: u32 = 4;

impl Client {
    pub fn new(id: ClientId, options: &RoomOptions) -> Self {
        Self {
            id,
            viewer: Viewer::new(options.viewer()),
            keyframes: PacketRate::new(KEYFRAMES_PER_SECOND),
            links: None,
            one_in: 1,
            tally: Tally::default(),
        }
    }

    /// It has frames. By the form of its acknowledgement it says whether they come as datagrams, and so
    /// whether it can do with some being lost.
    pub fn acknowledge(&mut self, acked: Acked, at: Duration, out: &mut impl Outlet) {
        let (delivery, bytes) = match acked.lossy {
            true => (Delivery::Datagram, DATAGRAM_FRAME_BYTES),
            false => (Delivery::Ordered, usize::MAX),
        };
        if self.viewer.deliver(delivery, bytes) {
            out.lossy(self.id, acked.lossy);
        }
        self.viewer.acknowledge(acked.newest, acked.earlier, at);
    }
}

/// Events that wait for delayed spectators; older ones are dropped. 256 events are seconds of a busy game.
const DELAYED_EVENTS_MAX: usize = 256;
/// Recorded frames by which a delayed spectator may be behind before it is put to the newest keyframe: what
/// a short stall leaves.
const BEHIND_FRAMES_MAX: usize = 8;

/// Somebody who only watches.
#[derive(Debug)]
pub(super) struct Spectator {
    pub client: Client,
    pub gaze: Gaze,
    pub view: View,
    pub delayed: Option<Delayed>,
}

/// A spectator who is kept behind the game: it watches the recording.
#[derive(Debug)]
pub(super) struct Delayed {
    ticks: u32,
    /// It has not been sent anything.
    fresh: bool,
    flow: Flow,
    /// The tick of the last frame sent.
    at: Option<Tick>,
    events: VecDeque<(Tick, &'static str, Box<RawValue>)>,
}

impl Delayed {
    pub fn new(options: &RoomOptions) -> Self {
        Self {
            ticks: options.delay_ticks(),
            fresh: true,
            flow: Flow::new(Loss::Never, options.interval()),
            at: None,
            events: VecDeque::new(),
        }
    }

    pub fn acknowledge(&mut self, newest: u16, now: Duration) {
        if let Some(at) = self.at {
            self.flow.acknowledge(Tick::from_wire(newest, at), now);
        }
    }

    pub fn restart(&mut self) {
        self.flow.forget();
        self.at = None;
    }

    /// An event that it will hear of later.
    pub fn hear(&mut self, tick: Tick, name: &'static str, json: &RawValue) {
        if self.events.len() == DELAYED_EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back((tick, name, json.to_owned()));
    }

    /// Sends what is due at `tick`: at most one frame, so that a stall is not made up for in a burst. Who has
    /// just come gets the newest keyframe and what follows it, and so sees what all see.
    pub fn send(
        &mut self,
        client: ClientId,
        recorder: &Recorder,
        tick: Tick,
        now: Duration,
        out: &mut impl Outlet,
    ) {
        let shown = tick - self.ticks;
        while let Some((at, name, json)) = self.events.front()
            && !at.is_newer(shown)
        {
            out.event(To::Clients(&[client]), name, json, Urgency::Reliable);
            self.events.pop_front();
        }
        if !self.flow.may_send(now) {
            return;
        }
        let due = || recorder.frames_until(shown).rev();
        if self.fresh
            && let Some(since) = due().position(|(_, keyframe, _)| keyframe)
        {
            self.fresh = false;
            let frames: Vec<_> = due().take(since + 1).collect();
            for (at, _, bytes) in frames.into_iter().rev() {
                self.at = Some(at);
                out.frame(client, bytes);
            }
            if let Some(at) = self.at {
                self.flow.sent(at, now);
            }
            return;
        }
        let missed = match self.at {
            None => usize::MAX,
            Some(last) => due().take_while(|(at, ..)| at.is_newer(last)).count(),
        };
        let next = if missed > BEHIND_FRAMES_MAX {
            due().find(|(_, keyframe, _)| *keyframe)
        } else {
            missed.checked_sub(1).and_then(|n| due().nth(n))
        };
        // One that was dropped from the recording is one it can't go on from.
        let Some((at, keyframe, bytes)) = next else {
            return;
        };
        let goes_on = self.at.is_some_and(|last| due().any(|(at, ..)| at == last));
        if !keyframe && !goes_on {
            return self.restart();
        }
        self.at = Some(at);
        self.flow.sent(at, now);
        out.frame(client, bytes);
    }
}
