//! The events of clients, on the shards' threads: looked at, and posted to the rooms.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use ringside_gateway::{Ack, Args, Builder, Socket, handler_began};
use ringside_netcode::link::LinkConfig;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    Request, Rooms,
    directory::{Directory, Place, Waiting},
    packet::Packet,
};
use crate::{
    driver::{Entering, Full, Letter, RoomAddress, What},
    env,
    game::{Gaze, Refusal},
    room::{Claim, ClientId, Entry, Weather},
};

/// The server, once it runs. Nothing connects before.
pub(super) type Running = Arc<OnceLock<Rooms>>;

/// A socket's name among the rooms' clients: its connection's place, and of its id, which nobody can guess and which no other
/// has, what tells it from others there.
fn client_of(socket: &Socket) -> ClientId {
    let (place, id) = (socket.conn().to_bits() >> 32, socket.id());
    let random = id.as_bytes().last_chunk().copied();
    // 2^64 over the golden ratio: the uppermost bits depend on all.
    let random = u64::from_le_bytes(random.unwrap_or_default()).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ClientId(place << 32 | random >> 32)
}

/// A bad network as a client asks for it.
#[derive(Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[derive(Default)]
struct WeatherRequest {
    /// The round trip it adds, ms.
    ping_ms: u16,
    /// Up to this much more, ms.
    jitter_ms: u16,
    /// Of a thousand packets, those that are lost.
    loss: u16,
}

impl WeatherRequest {
    fn weather(&self) -> Option<Weather> {
        let half = |ms: u16| Duration::from_micros(u64::from(ms) * 500);
        let link = LinkConfig {
            latency: half(self.ping_ms),
            jitter: half(self.jitter_ms),
            loss: self.loss.min(1000),
            ..LinkConfig::default()
        };
        (link != LinkConfig::default()).then_some(Weather {
            down: link,
            up: link,
        })
    }
}

/// Answers, if an answer is waited for. An answer that cannot be sent has nobody to go to.
fn answer(ack: Option<Ack>, answer: &impl Serialize) {
    if let Some(ack) = ack {
        let _ = ack.send(&(answer,));
    }
}

pub(super) fn register(io: &mut Builder, running: &Running) {
    let on = |io: &mut Builder,
              event: &str,
              f: fn(&Rooms, ClientId, &Arc<RoomAddress>) -> Option<What>| {
        let running = running.clone();
        io.on(event, move |socket: &Socket, (): ()| {
            let Some(rooms) = running.get() else { return };
            let client = client_of(socket);
            if let Some(room) = rooms.directory.bindings.room_of(client)
                && let Some(what) = f(rooms, client, &room)
            {
                // Full: the client asks again.
                let _ = rooms.office.post(&room, what);
            }
        });
    };
    on(io, "k", |_, client, _| Some(What::Keyframe { client }));

    let to = running.clone();
    io.on_raw("join", move |socket, args: Args<'_>, ack| {
        let (Some(rooms), Ok(request)) = (to.get(), args.parse::<Request>()) else {
            return answer(ack, &Refusal::of("request", "this is no request to join"));
        };
        join(rooms, socket, request, ack);
    });
    let to = running.clone();
    io.on("i", move |socket: &Socket, Packet(bytes): Packet| {
        let Some(rooms) = to.get() else { return };
        let client = client_of(socket);
        if let Some(room) = rooms.directory.bindings.room_of(client) {
            let at = rooms.office.clock.at(handler_began());
            // Full: the box counts it, and the next input follows.
            let _ = rooms.office.post(&room, What::Packet { client, bytes, at });
        }
    });
    let to = running.clone();
    io.on("say", move |socket: &Socket, message: Box<RawValue>| {
        post(&to, socket, |client| What::Message { client, message })
    });
    let to = running.clone();
    io.on("look", move |socket: &Socket, gaze: Gaze| {
        post(&to, socket, |client| What::Look { client, gaze })
    });
    let to = running.clone();
    io.on(
        "weather",
        move |socket: &Socket, request: Option<WeatherRequest>| {
            let weather = request.and_then(|request| request.weather());
            if let Some(rooms) = to.get() {
                let client = client_of(socket);
                rooms
                    .directory
                    .bindings
                    .set_weathered(client, weather.is_some());
            }
            post(&to, socket, |client| What::Weather {
                client,
                weather: weather.map(Box::new),
            })
        },
    );
    let to = running.clone();
    io.on("rate", move |socket: &Socket, one_in: u32| {
        post(&to, socket, |client| What::Thin { client, one_in })
    });
    let to = running.clone();
    io.on("leave", move |socket: &Socket, (): ()| {
        let Some(rooms) = to.get() else { return false };
        let client = client_of(socket);
        let room = rooms.directory.gone(client);
        room.is_some_and(|room| rooms.office.post(&room, What::Leave { client }).is_ok())
    });
    let to = running.clone();
    io.on_disconnect(move |socket, _| {
        let Some(rooms) = to.get() else { return };
        let client = client_of(socket);
        if let Some(room) = rooms.directory.gone(client) {
            // Full: the room finds out by itself.
            let _ = rooms.office.post(&room, What::Gone { client });
        }
    });
    let to = running.clone();
    io.on("list", move |_: &Socket, kind: Option<String>| {
        list(&to, kind.as_deref())
    });
    let to = running.clone();
    io.on("lobby", move |socket: &Socket, kind: Option<String>| {
        let rooms = to.get()?;
        let kind = rooms.directory.kind(kind.as_deref()).ok()?;
        socket.join(Directory::lobby(&kind.name)).ok()?;
        list(&to, Some(&kind.name))
    });
    let to = running.clone();
    io.on_raw("clock", move |socket: &Socket, _: Args<'_>, ack| {
        let Some(rooms) = to.get() else { return };
        let (client, at) = (client_of(socket), rooms.office.clock.now());
        match rooms.directory.bindings.room_of_weathered(client) {
            // What delays all else delays this, too.
            Some(room) => {
                // Full: the client asks again.
                let _ = rooms.office.post(&room, What::Time { client, ack, at });
            }
            None => answer(ack, &(at.as_secs_f64() * 1000.0)),
        }
    });
}

fn list(running: &Running, kind: Option<&str>) -> Option<Vec<crate::RoomInfo>> {
    let rooms = running.get()?;
    let kind = rooms.directory.kind(kind).ok()?;
    Some(rooms.directory.list(&kind.name))
}

/// Posts something to the room of a socket, and says whether there is one that takes it.
fn post(running: &Running, socket: &Socket, what: impl FnOnce(ClientId) -> What) -> bool {
    let Some(rooms) = running.get() else {
        return false;
    };
    let client = client_of(socket);
    let room = rooms.directory.bindings.room_of(client);
    room.is_some_and(|room| rooms.office.post(&room, what(client)).is_ok())
}

fn join(rooms: &Rooms, socket: &Socket, request: Request, ack: Option<Ack>) {
    let client = client_of(socket);
    let waiting = Waiting {
        client,
        socket: socket.clone(),
    };
    let bound = rooms.directory.bindings.room_of(client);
    // Who is in a room and asks for none in particular means that one: a new name, say.
    let stays = bound.filter(|room| match &request.room {
        Some(code) => room.code.eq_ignore_ascii_case(code),
        None => request.create.is_none() && request.queue.is_none(),
    });
    let place = match stays {
        Some(room) => Ok(Place::Room(room, false)),
        None => rooms
            .directory
            .place(&request, waiting, &rooms.office, &rooms.gateway),
    };
    let (room, promised) = match place {
        Ok(Place::Room(room, promised)) => (room, promised),
        Ok(Place::Queue(others, progress)) => {
            for other in others.iter().filter(|other| other.client != client) {
                // It has gone: its own disconnect takes it out of the queue.
                let _ = other.socket.emit("queue", &(progress,));
            }
            return answer(ack, &progress);
        }
        Err(refusal) => return answer(ack, &refusal),
    };
    if let Some(before) = rooms.directory.bindings.bind(client, room.clone())
        && before.id != room.id
    {
        // Full: that room finds the seat's client gone when its socket ends.
        let _ = rooms.office.post(&before, What::Leave { client });
    }
    let claim = request.token.map(|token| Claim {
        token,
        last_event: request.last_event,
    });
    let entry = Entry {
        name: request.name,
        token: env::token(),
        claim,
        watch: request.watch,
        schema: request.schema,
    };
    let entering = Entering {
        client,
        entry,
        socket: socket.clone(),
        ack,
        promised,
    };
    let enter = What::Enter(Box::new(entering));
    if let Err(Full(Letter { what, .. })) = rooms.office.post(&room, enter) {
        tracing::warn!(
            room = room.code,
            "a room's thread is too far behind to let anybody in"
        );
        rooms.directory.bindings.unbind(client, room.id);
        if promised {
            room.unpromise();
        }
        if let What::Enter(entering) = what {
            answer(entering.ack, &Refusal::too_far_behind());
        }
    }
    // It may have gone while it was being bound, before there was anything to unbind.
    if !socket.is_connected()
        && let Some(room) = rooms.directory.gone(client)
    {
        let _ = rooms.office.post(&room, What::Gone { client });
    }
}
