//! The directory: which rooms there are, who is bound to which, and where a request to join leads.
//!
//! Promises: a place is promised under one lock, so a storm of joins neither overfills a room nor opens a
//! room each; a socket is bound to one room at most, and waits in one queue at most; whoever disconnects is
//! forgotten everywhere. Leaves out: seats. Those are the room's, which has the last word.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use ringside_gateway::{Gateway, Socket};
use serde::Deserialize;

use super::Kind;
use crate::{
    driver::{Office, Opening, Origin, RoomAddress, RoomInfo, RoomNow, What},
    env,
    game::Refusal,
    room::{ByClient, ClientId, Token},
    shared::Shared,
};

/// Rooms at once. Each has a topic of the gateway's; a thousand bytes of book-keeping each is 16 MB.
pub(crate) const ROOMS_MAX: usize = 16_384;
/// Letters of a room's code: 31^6 are 887 million, so that codes are not found by trying.
const CODE_LETTERS: usize = 6;
/// Without those that look or sound alike.
const ALPHABET: &[u8; 31] = b"ABCDEFGHJKLMNPQRSTUVWXYZ2345678";
/// Bytes of a queue's key.
const KEY_BYTES_MAX: usize = 64;
/// Sockets in all queues together.
const WAITING_MAX: usize = 65_536;
/// Locks that the bindings of sockets to rooms are spread over.
const STRIPES: usize = 64;

/// A request to join, as a client sends it. Of `token`, `room`, `create`, `queue` the first that is there
/// decides; without any it is put into a room of the kind with others, or into a new one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Request {
    /// The name to go by.
    pub name: String,
    /// Which kind of game; needless if the server has only one.
    pub kind: Option<String>,
    /// The room's code: to join that one, or the seat's in `token`.
    pub room: Option<String>,
    /// A seat that is the client's: one it had, or one it was promised.
    pub token: Option<Token>,
    /// The newest event it has of that seat.
    pub last_event: u32,
    /// Open a room: `public`, or `private`, which is found by its code only.
    pub create: Option<Privacy>,
    /// Wait for others with the same key.
    pub queue: Option<String>,
    /// Only watch.
    pub watch: bool,
    /// The hash of the layers that the client can read.
    pub schema: Option<u32>,
}

/// Who finds a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Privacy {
    /// Everybody.
    Public,
    /// Whoever knows its code.
    Private,
}

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

/// All rooms, queues and bindings.
pub(crate) struct Directory {
    kinds: BTreeMap<String, Arc<Kind>>,
    rooms: Shared<Rooms>,
    bindings: Vec<Shared<ByClient<Arc<RoomAddress>>>>,
    /// Clients behind a modelled network.
    weathered: Shared<HashSet<ClientId>>,
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
            bindings: (0..STRIPES).map(|_| Shared::default()).collect(),
            weathered: Shared::default(),
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
        let group = rooms.queues.remove(&name).unwrap_or_default();
        for waiting in &group {
            rooms.queued.remove(&waiting.client);
        }
        // Private: the seats are these players', nobody drops in.
        let address = self.open(rooms, kind, Privacy::Private, None, office, gateway)?;
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

    /// From now on what the socket sends goes to this room. Returns the one it was bound to before.
    pub(crate) fn bind(&self, client: ClientId, to: Arc<RoomAddress>) -> Option<Arc<RoomAddress>> {
        self.stripe(client).lock().insert(client, to)
    }

    /// The room a socket is bound to.
    pub(crate) fn room_of(&self, client: ClientId) -> Option<Arc<RoomAddress>> {
        self.stripe(client).lock().get(&client).cloned()
    }

    /// The room is done with the socket.
    pub(crate) fn unbind(&self, client: ClientId, room: u64) {
        let mut bound = self.stripe(client).lock();
        if bound.get(&client).is_some_and(|address| address.id == room) {
            bound.remove(&client);
            self.weathered.lock().remove(&client);
        }
    }

    /// A socket that is bound to a room is, or is no longer, behind a modelled network.
    pub(crate) fn set_weathered(&self, client: ClientId, weathered: bool) {
        match weathered && self.room_of(client).is_some() {
            true => self.weathered.lock().insert(client),
            false => self.weathered.lock().remove(&client),
        };
    }

    /// The room of a socket behind a modelled network.
    pub(crate) fn room_of_weathered(&self, client: ClientId) -> Option<Arc<RoomAddress>> {
        let weathered = self.weathered.lock().contains(&client);
        weathered.then(|| self.room_of(client)).flatten()
    }

    /// The socket is gone: from its room, which is returned, and from its queue.
    pub(crate) fn gone(&self, client: ClientId) -> Option<Arc<RoomAddress>> {
        self.rooms.lock().leave_queue(client);
        self.weathered.lock().remove(&client);
        self.stripe(client).lock().remove(&client)
    }

    /// How many sockets are bound to rooms, and how many wait in queues.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let bound = self.bindings.iter().map(|stripe| stripe.lock().len()).sum();
        (bound, self.rooms.lock().queued.len())
    }

    fn stripe(&self, client: ClientId) -> &Shared<ByClient<Arc<RoomAddress>>> {
        &self.bindings[client.0 as usize % STRIPES]
    }
}

impl Rooms {
    fn leave_queue(&mut self, client: ClientId) {
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

fn random_code() -> String {
    let mut number = env::number();
    let letter = |_| {
        let letter = ALPHABET[(number % ALPHABET.len() as u64) as usize];
        number /= ALPHABET.len() as u64;
        char::from(letter)
    };
    (0..CODE_LETTERS).map(letter).collect()
}
