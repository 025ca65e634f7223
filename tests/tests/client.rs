//! The Rust client against our gateway, and against servers that misbehave, die, or say nothing.
//!
//! What it has in common with the stock client, step for step, is compared in `client/web/test`.

#[path = "client/bad_servers.rs"]
mod bad_servers;
#[path = "client/lifecycle.rs"]
mod lifecycle;
#[path = "client/quic.rs"]
mod quic;
#[path = "client/scripted.rs"]
mod scripted;
#[path = "client/session.rs"]
mod session;
#[path = "client/tls.rs"]
mod tls;
#[path = "client/world.rs"]
mod world;
