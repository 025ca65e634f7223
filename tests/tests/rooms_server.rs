//! A game server with its threads and sockets, met by our own client: matchmaking, seats over restarts and
//! storms, a room that panics, rooms that move, many at once.
//!
//! Every wait is for a condition with a deadline; ports are picked by the system. What a room promises by
//! itself is proved on simulated time, in the crate.

#[path = "rooms_server/elsewhere.rs"]
mod elsewhere;
#[path = "rooms_server/matchmaking.rs"]
mod matchmaking;
#[path = "rooms_server/overload.rs"]
mod overload;
#[path = "rooms_server/small_rooms.rs"]
mod small_rooms;
#[path = "rooms_server/survival.rs"]
mod survival;
#[path = "rooms_server/walk.rs"]
mod walk;
#[path = "rooms_server/world.rs"]
mod world;
