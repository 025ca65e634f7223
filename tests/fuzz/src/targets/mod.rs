//! One module a target, each with a `run` that takes the fuzzer's bytes.

pub mod engineio_payload;
pub mod engineio_session;
pub mod handshake;
pub mod inflate;
pub mod json;
pub mod msgpack;
pub mod netcode_frames;
pub mod netcode_input;
pub mod netcode_replay;
pub mod netcode_session;
pub mod socketio_acks;
pub mod socketio_assembly;
pub mod socketio_namespaces;
pub mod socketio_packet;
pub mod socketio_roundtrip;
pub mod webtransport;
pub mod ws_client;
pub mod ws_script;
pub mod ws_server;

/// A target's body.
pub type Run = fn(&[u8]);

/// Every target by its name, for the replay of corpora.
pub const ALL: &[(&str, Run)] = &[
    ("engineio_payload", engineio_payload::run),
    ("engineio_session", engineio_session::run),
    ("handshake", handshake::run),
    ("inflate", inflate::run),
    ("json", json::run),
    ("msgpack", msgpack::run),
    ("netcode_frames", netcode_frames::run),
    ("netcode_input", netcode_input::run),
    ("netcode_replay", netcode_replay::run),
    ("netcode_session", netcode_session::run),
    ("socketio_acks", socketio_acks::run),
    ("socketio_assembly", socketio_assembly::run),
    ("socketio_namespaces", socketio_namespaces::run),
    ("socketio_packet", socketio_packet::run),
    ("socketio_roundtrip", socketio_roundtrip::run),
    ("webtransport", webtransport::run),
    ("ws_client", ws_client::run),
    ("ws_script", ws_script::run),
    ("ws_server", ws_server::run),
];

/// Takes the fuzzer's bytes apart, one small number at a time; zero when they are used up.
pub struct Source<'a>(pub &'a [u8]);

impl<'a> Source<'a> {
    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let Some((&byte, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        byte
    }

    /// The next `len` bytes, or as many as are left.
    pub fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        bytes
    }

    /// Whether bytes are left.
    pub fn more(&self) -> bool {
        !self.0.is_empty()
    }
}

/// Cuts `bytes` into chunks of `size` bytes (the last may be shorter); never into none.
pub fn cut(bytes: &[u8], size: usize) -> impl Iterator<Item = Vec<u8>> + '_ {
    bytes.chunks(size.max(1)).map(<[u8]>::to_vec)
}
