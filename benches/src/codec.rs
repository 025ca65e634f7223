//! What the codec benches measure: streams of masked frames, an event of sixty bytes, payloads.
//!
//! Both `benches/codec.rs` (wall time, with rivals) and `instructions/codec.rs` (instructions) use
//! it, so that both speak of the same bytes.

use std::io::{self, Read, Write};

use ringside_proto::ws::{OpCode, encode_masked_frame};
use serde::Serialize;

/// Bytes of the payloads that are unmasked: below and above every boundary of lengths and caches.
pub const FRAME_BYTES: [usize; 6] = [16, 60, 125, 512, 4_096, 65_000];

/// An event as a game client sends it: sixty bytes.
pub const EVENT: &str = r#"2["input",{"seq":4711,"dx":-0.5,"dy":1,"fire":true,"t":123}]"#;

const _: () = assert!(EVENT.len() == 60);

/// The arguments of [`EVENT`].
#[derive(Debug, serde::Deserialize)]
pub struct Input {
    /// A running number.
    pub seq: u32,
    /// Wanted movement.
    pub dx: f32,
    /// Wanted movement.
    pub dy: f32,
    /// The trigger.
    pub fire: bool,
    /// Milliseconds of the client.
    pub t: u64,
}

/// The argument of an event that is sent: its JSON is about as long as it says.
#[derive(Debug, Serialize)]
pub struct State {
    id: u32,
    x: f32,
    y: f32,
    name: String,
}

/// Arguments whose event is near `bytes` bytes long.
pub fn state(bytes: usize) -> State {
    State { id: 7, x: 1.5, y: -2.25, name: "p".repeat(bytes.saturating_sub(38)) }
}

/// A stream of masked frames of one size, and how many there are: at least sixteen, some 64 KiB.
pub fn frames(op: OpCode, payload_len: usize) -> (Vec<u8>, usize) {
    let count = (65_536 / payload_len).clamp(16, 256);
    let payload: Vec<u8> = (0..payload_len).map(|i| b'a' + (i % 26) as u8).collect();
    let mut stream = Vec::new();
    for i in 0..count {
        encode_masked_frame(&mut stream, op, &payload, [0x37, 0xfa, 0x21, i as u8]);
    }
    (stream, count)
}

/// A connection that never ends: the same frames again and again, as many at a time as a reader
/// wants. What is written is counted and thrown away.
#[derive(Debug)]
pub struct Endless {
    stream: Vec<u8>,
    at: usize,
    /// Bytes written.
    pub written: usize,
}

impl Endless {
    /// Over this stream.
    pub const fn new(stream: Vec<u8>) -> Self {
        Self { stream, at: 0, written: 0 }
    }
}

impl Read for Endless {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.at == self.stream.len() {
            self.at = 0;
        }
        let len = buf.len().min(self.stream.len() - self.at);
        buf[..len].copy_from_slice(&self.stream[self.at..self.at + len]);
        self.at += len;
        Ok(len)
    }
}

impl Write for Endless {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.written += buf.len();
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
