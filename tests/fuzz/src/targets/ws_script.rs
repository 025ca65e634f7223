//! Well-formed scripts of messages, fragments and control frames, written by our encoders, come
//! out of our decoder as they went in, compressed or not, in chunks of any size.

use ringside_proto::ws::deflate::{Deflater, Inflater};
use ringside_proto::ws::{
    Decoder, Event, Limits, OpCode, Role, client_header, encode_frame, encode_masked_frame,
    server_header, unmask,
};

use super::{Source, cut};

/// First byte: role and compression; second: chunk size; then one operation after another.
pub fn run(data: &[u8]) {
    let mut source = Source(data);
    let flags = source.byte();
    let size = usize::from(source.byte());
    let key = (flags & 1 == 0).then_some([flags, 3, 141, 59]);
    let deflate = flags & 2 != 0;
    let mut deflater = Deflater::new(1);
    let mut stream = Vec::new();
    let mut expected = Vec::new();
    while source.more() && expected.len() < 64 {
        let op = source.byte();
        let len = usize::from(source.byte());
        let payload = source.bytes(len);
        match op % 4 {
            0 => {
                put(&mut stream, OpCode::Binary, payload, key);
                expected.push((OpCode::Binary, payload.to_vec()));
            }
            1 => {
                let payload = &payload[..payload.len().min(125)];
                put(&mut stream, OpCode::Ping, payload, key);
                expected.push((OpCode::Ping, payload.to_vec()));
            }
            2 => {
                // A message in two fragments with a ping between them.
                let (head, tail) = payload.split_at(payload.len() / 2);
                part(&mut stream, OpCode::Binary as u8, head, key);
                put(&mut stream, OpCode::Ping, b"", key);
                part(&mut stream, 0x80, tail, key);
                expected.push((OpCode::Ping, Vec::new()));
                expected.push((OpCode::Binary, payload.to_vec()));
            }
            _ if deflate => {
                part(&mut stream, 0xc2, &deflater.deflate(payload), key);
                expected.push((OpCode::Binary, payload.to_vec()));
            }
            _ => {}
        }
    }
    let role = if key.is_some() {
        Role::Server
    } else {
        Role::Client
    };
    let mut decoder = Decoder::new(role, Limits::default()).with_deflate(deflate);
    let mut inflater = Inflater::new();
    let mut seen = Vec::new();
    for mut chunk in cut(&stream, size) {
        let mut input = decoder.input_with(&mut chunk, &mut inflater);
        while let Some(event) = input.next().expect("the script is well-formed") {
            seen.push(match event {
                Event::Binary(bytes) => (OpCode::Binary, bytes.to_vec()),
                Event::Ping(bytes) => (OpCode::Ping, bytes.to_vec()),
                other => panic!("{other:?} was not sent"),
            });
        }
    }
    assert_eq!(seen, expected);
    assert!(decoder.is_idle());
}

fn put(stream: &mut Vec<u8>, op: OpCode, payload: &[u8], key: Option<[u8; 4]>) {
    match key {
        Some(key) => encode_masked_frame(stream, op, payload, key),
        None => encode_frame(stream, op, payload),
    }
}

/// A frame whose first byte is given.
fn part(stream: &mut Vec<u8>, first: u8, payload: &[u8], key: Option<[u8; 4]>) {
    let mut header = match key {
        Some(key) => client_header(OpCode::Binary, payload.len(), key).to_vec(),
        None => server_header(OpCode::Binary, payload.len()).to_vec(),
    };
    header[0] = first;
    stream.extend(header);
    let mut payload = payload.to_vec();
    unmask(&mut payload, key.unwrap_or_default());
    stream.extend(payload);
}
