//! Bytes at any depth become placeholders and attachments, and come back; arguments fit types.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use ringside_proto::socketio::{
    Args, Decoder, EncodeError, Kind, Limits, Packet, encode_ack, encode_event,
};
use ringside_proto::time::Millis;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use super::cases;

/// Every shape of serde's data model, with bytes in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Node {
    Unit,
    Flag(bool),
    Int(i64),
    Text(String),
    Char(char),
    Bytes(Bytes),
    Maybe(Option<Bytes>),
    Tuple(u8, Bytes),
    Struct {
        name: String,
        data: Bytes,
        next: Option<Box<Node>>,
    },
    List(Vec<Node>),
    Map(BTreeMap<String, Node>),
    Wrapped(Wrapper),
    Fixed((Bytes, i8, ())),
    Small(i8, i16, i32, u8, u16, u32, u64),
    Float(f64),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wrapper(Bytes);

pub fn node() -> impl Strategy<Value = Node> {
    let bytes = || vec(any::<u8>(), 0..20).prop_map(Bytes::from);
    let leaf = prop_oneof![
        Just(Node::Unit),
        any::<bool>().prop_map(Node::Flag),
        any::<i64>().prop_map(Node::Int),
        ".{0,8}".prop_map(Node::Text),
        any::<char>().prop_map(Node::Char),
        bytes().prop_map(Node::Bytes),
        proptest::option::of(bytes()).prop_map(Node::Maybe),
        (any::<u8>(), bytes()).prop_map(|(number, bytes)| Node::Tuple(number, bytes)),
        bytes().prop_map(|bytes| Node::Wrapped(Wrapper(bytes))),
        (bytes(), any::<i8>()).prop_map(|(bytes, number)| Node::Fixed((bytes, number, ()))),
        any::<(i8, i16, i32, u8, u16, u32, u64)>()
            .prop_map(|(a, b, c, d, e, f, g)| Node::Small(a, b, c, d, e, f, g)),
        (-1e6f64..1e6).prop_map(Node::Float),
    ];
    leaf.prop_recursive(3, 16, 4, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Node::List),
            btree_map(".{0,4}", inner.clone(), 0..4).prop_map(Node::Map),
            (
                ".{0,4}",
                vec(any::<u8>(), 0..9),
                proptest::option::of(inner)
            )
                .prop_map(|(name, data, next)| {
                    Node::Struct {
                        name,
                        data: data.into(),
                        next: next.map(Box::new),
                    }
                }),
        ]
    })
}

fn limits() -> Limits {
    Limits {
        attachments_max: 10_000,
        ..Limits::default()
    }
}

/// Sends what was encoded through a decoder and parses the arguments.
fn receive<T: for<'de> Deserialize<'de>>(text: &[u8], attachments: &[Bytes]) -> (Kind, T) {
    let text = std::str::from_utf8(text).unwrap();
    let mut decoder = Decoder::new();
    if let Some(packet) = decoder.text(text, &limits(), Millis(0)).unwrap() {
        assert!(attachments.is_empty());
        return (packet.kind, packet.args(&[]).parse().unwrap());
    }
    for (i, attachment) in attachments.iter().enumerate() {
        let done = decoder.binary(attachment, &limits()).unwrap();
        assert_eq!(done.is_some(), i + 1 == attachments.len());
        if let Some(whole) = done {
            let packet = whole.packet().unwrap();
            return (
                packet.kind,
                packet.args(&whole.attachments).parse().unwrap(),
            );
        }
    }
    panic!("attachments are missing");
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn bytes_come_back_from_any_depth(first in node(), second in node()) {
        let args = (first, second);
        let mut text = Vec::new();
        let attachments = encode_event(&mut text, "/ns", Some(3), "e", &args, None).unwrap();
        let (kind, back): (Kind, (Node, Node)) = receive(&text, &attachments);
        prop_assert_eq!(kind.is_binary(), !attachments.is_empty());
        prop_assert_eq!(&back, &args);

        let mut text = Vec::new();
        let attachments = encode_ack(&mut text, "/", 3, &args.0).unwrap();
        let (_, back): (Kind, Node) = receive(&text, &attachments);
        prop_assert_eq!(back, args.0);
    }
}

#[test]
fn the_wire_form_of_bytes_is_that_of_the_reference() {
    let mut text = Vec::new();
    let args = (Bytes::from_static(b"ab"), vec![Bytes::from_static(b"c")]);
    let attachments = encode_event(&mut text, "/", None, "x", &args, None).unwrap();
    assert_eq!(
        String::from_utf8(text).unwrap(),
        r#"52-["x",{"_placeholder":true,"num":0},[{"_placeholder":true,"num":1}]]"#
    );
    assert_eq!(attachments, ["ab", "c"]);
}

fn parse<'a, T: Deserialize<'a>>(payload: &'a str) -> Result<T, String> {
    Args::new(payload, true, &[])
        .parse()
        .map_err(|error| error.to_string())
}

#[test]
fn arguments_fit_the_types_of_handlers() {
    let three = r#"["e",1,"two",[3]]"#;
    assert_eq!(parse::<(u8, &str, Vec<u8>)>(three), Ok((1, "two", vec![3])));
    assert_eq!(parse::<(u8, &str)>(three), Ok((1, "two")));
    assert_eq!(parse::<(u8,)>(three), Ok((1,)));
    assert_eq!(parse::<u8>(three), Ok(1));
    assert_eq!(parse::<()>(three), Ok(()));
    assert!(parse::<serde::de::IgnoredAny>(three).is_ok());
    assert_eq!(parse::<Option<u8>>(three), Ok(Some(1)));
    assert_eq!(parse::<Option<u8>>(r#"["e"]"#), Ok(None));
    assert_eq!(parse::<Option<u8>>(r#"["e",null]"#), Ok(None));
    assert_eq!(parse::<()>(r#"["e"]"#), Ok(()));
    assert_eq!(parse::<()>(""), Ok(()));
    assert_eq!(parse::<Vec<u8>>(r#"["e",[1,2],3]"#), Ok(vec![1, 2]));
    assert_eq!(
        parse::<serde_json::Value>(r#"["e",{"a":1}]"#),
        Ok(serde_json::json!({"a": 1}))
    );
    assert_eq!(
        parse::<&RawValue>(r#"["e", {"a" : 1} ]"#).unwrap().get(),
        r#"{"a" : 1}"#
    );
    assert_eq!(
        parse::<BTreeMap<&str, u8>>(r#"["e",{"a":1}]"#),
        Ok(BTreeMap::from([("a", 1)]))
    );
    assert_eq!(parse::<[u8; 2]>(r#"["e",1,2]"#), Ok([1, 2]));
    assert_eq!(parse::<char>(r#"["e","x"]"#), Ok('x'));
    assert_eq!(parse::<String>(r#"["e","\u0078"]"#), Ok("x".to_owned()));
    assert_eq!(parse::<bool>(r#"["e",true]"#), Ok(true));
    assert_eq!(parse::<f32>(r#"["e",0.5]"#), Ok(0.5));
    assert_eq!(
        parse::<Wrapper>(r#"["e",[1,2]]"#),
        Ok(Wrapper(Bytes::from_static(&[1, 2])))
    );
    assert_eq!(
        parse::<Bytes>(r#"["e","text"]"#),
        Ok(Bytes::from_static(b"text"))
    );
    #[derive(Debug, PartialEq, Deserialize)]
    struct Two(u8, u8);
    assert_eq!(parse::<Two>(r#"["e",1,2]"#), Ok(Two(1, 2)));
    #[derive(Debug, PartialEq, Deserialize)]
    struct Unit;
    assert_eq!(parse::<Unit>(r#"["e",1]"#), Ok(Unit));
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Choice {
        Left,
        Right { by: u8 },
    }
    assert_eq!(parse::<Choice>(r#"["e","left"]"#), Ok(Choice::Left));
    assert_eq!(
        parse::<Choice>(r#"["e",{"right":{"by":2}}]"#),
        Ok(Choice::Right { by: 2 })
    );
    macro_rules! numbers {
        ($($ty:ty),*) => { $(assert_eq!(parse::<$ty>(r#"["e",7]"#), Ok(7 as $ty));)* };
    }
    numbers!(i8, i16, i32, i64, i128, u16, u32, u64, u128, f64);
    // Acks have no name to skip.
    assert_eq!(
        Args::new("[1,2]", false, &[]).parse::<(u8, u8)>().unwrap(),
        (1, 2)
    );
}

#[test]
fn misfits_are_the_handlers_and_broken_json_is_the_peers() {
    let error = |payload| {
        Args::new(payload, true, &[])
            .parse::<(u8, u8)>()
            .unwrap_err()
    };
    for misfit in [
        r#"["e",1]"#,
        r#"["e","x",2]"#,
        r#"["e",300,2]"#,
        r#"["e"]"#,
        "{}",
    ] {
        assert!(!error(misfit).is_invalid_json(), "{misfit}");
    }
    for broken in [
        r#"["e",1,2"#,
        r#"["e",1,2]]"#,
        r#"["e",1,2,]"#,
        r#"["e",1,2,x]"#,
        "[x",
    ] {
        assert!(error(broken).is_invalid_json(), "{broken}");
        assert!(!error(broken).to_string().is_empty());
    }
    // A placeholder that names no attachment, where bytes are asked for.
    let placeholder = |json: &str| {
        Args::new(json, true, &[Bytes::from_static(b"x")])
            .parse::<Bytes>()
            .is_ok()
    };
    assert!(placeholder(r#"["e",{"_placeholder":true,"num":0}]"#));
    assert!(!placeholder(r#"["e",{"_placeholder":true,"num":1}]"#));
    assert!(!placeholder(r#"["e",{"_placeholder":false,"num":0}]"#));
    assert!(!placeholder(r#"["e",{"num":0}]"#));
    assert!(!placeholder(r#"["e",null]"#));
    let raw = Packet::scan(r#"2["e",1]"#).unwrap();
    assert_eq!(raw.args(&[]).raw(), r#"["e",1]"#);
    assert!(raw.args(&[]).attachments().is_empty());
}

#[test]
fn arguments_that_change_between_two_looks_are_refused() {
    struct Fickle(std::cell::Cell<u32>, bool);
    impl Serialize for Fickle {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            self.0.set(self.0.get() + 1);
            match (self.1, self.0.get()) {
                (_, 1) => (1, Bytes::from_static(b"x")).serialize(serializer),
                (true, _) => (1, 2).serialize(serializer),
                (false, _) => vec![1].serialize(serializer),
            }
        }
    }
    for spread in [true, false] {
        let fickle = Fickle(std::cell::Cell::new(0), spread);
        let error = encode_event(&mut Vec::new(), "/", None, "x", &fickle, None).unwrap_err();
        assert!(error.to_string().contains("changed"), "{error}");
        assert!(matches!(
            error,
            EncodeError::Unstable | EncodeError::Unserializable(_)
        ));
    }
}
