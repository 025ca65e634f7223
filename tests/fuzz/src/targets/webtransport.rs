//! Engine.IO's framing on a stream: the same packets and the same error however it is cut.

use ringside_proto::engineio::Misbehaviour;
use ringside_proto::webtransport::{Decoder, Opening};

use super::cut;

/// First byte: the size of the chunks. The rest: the stream.
pub fn run(data: &[u8]) {
    let Some((&size, stream)) = data.split_first() else {
        return;
    };
    let whole = decode(cut(stream, stream.len()));
    let parts = decode(cut(stream, usize::from(size)));
    assert_eq!(whole, parts);
}

fn decode(chunks: impl Iterator<Item = Vec<u8>>) -> (Vec<String>, Option<Misbehaviour>) {
    let mut decoder = Decoder::new(200);
    let mut packets = Vec::new();
    for chunk in chunks {
        let mut left = chunk.len() + 1;
        let mut input = decoder.input(&chunk);
        loop {
            match input.next() {
                Ok(Some(packet)) => {
                    let _ = Opening::from_packet(&packet);
                    packets.push(format!("{packet:?}"));
                    // What is left gets shorter, and is the end of what was lent.
                    assert!(input.rest().len() < left && chunk.ends_with(input.rest()));
                    left = input.rest().len();
                }
                Ok(None) => break,
                Err(misbehaviour) => {
                    assert!(decoder.is_idle());
                    return (packets, Some(misbehaviour));
                }
            }
        }
    }
    (packets, None)
}
