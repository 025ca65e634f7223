//! Whose turn it is: many rooms' schedules on one thread. A value; time is an argument.
//!
//! Each room keeps its own absolute deadlines and its own overload policy ([`FixedStep`]). Rooms that are due
//! stand in line by their deadlines. One that is due again as soon as its step is done goes to the end, and
//! behind those who will be due within as long as its step took: so others make up for what it cost them
//! before it runs again. Promises: a room that is too heavy delays the others by one of its steps, whatever it
//! is behind; it runs whenever nobody else has to.

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
    /// Rooms that are not due yet, by when they are. One entry a room here or below, besides those of rooms
    /// that have been removed.
    waiting: BinaryHeap<Reverse<Entry<K>>>,
    /// Rooms that are due, by their places in the line.
    due: BinaryHeap<Reverse<Entry<K>>>,
    /// The room being stepped, and since when.
    running: Option<(K, Duration)>,
    entries: u64,
}

/// Among equals, who was put in first.
type Entry<K> = (Duration, u64, K);

impl<K: Copy + Ord + Hash> Default for Rota<K> {
    fn default() -> Self {
        Self {
            schedules: HashMap::new(),
            waiting: BinaryHeap::new(),
            due: BinaryHeap::new(),
            running: None,
            entries: 0,
        }
    }
}

impl<K: Copy + Ord + Hash> Rota<K> {
    /// Adds a room that is not there yet.
    pub fn add(&mut self, room: K, schedule: FixedStep) {
        let entry = self.entry(schedule.deadline(), room);
        self.waiting.push(entry);
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
        while let Some(&Reverse(entry)) = self.waiting.peek()
            && entry.0 <= now
        {
            self.waiting.pop();
            self.due.push(Reverse(entry));
        }
        while let Some(Reverse((_, _, room))) = self.due.pop() {
            let Some(schedule) = self.schedules.get_mut(&room) else {
                continue;
            };
            match schedule.poll(now) {
                Act::Run(step) => {
                    self.running = Some((room, now));
                    return Turn::Run(room, step);
                }
                // Its clock went backwards.
                Act::WaitUntil(at) => {
                    let entry = self.entry(at, room);
                    self.waiting.push(entry);
                }
            }
        }
        while let Some(Reverse((at, _, room))) = self.waiting.peek() {
            if self.schedules.contains_key(room) {
                return Turn::WaitUntil(*at);
            }
            self.waiting.pop();
        }
        Turn::Idle
    }

    /// The room's step is done.
    pub fn finish(&mut self, room: K, now: Duration) {
        let running = self.running.take();
        let Some(schedule) = self.schedules.get_mut(&room) else {
            return;
        };
        schedule.finish(now);
        let deadline = schedule.deadline();
        if deadline > now {
            let entry = self.entry(deadline, room);
            return self.waiting.push(entry);
        }
        let started = running.map_or(now, |(_, started)| started);
        let entry = self.entry(now + now.saturating_sub(started), room);
        self.due.push(entry);
    }

    fn entry(&mut self, at: Duration, room: K) -> Reverse<Entry<K>> {
        self.entries += 1;
        Reverse((at, self.entries, room))
    }
}

#[cfg(test)]
#[path = "rota_tests.rs"]
mod tests;
