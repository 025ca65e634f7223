//! The scan of a packet against a whole parse by serde_json: what is accepted has the name and the
//! payload that the parse finds, and what a parse would refuse is refused by scan or check.

use ringside_proto::socketio::{Kind, Packet, RESERVED_EVENTS};
use serde_json::Value;

/// The packet's text.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(packet) = Packet::scan(text) else {
        return;
    };
    assert!(packet.namespace.starts_with('/') && !packet.namespace.contains(','));
    assert!(text.ends_with(packet.payload));
    assert_eq!(packet.attachments > 0, packet.kind.is_binary());
    assert!(packet.id.is_none_or(|id| id < 1 << 53));
    let parsed = serde_json::from_str::<Value>(packet.payload).ok();
    if packet.payload.is_empty() {
        assert_eq!((packet.event, packet.check(64)), (None, Ok(())));
    } else if let (Some(value), Ok(())) = (&parsed, packet.check(64)) {
        match packet.kind {
            Kind::Connect => assert!(value.is_object()),
            Kind::Disconnect => panic!("a disconnect has no payload"),
            Kind::ConnectError => assert!(value.is_object() || value.is_string()),
            Kind::Ack | Kind::BinaryAck => assert!(value.is_array()),
            Kind::Event | Kind::BinaryEvent => match &value[0] {
                Value::String(name) => {
                    assert_eq!(
                        packet.event.map(|it| it.to_str().into_owned()).as_ref(),
                        Some(name)
                    );
                    assert!(!RESERVED_EVENTS.contains(&name.as_str()));
                }
                other => assert!(other.is_number()),
            },
        }
        let args = packet.args(&[]).parse::<Vec<Value>>();
        if let Err(error) = args {
            assert!(!error.is_invalid_json(), "{error}");
        }
    } else {
        // What serde_json cannot hold although it is JSON: huge numbers and lone surrogates.
        let digits = text
            .split(|char: char| !char.is_ascii_digit())
            .map(str::len)
            .max();
        let exotic = text.contains("\\u") || text.contains(['e', 'E']) || digits > Some(300);
        assert!(parsed.is_none() || packet.check(u32::MAX).is_ok() || exotic);
        assert!(packet.args(&[]).parse::<()>().is_err() || packet.check(64).is_err() || exotic);
    }
}
