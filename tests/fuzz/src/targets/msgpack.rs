//! The msgpack parser on any bytes: no panic, no memory for declared lengths; what is accepted
//! keeps the rules of the JSON form.

use bytes::Bytes;
use ringside_proto::socketio::msgpack::decode;
use ringside_proto::socketio::{Kind, Limits, RESERVED_EVENTS};
use serde_json::Value;

/// The packet.
pub fn run(data: &[u8]) {
    let limits = Limits {
        event_name_bytes_max: 16,
        namespace_bytes_max: 16,
        ..Limits::default()
    };
    let Ok(packet) = decode(data, &limits) else {
        return;
    };
    assert!(!packet.kind.is_binary());
    assert!(packet.namespace.len() <= 16);
    assert_eq!(packet.event.is_some(), packet.kind == Kind::Event);
    if let Some(name) = &packet.event {
        assert!(name.len() <= 16 && !RESERVED_EVENTS.contains(&&**name));
    }
    let _ = packet.args().parse::<Value>();
    let _ = packet.args().parse::<(u64, String, Vec<f64>)>();
    let _ = packet.args().parse::<(Bytes, Option<&[u8]>)>();
    let _ = packet.data::<Value>();
}
