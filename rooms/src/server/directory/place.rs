//! Where a request to join leads: to a room that is asked for, the fullest with a place, a new one, or a queue.
//!
//! Promises: a place is promised under one lock, so a storm of joins neither overfills a room nor opens a room each; a
//! client waits in one queue at most. Leaves out seats. Those are the room's, which has the last word.

use std::sync::Arc;

use ringside_gateway::{Gateway, Socket};

use super::{Directory, Rooms};
use crate::{
    driver::{Office, RoomAddress, What},
    env,
    game::Refusal,
    room::{ClientId, Token},
    server::{
        Kind,
        request::{Privacy, Request},
    },
};

/// Bytes of a queue's key.
const KEY_BYTES_MAX: usize = 64;
/// Sockets in all queues together.
const WAITING_MAX: usize = 65_536;

/// Where a request leads.
pub(crate) enum Place {
    /// To this room; the flag says whether a place there was promised.
    Room(Arc<RoomAddress>, bool),
    /// Into a queue; what everybody in it is told.
    Queue(Vec<Waiting>, Progress),
}

/// How far a queue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Progress {
    pub(crate) waiting: usize,
    pub(crate) needed: usize,
}

/// Somebody in a queue.
#[derive(Clone)]
pub(crate) struct Waiting {
    pub(crate) client: ClientId,
    pub(crate) socket: Socket,
}

impl Directory {
    /// Finds the place a request leads to, and promises it.
    pub(crate) fn place(
        &self,
        request: &Request,
        waiting: Waiting,
        office: &Office,
        gateway: &Gateway,
    ) -> Result<Place, Refusal> {
        let mut rooms = self.rooms.lock();
        rooms.leave_queue(waiting.client);
        let by_code = |rooms: &Rooms, code: &str| {
            let id = rooms.by_code.get(&code.to_ascii_uppercase())?;
            rooms.by_id.get(id).cloned()
        };
        let wanted = request.room.as_deref();
        if request.token.is_some()
            && let Some(address) = wanted.and_then(|code| by_code(&rooms, code))
        {
            // A seat is there already: it needs no promise.
            return Ok(Place::Room(address, false));
        }
        if let (Some(code), None) = (wanted, request.token) {
            let address = by_code(&rooms, code)
                .ok_or_else(|| Refusal::of("no-room", format!("there is no room {code}")))?;
            if request.watch {
                return Ok(Place::Room(address, false));
            }
            return promise(address).map(|address| Place::Room(address, true));
        }
        let kind = self.kind(request.kind.as_deref())?;
        if let Some(key) = &request.queue {
            return self.queue(&mut rooms, kind, key, waiting, office, gateway);
        }
        if let Some(privacy) = request.create {
            let address = self.open(&mut rooms, kind, privacy, None, office, gateway)?;
            return promise(address).map(|address| Place::Room(address, true));
        }
        // The fullest first: rooms come to life, and empty ones end.
        let open = rooms
            .by_id
            .values()
            .filter(|address| address.kind == kind.name && !address.private && address.is_open());
        let fullest = open
            .filter(|address| request.watch || address.free() > 0)
            .min_by_key(|address| (address.free(), address.id))
            .cloned();
        match fullest {
            Some(address) if request.watch => Ok(Place::Room(address, false)),
            Some(address) => promise(address).map(|address| Place::Room(address, true)),
            None if request.watch => Err(Refusal::of("no-room", "there is no game to watch now")),
            None => {
                let address =
                    self.open(&mut rooms, kind, Privacy::Public, None, office, gateway)?;
                promise(address).map(|address| Place::Room(address, true))
            }
        }
    }

    fn queue(
        &self,
        rooms: &mut Rooms,
        kind: &Arc<Kind>,
        key: &str,
        waiting: Waiting,
        office: &Office,
        gateway: &Gateway,
    ) -> Result<Place, Refusal> {
        if key.len() > KEY_BYTES_MAX {
            return Err(Refusal::of("queue", "the queue's key is too long"));
        }
        if rooms.queued.len() >= WAITING_MAX {
            return Err(Refusal::of("busy", "too many are waiting; try again later"));
        }
        let client = waiting.client;
        let name = (kind.name.clone(), key.to_owned());
        rooms.queued.insert(waiting.client, name.clone());
        let queue = rooms.queues.entry(name.clone()).or_default();
        queue.push(waiting);
        let needed = kind.group.max(1);
        if queue.len() < needed {
            let progress = Progress {
                waiting: queue.len(),
                needed,
            };
            return Ok(Place::Queue(queue.clone(), progress));
        }
        // Private: the seats are these players', nobody drops in.
        let opened = self.open(rooms, kind, Privacy::Private, None, office, gateway);
        let address = opened.inspect_err(|_| {
            // The others wait on: who comes next, or again, brings them their room.
            rooms.leave_queue(client);
        })?;
        let group = rooms.queues.remove(&name).unwrap_or_default();
        for waiting in &group {
            rooms.queued.remove(&waiting.client);
        }
        #[derive(serde::Serialize)]
        struct Placed<'a> {
            room: &'a str,
            token: Token,
        }
        for Waiting { socket, .. } in &group {
            let token = env::token();
            let reserve = What::Reserve { token };
            if office.post(&address, reserve).is_ok() {
                let room = &address.code;
                // It has gone: its seat's reservation ends by itself.
                let _ = socket.emit("placed", &(Placed { room, token },));
            }
        }
        let progress = Progress {
            waiting: needed,
            needed,
        };
        Ok(Place::Queue(group, progress))
    }
}

impl Rooms {
    pub(super) fn leave_queue(&mut self, client: ClientId) {
        let Some(name) = self.queued.remove(&client) else {
            return;
        };
        if let Some(queue) = self.queues.get_mut(&name) {
            queue.retain(|waiting| waiting.client != client);
            if queue.is_empty() {
                self.queues.remove(&name);
            }
        }
    }
}

/// Counts a player as on its way. The room decides, but by this it is not overrun.
fn promise(address: Arc<RoomAddress>) -> Result<Arc<RoomAddress>, Refusal> {
    if !address.is_open() {
        return Err(Refusal::of("locked", "nobody can join this room now"));
    }
    if address.free() == 0 {
        return Err(Refusal::of("full", "the room is full"));
    }
    address.now.lock().promised += 1;
    Ok(address)
}
