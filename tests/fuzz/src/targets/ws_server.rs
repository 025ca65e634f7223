//! The WebSocket decoder at the server: the same events and the same error however the stream is
//! cut, no memory beyond what arrived, none after the end.

use ringside_proto::ws::{Decoder, Event, Limits, Misbehaviour, Role};

use super::cut;

/// Small, so that the fuzzer reaches them.
const LIMITS: Limits = Limits {
    message_bytes_max: 300,
    fragments_max: 4,
};

/// First byte: the size of the chunks. The rest: the stream.
pub fn run(data: &[u8]) {
    let Some((&size, stream)) = data.split_first() else {
        return;
    };
    compare(stream, usize::from(size), || {
        Decoder::new(Role::Server, LIMITS)
    });
}

/// Decodes a stream whole and in chunks.
pub fn compare(stream: &[u8], size: usize, decoder: impl Fn() -> Decoder) {
    let whole = decode(decoder(), cut(stream, stream.len()));
    let parts = decode(decoder(), cut(stream, size));
    assert_eq!(whole, parts);
}

fn decode(
    mut decoder: Decoder,
    chunks: impl Iterator<Item = Vec<u8>>,
) -> (Vec<String>, Option<Misbehaviour>) {
    let mut events = Vec::new();
    let mut arrived = 0;
    for mut chunk in chunks {
        arrived += chunk.len();
        let mut input = decoder.input(&mut chunk);
        loop {
            match input.next() {
                Ok(Some(event)) => {
                    if let Event::Close { code, .. } = event {
                        assert!(code.is_allowed_on_wire() || code.0 == 1005);
                    }
                    events.push(format!("{event:?}"));
                }
                Ok(None) => break,
                Err(misbehaviour) => {
                    assert_eq!(input.next(), Ok(None), "an error is the end");
                    assert!(decoder.is_finished() && decoder.is_idle());
                    return (events, Some(misbehaviour));
                }
            }
        }
        assert!(
            decoder.heap_bytes() <= 2 * arrived + 1024,
            "memory follows what arrived"
        );
    }
    (events, None)
}
