//! permessage-deflate: round trips through frames, damaged streams, bombs.

use proptest::collection::vec;
use proptest::prelude::*;
use ringside_proto::ws::deflate::{Deflater, INFLATION_FREE_BYTES, Inflater};
use ringside_proto::ws::{Decoder, Event, Limits, Misbehaviour, OpCode, Role, server_header};

use super::ws_stream::{Seen, decode, raw_frame};
use super::{cases, chunks};

fn compressed_frame(op: OpCode, message: &[u8]) -> Vec<u8> {
    let payload = Deflater::new(6).deflate(message);
    let mut frame = server_header(op, payload.len()).compressed().to_vec();
    frame.extend_from_slice(&payload);
    frame
}

fn decoder() -> Decoder {
    Decoder::new(Role::Client, Limits::default()).with_deflate(true)
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn what_is_deflated_inflates_to_itself(
        messages in vec(prop_oneof![vec(any::<u8>(), 0..3000), vec(0u8..3, 0..30_000)], 1..4),
        cuts in vec(any::<usize>(), 0..6),
    ) {
        // One deflater and one inflater for all of them, as one serves all connections.
        let mut deflater = Deflater::new(6);
        let mut inflater = Inflater::new();
        let mut stream = Vec::new();
        for message in &messages {
            let payload = deflater.deflate(message);
            prop_assert_eq!(&inflater.inflate(payload.clone(), 1_000_000).unwrap(), message);
            let parts = chunks(&payload, &cuts);
            for (i, part) in parts.iter().enumerate() {
                let fin = if i + 1 == parts.len() { 0x80 } else { 0 };
                stream.extend(raw_frame(fin | if i == 0 { 0x42 } else { 0 }, None, part));
            }
        }
        let (seen, error) = decode(&mut decoder(), chunks(&stream, &cuts));
        prop_assert_eq!(error, None);
        prop_assert_eq!(seen, messages.into_iter().map(Seen::Binary).collect::<Vec<_>>());
    }

    #[test]
    fn damage_is_an_error_or_other_bytes_but_never_a_panic(payload in vec(any::<u8>(), 0..200)) {
        let _ = Inflater::new().inflate(payload, 10_000);
    }
}

#[test]
fn the_examples_of_rfc_7692() {
    // §7.2.3.1: "Hello" in one fixed Huffman block, as one frame and as two.
    let hello = Seen::Text("Hello".to_owned());
    let whole = b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00".to_vec();
    assert_eq!(decode(&mut decoder(), [whole]), (vec![hello.clone()], None));
    let first = b"\x41\x03\xf2\x48\xcd".to_vec();
    let second = b"\x80\x04\xc9\xc9\x07\x00".to_vec();
    assert_eq!(
        decode(&mut decoder(), [first, second]),
        (vec![hello.clone()], None)
    );
    // §7.2.3.3: a block without compression; §7.2.3.4: a final block; §7.2.3.5: two blocks.
    for frame in [
        &b"\xc1\x0b\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"[..],
        b"\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\x00\x00",
        b"\xc1\x0d\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",
    ] {
        assert_eq!(
            decode(&mut decoder(), [frame.to_vec()]),
            (vec![hello.clone()], None),
            "{frame:x?}"
        );
    }
    assert_eq!(
        Deflater::new(6).deflate(b"Hello"),
        b"\xf2\x48\xcd\xc9\xc9\x07\x00"
    );
}

#[test]
fn rsv1_has_a_meaning_only_where_it_may() {
    let frame = compressed_frame(OpCode::Text, b"x");
    let mut plain = Decoder::new(Role::Client, Limits::default());
    assert_eq!(
        decode(&mut plain, [frame]).1,
        Some(Misbehaviour::ReservedBits)
    );
    for first in [0xc9, 0xc0, 0xa1, 0x91, 0xe1] {
        let mut stream = raw_frame(0x01, None, b"");
        stream.extend(raw_frame(first, None, b""));
        let misbehaviour = decode(&mut decoder(), [stream]).1;
        assert_eq!(misbehaviour, Some(Misbehaviour::ReservedBits), "{first:x}");
    }
}

#[test]
fn an_inflater_can_be_lent() {
    let mut inflater = Inflater::default();
    let mut decoder = decoder();
    for word in ["one", "two"] {
        let mut frame = compressed_frame(OpCode::Text, word.as_bytes());
        let mut input = decoder.input_with(&mut frame, &mut inflater);
        assert_eq!(input.next(), Ok(Some(Event::Text(word))));
        assert_eq!(input.next(), Ok(None));
    }
}

#[test]
fn bombs_stop_at_the_limit() {
    // 60 kB of zeros from 80 bytes: more than 100:1, within the free allowance.
    let honest = vec![0; INFLATION_FREE_BYTES - 1];
    assert_eq!(
        decode(&mut decoder(), [compressed_frame(OpCode::Binary, &honest)]).1,
        None
    );
    let bomb = compressed_frame(OpCode::Binary, &vec![0; 900_000]);
    assert!(bomb.len() < 1_000);
    assert_eq!(
        decode(&mut decoder(), [bomb]).1,
        Some(Misbehaviour::InflatesTooFar)
    );
    // Less than 100:1, but above the limit of a message.
    let mut deflater = Deflater::new(1);
    let big: Vec<u8> = (0..300_000u32)
        .flat_map(|i| (i % 999).to_le_bytes())
        .collect();
    let error = Inflater::new().inflate(deflater.deflate(&big), 100_000);
    assert_eq!(error, Err(Misbehaviour::MessageTooBig));
    assert_eq!(
        Inflater::new().inflate(deflater.deflate(&big), big.len()),
        Ok(big)
    );
}

#[test]
fn text_is_validated_after_inflation() {
    let frame = compressed_frame(OpCode::Text, b"\xff\xfe");
    assert_eq!(
        decode(&mut decoder(), [frame]).1,
        Some(Misbehaviour::InvalidUtf8)
    );
    let damaged = raw_frame(0xc1, None, b"\xff\xff\xff\xff");
    assert_eq!(
        decode(&mut decoder(), [damaged]).1,
        Some(Misbehaviour::InvalidDeflate)
    );
}
