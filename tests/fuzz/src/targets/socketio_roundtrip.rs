//! Any event we encode is accepted by our decoder and comes back as it was, offset and
//! attachments included, as JSON and as msgpack.

use bytes::Bytes;
use ringside_proto::socketio::{Decoder, Limits, RESERVED_EVENTS, encode_event, msgpack};
use ringside_proto::time::Millis;
use serde_json::Value;

use super::Source;

/// Flags, a name, a text, attachments, and JSON if the rest happens to be some.
pub fn run(data: &[u8]) {
    let mut source = Source(data);
    let flags = source.byte();
    let len = usize::from(source.byte() % 64);
    let name = String::from_utf8_lossy(source.bytes(len)).into_owned();
    let len = usize::from(source.byte() % 64);
    let text = String::from_utf8_lossy(source.bytes(len)).into_owned();
    let len = usize::from(source.byte() % 64);
    let bytes: Vec<Bytes> = (0..flags % 4)
        .map(|_| Bytes::copy_from_slice(source.bytes(len)))
        .collect();
    let value: Value = serde_json::from_slice(source.0).unwrap_or(Value::Null);
    let id = (flags & 4 != 0).then_some(u64::from(flags));
    let namespace = if flags & 8 != 0 { "/x" } else { "/" };
    let offset = (flags & 16 != 0).then_some("1.2");
    let args = (text, bytes, value);

    let mut out = Vec::new();
    let encoded = encode_event(&mut out, namespace, id, &name, &args, offset);
    if RESERVED_EVENTS.contains(&name.as_str()) {
        return assert!(encoded.is_err());
    }
    let attachments = encoded.expect("the arguments can be written");
    assert_eq!(attachments, args.1);
    let out = String::from_utf8(out).expect("JSON is UTF-8");
    let limits = Limits {
        event_name_bytes_max: u16::MAX,
        json_depth_max: 512,
        ..Limits::default()
    };
    let mut decoder = Decoder::new();
    let check = |packet: ringside_proto::socketio::Packet<'_>, attachments: &[Bytes]| {
        assert_eq!((packet.namespace, packet.id), (namespace, id));
        assert_eq!(
            packet.event.map(|name| name.to_str().into_owned()),
            Some(name.clone())
        );
        let back = packet
            .args(attachments)
            .parse::<(String, Vec<Bytes>, Value)>();
        // serde_json reads back at most 128 levels.
        if packet.check(100).is_ok() {
            assert_eq!(back.expect("the arguments fit"), args);
        }
    };
    match decoder.text(&out, &limits, Millis(0)) {
        Ok(Some(packet)) => check(packet, &[]),
        Ok(None) => {
            for attachment in &attachments {
                if let Some(whole) = decoder
                    .binary(attachment, &limits)
                    .expect("an attachment is awaited")
                {
                    check(whole.packet().expect("it was scanned"), &whole.attachments);
                }
            }
            assert_eq!(decoder.next_deadline(), Millis::NEVER);
        }
        // A value may itself look like a placeholder, or be nested too deeply for serde_json.
        Err(_) => assert!(!attachments.is_empty()),
    }

    let mut packed = Vec::new();
    if msgpack::encode_event(&mut packed, namespace, id, &name, &args, offset).is_ok()
        && let Ok(packet) = msgpack::decode(&packed, &limits)
    {
        assert_eq!(
            (packet.event.as_deref(), packet.id),
            (Some(name.as_str()), id)
        );
        if let Ok(back) = packet.args().parse::<(String, Vec<Bytes>, Value)>() {
            assert_eq!((back.0, back.1), (args.0, args.1));
        }
    }
}
