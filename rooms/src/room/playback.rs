//! A room that shows a recording instead of a game: what [`Room::replay`] gave, as its spectators saw it.
//!
//! Promises: everybody who comes watches, from the moment that is being shown, at the speed it was played; frames are
//! those of the recording, bit for bit; a client that stalls gets no backlog, as everywhere. A damaged recording is an
//! error, and never half shown. When it is over the room ends. Leaves out: events and names, which no recording has.

use std::time::Duration;

use ringside_netcode::{
    replay::{Recorder, RecorderConfig, ReplayError},
    tick::Step,
};

use super::{Goodbye, Outlet, Room, RoomOptions};
use crate::game::{Game, LoadError};

/// Seconds for which the last picture stays.
const END_SECONDS: u32 = 2;

impl<G: Game> Room<G> {
    /// A room that shows this recording of a game with the same layers; `game` itself is only asked for those,
    /// and for what there is to say about it.
    ///
    /// # Errors
    /// The recording is damaged, or of a game with other layers.
    pub fn playing(
        game: G,
        code: impl Into<String>,
        options: RoomOptions,
        recording: &[u8],
    ) -> Result<Self, LoadError> {
        let recorder = Recorder::load(game.layers(), RecorderConfig::default(), recording);
        let recorder = recorder.map_err(|error| match error {
            ReplayError::Schema => LoadError::Schema,
            _ => LoadError::Damaged,
        })?;
        let (first, last) = recorder.span().ok_or(LoadError::Damaged)?;
        let mut options = RoomOptions {
            bots: 0,
            replay: None,
            spectator_delay: Duration::ZERO,
            ..options
        };
        options.step.hz = recorder.hz().into();
        let mut room = Self::new(game, code, options, 0);
        room.next = first;
        room.recorder = Some(recorder);
        room.plays_until = Some(last + END_SECONDS * room.options.step.hz);
        Ok(room)
    }

    /// A step of the recording.
    pub(super) fn play(&mut self, step: Step, now: Duration, out: &mut impl Outlet) {
        self.next = step.tick.next();
        if let Some(recorder) = &self.recorder {
            for spectator in self.spectators.values_mut() {
                if let Some(delayed) = &mut spectator.delayed {
                    delayed.send(spectator.client.id, recorder, step.tick, now, out);
                }
            }
        }
        if self.plays_until.is_some_and(|end| step.tick.is_newer(end)) {
            self.close(
                Goodbye {
                    code: "over",
                    reason: "the recording is over".to_owned(),
                },
                out,
            );
        }
    }

    /// Whether the room shows a recording.
    pub fn is_playing_back(&self) -> bool {
        self.plays_until.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::{
        Entry, RoomCounters,
        test_world::{A, B, C, MS, Net, Pebble, entry, options, push},
    };

    /// Two seconds of two players who push, recorded; and what a spectator saw of the second one at the end.
    fn recorded() -> (Vec<u8>, u32) {
        let options = RoomOptions {
            replay: Some(Duration::from_secs(10)),
            ..options()
        };
        let (mut room, mut net) = (Room::new(Pebble::new(), "CODE", options, 7), Net::default());
        room.enter(A, &entry(1), MS, &mut net).unwrap();
        room.enter(B, &entry(2), MS, &mut net).unwrap();
        // To the edge of a snapshot.
        for _ in 0..=120 {
            net.send(&mut room, A, push(1));
            net.send(&mut room, B, push(2));
            net.run(&mut room, 1);
        }
        let pushes = room.game().pushes.values().sum();
        (room.replay().expect("it records"), pushes)
    }

    fn open(file: &[u8]) -> Room<Pebble> {
        Room::playing(Pebble::new(), "FILM", options(), file).expect("a whole recording")
    }

    #[test]
    fn any_room_s_recording_is_shown_as_it_was_and_then_ends() {
        let (file, pushes) = recorded();
        let (mut room, mut net) = (open(&file), Net::default());
        assert!(room.is_playing_back());
        assert_eq!(room.replay().as_deref(), Some(&file[..]));
        // Whoever comes watches, whether it asked to or not.
        assert_eq!(room.enter(A, &entry(1), MS, &mut net), Ok(None));
        net.run(&mut room, 60);
        let watch = Entry {
            watch: true,
            ..entry(2)
        };
        assert_eq!(room.enter(B, &watch, net.now, &mut net), Ok(None));
        net.run(&mut room, 70);
        for client in [A, B] {
            let shown = net.seen_by_all(&room, client);
            assert_eq!(shown, pushes, "{client:?}");
            assert_eq!(net.client(client).malformed, 0);
        }
        assert!(net.client(A).used >= 35 && net.client(B).used >= 15);
        let RoomCounters { joined, frames, .. } = room.counters();
        assert_eq!(
            (joined, frames),
            (0, 0),
            "nobody plays and nothing is encoded"
        );
        assert!(room.save().is_none() && room.closed().is_none());
        net.run(&mut room, 120);
        assert_eq!(room.closed().map(|goodbye| goodbye.code), Some("over"));
        assert!(
            net.client(A).bye.is_some() && room.enter(C, &entry(3), net.now, &mut net).is_err()
        );
    }

    #[test]
    fn a_damaged_recording_is_refused_or_is_another_and_never_panics() {
        let (file, _) = recorded();
        for n in 0..file.len() {
            let mut damaged = file.clone();
            damaged[n] ^= 0x10;
            if let Ok(mut room) = Room::playing(Pebble::new(), "FILM", options(), &damaged) {
                let mut net = Net::default();
                let _ = room.enter(A, &entry(1), MS, &mut net);
                net.run(&mut room, 20);
            }
        }
        let cut = Room::playing(Pebble::new(), "FILM", options(), &file[..file.len() - 1]);
        assert_eq!(cut.err(), Some(LoadError::Damaged));
    }
}
