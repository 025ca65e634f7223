//! The directory: which rooms there are, who is bound to which, and where a request to join leads.
//!
//! Promises: a room is found as soon as it can be told anything, and no longer than it lives; no two have one code; there
//! are never more than a set number; whoever disconnects is forgotten everywhere. Leaves out seats, which are the room's.

mod bindings;
mod place;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use ringside_gateway::Gateway;

use self::bindings::Bindings;
pub(super) use self::place::{Place, Waiting};
use super::{Kind, request::Privacy};
use crate::{
    driver::{Office, Opening, Origin, RoomAddress, RoomInfo, RoomNow, What},
    env,
    game::Refusal,
    room::ClientId,
    shared::Shared,
};

/// Rooms at once. Each has a topic of the gateway's; a thousand bytes of book-keeping each is 16 MB.
const ROOMS_MAX: usize = 16_384;
/// Letters of a room's code: 31^6 are 887 million, so that codes are not found by trying.
const CODE_LETTERS: usize = 6;
/// Without those that look or sound alike.
const ALPHABET: &[u8; 31] = b"ABCDEFGHJKLMNPQRSTUVWXYZ2345678";

/// All rooms, queues and bindings.
pub(crate) struct Directory {
    kinds: BTreeMap<String, Arc<Kind>>,
    rooms: Shared<Rooms>,
    pub(crate) bindings: Bindings,
}

#[derive(Default)]
struct Rooms {
    last_id: u64,
    by_id: HashMap<u64, Arc<RoomAddress>>,
    by_code: BTreeMap<String, u64>,
    queues: BTreeMap<(String, String), Vec<Waiting>>,
    queued: HashMap<ClientId, (String, String)>,
}

impl Directory {
    pub(crate) fn new(kinds: BTreeMap<String, Arc<Kind>>) -> Self {
        Self {
            kinds,
            rooms: Shared::default(),
            bindings: Bindings::new(),
        }
    }

    /// The gateway's room of those who watch a kind's list.
    pub(crate) fn lobby(kind: &str) -> String {
        format!("\0lobby/{kind}")
    }

    pub(crate) fn kind(&self, name: Option<&str>) -> Result<&Arc<Kind>, Refusal> {
        let found = match name {
            Some(name) => self.kinds.get(name),
            None if self.kinds.len() == 1 => self.kinds.values().next(),
            None => None,
        };
        found.ok_or_else(|| {
            let known: Vec<&str> = self.kinds.keys().map(String::as_str).collect();
            Refusal::of(
                "no-kind",
                format!("there is no such game; there are: {}", known.join(", ")),
            )
        })
    }

    /// Opens a room. The lock is held until its thread has the letter, so that nothing overtakes it.
    fn open(
        &self,
        rooms: &mut Rooms,
        kind: &Arc<Kind>,
        privacy: Privacy,
        saved: Option<(Option<String>, Origin)>,
        office: &Office,
        gateway: &Gateway,
    ) -> Result<Arc<RoomAddress>, Refusal> {
        if rooms.by_id.len() >= ROOMS_MAX {
            return Err(Refusal::of(
                "busy",
                "there are too many rooms; try again later",
            ));
        }
        let (code, origin) = saved.unwrap_or_else(|| (None, Origin::Seed(env::number())));
        if code
            .as_ref()
            .is_some_and(|code| rooms.by_code.contains_key(code))
        {
            return Err(Refusal::of("taken", "there is a room with this code"));
        }
        let code = code.unwrap_or_else(|| {
            let mut code = random_code();
            while rooms.by_code.contains_key(&code) {
                code = random_code();
            }
            code
        });
        rooms.last_id += 1;
        let id = rooms.last_id;
        let busy = |error: &dyn std::fmt::Display| {
            tracing::error!(%error, "a room could not be opened");
            Refusal::of("busy", "no room can be opened now; try again later")
        };
        let members = gateway
            .room(&format!("\0room/{code}"))
            .map_err(|error| busy(&error))?;
        let address = Arc::new(RoomAddress {
            id,
            code: code.clone(),
            kind: kind.name.clone(),
            private: privacy == Privacy::Private,
            seats: u32::from(kind.options.seats),
            now: Shared::new(RoomNow {
                worker: office.least_busy(),
                ..RoomNow::default()
            }),
            report: Shared::default(),
        });
        let opening = Opening {
            address: address.clone(),
            members,
            kind: kind.clone(),
            origin,
        };
        let open = What::Open(Box::new(opening));
        office
            .post(&address, open)
            .map_err(|_| busy(&"its thread is too far behind"))?;
        // Counted at once, or a hundred rooms opened together would all go to one thread.
        let desk = &office.desks[address.now.get().worker];
        desk.load.lock().rooms += 1;
        rooms.by_code.insert(code, id);
        rooms.by_id.insert(id, address.clone());
        Ok(address)
    }

    /// Opens a room of its own accord.
    pub(crate) fn create(
        &self,
        kind: &str,
        privacy: Privacy,
        saved: Option<(Option<String>, Origin)>,
        office: &Office,
        gateway: &Gateway,
    ) -> Result<Arc<RoomAddress>, Refusal> {
        let kind = self.kind(Some(kind))?;
        self.open(
            &mut self.rooms.lock(),
            kind,
            privacy,
            saved,
            office,
            gateway,
        )
    }

    pub(crate) fn by_id(&self, id: u64) -> Option<Arc<RoomAddress>> {
        self.rooms.lock().by_id.get(&id).cloned()
    }

    pub(crate) fn by_code(&self, code: &str) -> Option<Arc<RoomAddress>> {
        let rooms = self.rooms.lock();
        let id = rooms.by_code.get(&code.to_ascii_uppercase())?;
        rooms.by_id.get(id).cloned()
    }

    /// All rooms, in the order they were opened.
    pub(crate) fn all(&self) -> Vec<Arc<RoomAddress>> {
        let mut all: Vec<_> = self.rooms.lock().by_id.values().cloned().collect();
        all.sort_unstable_by_key(|address| address.id);
        all
    }

    /// The public rooms of a kind.
    pub(crate) fn list(&self, kind: &str) -> Vec<RoomInfo> {
        let all = self.all();
        let listed = all.iter().filter(|a| a.kind == kind && !a.private);
        listed.map(|address| address.info()).collect()
    }

    /// A room is over.
    pub(crate) fn forget(&self, address: &RoomAddress) {
        address.now.lock().closed = true;
        let mut rooms = self.rooms.lock();
        rooms.by_id.remove(&address.id);
        rooms.by_code.remove(&address.code);
    }

    /// The socket is gone: from its room, which is returned, and from its queue.
    pub(crate) fn gone(&self, client: ClientId) -> Option<Arc<RoomAddress>> {
        self.rooms.lock().leave_queue(client);
        self.bindings.gone(client)
    }

    /// How many sockets are bound to rooms, and how many wait in queues.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.bindings.count(), self.rooms.lock().queued.len())
    }
}

fn random_code() -> String {
    let mut number = env::number();
    let letter = |_| {
        let letter = ALPHABET[(number % ALPHABET.len() as u64) as usize];
        number /= ALPHABET.len() as u64;
        char::from(letter)
    };
    (0..CODE_LETTERS).map(letter).collect()
}
