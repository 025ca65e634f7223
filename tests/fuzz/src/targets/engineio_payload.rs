//! Polling payloads of both versions: they end, errors come last, and what decodes can be encoded
//! and decoded to the same packets.

use ringside_proto::engineio::payload::{
    decode, decode_v3, encode, encode_v3_binary, encode_v3_text, encoded_len,
};
use ringside_proto::engineio::{Data, Packet, PacketKind, Version};

/// First byte: the form. The rest: the body.
pub fn run(data: &[u8]) {
    let Some((&form, body)) = data.split_first() else {
        return;
    };
    match form % 3 {
        0 => {
            let Ok(packets) = decode(body) else { return };
            let packets = good(packets, body.len());
            if packets.is_empty() {
                return;
            }
            let mut again = Vec::new();
            encode(&mut again, &packets);
            assert_eq!(again.len(), encoded_len(&packets));
            let decoded: Result<Vec<_>, _> = decode(&again).expect("UTF-8").collect();
            assert_eq!(decoded.as_ref(), Ok(&packets));
        }
        form => {
            let Ok(packets) = decode_v3(body, form == 2) else {
                return;
            };
            let packets = good(packets, body.len());
            let (mut text, mut binary) = (Vec::new(), Vec::new());
            encode_v3_text(&mut text, &packets);
            encode_v3_binary(&mut binary, &packets);
            for (body, is_binary) in [(text, false), (binary, true)] {
                let decoded: Result<Vec<_>, _> =
                    decode_v3(&body, is_binary).expect("UTF-8").collect();
                assert_eq!(decoded.as_ref(), Ok(&packets));
            }
            for packet in &packets {
                let mut frame = Vec::new();
                packet.encode(&mut frame, Version::V3);
                assert_eq!(frame.len(), packet.encoded_len(Version::V3));
            }
        }
    }
}

/// The packets before the first error, which must be the last item.
fn good<'a, E: std::fmt::Debug>(
    packets: impl Iterator<Item = Result<Packet<'a>, E>>,
    body_len: usize,
) -> Vec<Packet<'a>> {
    let mut good = Vec::new();
    let mut failed = false;
    for packet in packets {
        assert!(!failed, "an error is the end");
        match packet {
            Ok(packet) => {
                assert!(
                    packet.kind == PacketKind::Message
                        || !matches!(packet.data, Data::Binary(_))
                        || body_len > 0
                );
                good.push(packet);
            }
            Err(_) => failed = true,
        }
        assert!(good.len() <= body_len + 1);
    }
    good
}
