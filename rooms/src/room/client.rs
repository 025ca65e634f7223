//! A connected client of a room: what it was sent and has, and how far behind the game a spectator is kept.

use std::{collections::VecDeque, time::Duration};

use ringside_netcode::{
    Tick,
    flow::{Flow, Loss},
    interest::View,
    replay::Recorder,
    snapshot::{Delivery, Viewer},
};
use serde_json::value::RawValue;

use super::{
    RoomOptions,
    intake::{Acked, PacketRate},
    outlet::{ClientId, Outlet, To, Urgency},
    weather::Links,
};
use crate::game::Gaze;

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
    pub repeated: u64,
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
