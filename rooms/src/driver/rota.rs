//! Whose turn it is: many rooms' schedules on one thread. A value; time is an argument.
//!
//! Each room keeps its own absolute deadlines and its own overload policy ([`FixedStep`]). Among rooms that
//! are due, the one waits least that has been due longest, where a room that has just run is due from now on
//! at the earliest. Promises: between two steps of one room every other due room has its turn, so a room
//! that is too heavy delays the others by one of its steps, whatever it is behind.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    hash::Hash,
    time::Duration,
};

use ringside_netcode::tick::{Act, FixedStep, Step};

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn<K> {
    /// Step this room, then call [`Rota::finish`].
    Run(K, Step),
    /// Nothing is due before this time.
    WaitUntil(Duration),
    /// There are no rooms.
    Idle,
}

/// The schedules of many rooms. See the module's documentation.
#[derive(Debug)]
pub struct Rota<K> {
    schedules: HashMap<K, FixedStep>,
    /// When each room is to be looked at; among equals, who was put in first. One entry a room, besides
    /// those of rooms that have been removed.
    queue: BinaryHeap<Reverse<(Duration, u64, K)>>,
    entries: u64,
}

impl<K: Copy + Ord + Hash> Default for Rota<K> {
    fn default() -> Self {
        Self {
            schedules: HashMap::new(),
            queue: BinaryHeap::new(),
            entries: 0,
        }
    }
}

impl<K: Copy + Ord + Hash> Rota<K> {
    /// Adds a room that is not there yet.
    pub fn add(&mut self, room: K, schedule: FixedStep) {
        self.put(schedule.deadline(), room);
        self.schedules.insert(room, schedule);
    }

    /// Takes a room out, with its schedule: to end it, or to have another thread go on.
    pub fn remove(&mut self, room: K) -> Option<FixedStep> {
        self.schedules.remove(&room)
    }

    /// A room's schedule.
    pub fn schedule(&mut self, room: K) -> Option<&mut FixedStep> {
        self.schedules.get_mut(&room)
    }

    /// How many rooms there are.
    pub fn len(&self) -> usize {
        self.schedules.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.schedules.is_empty()
    }

    /// Says what to do at `now`.
    pub fn poll(&mut self, now: Duration) -> Turn<K> {
        while let Some(&Reverse((at, _, room))) = self.queue.peek() {
            let Some(schedule) = self.schedules.get_mut(&room) else {
                self.queue.pop();
                continue;
            };
            if at > now {
                return Turn::WaitUntil(at);
            }
            match schedule.poll(now) {
                Act::Run(step) => {
                    self.queue.pop();
                    return Turn::Run(room, step);
                }
                Act::WaitUntil(at) => {
                    self.queue.pop();
                    self.put(at, room);
                }
            }
        }
        Turn::Idle
    }

    /// The room's step is done.
    pub fn finish(&mut self, room: K, now: Duration) {
        if let Some(schedule) = self.schedules.get_mut(&room) {
            schedule.finish(now);
            let due = schedule.deadline().max(now);
            self.put(due, room);
        }
    }

    fn put(&mut self, at: Duration, room: K) {
        self.entries += 1;
        self.queue.push(Reverse((at, self.entries, room)));
    }
}

#[cfg(test)]
#[path = "rota_tests.rs"]
mod tests;
