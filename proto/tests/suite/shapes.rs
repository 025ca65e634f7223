//! Arguments of every shape serde knows are written as serde_json writes them; every error is a sentence;
//! moments stick at their ends.

use std::net::Ipv4Addr;
use std::time::Duration;

use ringside_proto::socketio::{EncodeError, TooManyPending, encode_event};
use ringside_proto::time::Millis;
use ringside_proto::ws::extension::UnexpectedExtension;
use ringside_proto::ws::handshake::{BadAnswer, accept_key};
use serde::ser::Error as _;
use serde::{Serialize, Serializer};

fn event<T: Serialize>(args: &T) -> Result<String, EncodeError> {
    let mut out = Vec::new();
    let attachments = encode_event(&mut out, "/", None, "e", args, None)?;
    assert!(attachments.is_empty());
    Ok(String::from_utf8(out).expect("JSON is UTF-8"))
}

#[derive(Serialize)]
struct Nothing;

#[derive(Serialize)]
struct Wrapped(u8);

#[derive(Serialize)]
struct Pair(u8, &'static str);

#[derive(Serialize)]
enum Choice {
    Bare,
    One(u8),
    Two(u8, bool),
    Named {
        x: u8,
        #[serde(skip_serializing_if = "Option::is_none")]
        y: Option<u8>,
    },
}

#[derive(Serialize)]
struct Fields {
    here: u128,
    #[serde(skip_serializing_if = "Option::is_none")]
    absent: Option<u8>,
    nested: (Nothing, Pair, Wrapped),
}

/// One argument is written as serde_json writes it.
fn one<T: Serialize>(value: T) {
    let json = serde_json::to_string(&value).expect("serde_json writes it");
    let written = event(&value).expect("so do we");
    assert_eq!(written, format!(r#"2["e",{json}]"#));
    // Deeper down nothing is special.
    let written = event(&(&value, 1)).expect("so do we");
    assert_eq!(written, format!(r#"2["e",{json},1]"#));
}

#[test]
fn every_shape_is_written_as_serde_json_writes_it() {
    one(Choice::Bare);
    one(Choice::One(1));
    one(Choice::Two(1, true));
    one(Choice::Named { x: 1, y: None });
    one(Choice::Named { x: 1, y: Some(2) });
    one(Fields {
        here: u128::MAX,
        absent: None,
        nested: (Nothing, Pair(1, "x"), Wrapped(2)),
    });
    one(Some(Ipv4Addr::LOCALHOST));
    one(format_args!("written {} by one", 1));
    one(None::<u8>);
    one(i128::MIN);
    one(1.5f32);
    one('"');
    one(std::collections::BTreeMap::from([
        (1, "number"),
        (2, "keys"),
    ]));
    one(vec![vec![(); 2]; 2]);
}

#[test]
fn what_is_outermost_may_be_several_arguments_or_none() {
    assert_eq!(event(&Nothing).ok().as_deref(), Some(r#"2["e"]"#));
    assert_eq!(event(&()).ok().as_deref(), Some(r#"2["e"]"#));
    let pair = event(&Pair(1, "x"));
    assert_eq!(pair.ok().as_deref(), Some(r#"2["e",1,"x"]"#));
    // One field is a wrapper, whatever it is called.
    let wrapped = event(&Wrapped(7));
    assert_eq!(wrapped.ok().as_deref(), Some(r#"2["e",7]"#));
}

/// Is written well so many times, and then in another shape, or not at all.
struct Unsteady<T>(std::cell::Cell<u32>, u32, Option<T>);

impl<T: Serialize> Serialize for Unsteady<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let nth = self.0.replace(self.0.get() + 1);
        match &self.2 {
            _ if nth < self.1 => (1, 2).serialize(serializer),
            Some(value) => value.serialize(serializer),
            None => Err(S::Error::custom("out of order")),
        }
    }
}

/// The first look saw a tuple; what comes then is refused, and said so.
fn changed<T: Serialize>(then: Option<T>, says: &str) {
    let error = event(&Unsteady(std::cell::Cell::new(0), 1, then)).expect_err("it changed");
    assert!(error.to_string().contains(says), "{error}");
}

#[test]
fn no_shape_may_change_between_two_looks() {
    changed(Some(Some(1)), "changed");
    changed(Some(Wrapped(1)), "changed");
    changed(Some(Choice::Bare), "changed");
    changed(Some(Choice::One(1)), "changed");
    changed(Some(Choice::Two(1, true)), "changed");
    changed(Some(Choice::Named { x: 1, y: None }), "changed");
    changed(Some("text"), "changed");
    changed(Some(1.5), "changed");
    changed(Some(vec![1]), "changed");
    changed(
        Some(std::collections::BTreeMap::from([("k", 1)])),
        "changed",
    );
    changed(None::<u8>, "out of order");
}

#[test]
fn a_value_that_cannot_be_written_says_why() {
    let error = event(&Unsteady(std::cell::Cell::new(0), 0, None::<u8>)).expect_err("it fails");
    assert_eq!(
        error.to_string(),
        "the arguments cannot be written: out of order"
    );
    let keys = std::collections::BTreeMap::from([((1, 2), 3)]);
    assert!(matches!(event(&keys), Err(EncodeError::Unserializable(_))));
}

#[test]
fn every_error_is_a_sentence() {
    let errors: [Box<dyn std::error::Error>; 6] = [
        Box::new(TooManyPending(7)),
        Box::new(UnexpectedExtension),
        Box::new(BadAnswer::Status(404)),
        Box::new(BadAnswer::NotAnUpgrade),
        Box::new(BadAnswer::AcceptKey),
        Box::new(EncodeError::IllegalNamespace),
    ];
    for error in errors {
        let text = error.to_string();
        assert!(text.contains(' ') && !text.ends_with('.'), "{text}");
    }
    assert!(BadAnswer::Status(404).to_string().contains("404"));
}

#[test]
fn the_accept_key_of_the_rfc_in_both_forms() {
    // RFC 6455 §1.3.
    let key = accept_key("dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(key.as_str(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_eq!(key.as_bytes(), key.as_str().as_bytes());
}

#[test]
fn moments_stick_at_their_ends() {
    let at = Millis::since_epoch(Duration::from_micros(1_999));
    assert_eq!(at, Millis(1));
    assert_eq!(at + Duration::from_secs(2), Millis(2_001));
    assert_eq!(at + Duration::MAX, Millis::NEVER);
    assert_eq!(Millis::NEVER.plus(1), Millis::NEVER);
    assert_eq!(Millis(5).since(Millis(2)), Duration::from_millis(3));
    assert_eq!(Millis(2).since(Millis(5)), Duration::ZERO);
}
