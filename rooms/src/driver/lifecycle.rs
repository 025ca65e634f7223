//! A room's life on a thread: opened or taken over, looked after, given to another thread, buried or at its end.
//!
//! Promises: what others may know of a room without asking its thread is true after anything happened to it; a room that
//! moves is sent letters, by whoever posts them, behind the one it moves with, not before it; a room that cannot be made,
//! or panics, takes nobody along.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use ringside_netcode::tick::FixedStep;

use super::{
    Letter, Opening, Origin, What,
    hosted::crash,
    wire::{Sockets, Wire},
    worker::{Hosting, Worker},
};

impl Worker {
    pub(super) fn open(&mut self, opening: Opening) {
        let Opening {
            address,
            members,
            kind,
            origin,
        } = opening;
        let now = self.now();
        let code = address.code.clone();
        let made = catch_unwind(AssertUnwindSafe(|| match origin {
            Origin::Seed(seed) => Ok((kind.make)(&code, seed)),
            Origin::Saved(bytes) => (kind.load)(&bytes, now),
            Origin::Recording(bytes) => (kind.play)(&code, &bytes),
        }));
        let room = match made {
            Ok(Ok(room)) => room,
            Ok(Err(error)) => {
                tracing::error!(room = code, %error, "a room cannot be opened from what was saved");
                return self.directory.forget(&address);
            }
            Err(_) => {
                tracing::error!(room = code, "the game panicked when its room was made");
                return self.directory.forget(&address);
            }
        };
        self.adopt(Hosting {
            address,
            room,
            sockets: Sockets::new(members),
            schedule: None,
            empty_since: None,
            saved_at: now,
            cost: Duration::ZERO,
            shown: None,
        });
    }

    pub(super) fn adopt(&mut self, mut hosting: Hosting) {
        let now = self.now();
        let id = hosting.address.id;
        let schedule = hosting.schedule.take().map(Ok).unwrap_or_else(|| {
            // Rooms of one rate are spread over the tick, so that they are not all due together.
            let period = Duration::from_secs(1) / hosting.room.step_config().hz.max(1);
            let phase = period * (id.wrapping_mul(40_503) & 0xffff) as u32 / 0x1_0000;
            FixedStep::new(
                hosting.room.step_config(),
                hosting.room.next_tick(),
                now + phase,
            )
        });
        let schedule = match schedule {
            Ok(schedule) => schedule,
            Err(error) => {
                tracing::error!(room = hosting.address.code, %error, "a room cannot be run");
                return self.directory.forget(&hosting.address);
            }
        };
        self.rota.add(id, schedule);
        self.rooms.insert(id, hosting);
        self.count_rooms();
        self.look_after(id);
    }

    /// Gives a room to another thread, between two of its steps.
    pub(super) fn hand_over(&mut self, id: u64, other: usize) {
        if other == self.number || other >= self.office.desks.len() {
            return;
        }
        let schedule = self.rota.remove(id);
        let Some(mut hosting) = self.rooms.remove(&id) else {
            return;
        };
        hosting.schedule = schedule;
        tracing::info!(
            room = hosting.address.code,
            from = self.number,
            to = other,
            "a room moves"
        );
        // What the room has sent goes out before its new thread sends anything.
        self.flush();
        // Under the lock: whoever reads that the room is there posts behind it, not before it.
        let address = hosting.address.clone();
        let mut now = address.now.lock();
        self.office.desks[other].mailbox.post_always(Letter {
            room: id,
            what: What::Adopt(Box::new(hosting)),
        });
        now.worker = other;
        drop(now);
        self.count_rooms();
    }

    /// Keeps what others see of a room true, after anything happened to it.
    pub(super) fn look_after(&mut self, id: u64) {
        let Some(hosting) = self.rooms.get_mut(&id) else {
            return;
        };
        let Hosting {
            address,
            room,
            sockets,
            ..
        } = hosting;
        for client in sockets.dismissed.drain(..) {
            self.directory.bindings.unbind(client, id);
        }
        let mut now = address.now.lock();
        now.people = room.people() as u32;
        now.spectators = room.spectators() as u32;
        now.locked = room.is_locked();
        drop(now);
        if room.is_closed() {
            self.remove(id);
        }
    }

    /// A room whose game panicked: its players are told, and it is over.
    pub(super) fn bury(&mut self, id: u64) {
        if let Some(hosting) = self.rooms.get_mut(&id) {
            tracing::error!(room = hosting.address.code, "a room panicked and is closed");
            crash(&mut Wire {
                publisher: &mut self.publisher,
                sockets: &mut hosting.sockets,
            });
            for client in hosting.sockets.dismissed.drain(..) {
                self.directory.bindings.unbind(client, id);
            }
        }
        self.remove(id);
    }

    pub(super) fn remove(&mut self, id: u64) {
        self.rota.remove(id);
        let Some(hosting) = self.rooms.remove(&id) else {
            return;
        };
        self.directory.forget(&hosting.address);
        if let Some(keeper) = &self.office.keeper {
            keeper.forget(&hosting.address);
        }
        self.count_rooms();
        if !hosting.address.private {
            self.tell_lobby(&hosting.address.kind, &[hosting.address.info()]);
        }
    }

    fn count_rooms(&self) {
        self.office.desks[self.number].load.lock().rooms = self.rooms.len() as u32;
    }
}
