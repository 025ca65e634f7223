//! Engine.IO packets, payloads, queries: round trips, sizes, refusals.

use proptest::collection::vec;
use proptest::prelude::*;
use ringside_proto::engineio::payload::{
    self, decode_v3, encode_v3_binary, encode_v3_text, encoded_len,
};
use ringside_proto::engineio::{
    Data, HandshakeError, Misbehaviour, OpenPacket, Packet, PacketKind, Query, RequestKind,
    Transport, Version,
};

use super::cases;

/// The parts of a packet, owned.
#[derive(Clone, Debug)]
struct Parts {
    kind: PacketKind,
    text: String,
    bytes: Option<Vec<u8>>,
}

impl Parts {
    fn packet(&self) -> Packet<'_> {
        match &self.bytes {
            Some(bytes) => Packet::binary(bytes),
            None => Packet::text(self.kind, &self.text),
        }
    }
}

fn parts() -> impl Strategy<Value = Parts> {
    let kind = prop::sample::select(PacketKind::ALL.to_vec());
    // No separator: version 4 cannot carry it in a payload.
    let text = "[^\u{1e}]{0,20}";
    (kind, text, proptest::option::of(vec(any::<u8>(), 0..60)))
        .prop_map(|(kind, text, bytes)| Parts { kind, text, bytes })
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn a_packet_survives_every_form(parts in parts(), v3: bool) {
        let version = if v3 { Version::V3 } else { Version::V4 };
        let packet = parts.packet();
        let mut frame = Vec::new();
        packet.encode(&mut frame, version);
        prop_assert_eq!(frame.len(), packet.encoded_len(version));
        let decoded = if packet.is_binary() {
            Packet::decode_binary(&frame, version)
        } else {
            Packet::decode_text(std::str::from_utf8(&frame).unwrap(), version)
        };
        prop_assert_eq!(decoded.as_ref(), Ok(&packet));

        let mut text = Vec::new();
        packet.encode_as_text(&mut text, version);
        prop_assert_eq!(text.len(), packet.encoded_as_text_len(version));
        let text = String::from_utf8(text).unwrap();
        prop_assert_eq!(Packet::decode_text(&text, version), Ok(packet));
    }

    #[test]
    fn a_payload_survives_every_form(parts in vec(parts(), 1..8)) {
        let packets: Vec<Packet<'_>> = parts.iter().map(Parts::packet).collect();
        let mut body = Vec::new();
        payload::encode(&mut body, &packets);
        prop_assert_eq!(body.len(), encoded_len(&packets));
        let decoded: Result<Vec<_>, _> = payload::decode(&body).unwrap().collect();
        prop_assert_eq!(decoded.as_ref(), Ok(&packets));

        let (mut text, mut binary) = (Vec::new(), Vec::new());
        encode_v3_text(&mut text, &packets);
        encode_v3_binary(&mut binary, &packets);
        for (body, is_binary) in [(text, false), (binary, true)] {
            let decoded: Result<Vec<_>, _> = decode_v3(&body, is_binary).unwrap().collect();
            prop_assert_eq!(decoded.as_ref(), Ok(&packets));
        }
    }

    #[test]
    fn rubbish_never_panics_and_ends(body in vec(any::<u8>(), 0..80)) {
        let bound = body.len() + 2;
        if let Ok(packets) = payload::decode(&body) {
            prop_assert!(packets.count() <= bound);
        }
        for binary in [false, true] {
            if let Ok(packets) = decode_v3(&body, binary) {
                prop_assert!(packets.count() <= bound);
            }
        }
    }

    #[test]
    fn an_open_packet_survives(sid in "[A-Za-z0-9_-]{20}", ping_interval: u32, ping_timeout: u32, max_payload: u32) {
        let upgrades = vec!["websocket".into()];
        let open = OpenPacket { sid: sid.into(), upgrades, ping_interval, ping_timeout, max_payload };
        let mut json = Vec::new();
        open.encode(&mut json);
        prop_assert_eq!(OpenPacket::decode(std::str::from_utf8(&json).unwrap()), Ok(open));
    }
}

#[test]
fn the_open_packet_has_exactly_its_five_members() {
    let open = OpenPacket {
        sid: "x".into(),
        upgrades: vec![],
        ping_interval: 25_000,
        ping_timeout: 20_000,
        max_payload: 1_000_000,
    };
    let mut json = Vec::new();
    open.encode(&mut json);
    assert_eq!(
        json,
        br#"{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#
    );
    assert_eq!(OpenPacket::decode("{}"), Err(Misbehaviour::InvalidOpen));
    // A server of version 3 sends no maxPayload.
    let old = r#"{"sid":"x","upgrades":["websocket"],"pingInterval":1,"pingTimeout":2}"#;
    assert_eq!(OpenPacket::decode(old).map(|open| open.max_payload), Ok(0));
}

#[test]
fn every_damaged_packet_is_named() {
    let text = |text| Packet::decode_text(text, Version::V4).unwrap_err();
    assert_eq!(text(""), Misbehaviour::EmptyPacket);
    assert_eq!(text("7"), Misbehaviour::UnknownPacketType);
    assert_eq!(text("é"), Misbehaviour::UnknownPacketType);
    assert_eq!(text("b%%%"), Misbehaviour::InvalidBase64);
    let v3 = |text| Packet::decode_text(text, Version::V3).unwrap_err();
    assert_eq!(v3("b"), Misbehaviour::EmptyPacket);
    assert_eq!(v3("b9AA"), Misbehaviour::UnknownPacketType);
    assert_eq!(v3("b€"), Misbehaviour::UnknownPacketType);
    assert_eq!(
        Packet::decode_binary(&[], Version::V3),
        Err(Misbehaviour::EmptyPacket)
    );
    assert_eq!(
        Packet::decode_binary(&[7], Version::V3),
        Err(Misbehaviour::UnknownPacketType)
    );
    // Padding is optional.
    let unpadded = Packet::decode_text("bAQI", Version::V4).unwrap();
    assert_eq!(unpadded.data, Data::Binary(vec![1, 2].into()));
}

#[test]
fn a_payload_gives_what_comes_before_an_error() {
    let results: Vec<_> = payload::decode(b"4a\x1e9\x1e4b").unwrap().collect();
    assert_eq!(
        results,
        [
            Ok(Packet::text(PacketKind::Message, "a")),
            Err(Misbehaviour::UnknownPacketType)
        ]
    );
    let results: Vec<_> = payload::decode(b"").unwrap().collect();
    assert_eq!(results, [Err(Misbehaviour::EmptyPacket)]);
    assert!(payload::decode(b"4\xff").is_err());
}

#[test]
fn payloads_of_version_3_count_utf16_units() {
    // From the protocol's own example: "€€€€" is five units with its type; 💩 alone is three.
    let packets = [
        Packet::text(PacketKind::Message, "€€€€"),
        Packet::text(PacketKind::Message, "💩"),
    ];
    let mut body = Vec::new();
    encode_v3_text(&mut body, &packets);
    assert_eq!(body, "5:4€€€€3:4💩".as_bytes());
    let mut empty = Vec::new();
    encode_v3_text(&mut empty, &[]);
    assert_eq!(empty, b"0:");
    assert_eq!(decode_v3(b"0:", false).unwrap().count(), 0);
    for (body, binary) in [
        (&b"x:4"[..], false),
        (b":4", false),
        (b"5:4a", false),
        ("2:4💩".as_bytes(), false),
        (b"12345678901:4", false),
        (b"4", false),
        (b"\x00", true),
        (b"\x00\xff4", true),
        (b"\x02\x01\xff4", true),
        (b"\x01\x0a\xff4", true),
        (b"\x01\x05\xff\x04", true),
        (
            b"\x00\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\xff",
            true,
        ),
    ] {
        let last = decode_v3(body, binary).unwrap().last();
        assert_eq!(last, Some(Err(Misbehaviour::InvalidLength)), "{body:x?}");
    }
    assert_eq!(
        decode_v3(b"\x00\x01\xff\xff", true).unwrap().last(),
        Some(Err(Misbehaviour::InvalidUtf8))
    );
    assert!(decode_v3(b"", false).is_err());
    assert!(decode_v3(b"\xff", false).is_err());
}

#[test]
fn queries_are_judged_in_the_order_of_the_reference() {
    let check = |query, method, upgrade, v3| Query::parse(query).check(method, upgrade, v3);
    let handshake = |version, transport| Ok(RequestKind::Handshake { version, transport });
    use HandshakeError::*;
    let good = "EIO=4&transport=polling&t=abc";
    assert_eq!(
        check(good, "GET", false, false),
        handshake(Version::V4, Transport::Polling)
    );
    assert_eq!(
        check("EIO=4&transport=websocket", "GET", true, false),
        handshake(Version::V4, Transport::WebSocket)
    );
    assert_eq!(
        check("EIO=3&transport=polling&b64=1", "GET", false, true),
        handshake(Version::V3, Transport::Polling)
    );
    for (query, method, upgrade, error) in [
        ("", "GET", false, UnknownTransport),
        ("EIO=4&transport=abc", "GET", false, UnknownTransport),
        (
            "EIO=4&transport=constructor",
            "GET",
            false,
            UnknownTransport,
        ),
        (
            "EIO=4&transport=webtransport",
            "GET",
            false,
            UnknownTransport,
        ),
        ("EIO=4&transport=polling", "POST", false, BadHandshakeMethod),
        (
            "EIO=4&transport=polling",
            "OPTIONS",
            false,
            BadHandshakeMethod,
        ),
        ("EIO=4&transport=websocket", "GET", false, BadRequest),
        ("EIO=4&transport=polling", "GET", true, BadRequest),
        ("transport=polling", "GET", false, UnsupportedVersion),
        (
            "EIO=abc&transport=polling",
            "GET",
            false,
            UnsupportedVersion,
        ),
        ("EIO=3&transport=polling", "GET", false, UnsupportedVersion),
        ("EIO=4&transport=polling&j=0", "GET", false, BadRequest),
    ] {
        assert_eq!(check(query, method, upgrade, false), Err(error), "{query}");
    }
    assert_eq!(
        check("EIO=4&transport=polling&sid=abc", "POST", false, false),
        Ok(RequestKind::Existing {
            sid: "abc",
            transport: Transport::Polling
        })
    );
    let query = Query::parse("sid=&sid=x&EIO=4&t=1&b64");
    assert_eq!((query.sid, query.t, query.b64), (None, Some("1"), false));
}

#[test]
fn refusals_have_the_exact_bodies_of_the_reference() {
    for (number, error) in HandshakeError::ALL.into_iter().enumerate() {
        assert_eq!(error.code() as usize, number);
        assert_eq!(error.status(), if number == 4 { 403 } else { 400 });
        let body = format!(r#"{{"code":{number},"message":"{}"}}"#, error.message());
        assert_eq!(error.body(), body);
        assert_eq!(error.to_string(), error.message());
    }
    for transport in [
        Transport::Polling,
        Transport::WebSocket,
        Transport::WebTransport,
    ] {
        assert_eq!(Transport::from_name(transport.name()), Some(transport));
    }
}
