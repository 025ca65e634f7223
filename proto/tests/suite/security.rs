//! Attacks that other implementations fell for, each by the name of its advisory (or of the
//! release that fixed it quietly). The protocol's part only: what a value can show without a
//! socket. Oracle: a typed refusal, bounded memory, and the next peer's decoder works.

use ringside_proto::close::CloseReason;
use ringside_proto::engineio::payload::{self, decode_v3};
use ringside_proto::engineio::{
    Act, HandshakeError, Misbehaviour as EioMisbehaviour, PacketKind, Query, ServerSession, Timing,
    Transport, Version,
};
use ringside_proto::socketio::{
    self, Kind, Limits as SioLimits, Misbehaviour as SioMisbehaviour, Packet, RESERVED_EVENTS,
    msgpack,
};
use ringside_proto::time::Millis;
use ringside_proto::webtransport;
use ringside_proto::ws::handshake::UpgradeRequest;
use ringside_proto::ws::{Decoder, Limits, Misbehaviour, PendingPongs, Role, extension};

use super::ws_stream::{Seen, decode, raw_frame};

const KEY: Option<[u8; 4]> = Some([7, 11, 13, 17]);

fn refused(frames: impl IntoIterator<Item = Vec<u8>>) -> Option<Misbehaviour> {
    let mut decoder = Decoder::new(Role::Server, Limits::default());
    let (_, misbehaviour) = decode(&mut decoder, frames);
    assert_eq!(
        decoder.heap_bytes(),
        0,
        "nothing is kept for a peer that is refused"
    );
    misbehaviour
}

fn attachments(text: &str, limits: &SioLimits) -> Result<bool, SioMisbehaviour> {
    socketio::Decoder::new()
        .text(text, limits, Millis(0))
        .map(|packet| packet.is_some())
}

// --- socket.io-parser ------------------------------------------------------------------------

#[test]
fn cve_2026_33151_unbounded_attachments() {
    let limits = SioLimits::default();
    assert_eq!(attachments("510-[\"x\"]", &limits), Ok(false));
    for count in ["11", "1000", "4294967295", "99999999999999999999"] {
        let text = format!("5{count}-[\"x\"]");
        assert_eq!(
            attachments(&text, &limits),
            Err(SioMisbehaviour::TooManyAttachments),
            "{count}"
        );
    }
    // Those announced but never sent cost one small box and end with their deadline.
    let mut decoder = socketio::Decoder::new();
    assert_eq!(decoder.text("510-[\"x\"]", &limits, Millis(0)), Ok(None));
    assert_eq!(
        decoder.poll(Millis(10_000)),
        Err(SioMisbehaviour::AttachmentsTimeout)
    );
}

#[test]
fn cve_2023_32695_event_name_that_is_no_string() {
    for name in ["{\"toString\":\"x\"}", "[\"x\"]", "null", "true", ""] {
        let text = format!("2[{name}]");
        assert_eq!(
            Packet::scan(&text),
            Err(SioMisbehaviour::IllegalEventName),
            "{name}"
        );
    }
    for name in RESERVED_EVENTS {
        let text = format!("2[\"{name}\"]");
        assert_eq!(
            Packet::scan(&text),
            Err(SioMisbehaviour::ReservedEventName),
            "{name}"
        );
    }
    let text = rmp_serde_packet(b"\x91\x81\xa1a\x01");
    let error = msgpack::decode(&text, &SioLimits::default()).map(|packet| packet.kind);
    assert_eq!(error, Err(SioMisbehaviour::IllegalEventName));
}

/// An event of the msgpack parser with this data.
fn rmp_serde_packet(data: &[u8]) -> Vec<u8> {
    [b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data", data].concat()
}

#[test]
fn cve_2022_2421_attachment_index_that_is_no_number() {
    for num in [
        "\"splice\"",
        "\"length\"",
        "-1",
        "1",
        "0.5",
        "null",
        "{}",
        "[0]",
        "1e3",
        "18446744073709551616",
    ] {
        let text = format!("51-[\"x\",{{\"_placeholder\":true,\"num\":{num}}}]");
        let error = attachments(&text, &SioLimits::default());
        assert_eq!(error, Err(SioMisbehaviour::IllegalPlaceholder), "{num}");
    }
}

#[test]
fn cve_2020_36049_memory_of_a_massive_packet() {
    // The reference concatenated digit by digit; ours never builds the number's text.
    let digits = format!("5{}-[\"x\"]", "1".repeat(1_000_000));
    assert_eq!(
        attachments(&digits, &SioLimits::default()),
        Err(SioMisbehaviour::TooManyAttachments)
    );
    let id = format!("2{}[\"x\"]", "1".repeat(1_000_000));
    assert_eq!(Packet::scan(&id), Err(SioMisbehaviour::IllegalAckId));
    let attachment = vec![0; 1_000_001];
    let mut decoder = socketio::Decoder::new();
    assert_eq!(
        decoder.text("51-[\"x\"]", &SioLimits::default(), Millis(0)),
        Ok(None)
    );
    assert_eq!(
        decoder.binary(&attachment, &SioLimits::default()),
        Err(SioMisbehaviour::PacketTooBig)
    );
}

#[test]
fn socket_io_parser_4_2_7_binary_packet_without_attachments() {
    for text in ["50-[\"x\"]", "5-[\"x\"]", "500-[\"x\"]", "60-[]"] {
        assert_eq!(
            Packet::scan(text),
            Err(SioMisbehaviour::IllegalAttachments),
            "{text}"
        );
    }
}

#[test]
fn deep_json_is_refused_without_recursion() {
    for levels in [63, 64, 6_400, 400_000] {
        let text = format!("2[\"x\",{}{}]", "[".repeat(levels), "]".repeat(levels));
        let packet = Packet::scan(&text).expect("the envelope is fine");
        assert_eq!(packet.kind, Kind::Event);
        let expected = if levels < 64 {
            Ok(())
        } else {
            Err(SioMisbehaviour::JsonTooDeep)
        };
        assert_eq!(packet.check(64), expected, "{levels}");
        // A handler's type may be recursive too; the parser behind it has its own bound.
        let parsed = packet.args(&[]).parse::<serde_json::Value>();
        assert_eq!(parsed.is_ok(), levels < 120, "{levels}");
    }
    let objects = format!(
        "51-[\"x\",{}1{}]",
        "{\"a\":".repeat(400_000),
        "}".repeat(400_000)
    );
    assert_eq!(
        attachments(&objects, &SioLimits::default()),
        Err(SioMisbehaviour::PacketTooBig)
    );
    let objects = format!(
        "51-[\"x\",{}1{}]",
        "{\"a\":".repeat(9_000),
        "}".repeat(9_000)
    );
    assert_eq!(
        attachments(&objects, &SioLimits::default()),
        Err(SioMisbehaviour::JsonTooDeep)
    );
    let packed = rmp_serde_packet(&[b"\x92\xa1x".as_slice(), &[0x91; 100_000], b"\x01"].concat());
    let error = msgpack::decode(&packed, &SioLimits::default()).map(|packet| packet.kind);
    assert_eq!(error, Err(SioMisbehaviour::JsonTooDeep));
}

// --- engine.io -------------------------------------------------------------------------------

fn session(transport: Transport) -> ServerSession {
    ServerSession::new(Timing::default(), Version::V4, transport, Millis(0))
}

#[test]
fn cve_2023_31125_upgrade_with_a_bad_query() {
    for query in [
        "",
        "EIO=4",
        "EIO=4&transport=",
        "EIO=4&transport=__proto__",
        "EIO=4&transport=constructor",
    ] {
        let error = Query::parse(query).check("GET", true, false);
        assert_eq!(error, Err(HandshakeError::UnknownTransport), "{query}");
    }
    let query = Query::parse("__proto__[x]=1&constructor=2&EIO=4&transport=websocket");
    assert!(query.check("GET", true, false).is_ok());
}

#[test]
fn cve_2022_21676_reserved_bits_just_after_the_upgrade() {
    for first in [0xa1, 0x91, 0xb1, 0xc1, 0xf1, 0xa9] {
        assert_eq!(
            refused([raw_frame(first, KEY, b"x")]),
            Some(Misbehaviour::ReservedBits),
            "{first:x}"
        );
    }
}

#[test]
fn cve_2020_36048_a_body_is_judged_by_its_first_bad_packet() {
    // A hundred thousand empty packets, and a megabyte without any separator.
    let empties = vec![payload::SEPARATOR; 100_000];
    let results: Vec<_> = payload::decode(&empties).expect("UTF-8").collect();
    assert_eq!(results, [Err(EioMisbehaviour::EmptyPacket)]);
    let unterminated = vec![b'4'; 1_000_000];
    assert_eq!(payload::decode(&unterminated).expect("UTF-8").count(), 1);
}

#[test]
fn engineioxide_v3_decoder_ends_on_everything() {
    // Its loop never ended on a length without a packet; neither may ours, on any short body.
    for body in [
        &b"1"[..],
        b"1:",
        b":",
        b"0:0:0:",
        b"99:4",
        b"\x00",
        b"\x01\xff",
        b"\x00\x00\x00\xff",
    ] {
        for binary in [false, true] {
            if let Ok(packets) = decode_v3(body, binary) {
                assert!(packets.take(20).count() < 20, "{body:x?}");
            }
        }
    }
    let declared = b"\x01\x09\x09\x09\x09\x09\x09\x09\x09\x09\xff\x04";
    let results: Vec<_> = decode_v3(declared, true).expect("bytes").collect();
    assert_eq!(results, [Err(EioMisbehaviour::InvalidLength)]);
}

#[test]
fn engine_io_double_upgrade() {
    let mut session = session(Transport::Polling);
    assert_eq!(
        session.on_candidate(Transport::WebSocket, Millis(0)),
        Ok(())
    );
    for other in [Transport::WebSocket, Transport::WebTransport] {
        assert_eq!(
            session.on_candidate(other, Millis(1)),
            Err(EioMisbehaviour::SecondUpgrade)
        );
    }
    let act = session.on_candidate_packet(PacketKind::Upgrade, "", Millis(2));
    assert_eq!(act, Act::SwitchTo(Transport::WebSocket));
    assert_eq!(
        session.on_candidate(Transport::WebSocket, Millis(3)),
        Err(EioMisbehaviour::SecondUpgrade)
    );
    // A session that began with WebSocket has nothing to upgrade.
    let mut websocket = self::session(Transport::WebSocket);
    let error = websocket.on_candidate(Transport::WebSocket, Millis(0));
    assert_eq!(error, Err(EioMisbehaviour::SecondUpgrade));
}

#[test]
fn engineioxide_731_an_upgrade_that_never_completes_ends() {
    let mut session = session(Transport::Polling);
    assert_eq!(
        session.on_candidate(Transport::WebSocket, Millis(0)),
        Ok(())
    );
    let act = session.on_candidate_packet(PacketKind::Ping, "probe", Millis(1));
    assert_eq!(
        act,
        Act::AnswerProbe {
            release_poll: false
        }
    );
    assert_eq!(session.next_deadline(), Millis(10_000));
    assert_eq!(session.poll(Millis(10_000)), Act::DropCandidate);
    assert_eq!(session.candidate(), None);
    // And the session itself ends by its heartbeat.
    assert_eq!(session.poll(Millis(25_000)), Act::SendPing);
    assert_eq!(
        session.poll(Millis(45_000)),
        Act::Close(CloseReason::PingTimeout)
    );
}

#[test]
fn engine_io_6_6_12_packets_extend_the_pong_deadline_once() {
    let mut session = session(Transport::WebSocket);
    assert_eq!(session.poll(Millis(25_000)), Act::SendPing);
    for at in [30_000, 44_000, 49_000] {
        assert_eq!(
            session.on_packet(PacketKind::Message, Millis(at)),
            Act::Deliver
        );
    }
    assert_eq!(
        session.poll(Millis(50_000)),
        Act::Close(CloseReason::PingTimeout)
    );
}

// --- ws, tungstenite and others --------------------------------------------------------------

#[test]
fn cve_2026_48779_tiny_fragments() {
    let tiny = |count: usize| {
        let mut frames = vec![raw_frame(0x02, KEY, b"x")];
        frames.extend(std::iter::repeat_with(|| raw_frame(0x00, KEY, b"x")).take(count - 1));
        refused([frames.concat()])
    };
    assert_eq!(tiny(16_385), Some(Misbehaviour::TooManyFragments));
    assert_eq!(tiny(100_000), Some(Misbehaviour::TooManyFragments));
    let mut decoder = Decoder::new(Role::Server, Limits::default());
    let mut frames = vec![raw_frame(0x02, KEY, b"x")];
    frames.extend(std::iter::repeat_with(|| raw_frame(0x00, KEY, b"x")).take(16_382));
    frames.push(raw_frame(0x80, KEY, b"x"));
    let (seen, error) = decode(&mut decoder, [frames.concat()]);
    assert_eq!(
        (seen, error),
        (vec![Seen::Binary(vec![b'x'; 16_384])], None)
    );
}

#[test]
fn ws_8_23_empty_fragments_count() {
    let mut frames = vec![raw_frame(0x01, KEY, b"")];
    frames.extend(std::iter::repeat_with(|| raw_frame(0x00, KEY, b"")).take(16_384));
    assert_eq!(
        refused([frames.concat()]),
        Some(Misbehaviour::TooManyFragments)
    );
}

#[test]
fn cve_2016_10542_and_cve_2022_35922_oversized_declared_lengths() {
    for declared in [1_000_001u64, 1 << 32, (1 << 63) - 1] {
        let mut header = vec![0x82, 0xff];
        header.extend_from_slice(&declared.to_be_bytes());
        header.extend_from_slice(&[0; 4]);
        assert_eq!(
            refused([header]),
            Some(Misbehaviour::MessageTooBig),
            "{declared}"
        );
    }
    // A length within the limit is believed only as far as bytes arrive.
    let mut decoder = Decoder::new(Role::Server, Limits::unlimited());
    let header = [
        &[0x82, 0xff][..],
        &0xffff_0000u64.to_be_bytes(),
        &[0; 4],
        b"tiny",
    ]
    .concat();
    assert_eq!(decode(&mut decoder, [header]), (vec![], None));
    assert!(decoder.heap_bytes() < 1_024, "{}", decoder.heap_bytes());
    let mut stream = webtransport::Decoder::new(u32::MAX);
    let mut input = stream.input(&[0x7f, 0, 0, 0, 0, 0xff, 0, 0, 0, b'4']);
    assert_eq!(input.next(), Ok(None));
    // A string of four gigabytes in a packet of a few bytes.
    let packed = rmp_serde_packet(b"\x92\xa1x\xdb\xff\xff\xff\xffabc");
    let error = msgpack::decode(&packed, &SioLimits::default()).map(|packet| packet.kind);
    assert_eq!(error, Err(SioMisbehaviour::InvalidMsgpack));
    let packed = rmp_serde_packet(b"\x92\xa1x\xdd\xff\xff\xff\xff\x01");
    let error = msgpack::decode(&packed, &SioLimits::default()).map(|packet| packet.kind);
    assert_eq!(error, Err(SioMisbehaviour::InvalidMsgpack));
}

#[test]
fn cve_2016_10518_a_ping_is_answered_with_its_own_bytes_only() {
    // The leak was a ping given a number, echoed as uninitialised memory: here the declared length
    // and the bytes are one thing.
    let mut decoder = Decoder::new(Role::Server, Limits::default());
    let frame = raw_frame(0x89, KEY, b"");
    assert_eq!(
        decode(&mut decoder, [frame]),
        (vec![Seen::Ping(vec![])], None)
    );
    let truncated = raw_frame(0x89, KEY, &[9; 100])[..50].to_vec();
    assert_eq!(decode(&mut decoder, [truncated]), (vec![], None));
}

#[test]
fn cve_2026_45736_a_close_reason_is_what_arrived() {
    let frame = raw_frame(0x88, KEY, b"\x03\xe8bye");
    let mut decoder = Decoder::new(Role::Server, Limits::default());
    let (seen, _) = decode(&mut decoder, frame.chunks(1).map(<[u8]>::to_vec));
    assert_eq!(seen, [Seen::Close(1000, "bye".to_owned())]);
    assert_eq!(
        refused([raw_frame(0x88, KEY, b"\x03")]),
        Some(Misbehaviour::ShortClosePayload)
    );
    assert_eq!(
        refused([raw_frame(0x88, KEY, b"\x03\xe8\xff")]),
        Some(Misbehaviour::InvalidUtf8)
    );
}

#[test]
fn ws_8_23_ping_flood_by_a_peer_that_does_not_read() {
    let mut pongs = PendingPongs::default();
    let refused = (0..1_000)
        .map(|_| pongs.on_ping(60))
        .filter(Result::is_err)
        .count();
    assert_eq!(refused, 940);
    // Unasked pongs are events and nothing else: a flood of them keeps no memory.
    let flood: Vec<u8> = std::iter::repeat_with(|| raw_frame(0x8a, KEY, &[1; 125]))
        .take(10_000)
        .flatten()
        .collect();
    let mut decoder = Decoder::new(Role::Server, Limits::default());
    assert_eq!(decode(&mut decoder, [flood]).0.len(), 10_000);
    assert_eq!(decoder.heap_bytes(), 0);
}

#[test]
fn ws_2017_extension_header_constructor() {
    for header in [
        "constructor",
        "__proto__",
        "hasOwnProperty; a=b",
        ";;;",
        ",,,",
        "permessage-deflate;=;=",
    ] {
        assert_eq!(extension::negotiate(header), None, "{header}");
    }
}

#[test]
fn cve_2021_32640_and_cve_2024_37890_and_cve_2023_43669_long_headers_cost_linear_time() {
    // Long values are looked at once, from left to right. The number and size of headers is HTTP's
    // to bound; here a megabyte of each must simply be refused or passed over.
    let spaces = format!("x{}x", " ".repeat(1_000_000));
    let commas = ",".repeat(1_000_000);
    for value in [spaces.as_str(), commas.as_str()] {
        assert_eq!(extension::negotiate(value), None);
        let request = UpgradeRequest {
            method: "GET",
            connection: Some(value),
            upgrade: Some(value),
            version: Some(value),
            key: Some(value),
        };
        assert!(request.accept().is_err());
        assert_eq!(Query::parse(value).sid, None);
    }
}

#[test]
fn fragments_interleaved_with_controls_keep_their_order() {
    let mut frames = vec![raw_frame(0x01, KEY, "Gr".as_bytes())];
    frames.push(raw_frame(0x89, KEY, b"1"));
    frames.push(raw_frame(0x00, KEY, &"ü".as_bytes()[..1]));
    frames.push(raw_frame(0x8a, KEY, b"2"));
    frames.push(raw_frame(0x80, KEY, &"üße".as_bytes()[1..]));
    let mut decoder = Decoder::new(Role::Server, Limits::default());
    let (seen, error) = decode(&mut decoder, frames);
    assert_eq!(error, None);
    assert_eq!(
        seen,
        [
            Seen::Ping(b"1".to_vec()),
            Seen::Pong(b"2".to_vec()),
            Seen::Text("Grüße".to_owned())
        ]
    );
}
