//! What the codec benches measure: streams of masked frames, an event of sixty bytes, events to send.
//!
//! Both `benches/codec.rs` (wall time, with rivals) and `instructions/codec.rs` (instructions) use
//! it, so that both speak of the same bytes.

use std::io::{self, Read, Write};

use ringside_proto::ws::{Decoder, Event, Limits, OpCode, Role, encode_masked_frame};
use serde::{Deserialize, Serialize};

/// Bytes of the payloads that are unmasked: below and above every boundary of lengths and caches.
pub const FRAME_BYTES: [usize; 6] = [16, 60, 125, 512, 4_096, 65_000];

/// An event as a game client sends it: sixty bytes.
pub const EVENT: &str = r#"2["input",{"seq":4711,"dx":-0.5,"dy":1,"fire":true,"t":123}]"#;

const _: () = assert!(EVENT.len() == 60);

/// The argument of [`EVENT`].
#[derive(Debug, Deserialize)]
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

/// The argument of an event that is sent, as the state of one player.
#[derive(Clone, Debug, Serialize)]
pub struct State {
    id: u32,
    x: f32,
    y: f32,
    n: String,
}

/// The name under which a [`State`] is sent.
pub const STATE: &str = "s";

/// A state whose JSON has so many bytes: at least 32.
pub fn state(bytes: usize) -> State {
    State {
        id: 7,
        x: 1.5,
        y: -2.5,
        n: "p".repeat(bytes - 32),
    }
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
        Self {
            stream,
            at: 0,
            written: 0,
        }
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

/// Our reading side, as the gateway has it: one scratch buffer, frames decoded where they lie.
#[derive(Debug)]
pub struct Reading {
    stream: Endless,
    scratch: Vec<u8>,
    decoder: Decoder,
}

/// Bytes of a shard's scratch buffer.
const SCRATCH_BYTES: usize = 64 * 1024;

impl Reading {
    /// Reads this stream for ever.
    pub fn new(stream: Vec<u8>) -> Self {
        Self {
            stream: Endless::new(stream),
            scratch: vec![0; SCRATCH_BYTES],
            decoder: Decoder::new(Role::Server, Limits::default()),
        }
    }

    /// Reads until at least so many messages are complete, and hands them out.
    pub fn read_messages(&mut self, count: usize, mut each: impl FnMut(&[u8])) -> usize {
        let mut seen = 0;
        while seen < count {
            seen += self.read(&mut each);
        }
        seen
    }

    /// Reads once and hands out the payload of every message that is complete; returns how many.
    ///
    /// # Panics
    /// The stream is not what it should be.
    fn read(&mut self, each: &mut impl FnMut(&[u8])) -> usize {
        let read = self.stream.read(&mut self.scratch);
        let len = read.expect("memory can be read");
        let mut input = self.decoder.input(&mut self.scratch[..len]);
        let mut count = 0;
        while let Some(event) = input.next().expect("the stream is well formed") {
            match event {
                Event::Text(text) => each(text.as_bytes()),
                Event::Binary(bytes) => each(bytes),
                other => panic!("{other:?}"),
            }
            count += 1;
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_has_the_bytes_it_was_asked_for() {
        for bytes in [32, 512] {
            let json = serde_json::to_string(&state(bytes)).expect("it is a plain struct");
            assert_eq!(json.len(), bytes);
        }
    }

    #[test]
    fn every_frame_of_the_stream_is_read() {
        for len in FRAME_BYTES {
            let (stream, count) = frames(OpCode::Text, len);
            let mut reading = Reading::new(stream);
            let mut bytes = 0;
            let seen = reading.read_messages(count, |payload| bytes += payload.len());
            assert!(seen >= count);
            assert_eq!(bytes, len * seen);
        }
    }
}
