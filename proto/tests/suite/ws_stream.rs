//! The WebSocket decoder against an oracle of a few lines: scripts of messages, fragments and
//! control frames, cut into any chunks, give the same events; so do streams of rubbish.

use proptest::collection::vec;
use proptest::prelude::*;
use ringside_proto::ws::{
    CloseCode, Decoder, Event, Limits, Misbehaviour, OpCode, PendingPongs, Role, client_header,
    close_payload, encode_close, encode_frame, encode_masked_frame, frame_len, server_header,
    unmask,
};

use super::{cases, chunks};

/// An event that owns its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(u16, String),
}

impl From<Event<'_>> for Seen {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Text(text) => Self::Text(text.to_owned()),
            Event::Binary(bytes) => Self::Binary(bytes.to_vec()),
            Event::Ping(bytes) => Self::Ping(bytes.to_vec()),
            Event::Pong(bytes) => Self::Pong(bytes.to_vec()),
            Event::Close { code, reason } => Self::Close(code.0, reason.to_owned()),
        }
    }
}

/// Feeds chunks and collects what comes out.
pub fn decode(
    decoder: &mut Decoder,
    chunks: impl IntoIterator<Item = Vec<u8>>,
) -> (Vec<Seen>, Option<Misbehaviour>) {
    let mut seen = Vec::new();
    for mut chunk in chunks {
        let mut input = decoder.input(&mut chunk);
        loop {
            match input.next() {
                Ok(Some(event)) => seen.push(event.into()),
                Ok(None) => break,
                Err(misbehaviour) => return (seen, Some(misbehaviour)),
            }
        }
    }
    (seen, None)
}

/// One frame as the RFC draws it, without any check.
pub fn raw_frame(first: u8, mask: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    let bit = if mask.is_some() { 0x80 } else { 0 };
    match payload.len() {
        len @ 0..126 => frame.push(bit | len as u8),
        len @ 126..=0xffff => {
            frame.push(bit | 126);
            frame.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            frame.push(bit | 127);
            frame.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    let mut payload = payload.to_vec();
    if let Some(key) = mask {
        frame.extend_from_slice(&key);
        payload
            .iter_mut()
            .enumerate()
            .for_each(|(i, byte)| *byte ^= key[i % 4]);
    }
    frame.extend_from_slice(&payload);
    frame
}

#[derive(Clone, Debug)]
struct Message {
    content: Seen,
    cuts: Vec<usize>,
    /// A ping between the fragments.
    ping: Option<Vec<u8>>,
    key: [u8; 4],
}

fn message() -> impl Strategy<Value = Message> {
    let bytes =
        || prop_oneof![4 => vec(any::<u8>(), 0..300), 1 => vec(any::<u8>(), 65_530..65_545)];
    let content = prop_oneof![
        3 => ".{0,90}".prop_map(Seen::Text),
        3 => bytes().prop_map(Seen::Binary),
        1 => vec(any::<u8>(), 0..=125).prop_map(Seen::Ping),
        1 => vec(any::<u8>(), 0..=125).prop_map(Seen::Pong),
    ];
    let ping = proptest::option::of(vec(any::<u8>(), 0..20));
    (content, vec(any::<usize>(), 0..4), ping, any::<[u8; 4]>()).prop_map(
        |(content, cuts, ping, key)| Message {
            content,
            cuts,
            ping,
            key,
        },
    )
}

/// Writes a script as `role` sends it; gives the bytes and the events it must cause.
fn write(script: &[Message], role: Role) -> (Vec<u8>, Vec<Seen>) {
    let mut bytes = Vec::new();
    let mut events = Vec::new();
    for message in script {
        let key = (role == Role::Client).then_some(message.key);
        let (op, payload): (OpCode, &[u8]) = match &message.content {
            Seen::Text(text) => (OpCode::Text, text.as_bytes()),
            Seen::Binary(payload) => (OpCode::Binary, payload),
            Seen::Ping(payload) => (OpCode::Ping, payload),
            Seen::Pong(payload) => (OpCode::Pong, payload),
            Seen::Close(..) => continue,
        };
        let parts = if op.is_control() {
            vec![payload.to_vec()]
        } else {
            chunks(payload, &message.cuts)
        };
        for (i, part) in parts.iter().enumerate() {
            let fin = if i + 1 == parts.len() { 0x80 } else { 0 };
            let op = if i == 0 { op } else { OpCode::Continuation };
            bytes.extend(raw_frame(fin | op as u8, key, part));
            if let (Some(ping), 0) = (&message.ping, fin) {
                bytes.extend(raw_frame(0x89, key, ping));
                events.push(Seen::Ping(ping.clone()));
            }
        }
        events.push(message.content.clone());
    }
    (bytes, events)
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn any_split_of_any_script_gives_its_events(
        script in vec(message(), 1..6),
        cuts in vec(any::<usize>(), 0..12),
        from_client: bool,
    ) {
        let (sender, receiver) = if from_client { (Role::Client, Role::Server) } else { (Role::Server, Role::Client) };
        let (bytes, events) = write(&script, sender);
        let mut decoder = Decoder::new(receiver, Limits::default());
        let (seen, error) = decode(&mut decoder, chunks(&bytes, &cuts));
        prop_assert_eq!(error, None);
        prop_assert_eq!(seen, events);
        prop_assert!(decoder.is_idle());
        prop_assert_eq!(decoder.heap_bytes(), 0);
    }

    #[test]
    fn byte_by_byte_is_a_split_too(script in vec(message(), 1..3)) {
        let (bytes, events) = write(&script, Role::Client);
        prop_assume!(bytes.len() < 4_000);
        let mut decoder = Decoder::new(Role::Server, Limits::default());
        let (seen, error) = decode(&mut decoder, bytes.iter().map(|byte| vec![*byte]));
        prop_assert_eq!(error, None);
        prop_assert_eq!(seen, events);
    }

    #[test]
    fn rubbish_gives_the_same_error_however_it_is_cut(
        frames in vec((any::<u8>(), any::<bool>(), vec(any::<u8>(), 0..140)), 1..6),
        tail in vec(any::<u8>(), 0..16),
        cuts in vec(any::<usize>(), 0..10),
    ) {
        let mut bytes: Vec<u8> = frames
            .iter()
            .flat_map(|(first, masked, payload)| raw_frame(first & 0x8f, masked.then_some([1, 2, 3, 4]), payload))
            .collect();
        bytes.extend(tail);
        let limits = Limits { message_bytes_max: 200, fragments_max: 3 };
        for role in [Role::Server, Role::Client] {
            let whole = decode(&mut Decoder::new(role, limits), [bytes.clone()]);
            let parts = decode(&mut Decoder::new(role, limits), chunks(&bytes, &cuts));
            prop_assert_eq!(whole, parts);
        }
    }

    #[test]
    fn encoded_frames_decode_to_themselves(
        payload in prop_oneof![vec(any::<u8>(), 0..300), vec(any::<u8>(), 65_500..65_600)],
        key: [u8; 4],
    ) {
        let (mut server, mut client) = (Vec::new(), Vec::new());
        encode_frame(&mut server, OpCode::Binary, &payload);
        encode_masked_frame(&mut client, OpCode::Binary, &payload, key);
        prop_assert_eq!(server.len(), frame_len(Role::Server, payload.len()));
        prop_assert_eq!(client.len(), frame_len(Role::Client, payload.len()));
        prop_assert_eq!(&server, &raw_frame(0x82, None, &payload));
        prop_assert_eq!(&client, &raw_frame(0x82, Some(key), &payload));
        let expected = (vec![Seen::Binary(payload)], None);
        prop_assert_eq!(&decode(&mut Decoder::new(Role::Client, Limits::default()), [server]), &expected);
        prop_assert_eq!(&decode(&mut Decoder::new(Role::Server, Limits::default()), [client]), &expected);
    }

    #[test]
    fn a_close_keeps_its_code_and_as_much_of_its_reason_as_fits(code: u16, reason in "\\PC{0,140}") {
        let mut frame = Vec::new();
        encode_close(&mut frame, CloseCode(code), &reason);
        prop_assert!(frame.len() <= 127);
        let (seen, error) = decode(&mut Decoder::new(Role::Client, Limits::default()), [frame]);
        prop_assert_eq!(error, None);
        match &seen[..] {
            [Seen::Close(seen_code, seen_reason)] if CloseCode(code).is_allowed_on_wire() => {
                prop_assert_eq!(*seen_code, code);
                prop_assert!(reason.starts_with(seen_reason.as_str()));
                prop_assert!(seen_reason == &reason || seen_reason.len() > 119);
            }
            other => prop_assert_eq!(other, &[Seen::Close(1005, String::new())][..]),
        }
    }
}

#[test]
fn headers_have_the_shortest_form() {
    for (len, header) in [
        (0, &[0x81, 0][..]),
        (125, &[0x81, 125]),
        (126, &[0x81, 126, 0, 126]),
        (0xffff, &[0x81, 126, 0xff, 0xff]),
        (0x1_0000, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
    ] {
        assert_eq!(&*server_header(OpCode::Text, len), header);
        let client = client_header(OpCode::Text, len, [1, 2, 3, 4]);
        assert_eq!(client.len(), header.len() + 4);
        assert!(client.ends_with(&[1, 2, 3, 4]));
        assert_eq!(frame_len(Role::Server, len), header.len() + len);
    }
    assert_eq!(server_header(OpCode::Text, 1).compressed()[0], 0xc1);
}

#[test]
fn every_misframing_is_named() {
    let cases: [(&[u8], Misbehaviour); 11] = [
        (&[0xc1, 0x80, 0, 0, 0, 0], Misbehaviour::ReservedBits),
        (&[0x83, 0x80], Misbehaviour::ReservedOpcode),
        (&[0x81, 0x00], Misbehaviour::UnmaskedFrame),
        (&[0x09, 0x80, 0, 0, 0, 0], Misbehaviour::FragmentedControl),
        (&[0x89, 0xfe, 0, 126], Misbehaviour::OversizedControl),
        (
            &[0x81, 0xfe, 0, 125, 0, 0, 0, 0],
            Misbehaviour::NonMinimalLength,
        ),
        (
            &[0x81, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0],
            Misbehaviour::NonMinimalLength,
        ),
        (
            &[0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            Misbehaviour::LengthTopBit,
        ),
        (
            &[0x80, 0x80, 0, 0, 0, 0],
            Misbehaviour::UnexpectedContinuation,
        ),
        (
            &[0x01, 0x80, 0, 0, 0, 0, 0x81, 0x80, 0, 0, 0, 0],
            Misbehaviour::InterruptedMessage,
        ),
        (
            &[0x88, 0x81, 0, 0, 0, 0, 3],
            Misbehaviour::ShortClosePayload,
        ),
    ];
    for (bytes, misbehaviour) in cases {
        let mut decoder = Decoder::new(Role::Server, Limits::default());
        let (seen, error) = decode(&mut decoder, [bytes.to_vec()]);
        assert_eq!((seen, error), (vec![], Some(misbehaviour)), "{bytes:x?}");
        // Whatever follows is ignored.
        assert!(decoder.is_finished());
        assert_eq!(
            decode(&mut decoder, [raw_frame(0x81, Some([0; 4]), b"hello")]),
            (vec![], None)
        );
        assert!(decoder.is_idle());
    }
    let mut client = Decoder::new(Role::Client, Limits::default());
    assert_eq!(
        decode(&mut client, [vec![0x81, 0x80]]).1,
        Some(Misbehaviour::MaskedFrame)
    );
}

#[test]
fn close_codes_follow_the_registry() {
    // RFC 6455 §7.4: 1004, 1005, 1006 and 1015 are reserved, below 1000 and 1016-2999 undefined.
    for code in 0..=u16::MAX {
        let allowed = matches!(code, 1000 | 1001 | 1002 | 1003 | 1007..=1014 | 3000..=4999);
        assert_eq!(CloseCode(code).is_allowed_on_wire(), allowed, "{code}");
    }
    for code in [999u16, 1004, 1005, 1006, 1015, 2000, 5000] {
        let frame = raw_frame(0x88, None, &code.to_be_bytes());
        let (_, error) = decode(&mut Decoder::new(Role::Client, Limits::default()), [frame]);
        assert_eq!(error, Some(Misbehaviour::InvalidCloseCode), "{code}");
    }
    let mut payload = Vec::new();
    close_payload(&mut payload, CloseCode::ABNORMAL, "never on the wire");
    assert_eq!(payload, b"");
}

#[test]
fn nothing_follows_a_close() {
    let mut bytes = raw_frame(0x88, Some([9; 4]), &1000u16.to_be_bytes());
    bytes.extend(raw_frame(0x81, Some([9; 4]), b"late"));
    let mut decoder = Decoder::new(Role::Server, Limits::default());
    assert_eq!(
        decode(&mut decoder, [bytes]),
        (vec![Seen::Close(1000, String::new())], None)
    );
    assert!(decoder.is_finished());
}

#[test]
fn text_fails_at_the_first_impossible_byte() {
    // "κόσμε" with a surrogate after it (Autobahn 6.4): the second fragment already fails.
    let mut decoder = Decoder::new(Role::Server, Limits::default());
    let first = raw_frame(0x01, Some([1; 4]), "κόσμε".as_bytes());
    assert_eq!(decode(&mut decoder, [first]), (vec![], None));
    // The payload's end has not arrived, yet the bytes that have cannot become UTF-8.
    let mut second = raw_frame(0x00, Some([2; 4]), &[0xed, 0xa0, 0x80, b'x', b'y']);
    second.truncate(9);
    assert_eq!(
        decode(&mut decoder, [second]),
        (vec![], Some(Misbehaviour::InvalidUtf8))
    );
    // A character cut off by the end of the message is an error only there.
    for payload in [&b"\xe2\x82"[..], &[b'a'; 70][..]] {
        let mut bytes = raw_frame(0x81, Some([0; 4]), payload);
        if payload.len() == 70 {
            bytes[75] = 0xff;
        }
        let mut decoder = Decoder::new(Role::Server, Limits::default());
        assert_eq!(
            decode(&mut decoder, [bytes]),
            (vec![], Some(Misbehaviour::InvalidUtf8))
        );
    }
}

#[test]
fn the_idle_state_is_small() {
    assert!(size_of::<Decoder>() <= 24);
    let mut decoder = Decoder::new(Role::Server, Limits::unlimited());
    let (seen, _) = decode(&mut decoder, [raw_frame(0x82, Some([5; 4]), &[1; 3])]);
    assert_eq!(seen.len(), 1);
    assert_eq!(decoder.heap_bytes(), 0);
}

#[test]
fn limits_hold_exactly() {
    let limits = Limits {
        message_bytes_max: 100,
        fragments_max: 4,
    };
    let send = |frames: Vec<Vec<u8>>| decode(&mut Decoder::new(Role::Client, limits), frames);
    let too_big = Some(Misbehaviour::MessageTooBig);
    for cut in [usize::MAX, 3] {
        let split = |frame: Vec<u8>| chunks(&frame, &[cut]);
        assert_eq!(send(split(raw_frame(0x82, None, &[0; 100]))).1, None);
        assert_eq!(send(split(raw_frame(0x82, None, &[0; 101]))).1, too_big);
        assert_eq!(send(split(raw_frame(0x82, None, &[0; 10_000]))).1, too_big);
    }
    let halves = |a, b| {
        vec![
            raw_frame(0x02, None, &vec![0; a]),
            raw_frame(0x80, None, &vec![0; b]),
        ]
    };
    assert_eq!(send(halves(50, 50)).1, None);
    assert_eq!(send(halves(50, 51)).1, too_big);
    let fragments = |count: usize| {
        let mut frames = vec![raw_frame(0x00, None, b""); count];
        frames[0] = raw_frame(0x02, None, b"");
        frames[count - 1][0] |= 0x80;
        frames
    };
    assert_eq!(send(fragments(4)), (vec![Seen::Binary(vec![])], None));
    assert_eq!(send(fragments(5)).1, Some(Misbehaviour::TooManyFragments));
    assert_eq!(send(fragments(500)).1, Some(Misbehaviour::TooManyFragments));

    let mut pongs = PendingPongs::default();
    for _ in 0..60 {
        assert_eq!(pongs.on_ping(60), Ok(()));
    }
    assert_eq!(pongs.on_ping(60), Err(Misbehaviour::TooManyPings));
    pongs.on_flushed();
    assert_eq!(pongs.on_ping(60), Ok(()));
}

#[test]
fn masking_twice_is_nothing() {
    let mut bytes: Vec<u8> = (0..=255).collect();
    unmask(&mut bytes, [1, 2, 3, 4]);
    assert_ne!(bytes[7], 7);
    unmask(&mut bytes, [1, 2, 3, 4]);
    assert_eq!(bytes, (0..=255).collect::<Vec<u8>>());
}
