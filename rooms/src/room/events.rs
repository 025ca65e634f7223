//! Reliable events: numbered, and kept for a while for those who are away.
//!
//! Every reliable event of a room has a number; the numbers rise by one, and each client gets those that
//! concern it. A client that comes back says the last number it has and gets what it missed. Promises:
//! memory is bounded; what the log no longer has is not passed over in silence, the client is told.

use std::collections::VecDeque;

use ringside_netcode::Tick;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::game::PlayerId;

/// Events kept: half a minute of a busy game's thirty a second.
const EVENTS_MAX: usize = 1_024;
/// Bytes of them, so that a room's log is never more than a quarter of a megabyte.
const BYTES_MAX: usize = 256 * 1024;

/// Who an event was for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum For {
    All,
    Players(Vec<PlayerId>),
}

impl For {
    fn concerns(&self, player: PlayerId) -> bool {
        match self {
            Self::All => true,
            Self::Players(players) => players.contains(&player),
        }
    }
}

/// An event as it is kept and sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) id: u32,
    pub(crate) tick: u32,
    pub(crate) to: For,
    pub(crate) json: Box<RawValue>,
}

/// A room's recent events. Ids start at 1: a client that has none says 0.
#[derive(Debug, Default)]
pub(crate) struct EventLog {
    last_id: u32,
    kept: VecDeque<Event>,
    bytes: usize,
}

impl EventLog {
    /// The log of a restored room.
    pub(crate) fn restore(last_id: u32, kept: Vec<Event>) -> Self {
        let bytes = kept.iter().map(|event| event.json.get().len()).sum();
        Self {
            last_id,
            kept: kept.into(),
            bytes,
        }
    }

    /// The id of the newest event.
    pub(crate) fn last_id(&self) -> u32 {
        self.last_id
    }

    /// All that is kept.
    pub(crate) fn kept(&self) -> &VecDeque<Event> {
        &self.kept
    }

    /// Gives an event its number and keeps it.
    pub(crate) fn add(&mut self, tick: Tick, to: For, json: Box<RawValue>) -> &Event {
        self.last_id = self.last_id.wrapping_add(1);
        self.bytes += json.get().len();
        self.kept.push_back(Event {
            id: self.last_id,
            tick: tick.get(),
            to,
            json,
        });
        // The newest stays, however large: it is about to be sent.
        while self.kept.len() > EVENTS_MAX || (self.bytes > BYTES_MAX && self.kept.len() > 1) {
            let oldest = self.kept.pop_front();
            self.bytes -= oldest.map_or(0, |event| event.json.get().len());
        }
        &self.kept[self.kept.len() - 1]
    }

    /// What `player` missed after the event `last`, oldest first; and whether some of what came after
    /// `last` may be lost.
    pub(crate) fn since(
        &self,
        last: u32,
        player: PlayerId,
    ) -> (impl Iterator<Item = &Event>, bool) {
        // Ids wrap like ticks do. One that is ahead of us is of another life of the room.
        let newer = move |id: u32| (id.wrapping_sub(last) as i32) > 0;
        let ahead = newer(last) || (last.wrapping_sub(self.last_id) as i32) > 0;
        let before = self
            .kept
            .front()
            .map_or(self.last_id, |event| event.id.wrapping_sub(1));
        let gap = ahead || newer(before);
        let missed = self.kept.iter();
        (
            missed.filter(move |event| newer(event.id) && event.to.concerns(player)),
            gap,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Box<RawValue> {
        RawValue::from_string(format!("{text:?}")).unwrap()
    }

    fn missed(log: &EventLog, last: u32, player: u16) -> (Vec<u32>, bool) {
        let (events, gap) = log.since(last, PlayerId(player));
        (events.map(|event| event.id).collect(), gap)
    }

    #[test]
    fn everybody_gets_what_concerns_it_once() {
        let mut log = EventLog::default();
        log.add(Tick::ZERO, For::All, json("a"));
        log.add(Tick::ZERO, For::Players(vec![PlayerId(2)]), json("b"));
        log.add(Tick::ZERO, For::All, json("c"));
        assert_eq!(missed(&log, 0, 2), (vec![1, 2, 3], false));
        assert_eq!(missed(&log, 0, 1), (vec![1, 3], false));
        assert_eq!(missed(&log, 2, 2), (vec![3], false));
        assert_eq!(missed(&log, 3, 2), (vec![], false));
        assert_eq!(missed(&log, 9, 2), (vec![], true), "of another life");
    }

    #[test]
    fn memory_is_bounded_and_the_loss_is_told() {
        let mut log = EventLog::default();
        for _ in 0..EVENTS_MAX + 10 {
            log.add(Tick::ZERO, For::All, json("x"));
        }
        assert_eq!(log.kept().len(), EVENTS_MAX);
        assert_eq!(missed(&log, 10, 1).0.len(), EVENTS_MAX);
        assert!(!missed(&log, 10, 1).1 && missed(&log, 9, 1).1);
        log.add(Tick::ZERO, For::All, json(&"y".repeat(BYTES_MAX)));
        assert_eq!(
            log.kept().len(),
            1,
            "one that is larger than all is still sent"
        );
    }
}
