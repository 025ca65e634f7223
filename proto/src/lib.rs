//! WebSocket, Engine.IO and Socket.IO as values, without I/O.
//!
//! Bytes and `now` come in; events, actions and the next deadline go out. Everything a hostile
//! peer can do is answered by a typed error with a close code and a sentence ([`close`]); nothing
//! panics, and nothing is allocated from a length that a peer merely declared.
//!
//! ```text
//!   socketio    packets, namespaces, acks, attachments, recovery
//!      │
//!   engineio    sessions: open, heartbeat, upgrade, close; polling payloads
//!      │
//!   ws · webtransport    frames on a byte stream
//! ```
//!
//! The layers do not call each other: the caller carries the output of one to the next, so each
//! can be tested alone and used alone. This crate opens no socket, starts no thread, reads no
//! clock ([`time::Millis`] is an argument), draws no random number (mask keys and ids are
//! arguments) and knows no other crate of the workspace.
#![forbid(unsafe_code)]

pub mod close;
pub mod engineio;
pub mod socketio;
pub mod time;
pub mod webtransport;
pub mod ws;
