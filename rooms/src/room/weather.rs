//! A modelled network between the room and one client, which clients may ask for where the room allows it.
//!
//! Promises: it delays both ways as a link would, and what it delays stays in order; nothing but time is lost, up to the
//! thousands of messages that fit on the way. While no client has one, it costs a room nothing. Leaves out how links behave
//! ([`ringside_netcode::link`]).

use std::time::Duration;

use bytes::Bytes;
use ringside_netcode::link::{Link, LinkConfig};
use serde_json::value::RawValue;

use super::{Client, ClientId, Outlet, Room, To, Urgency};
use crate::game::Game;

/// Bytes of a question for the time.
const ASK_BYTES: usize = 32;
/// Bytes of an answer with the time.
const TIME_BYTES: usize = 32;

/// A bad network for one client, both ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weather {
    /// From the room to the client.
    pub down: LinkConfig,
    /// From the client to the room.
    pub up: LinkConfig,
}

/// What travels to a client through a modelled network.
#[derive(Clone, Debug)]
pub(super) enum Parcel {
    Frame(Vec<u8>),
    Event(&'static str, Box<RawValue>),
    /// The room's time when it was asked.
    Time(Duration),
}

/// What travels from a client through a modelled network.
#[derive(Clone, Debug)]
pub(super) enum Posted {
    Packet(Bytes),
    /// What time is it?
    AskTime,
}

/// A modelled network between a room and one client.
#[derive(Debug)]
pub(super) struct Links {
    pub down: Link<Parcel>,
    pub up: Link<Posted>,
}

impl Links {
    pub fn new(weather: Weather, seed: u64) -> Self {
        Self {
            down: Link::new(weather.down, seed),
            up: Link::new(weather.up, !seed),
        }
    }

    /// Hands over what has arrived by `now`.
    pub fn deliver(&mut self, client: ClientId, now: Duration, out: &mut impl Outlet) {
        while let Some(parcel) = self.down.receive(now) {
            match parcel {
                Parcel::Frame(bytes) => out.frame(client, &bytes),
                Parcel::Event(name, json) => {
                    out.event(To::Clients(&[client]), name, &json, Urgency::Reliable);
                }
                Parcel::Time(time) => out.time(client, time),
            }
        }
    }
}

impl<G: Game> Room<G> {
    /// Puts a bad network between the room and a client, or takes it away. What is on its way is lost then;
    /// frames build on each other, so the client gets a keyframe.
    pub fn set_weather(
        &mut self,
        client: ClientId,
        weather: Option<Weather>,
        out: &mut impl Outlet,
    ) {
        self.weathered |= weather.is_some();
        // Without taking a number of the game's: what clients ask for is no part of its luck.
        let seed = self.wishes.random.clone().next() ^ client.0;
        let delayed = self
            .spectators
            .get(&client)
            .is_some_and(|s| s.delayed.is_some());
        let Some(found) = self.client_mut(client) else {
            return;
        };
        // TCP carries it: the model may delay, it may not lose.
        let ordered = weather.map(|mut weather| {
            (weather.down.ordered, weather.up.ordered) = (true, true);
            weather
        });
        match (&mut found.links, ordered) {
            (Some(links), Some(weather)) => {
                links.down.configure(weather.down);
                links.up.configure(weather.up);
            }
            (links, weather) => {
                *links = weather.map(|weather| Box::new(Links::new(weather, seed)));
                found.viewer.request_keyframe();
                out.share(client, weather.is_none() && !delayed);
            }
        }
    }

    /// The client asks for the time, which it is told through its modelled network; without one at once.
    pub fn ask_time(&mut self, client: ClientId, at: Duration, out: &mut impl Outlet) {
        match self.client_mut(client).map(|found| &mut found.links) {
            Some(Some(links)) => links.up.send(at, Posted::AskTime, ASK_BYTES),
            _ => out.time(client, at),
        }
    }

    /// What has arrived through modelled networks: packets at the moment when they left theirs, though they are read now.
    pub(super) fn weather_up(&mut self, now: Duration, out: &mut impl Outlet) {
        let mut arrived = Vec::new();
        for client in self.clients_mut() {
            let Some(links) = &mut client.links else {
                continue;
            };
            while let Some(at) = links.up.next_arrival()
                && let Some(packet) = links.up.receive(now)
            {
                arrived.push((client.id, packet, at));
            }
        }
        for (client, posted, at) in arrived {
            match posted {
                Posted::Packet(packet) => self.read_packet(client, &packet, at, out),
                Posted::AskTime => {
                    if let Some(links) = self.client_mut(client).and_then(|it| it.links.as_mut()) {
                        links.down.send(now, Parcel::Time(now), TIME_BYTES);
                    }
                }
            }
        }
    }

    pub(super) fn weather_down(&mut self, now: Duration, out: &mut impl Outlet) {
        for client in self.clients_mut() {
            if let Some(links) = &mut client.links {
                links.deliver(client.id, now, out);
            }
        }
    }
}

/// Puts an event on a client's modelled network, if it has one.
pub(super) fn through_weather(
    client: &mut Client,
    name: &'static str,
    argument: &RawValue,
    now: Duration,
) -> bool {
    let Some(links) = &mut client.links else {
        return false;
    };
    let len = argument.get().len();
    links
        .down
        .send(now, Parcel::Event(name, argument.to_owned()), len);
    true
}
