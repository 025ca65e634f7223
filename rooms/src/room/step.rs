//! A step: who is still there, one input each, the game, its events, and what everybody sees.

use std::time::Duration;

use ringside_netcode::{
    Tick,
    input::TickLeft,
    snapshot::{Feedback, FrameRequest, Held, World},
    tick::Step,
};

use super::{FrameFor, Outlet, Presence, Room, RoomCounters, client::Client, weather::Parcel};
use crate::{
    cx::Cx,
    game::{Game, Subscriber},
};

/// Every so many ticks a room looks for clients that are gone: about a second.
const SWEEP_TICKS: u32 = 64;

impl<G: Game> Room<G> {
    /// One step of the game at `now`, and the snapshot when one is due.
    pub fn step(&mut self, step: Step, now: Duration, out: &mut impl Outlet) {
        self.weather_up(now, out);
        self.expire(now);
        if step.tick.get().is_multiple_of(SWEEP_TICKS) {
            self.sweep(now, out);
        }
        if self.is_playing_back() {
            self.play(step, now, out);
            return self.weather_down(now, out);
        }
        self.take_inputs(step.tick);
        self.next = step.tick.next();
        // From when this one was due, however late it is.
        self.due = now.saturating_sub(step.late) + self.period;
        let inputs = std::mem::take(&mut self.inputs);
        self.game.tick(&mut Cx {
            tick: step.tick,
            hz: self.options.step.hz,
            inputs: &inputs,
            wishes: &mut self.wishes,
        });
        self.inputs = inputs;
        self.settle(now, out);
        if step.snapshot && self.closed.is_none() {
            self.snapshot(step.tick, now, out);
        }
        self.weather_down(now, out);
    }

    fn take_inputs(&mut self, tick: Tick) {
        self.inputs.clear();
        for (id, seat) in self.seats.iter_mut() {
            let round_trip = match &seat.presence {
                Presence::Bot => {
                    // By the way a person's input takes; it is always in time.
                    let input = self.game.think(id, tick);
                    seat.intake
                        .offer(tick.wire(), tick, input, 0, TickLeft::DUE);
                    None
                }
                Presence::Here(client) => client.viewer.flow().round_trip(),
                Presence::Away(_) => None,
            };
            self.inputs.push(seat.intake.take(tick, id, round_trip));
        }
    }

    fn snapshot(&mut self, tick: Tick, now: Duration, out: &mut impl Outlet) {
        let mut capture = self.world.capture(tick);
        self.game.capture(&mut capture);
        capture.commit();
        self.counters.snapshots += 1;
        if let Some(recorder) = &mut self.recorder {
            recorder.record(&mut self.world);
        }
        let mut frames = std::mem::take(&mut self.frames);
        frames.clear();
        let mut show = |client: &mut Client, request: &FrameRequest<'_>| {
            show(
                client,
                request,
                &mut self.world,
                &mut self.counters,
                &mut frames,
            );
        };
        for (id, seat) in self.seats.iter_mut() {
            let Presence::Here(client) = &mut seat.presence else {
                continue;
            };
            self.game.interest(Subscriber::Player(id), &mut seat.view);
            let request = FrameRequest {
                now,
                view: &seat.view,
                feedback: Some(Feedback {
                    last_input_seq: seat.intake.last_seq(),
                    input_depth: seat.intake.depth_quarters(),
                }),
                owner: self.game.owner(id),
            };
            show(client, &request);
        }
        for spectator in self.spectators.values_mut() {
            let client = &mut spectator.client;
            if let Some(delayed) = &mut spectator.delayed {
                if let Some(recorder) = &self.recorder {
                    delayed.send(client.id, recorder, tick, now, out);
                }
                continue;
            }
            let who = Subscriber::Spectator(spectator.gaze);
            self.game.interest(who, &mut spectator.view);
            let request = FrameRequest {
                now,
                view: &spectator.view,
                feedback: None,
                owner: None,
            };
            show(client, &request);
        }
        let made = self.world.take_frames();
        let used = if frames.is_empty() {
            Some(made)
        } else {
            out.frames(made, &frames)
        };
        if let Some(used) = used {
            self.world.recycle(used);
        }
        self.frames = frames;
    }
}

/// Makes a client's frame, to be sent with the others, or puts it on its modelled network.
fn show(
    client: &mut Client,
    request: &FrameRequest<'_>,
    world: &mut World,
    counters: &mut RoomCounters,
    frames: &mut Vec<FrameFor>,
) {
    // Most get every one, and dividing takes its time.
    if client.one_in > 1 && !counters.snapshots.is_multiple_of(client.one_in.into()) {
        return;
    }
    match client.viewer.frame(world, request) {
        Ok(frame) => {
            let twice = client.viewer.sends_twice() && client.links.is_none();
            let bytes = world.frame_bytes(frame) as u64 * (1 + u64::from(twice));
            counters.frames += 1;
            counters.repeated += u64::from(twice);
            counters.frame_bytes += bytes;
            client.tally.frames += 1;
            client.tally.repeated += u64::from(twice);
            client.tally.bytes += bytes;
            let Some(links) = &mut client.links else {
                return frames.push(FrameFor {
                    client: client.id,
                    frame,
                    twice,
                });
            };
            let mut bytes = Vec::with_capacity(world.frame_bytes(frame));
            world.copy_frame(frame, &mut bytes);
            let len = bytes.len();
            links.down.send(request.now, Parcel::Frame(bytes), len);
        }
        Err(Held::InFlight) => {
            counters.conflated += 1;
            client.tally.conflated += 1;
        }
        Err(Held::Budget) => {
            counters.over_budget += 1;
            client.tally.over_budget += 1;
        }
        Err(Held::NothingNew) => {}
    }
}
