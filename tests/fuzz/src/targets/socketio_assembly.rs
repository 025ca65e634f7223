//! Texts, attachments and time in any order: the limits hold, nothing is left behind after an
//! error, and a whole packet has as many attachments as it announced.

use ringside_proto::socketio::{Decoder, Limits, Misbehaviour};
use ringside_proto::time::Millis;
use serde_json::Value;

use super::Source;

const LIMITS: Limits = Limits {
    attachments_max: 3,
    packet_bytes_max: 200,
    attachments_timeout: 100,
    event_name_bytes_max: 20,
    namespace_bytes_max: 20,
    json_depth_max: 8,
};

/// One operation after another: a kind, a length, as many bytes.
pub fn run(data: &[u8]) {
    let mut source = Source(data);
    let mut decoder = Decoder::new();
    let mut now = Millis(0);
    let mut pending = false;
    while source.more() {
        let op = source.byte();
        let len = usize::from(source.byte());
        let bytes = source.bytes(len);
        match op % 3 {
            0 => {
                let Ok(text) = std::str::from_utf8(bytes) else {
                    continue;
                };
                match decoder.text(text, &LIMITS, now) {
                    Ok(Some(packet)) => assert!(!pending && packet.attachments == 0),
                    Ok(None) => {
                        assert!(!pending);
                        pending = true;
                    }
                    // The caller closes the connection.
                    Err(Misbehaviour::MissingAttachments) => return assert!(pending),
                    Err(_) => return assert!(!pending),
                }
            }
            1 => match decoder.binary(bytes, &LIMITS) {
                Ok(None) => assert!(pending),
                Ok(Some(whole)) => {
                    assert!(pending);
                    pending = false;
                    let packet = whole.packet().expect("it was scanned");
                    assert_eq!(packet.attachments as usize, whole.attachments.len());
                    assert!(whole.attachments.len() <= 3);
                    let _ = packet.args(&whole.attachments).parse::<(Value, Value)>();
                    let _ = packet.args(&whole.attachments).parse::<(bytes::Bytes,)>();
                }
                Err(Misbehaviour::UnexpectedBinary) => return assert!(!pending),
                Err(_) => return assert!(pending),
            },
            _ => {
                now = now.plus(len as u32);
                let overdue = decoder.next_deadline() <= now;
                assert_eq!(decoder.poll(now).is_err(), overdue);
                if overdue {
                    return;
                }
            }
        }
        assert_eq!(decoder.next_deadline() == Millis::NEVER, !pending);
    }
}
