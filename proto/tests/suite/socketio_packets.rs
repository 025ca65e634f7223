//! Socket.IO packets: the grammar, what is refused and why, attachments under limits.

use proptest::collection::vec;
use proptest::prelude::*;
use ringside_proto::socketio::{
    Decoder, EncodeError, EventName, Kind, Limits, Misbehaviour, Packet, RESERVED_EVENTS, Spread,
    encode_ack, encode_connect, encode_connect_error, encode_disconnect, encode_event,
};
use ringside_proto::time::Millis;
use serde_json::{Value, json};

use super::cases;

/// Scan and check: everything the reference's `decodeString` judges.
fn strict(text: &str) -> Result<Packet<'_>, Misbehaviour> {
    let packet = Packet::scan(text)?;
    packet.check(64)?;
    Ok(packet)
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9f64..1e9).prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map(".{0,5}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn namespace() -> impl Strategy<Value = String> {
    prop_oneof![Just("/".to_owned()), "/[a-zA-Z0-9_?=&é-]{1,12}"]
}

fn name() -> impl Strategy<Value = String> {
    any::<String>().prop_filter("not reserved", |name| {
        !RESERVED_EVENTS.contains(&name.as_str())
    })
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn an_event_survives(
        namespace in namespace(),
        id in proptest::option::of(0u64..1 << 53),
        name in name(),
        args in vec(json_value(), 0..4),
        offset in proptest::option::of("[0-9a-f]{1,8}\\.[0-9a-f]{1,8}"),
    ) {
        let mut text = Vec::new();
        let attachments = encode_event(&mut text, &namespace, id, &name, &Spread(&args), offset.as_deref()).unwrap();
        prop_assert!(attachments.is_empty());
        let text = String::from_utf8(text).unwrap();
        let packet = strict(&text).unwrap();
        prop_assert_eq!((packet.kind, packet.namespace, packet.id), (Kind::Event, namespace.as_str(), id));
        prop_assert_eq!(packet.event.unwrap().to_str(), name.as_str());
        let mut expected = vec![Value::from(name)];
        expected.extend(args);
        expected.extend(offset.map(Value::from));
        prop_assert_eq!(serde_json::from_str::<Value>(packet.payload).unwrap(), Value::Array(expected));
    }

    #[test]
    fn an_ack_survives(namespace in namespace(), id in 0u64..1 << 53, args in vec(json_value(), 0..4)) {
        let mut text = Vec::new();
        encode_ack(&mut text, &namespace, id, &Spread(&args)).unwrap();
        let text = String::from_utf8(text).unwrap();
        let packet = strict(&text).unwrap();
        prop_assert_eq!((packet.kind, packet.namespace, packet.id), (Kind::Ack, namespace.as_str(), Some(id)));
        prop_assert_eq!(serde_json::from_str::<Value>(packet.payload).unwrap(), Value::Array(args));
    }

    #[test]
    fn connects_and_disconnects_survive(namespace in namespace(), auth in proptest::option::of(".{0,8}")) {
        let payload = auth.map(|token| json!({ "token": token }));
        let encoded = |write: &dyn Fn(&mut Vec<u8>)| {
            let mut text = Vec::new();
            write(&mut text);
            String::from_utf8(text).unwrap()
        };
        let connect = encoded(&|out| encode_connect(out, &namespace, payload.as_ref()).unwrap());
        let packet = strict(&connect).unwrap();
        prop_assert_eq!((packet.kind, packet.namespace), (Kind::Connect, namespace.as_str()));
        prop_assert_eq!(serde_json::from_str::<Value>(packet.payload).ok(), payload.clone());

        let error = encoded(&|out| encode_connect_error(out, &namespace, "no", payload.as_ref()).unwrap());
        let packet = strict(&error).unwrap();
        prop_assert_eq!((packet.kind, packet.namespace), (Kind::ConnectError, namespace.as_str()));

        let disconnect = encoded(&|out| encode_disconnect(out, &namespace).unwrap());
        let packet = strict(&disconnect).unwrap();
        prop_assert_eq!((packet.kind, packet.namespace, packet.payload), (Kind::Disconnect, namespace.as_str(), ""));
    }

    #[test]
    fn rubbish_never_panics(text in "[0-9]?[-0-9/a,\\[\\]{}\":\\\\ ]{0,24}") {
        let _ = strict(&text);
        let mut decoder = Decoder::new();
        let _ = decoder.text(&text, &Limits::default(), Millis(0));
        let _ = decoder.binary(b"x", &Limits::default());
    }
}

#[test]
fn the_examples_of_the_protocol() {
    let packet = strict("2/admin,456[\"project:delete\",123]").unwrap();
    assert_eq!(
        (packet.kind, packet.namespace, packet.id),
        (Kind::Event, "/admin", Some(456))
    );
    assert_eq!(packet.event, Some(EventName::Plain("project:delete")));
    assert_eq!(packet.event.unwrap().as_plain(), Some("project:delete"));
    let packet = strict(r#"51-["hello",{"_placeholder":true,"num":0}]"#).unwrap();
    assert_eq!((packet.kind, packet.attachments), (Kind::BinaryEvent, 1));
    let packet = strict(r#"61-/admin,456[{"_placeholder":true,"num":0}]"#).unwrap();
    assert_eq!(
        (packet.kind, packet.namespace, packet.id),
        (Kind::BinaryAck, "/admin", Some(456))
    );
    assert_eq!(strict("1/admin,").unwrap().namespace, "/admin");
    assert_eq!(strict("0/admin").unwrap().namespace, "/admin");
    let packet = strict(r#"2[7,"x"]"#).unwrap();
    assert_eq!(packet.event, Some(EventName::Number("7")));
    assert_eq!(packet.event.unwrap().as_plain(), None);
    let packet = strict(r#"2["\u0061b"]"#).unwrap();
    assert_eq!(packet.event.unwrap().to_str(), "ab");
    // Accepted by the reference, reaching no handler.
    assert_eq!(strict("2").unwrap().event, None);
    assert_eq!(strict("3").unwrap().payload, "");
}

#[test]
fn every_refusal_has_its_cause() {
    use Misbehaviour::*;
    for (text, misbehaviour) in [
        ("", UnknownPacketType),
        ("7", UnknownPacketType),
        ("abc", UnknownPacketType),
        (" ", UnknownPacketType),
        ("2{}", InvalidPayload),
        ("2abc[\"x\"]", InvalidPayload),
        ("2[]", IllegalEventName),
        ("2[", IllegalEventName),
        ("2[{}]", IllegalEventName),
        ("2[null]", IllegalEventName),
        ("2[true]", IllegalEventName),
        ("2[[\"x\"]]", IllegalEventName),
        ("2[\"x]", InvalidJson),
        ("2[\"x\"", InvalidJson),
        ("2[\"x\" 1]", InvalidJson),
        ("2[\"x\",]", InvalidJson),
        ("2[\"x\"]]", InvalidJson),
        ("2[\"x\ny\"]", InvalidJson),
        ("2[\"\\x\"]", InvalidJson),
        ("2[\"\\ud800\"]", InvalidJson),
        ("2[-]", InvalidJson),
        ("2[01]", InvalidJson),
        ("2[\"connect\"]", ReservedEventName),
        ("2[\"c\\u006fnnect\"]", ReservedEventName),
        ("0[]", InvalidPayload),
        ("0\"x\"", InvalidPayload),
        ("0{", InvalidJson),
        ("1{}", InvalidPayload),
        ("3{}", InvalidPayload),
        ("4[]", InvalidPayload),
        ("5[\"x\"]", IllegalAttachments),
        ("5-[\"x\"]", IllegalAttachments),
        ("50-[\"x\"]", IllegalAttachments),
        ("51[\"x\"]", IllegalAttachments),
        ("61.5-[]", IllegalAttachments),
        ("29007199254740992[\"x\"]", IllegalAckId),
        ("299999999999999999999999[\"x\"]", IllegalAckId),
    ] {
        assert_eq!(strict(text), Err(misbehaviour), "{text}");
    }
    assert_eq!(
        strict("29007199254740991[\"x\"]").unwrap().id,
        Some((1 << 53) - 1)
    );
    assert_eq!(strict("4\"message\"").unwrap().kind, Kind::ConnectError);
}

fn text<'a>(
    decoder: &mut Decoder,
    text: &'a str,
    limits: &Limits,
) -> Result<Option<Packet<'a>>, Misbehaviour> {
    decoder.text(text, limits, Millis(0))
}

#[test]
fn attachments_are_awaited_in_order() {
    let limits = Limits::default();
    let mut decoder = Decoder::new();
    assert!(size_of::<Decoder>() <= 8);
    assert_eq!(decoder.next_deadline(), Millis::NEVER);
    let json = r#"52-["x",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]"#;
    assert_eq!(text(&mut decoder, json, &limits), Ok(None));
    assert_eq!(decoder.next_deadline(), Millis(10_000));
    assert_eq!(decoder.binary(b"one", &limits), Ok(None));
    let whole = decoder.binary(b"two", &limits).unwrap().unwrap();
    assert_eq!(whole.attachments, ["one", "two"]);
    let args: (&[u8], &[u8]) = whole
        .packet()
        .unwrap()
        .args(&whole.attachments)
        .parse()
        .unwrap();
    assert_eq!(args, (&b"two"[..], &b"one"[..]));
    assert_eq!(decoder.next_deadline(), Millis::NEVER);
    assert!(
        text(&mut decoder, "2[\"next\"]", &limits)
            .unwrap()
            .is_some()
    );
}

#[test]
fn attachments_out_of_place_are_refused() {
    let limits = Limits::default();
    let json = r#"51-["x",{"_placeholder":true,"num":0}]"#;
    let mut decoder = Decoder::new();
    assert_eq!(
        decoder.binary(b"", &limits),
        Err(Misbehaviour::UnexpectedBinary)
    );
    assert_eq!(text(&mut decoder, json, &limits), Ok(None));
    assert_eq!(
        text(&mut decoder, "2[\"x\"]", &limits),
        Err(Misbehaviour::MissingAttachments)
    );
    assert_eq!(decoder.poll(Millis(9_999)), Ok(()));
    assert_eq!(
        decoder.poll(Millis(10_000)),
        Err(Misbehaviour::AttachmentsTimeout)
    );
    assert_eq!(decoder.poll(Millis(10_000)), Ok(()));
}

#[test]
fn limits_hold_exactly() {
    let limits = Limits {
        attachments_max: 2,
        packet_bytes_max: 60,
        ..Limits::default()
    };
    let try_text = |json: &str| text(&mut Decoder::new(), json, &limits).map(|_| ());
    assert_eq!(try_text("52-[\"x\"]"), Ok(()));
    assert_eq!(
        try_text("53-[\"x\"]"),
        Err(Misbehaviour::TooManyAttachments)
    );
    assert_eq!(
        try_text("599999999999-[\"x\"]"),
        Err(Misbehaviour::TooManyAttachments)
    );
    let long = |len: usize| format!("51-[\"{}\"]", "x".repeat(len));
    assert_eq!(try_text(&long(53)), Ok(()));
    assert_eq!(try_text(&long(54)), Err(Misbehaviour::PacketTooBig));
    let mut decoder = Decoder::new();
    assert_eq!(text(&mut decoder, "52-[\"x\"]", &limits), Ok(None));
    assert_eq!(decoder.binary(&[0; 52], &limits), Ok(None));
    assert_eq!(
        decoder.binary(&[0; 1], &limits),
        Err(Misbehaviour::PacketTooBig)
    );
    assert_eq!(
        decoder.binary(&[0; 1], &limits),
        Err(Misbehaviour::UnexpectedBinary)
    );

    let limits = Limits::default();
    let named = |len: usize| format!("2[\"{}\"]", "n".repeat(len));
    assert!(text(&mut Decoder::new(), &named(256), &limits).is_ok());
    for len in [257, 25_600] {
        let event = named(len);
        let error = text(&mut Decoder::new(), &event, &limits);
        assert_eq!(error, Err(Misbehaviour::EventNameTooLong));
    }
    let spaced = |len: usize| format!("0/{}", "n".repeat(len - 1));
    assert!(text(&mut Decoder::new(), &spaced(256), &limits).is_ok());
    assert_eq!(
        text(&mut Decoder::new(), &spaced(257), &limits),
        Err(Misbehaviour::NamespaceTooLong)
    );
    assert!(text(&mut Decoder::new(), &named(25_600), &Limits::unlimited()).is_ok());
}

#[test]
fn a_caller_is_told_what_it_did() {
    let out = &mut Vec::new();
    let error = |result: Result<_, EncodeError>| result.unwrap_err().to_string();
    let reserved = encode_event(out, "/", None, "connect", &(), None);
    assert_eq!(error(reserved), "the event name is reserved");
    for namespace in ["chat", "", "/a,b"] {
        let illegal = encode_disconnect(out, namespace).unwrap_err().to_string();
        assert_eq!(illegal, "a namespace begins with a slash and has no comma");
    }
    let map = std::collections::HashMap::from([(vec![1], 1)]);
    let unserializable = encode_event(out, "/", None, "x", &map, None);
    assert!(error(unserializable).starts_with("the arguments cannot be written"));
    let mut small = [0; 4];
    let full = encode_event(&mut &mut small[..], "/", None, "x", &"long", None);
    assert!(full.is_err());
}

#[test]
fn what_arguments_look_like_on_the_wire() {
    fn sent<T: serde::Serialize + ?Sized>(args: &T) -> String {
        let mut out = Vec::new();
        encode_event(&mut out, "/", Some(0), "e", args, None).unwrap();
        String::from_utf8(out).unwrap()
    }
    #[derive(serde::Serialize)]
    struct Pair(u8, u8);
    #[derive(serde::Serialize)]
    struct Unit;
    #[derive(serde::Serialize)]
    struct New(u8);
    assert_eq!(sent(&()), r#"20["e"]"#);
    assert_eq!(sent(&Unit), r#"20["e"]"#);
    assert_eq!(sent(&(1, "b")), r#"20["e",1,"b"]"#);
    assert_eq!(sent(&Pair(1, 2)), r#"20["e",1,2]"#);
    assert_eq!(sent(&New(1)), r#"20["e",1]"#);
    assert_eq!(sent(&[1, 2]), r#"20["e",1,2]"#);
    assert_eq!(sent(&vec![1, 2]), r#"20["e",[1,2]]"#);
    assert_eq!(sent(&Spread(&[1, 2])), r#"20["e",1,2]"#);
    assert_eq!(sent(&(vec![1],)), r#"20["e",[1]]"#);
    assert_eq!(sent("text"), r#"20["e","text"]"#);
    assert_eq!(sent(&json!({"a": 1})), r#"20["e",{"a":1}]"#);
    assert_eq!(sent(&None::<u8>), r#"20["e",null]"#);
    assert_eq!(sent(&Some((1, 2))), r#"20["e",[1,2]]"#);
}
