//! The msgpack parser: round trips with bytes in place, refusals, no trust in declared lengths.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use ringside_proto::socketio::msgpack::{decode, encode_ack, encode_event, encode_other};
use ringside_proto::socketio::{Kind, Limits, Misbehaviour};
use serde_json::json;

use super::cases;
use super::socketio_args::{Node, node};

fn refused(bytes: &[u8]) -> Misbehaviour {
    decode(bytes, &Limits::default()).expect_err("refused")
}

/// Any packet, through the msgpack library itself.
fn packed(value: &serde_json::Value) -> Vec<u8> {
    rmp_serde::to_vec_named(value).expect("JSON is msgpack")
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn packets_survive(
        namespace in "/[a-z]{0,8}",
        id in proptest::option::of(0u64..1 << 53),
        first in node(),
        second in node(),
    ) {
        let args = (first, second);
        let mut bytes = Vec::new();
        encode_event(&mut bytes, &namespace, id, "e", &args, None).unwrap();
        let packet = decode(&bytes, &Limits::default()).unwrap();
        prop_assert_eq!((packet.kind, &*packet.namespace, packet.id), (Kind::Event, namespace.as_str(), id));
        prop_assert_eq!(packet.event.as_deref(), Some("e"));
        prop_assert_eq!(packet.args().parse::<(Node, Node)>().unwrap(), args.clone());

        let mut bytes = Vec::new();
        encode_ack(&mut bytes, &namespace, 7, &args.0).unwrap();
        let packet = decode(&bytes, &Limits::default()).unwrap();
        prop_assert_eq!((packet.kind, packet.id), (Kind::Ack, Some(7)));
        prop_assert_eq!(packet.args().parse::<Node>().unwrap(), args.0);
    }

    #[test]
    fn rubbish_never_panics(bytes in vec(any::<u8>(), 0..60)) {
        let _ = decode(&bytes, &Limits::default());
    }

    #[test]
    fn damage_never_panics(at in any::<usize>(), with: u8, cut in any::<usize>()) {
        let mut bytes = packed(&json!({"type": 2, "data": ["e", {"a": [1, "two"]}], "nsp": "/", "id": 3}));
        let at = at % bytes.len();
        bytes[at] = with;
        bytes.truncate(cut % (bytes.len() + 1));
        if let Ok(packet) = decode(&bytes, &Limits::default()) {
            let _ = packet.args().parse::<serde_json::Value>();
        }
    }
}

#[test]
fn other_packets_survive() {
    let limits = Limits::default();
    let mut bytes = Vec::new();
    encode_other(&mut bytes, Kind::Connect, "/", Some(&json!({"sid": "x"}))).unwrap();
    let packet = decode(&bytes, &limits).unwrap();
    assert_eq!(packet.kind, Kind::Connect);
    assert_eq!(
        packet.data::<serde_json::Value>().unwrap(),
        json!({"sid": "x"})
    );
    bytes.clear();
    encode_other::<()>(&mut bytes, Kind::Disconnect, "/a", None).unwrap();
    let packet = decode(&bytes, &limits).unwrap();
    assert_eq!((packet.kind, &*packet.namespace), (Kind::Disconnect, "/a"));
    assert!(packet.data::<()>().is_err());
    bytes.clear();
    encode_other(
        &mut bytes,
        Kind::ConnectError,
        "/",
        Some(&json!({"message": "no"})),
    )
    .unwrap();
    assert_eq!(decode(&bytes, &limits).unwrap().kind, Kind::ConnectError);
    assert!(encode_event(&mut bytes, "/", None, "connect", &(), None).is_err());
}

#[test]
fn the_wire_form_is_that_of_the_package() {
    // notepack.io encodes {type:2,data:["e",<Buffer 01>],nsp:"/",id:5} to these bytes.
    let mut bytes = Vec::new();
    encode_event(
        &mut bytes,
        "/",
        Some(5),
        "e",
        &Bytes::from_static(&[1]),
        None,
    )
    .unwrap();
    assert_eq!(
        bytes,
        b"\x84\xa4type\x02\xa4data\x92\xa1e\xc4\x01\x01\xa3nsp\xa1/\xa2id\x05"
    );
}

#[test]
fn every_refusal_has_its_cause() {
    use Misbehaviour::*;
    for (value, misbehaviour) in [
        (
            json!({"type": 5, "data": ["x"], "nsp": "/"}),
            UnknownPacketType,
        ),
        (json!({"data": ["x"], "nsp": "/"}), UnknownPacketType),
        (json!({"type": 2, "data": ["x"]}), InvalidMsgpack),
        (json!({"type": 2, "data": ["x"], "nsp": 7}), InvalidMsgpack),
        (
            json!({"type": 2, "data": ["x"], "nsp": "/", "id": "x"}),
            InvalidMsgpack,
        ),
        (
            json!({"type": 2, "data": ["x"], "nsp": "/", "id": 1u64 << 53}),
            IllegalAckId,
        ),
        (json!({"type": 2, "data": {}, "nsp": "/"}), InvalidPayload),
        (json!({"type": 2, "data": 1, "nsp": "/"}), InvalidPayload),
        (json!({"type": 2, "data": null, "nsp": "/"}), InvalidPayload),
        (json!({"type": 2, "data": true, "nsp": "/"}), InvalidPayload),
        (json!({"type": 2, "data": 0.5, "nsp": "/"}), InvalidPayload),
        (json!({"type": 2, "data": [], "nsp": "/"}), IllegalEventName),
        (
            json!({"type": 2, "data": [{"a": 1}], "nsp": "/"}),
            IllegalEventName,
        ),
        (
            json!({"type": 2, "data": [[1]], "nsp": "/"}),
            IllegalEventName,
        ),
        (
            json!({"type": 2, "data": [null], "nsp": "/"}),
            IllegalEventName,
        ),
        (
            json!({"type": 2, "data": [true], "nsp": "/"}),
            IllegalEventName,
        ),
        (
            json!({"type": 2, "data": ["connect"], "nsp": "/"}),
            ReservedEventName,
        ),
        (
            json!({"type": 2, "data": ["n".repeat(257)], "nsp": "/"}),
            EventNameTooLong,
        ),
        (
            json!({"type": 2, "data": ["n"], "nsp": "/".repeat(257)}),
            NamespaceTooLong,
        ),
        (json!({"type": 0, "data": "x", "nsp": "/"}), InvalidPayload),
        (json!({"type": 1, "data": {}, "nsp": "/"}), InvalidPayload),
        (json!({"type": 3, "data": {}, "nsp": "/"}), InvalidPayload),
        (json!({"type": 4, "data": [], "nsp": "/"}), InvalidPayload),
        (json!([]), InvalidMsgpack),
    ] {
        assert_eq!(refused(&packed(&value)), misbehaviour, "{value}");
    }
    // A number is a name; keys of the client's own are ignored.
    let numbered =
        packed(&json!({"type": 2, "data": [7], "nsp": "/", "options": {"compress": true}}));
    assert_eq!(
        decode(&numbered, &Limits::default())
            .unwrap()
            .event
            .as_deref(),
        Some("7")
    );
    // A repeated key, bytes after the packet, extensions where a name must be.
    assert_eq!(refused(b"\x82\xa4type\x02\xa4type\x02"), InvalidMsgpack);
    for trailing in [&[0xc0][..], &[0x91], &[0xa5], &[0xc1]] {
        let mut bytes = packed(&json!({"type": 1, "nsp": "/"}));
        bytes.extend_from_slice(trailing);
        assert_eq!(refused(&bytes), InvalidMsgpack, "{trailing:x?}");
    }
    assert_eq!(
        refused(b"\x83\xa4type\x02\xa4data\x91\xd4\x00\x00\xa3nsp\xa1/"),
        IllegalEventName
    );
    assert_eq!(
        refused(b"\x83\xa4type\x02\xa4data\xd4\x00\x00\xa3nsp\xa1/"),
        InvalidPayload
    );
    assert_eq!(
        refused(b"\x83\xa4type\x02\xa4data\x91\xc4\x01\x00\xa3nsp\xa1/"),
        IllegalEventName
    );
    assert_eq!(
        refused(b"\x83\xa4type\x02\xa4data\xc4\x01\x00\xa3nsp\xa1/"),
        InvalidPayload
    );
}

#[test]
fn depth_is_bounded() {
    let nested = |levels: usize| {
        let mut bytes = b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa1e".to_vec();
        bytes.extend(std::iter::repeat_n(0x91, levels));
        bytes.push(0xc0);
        decode(&bytes, &Limits::default()).map(|_| ())
    };
    assert_eq!(nested(60), Ok(()));
    assert_eq!(nested(100), Err(Misbehaviour::JsonTooDeep));
    assert_eq!(nested(100_000), Err(Misbehaviour::JsonTooDeep));
}
