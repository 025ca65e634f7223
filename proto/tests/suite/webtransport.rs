//! Engine.IO over a WebTransport stream: round trips, splits, limits, openings.

use proptest::collection::vec;
use proptest::prelude::*;
use ringside_proto::engineio::{Data, Misbehaviour, Packet, PacketKind};
use ringside_proto::webtransport::{Decoder, Opening, encode, header};

use super::{cases, chunks};

/// A packet as owned text or bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    Text(PacketKind, String),
    Binary(Vec<u8>),
}

fn decode(
    decoder: &mut Decoder,
    chunks: impl IntoIterator<Item = Vec<u8>>,
) -> (Vec<Seen>, Option<Misbehaviour>) {
    let mut seen = Vec::new();
    for chunk in chunks {
        let mut input = decoder.input(&chunk);
        loop {
            match input.next() {
                Ok(Some(Packet {
                    kind,
                    data: Data::Text(text),
                })) => seen.push(Seen::Text(kind, text.to_owned())),
                Ok(Some(Packet {
                    data: Data::Binary(bytes),
                    ..
                })) => seen.push(Seen::Binary(bytes.into_owned())),
                Ok(None) => break,
                Err(misbehaviour) => return (seen, Some(misbehaviour)),
            }
        }
    }
    (seen, None)
}

fn seen() -> impl Strategy<Value = Seen> {
    let kind = prop::sample::select(PacketKind::ALL.to_vec());
    prop_oneof![
        (kind, ".{0,200}").prop_map(|(kind, text)| Seen::Text(kind, text)),
        vec(any::<u8>(), 0..300).prop_map(Seen::Binary),
        vec(any::<u8>(), 65_530..65_540).prop_map(Seen::Binary),
    ]
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn any_split_of_a_stream_gives_its_packets(script in vec(seen(), 1..6), cuts in vec(any::<usize>(), 0..10)) {
        let mut stream = Vec::new();
        for item in &script {
            match item {
                Seen::Text(kind, text) => encode(&mut stream, &Packet::text(*kind, text)),
                Seen::Binary(bytes) => encode(&mut stream, &Packet::binary(bytes)),
            }
        }
        let mut decoder = Decoder::new(70_000);
        prop_assert_eq!(decode(&mut decoder, chunks(&stream, &cuts)), (script, None));
        prop_assert!(decoder.is_idle());
    }

    #[test]
    fn rubbish_gives_the_same_error_however_it_is_cut(bytes in vec(any::<u8>(), 0..60), cuts in vec(any::<usize>(), 0..6)) {
        let whole = decode(&mut Decoder::new(40), [bytes.clone()]);
        prop_assert_eq!(whole, decode(&mut Decoder::new(40), chunks(&bytes, &cuts)));
    }
}

#[test]
fn headers_are_those_of_the_reference() {
    assert_eq!(&*header(false, 125), [125]);
    assert_eq!(&*header(true, 126), [0xfe, 0, 126]);
    assert_eq!(&*header(false, 0xffff), [126, 0xff, 0xff]);
    assert_eq!(&*header(true, 0x1_0000), [0xff, 0, 0, 0, 0, 0, 1, 0, 0]);
}

#[test]
fn limits_hold_on_the_header() {
    let refused = |bytes: &[u8]| decode(&mut Decoder::new(100), [bytes.to_vec()]).1;
    assert_eq!(refused(&[0]), Some(Misbehaviour::EmptyFrame));
    assert_eq!(refused(&[101]), Some(Misbehaviour::PayloadTooBig));
    assert_eq!(
        refused(&[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        Some(Misbehaviour::PayloadTooBig)
    );
    assert_eq!(refused(&[1, b'9']), Some(Misbehaviour::UnknownPacketType));
    assert_eq!(refused(&[2, b'4', 0xff]), Some(Misbehaviour::InvalidUtf8));
    // A binary message of no byte: accepted when it comes, sent as the text packet "b".
    assert_eq!(
        decode(&mut Decoder::new(100), [vec![0x80]]),
        (vec![Seen::Binary(vec![])], None)
    );
    let mut empty = Vec::new();
    encode(&mut empty, &Packet::binary(b""));
    assert_eq!(empty, [1, b'b']);
    let mut finished = Decoder::new(100);
    assert!(decode(&mut finished, [vec![0]]).1.is_some());
    assert_eq!(decode(&mut finished, [vec![1, b'2']]), (vec![], None));
    assert!(size_of::<Decoder>() <= 16);
}

#[test]
fn the_first_packet_says_what_the_stream_is() {
    let opening = |kind, text| Opening::from_packet(&Packet::text(kind, text));
    assert_eq!(opening(PacketKind::Open, ""), Ok(Opening::Fresh));
    assert_eq!(
        opening(PacketKind::Open, r#"{"sid":"abc"}"#),
        Ok(Opening::Upgrade {
            sid: "abc".to_owned()
        })
    );
    assert_eq!(
        opening(PacketKind::Open, "{}"),
        Err(Misbehaviour::InvalidOpen)
    );
    assert_eq!(
        opening(PacketKind::Ping, "probe"),
        Err(Misbehaviour::UnexpectedPacket)
    );
    assert_eq!(
        Opening::from_packet(&Packet::binary(b"0")),
        Err(Misbehaviour::UnexpectedPacket)
    );
}
