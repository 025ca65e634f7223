//! A room as bytes, and back: for a restart, a crash, or a move to another process.
//!
//! ```text
//! "RSRM" | version u8 = 1 | length of the head u32 little-endian | head, JSON | the game's own bytes
//! ```
//!
//! Promises: a restored room has the seats, tokens, names and recent events of the saved one and goes on at
//! its next tick; its players are away until they come back. Left out: what is on its way (inputs, frames),
//! spectators, statistics, and the recording.

use std::time::Duration;

use ringside_netcode::Tick;
use serde::{Deserialize, Serialize};

use super::{
    Presence, Room, RoomOptions, Token,
    events::{Event, EventLog},
    outlet::Nobody,
};
use crate::{
    cx::Random,
    game::{Game, LoadError, PlayerId, Who},
};

const MAGIC: &[u8; 5] = b"RSRM\x01";

#[derive(Serialize, Deserialize)]
struct Head {
    code: String,
    schema: u32,
    tick: u32,
    locked: bool,
    random: u64,
    last_event: u32,
    seats: Vec<SavedSeat>,
    events: Vec<Event>,
}

#[derive(Serialize, Deserialize)]
struct SavedSeat {
    id: PlayerId,
    name: String,
    bot: bool,
    token: Token,
}

impl<G: Game> Room<G> {
    /// The room as bytes; `None` if its game does not save.
    pub fn save(&self) -> Option<Vec<u8>> {
        if self.is_playing_back() {
            return None;
        }
        let game = self.game.save()?;
        let seats = self.seats.iter().map(|(id, seat)| SavedSeat {
            id,
            name: seat.who.name.clone(),
            bot: seat.who.bot,
            token: seat.token,
        });
        let head = Head {
            code: self.code.clone(),
            schema: self.world.layers().hash(),
            tick: self.next.get(),
            locked: self.locked,
            random: self.wishes.random.0,
            last_event: self.events.last_id(),
            seats: seats.collect(),
            events: self.events.kept().iter().cloned().collect(),
        };
        let head = serde_json::to_vec(&head).ok()?;
        let mut out = Vec::with_capacity(MAGIC.len() + 4 + head.len() + game.len());
        out.extend(MAGIC);
        out.extend(u32::try_from(head.len()).ok()?.to_le_bytes());
        out.extend(head);
        out.extend(game);
        Some(out)
    }

    /// The room that [`save`](Self::save) made these bytes of. Its players are away from `now` on.
    ///
    /// # Errors
    /// The bytes may be damaged, or of another version of the game.
    pub fn load(bytes: &[u8], options: RoomOptions, now: Duration) -> Result<Self, LoadError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(LoadError::Damaged)?;
        let (len, rest) = rest.split_first_chunk::<4>().ok_or(LoadError::Damaged)?;
        let len = u32::from_le_bytes(*len) as usize;
        let (head, game) = rest.split_at_checked(len).ok_or(LoadError::Damaged)?;
        let head: Head = serde_json::from_slice(head).map_err(|_| LoadError::Damaged)?;
        let game = G::load(game)?;
        if game.layers().hash() != head.schema {
            return Err(LoadError::Schema);
        }
        let until = now + options.restored_for;
        // Bots are in the saved game already: the room must not add any before they sit.
        let population = options.bots;
        let options = RoomOptions { bots: 0, ..options };
        let mut room = Self::new(game, head.code, options, 0);
        room.next = Tick::new(head.tick);
        room.locked = head.locked;
        room.wishes.random = Random(head.random.max(1));
        room.events = EventLog::restore(head.last_event, head.events);
        for seat in head.seats {
            let at = room.free.iter().position(|free| *free == seat.id);
            // A seat given twice, or one the room does not have.
            room.free.remove(at.ok_or(LoadError::Damaged)?);
            if !seat.bot && room.tokens.contains_key(&seat.token) {
                return Err(LoadError::Damaged);
            }
            let presence = if seat.bot {
                Presence::Bot
            } else {
                Presence::Away(until)
            };
            let who = Who {
                name: seat.name,
                bot: seat.bot,
            };
            room.sit(seat.id, who, seat.token, presence);
        }
        room.set_bots(population, now, &mut Nobody);
        Ok(room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::{
        Claim, Entry,
        test_world::{A, B, C, MS, Pebble, entry, options, push, room},
    };

    #[test]
    fn a_saved_room_goes_on_where_it_was() {
        let (mut room, mut net) = room(4);
        let id = room.enter(A, &entry(1), MS, &mut net).unwrap();
        room.enter(B, &entry(2), MS, &mut net).unwrap();
        net.send(&mut room, A, push(5));
        net.run(&mut room, 30);
        room.lock(true);
        let saved = room.save().expect("Pebble saves");
        let tick = room.next_tick();
        drop(room);

        let mut room = Room::<Pebble>::load(&saved, options(), net.now).unwrap();
        assert_eq!((room.next_tick(), room.people(), room.away()), (tick, 2, 2));
        assert!(room.is_locked());
        assert_eq!(room.game().pushes[&id.unwrap()], 5);
        let claim = Some(Claim {
            token: entry(1).token,
            last_event: 0,
        });
        assert_eq!(
            room.enter(C, &Entry { claim, ..entry(9) }, net.now, &mut net)
                .unwrap(),
            id
        );
        assert!(net.client(C).welcome().contains("\"resumed\":true"));

        for n in 0..saved.len() {
            // No damage panics; what still loads was damaged in the game's own bytes.
            let mut damaged = saved.clone();
            damaged[n] ^= 0x20;
            let _ = Room::<Pebble>::load(&damaged, options(), net.now);
            assert!(Room::<Pebble>::load(&saved[..n], options(), net.now).is_err());
        }
    }
}
