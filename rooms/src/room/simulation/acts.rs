//! What happens to a simulated room: somebody comes, goes, is lost or sent away, floods it, stalls; the server dies.
//!
//! Each act is told to the room and to what is believed of it. What must hold after it is [`oracle`](super::oracle)'s.

use super::{Holder, SEATS, World};
use crate::room::{
    Claim, ClientId, Entry, Room,
    test_world::{entry, push},
};

impl World {
    pub(super) fn act(&mut self) {
        let now = self.net.now;
        match self.random.below(20) {
            0..=3 => self.join(),
            4 => {
                if let Some(n) = self.pick(true) {
                    let client = self.holders.remove(n).client.unwrap();
                    self.room.leave(client, now, &mut self.net);
                }
            }
            5..=7 => self.lose(),
            8..=10 => self.come_back(),
            11 => {
                if let Some(client) = self.connected() {
                    for n in 0..200 {
                        self.net.send(&mut self.room, client, push(n));
                    }
                }
            }
            12 => {
                if let Some(client) = self.connected() {
                    let garbage: Vec<u8> = (0..self.random.below(12))
                        .map(|n| (n as u8).wrapping_mul(37))
                        .collect();
                    self.room.packet(client, garbage, now, &mut self.net);
                }
            }
            13 => {
                if let Some(client) = self.connected() {
                    let stalled = &mut self.net.client_mut(client).stalled;
                    *stalled = !*stalled;
                }
            }
            14 => {
                if let Some(client) = self.connected() {
                    let text = serde_json::value::to_raw_value("hello").unwrap();
                    self.room.message(client, &text, now, &mut self.net);
                }
            }
            15 => {
                if let Some(n) = self.pick(true) {
                    let holder = self.holders.remove(n);
                    self.room
                        .kick(holder.id, "away with you".to_owned(), now, &mut self.net);
                }
            }
            16 => {
                let token = entry(1 << 40 | u64::from(self.random.below(1000))).token;
                // Full is an answer.
                let _ = self.room.reserve(token, now, &mut self.net);
            }
            17 => self.restart(),
            18 => {
                let client = self.new_client();
                let watch = Entry {
                    watch: true,
                    ..entry(client.0)
                };
                self.room.enter(client, &watch, now, &mut self.net).unwrap();
            }
            _ => {
                if let Some(client) = self.connected() {
                    self.room.keyframe(client, now);
                }
            }
        }
        let ticks = 1 + self.random.below(5);
        self.net.run(&mut self.room, ticks);
        self.drop_expired();
        self.check();
    }

    fn new_client(&mut self) -> ClientId {
        self.clients += 1;
        ClientId(self.clients)
    }

    fn pick(&mut self, connected: bool) -> Option<usize> {
        let fits: Vec<usize> = (0..self.holders.len())
            .filter(|n| self.holders[*n].client.is_some() == connected)
            .collect();
        (!fits.is_empty()).then(|| fits[self.random.below(fits.len() as u32) as usize])
    }

    fn connected(&mut self) -> Option<ClientId> {
        let n = self.pick(true)?;
        self.holders[n].client
    }

    fn join(&mut self) {
        let client = self.new_client();
        let since = self.room.game().emitted.len();
        let entered = self
            .room
            .enter(client, &entry(client.0), self.net.now, &mut self.net);
        let people = self.room.people();
        match entered {
            Ok(id) => self.holders.push(Holder {
                id: id.unwrap(),
                token: entry(client.0).token,
                client: Some(client),
                since,
                told: Vec::new(),
            }),
            Err(refusal) => {
                assert_eq!(refusal.code, "full");
                assert_eq!(
                    people,
                    usize::from(SEATS),
                    "refused although there is a seat"
                );
            }
        }
    }

    /// A connection ends. The room hears of it at once, or has to find out.
    fn lose(&mut self) {
        let Some(n) = self.pick(true) else { return };
        let client = self.holders[n].client.take().unwrap();
        self.holders[n].told.extend(self.net.lose(client));
        if self.random.below(3) > 0 {
            self.net.run(&mut self.room, 1);
            self.room.gone(client, self.net.now, &mut self.net);
        }
    }

    /// By a new connection, whether or not the room has noticed the loss of the old one.
    fn come_back(&mut self) {
        let Some(n) = self.pick(false) else { return };
        let client = self.new_client();
        let holder = &mut self.holders[n];
        let claim = Claim {
            token: holder.token,
            // Or what the welcome said.
            last_event: holder
                .told
                .last()
                .map_or(holder.since as u32, |(id, _)| *id),
        };
        let again = Entry {
            claim: Some(claim),
            ..entry(client.0)
        };
        let id = self.room.enter(client, &again, self.net.now, &mut self.net);
        assert_eq!(id.unwrap(), Some(holder.id), "a kept seat is given back");
        let welcome = self.net.client(client).welcome();
        assert!(
            welcome.contains("\"resumed\":true,\"gap\":false"),
            "{welcome}"
        );
        holder.client = Some(client);
    }

    /// The process dies; its room is restored from what was saved.
    fn restart(&mut self) {
        let saved = self.room.save().unwrap();
        let options = self.room.options().clone();
        for holder in &mut self.holders {
            if let Some(client) = holder.client.take() {
                holder.told.extend(self.net.lose(client));
            }
        }
        self.net.lose_all();
        let emitted = std::mem::take(&mut self.room.game.emitted);
        self.room = Room::load(&saved, options, self.net.now).unwrap();
        // What the room said before is still what it said.
        let since = std::mem::replace(&mut self.room.game.emitted, emitted);
        self.room.game.emitted.extend(since);
    }
}
