//! Runs the vectors of `tests/vectors`: what each means in words is in the files.

use std::path::Path;

use ringside_proto::engineio::payload::{self, decode_v3};
use ringside_proto::engineio::{Data, Misbehaviour, Packet, Version};
use ringside_proto::socketio;
use ringside_proto::webtransport;
use ringside_proto::ws::{Decoder, Limits, Role};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::ws_stream::{Seen, decode};

fn load<T: DeserializeOwned>(file: &str) -> Vec<T> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/vectors")
        .join(file);
    let text = std::fs::read_to_string(&path).expect("the vectors are there");
    let vectors: Vec<T> = serde_json::from_str(&text).expect("the vectors are JSON");
    assert!(vectors.len() >= 20, "{file} is not empty");
    vectors
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b' ').collect();
    digits
        .chunks(2)
        .map(|pair| {
            u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hexadecimal")
        })
        .collect()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebSocketVector {
    meaning: String,
    to: String,
    hex: String,
    #[serde(default)]
    events: Vec<(String, String)>,
    refused: Option<String>,
}

#[test]
fn websocket() {
    for vector in load::<WebSocketVector>("websocket.json") {
        let role = if vector.to == "server" {
            Role::Server
        } else {
            Role::Client
        };
        let bytes = from_hex(&vector.hex);
        let whole = vec![bytes.clone()];
        let single: Vec<Vec<u8>> = bytes.iter().map(|byte| vec![*byte]).collect();
        for chunks in [whole, single] {
            let (seen, error) = decode(&mut Decoder::new(role, Limits::default()), chunks);
            let events: Vec<(String, String)> = seen
                .into_iter()
                .map(|event| match event {
                    Seen::Text(text) => ("text".to_owned(), text),
                    Seen::Binary(bytes) => ("binary".to_owned(), to_hex(&bytes)),
                    Seen::Ping(bytes) => ("ping".to_owned(), to_hex(&bytes)),
                    Seen::Pong(bytes) => ("pong".to_owned(), to_hex(&bytes)),
                    Seen::Close(code, reason) => ("close".to_owned(), format!("{code} {reason}")),
                })
                .collect();
            assert_eq!(events, vector.events, "{}", vector.meaning);
            assert_eq!(
                error.map(|it| it.name()),
                vector.refused.as_deref(),
                "{}",
                vector.meaning
            );
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EngineIoVector {
    meaning: String,
    version: u8,
    form: String,
    text: Option<String>,
    hex: Option<String>,
    #[serde(default)]
    packets: Vec<(String, String, String)>,
    refused: Option<String>,
}

#[test]
fn engineio() {
    for vector in load::<EngineIoVector>("engineio.json") {
        let version = if vector.version == 4 {
            Version::V4
        } else {
            Version::V3
        };
        let bytes = match (&vector.text, &vector.hex) {
            (Some(text), None) => text.clone().into_bytes(),
            (None, Some(hex)) => from_hex(hex),
            _ => panic!("{}: text or hex", vector.meaning),
        };
        let mut packets = Vec::new();
        let refused = each_packet(&vector.form, version, &bytes, |packet| {
            let (form, data) = match &packet.data {
                Data::Text(text) => ("text", (*text).to_owned()),
                Data::Binary(bytes) => ("binary", to_hex(bytes)),
            };
            packets.push((
                char::from(packet.kind.digit()).to_string(),
                form.to_owned(),
                data,
            ));
        })
        .err();
        assert_eq!(packets, vector.packets, "{}", vector.meaning);
        assert_eq!(
            refused.map(|it| it.name()),
            vector.refused.as_deref(),
            "{}",
            vector.meaning
        );
    }
}

fn each_packet(
    form: &str,
    version: Version,
    bytes: &[u8],
    mut see: impl FnMut(Packet<'_>),
) -> Result<(), Misbehaviour> {
    match (form, version) {
        ("text", _) => see(Packet::decode_text(
            std::str::from_utf8(bytes).expect("text"),
            version,
        )?),
        ("binary", _) => see(Packet::decode_binary(bytes, version)?),
        ("payload", Version::V4) => {
            for packet in payload::decode(bytes)? {
                see(packet?);
            }
        }
        ("payload" | "binary payload", Version::V3) => {
            for packet in decode_v3(bytes, form != "payload")? {
                see(packet?);
            }
        }
        ("webtransport", _) => {
            let mut decoder = webtransport::Decoder::new(1_000_000);
            let mut input = decoder.input(bytes);
            while let Some(packet) = input.next()? {
                see(packet);
            }
        }
        other => panic!("unknown form {other:?}"),
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SocketIoVector {
    meaning: String,
    text: String,
    #[serde(default)]
    kind: u8,
    #[serde(default = "root")]
    namespace: String,
    id: Option<u64>,
    event: Option<String>,
    #[serde(default)]
    attachments: u32,
    #[serde(default)]
    payload: String,
    refused: Option<String>,
}

fn root() -> String {
    "/".to_owned()
}

#[test]
fn socketio() {
    for vector in load::<SocketIoVector>("socketio.json") {
        let scanned = socketio::Packet::scan(&vector.text)
            .and_then(|packet| packet.check(64).map(|()| packet));
        match (scanned, vector.refused) {
            (Ok(packet), None) => {
                let seen = (
                    packet.kind as u8,
                    packet.namespace,
                    packet.id,
                    packet.attachments,
                    packet.payload,
                );
                let expected = (
                    vector.kind,
                    vector.namespace.as_str(),
                    vector.id,
                    vector.attachments,
                    vector.payload.as_str(),
                );
                assert_eq!(seen, expected, "{}", vector.meaning);
                let name = packet.event.map(|name| name.to_str().into_owned());
                assert_eq!(name, vector.event, "{}", vector.meaning);
            }
            (Err(error), Some(refused)) => assert_eq!(error.name(), refused, "{}", vector.meaning),
            (scanned, refused) => panic!("{}: {scanned:?}, expected {refused:?}", vector.meaning),
        }
    }
}
