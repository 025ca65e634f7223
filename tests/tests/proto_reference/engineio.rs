//! Engine.IO packets, payloads and streams against npm engine.io-parser 5.2.3 and 2.2.1.

use std::collections::BTreeMap;

use ringside_proto::engineio::payload::{
    decode, decode_v3, encode, encode_v3_binary, encode_v3_text,
};
use ringside_proto::engineio::{Data, Misbehaviour, Packet, PacketKind, Version};
use ringside_proto::webtransport;
use serde_json::{Value, json};

use super::packets;
use super::peer::ask;
use super::random::{Random, hex, unhex};

const NAMES: [&str; 7] = [
    "open", "close", "ping", "pong", "message", "upgrade", "noop",
];

/// A packet that owns its data.
struct Sample {
    kind: PacketKind,
    text: String,
    bytes: Option<Vec<u8>>,
}

impl Sample {
    fn random(random: &mut Random) -> Self {
        let bytes = random.chance(3).then(|| random.bytes(300));
        let kind = if bytes.is_some() {
            PacketKind::Message
        } else {
            *random.pick(&PacketKind::ALL)
        };
        Self {
            kind,
            text: random.text(20),
            bytes,
        }
    }

    fn packet(&self) -> Packet<'_> {
        match &self.bytes {
            Some(bytes) => Packet::binary(bytes),
            None => Packet::text(self.kind, &self.text),
        }
    }
}

/// Some packets each, as many as all comparisons need.
fn groups(random: &mut Random) -> Vec<Vec<Sample>> {
    (0..packets() / 3)
        .map(|_| {
            (0..1 + random.below(5))
                .map(|_| Sample::random(random))
                .collect()
        })
        .collect()
}

/// In the form of the peer's answers.
fn dump(packet: &Packet<'_>) -> Value {
    let data = match &packet.data {
        Data::Text(text) => json!(text),
        Data::Binary(bytes) => json!({ "$hex": hex(bytes) }),
    };
    json!({ "type": NAMES[packet.kind as usize], "data": data })
}

fn dump_all(packets: &[Packet<'_>]) -> Value {
    packets.iter().map(dump).collect()
}

pub fn payloads_are_the_same_both_ways() {
    let mut random = Random::new(11);
    let groups = groups(&mut random);
    let mut requests = Vec::new();
    for group in &groups {
        let packets: Vec<Packet<'_>> = group.iter().map(Sample::packet).collect();
        let (mut v4, mut text, mut binary) = (Vec::new(), Vec::new(), Vec::new());
        encode(&mut v4, &packets);
        encode_v3_text(&mut text, &packets);
        encode_v3_binary(&mut binary, &packets);
        let v4 = String::from_utf8(v4).expect("UTF-8");
        let text = String::from_utf8(text).expect("UTF-8");
        let dumped = dump_all(&packets);
        requests.push(json!({ "op": "eio4.decode", "text": v4 }));
        requests.push(json!({ "op": "eio3.decode", "text": text }));
        requests.push(json!({ "op": "eio3.decode", "hex": hex(&binary) }));
        requests.push(json!({ "op": "eio4.encode", "packets": dumped }));
        requests.push(json!({ "op": "eio3.encode", "packets": dumped, "binary": false }));
        requests.push(json!({ "op": "eio3.encode", "packets": dumped, "binary": true }));
    }
    for ((group, requests), answers) in groups
        .iter()
        .zip(requests.chunks(6))
        .zip(ask(&requests).chunks(6))
    {
        let packets: Vec<Packet<'_>> = group.iter().map(Sample::packet).collect();
        // What the reference decodes from ours is what we meant.
        for (request, answer) in requests.iter().zip(&answers[..3]) {
            assert_eq!(answer["packets"], dump_all(&packets), "{request}");
        }
        // What the reference encodes is, byte for byte, what we encode.
        assert_eq!(answers[3]["text"], requests[0]["text"]);
        assert_eq!(answers[4]["text"], requests[1]["text"]);
        assert_eq!(answers[5]["hex"], requests[2]["hex"]);
    }
}

/// Payloads that are almost right, as text.
fn almost(random: &mut Random) -> String {
    const TOKENS: &[&str] = &[
        "0",
        "1",
        "2",
        "3",
        "4",
        "5",
        "6",
        "7",
        "b",
        "bAQID",
        "b4AQID",
        "b4",
        "\u{1e}",
        "\u{1e}\u{1e}",
        "1:",
        "2:4",
        "3:4a",
        "10:",
        "0:",
        "00:",
        ":",
        "4hello",
        "2probe",
        "é",
        "💩",
        "x",
        "1:2",
        "6:4hello",
    ];
    (0..random.below(6)).map(|_| *random.pick(TOKENS)).collect()
}

pub fn both_accept_and_refuse_the_same_payloads() {
    let mut random = Random::new(12);
    let texts: Vec<String> = (0..packets()).map(|_| almost(&mut random)).collect();
    let requests: Vec<Value> = texts
        .iter()
        .flat_map(|text| {
            [
                json!({ "op": "eio4.decode", "text": text }),
                json!({ "op": "eio3.decode", "text": text }),
            ]
        })
        .collect();
    let mut listed: BTreeMap<&str, usize> = BTreeMap::new();
    for (text, answers) in texts.iter().zip(ask(&requests).chunks(2)) {
        for (version, answer) in [Version::V4, Version::V3].into_iter().zip(answers) {
            let ours = read(text, version);
            let theirs = answer["packets"].as_array().expect("a list");
            // The reference marks an error by a packet of that type, which ends the session.
            let end = theirs.iter().position(|packet| packet["type"] == "error");
            let alike = match &ours {
                (packets, None) => end.is_none() && packets == theirs,
                (packets, Some(_)) => end.is_some_and(|end| packets[..] == theirs[..end]),
            };
            if !alike {
                let reason = difference(text, version, &ours.1);
                let reason = reason
                    .unwrap_or_else(|| panic!("{text:?} {version:?}: we {ours:?}, it {answer}"));
                *listed.entry(reason).or_default() += 1;
            }
        }
    }
    println!("listed differences {listed:?}");
}

fn read(text: &str, version: Version) -> (Vec<Value>, Option<Misbehaviour>) {
    let mut packets = Vec::new();
    let results: Result<Vec<_>, _> = match version {
        Version::V4 => decode(text.as_bytes()).map(Iterator::collect),
        Version::V3 => decode_v3(text.as_bytes(), false).map(Iterator::collect),
    };
    match results {
        Err(misbehaviour) => return (packets, Some(misbehaviour)),
        Ok(results) => {
            for result in results {
                match result {
                    Ok(packet) => packets.push(dump(&packet)),
                    Err(misbehaviour) => return (packets, Some(misbehaviour)),
                }
            }
        }
    }
    (packets, None)
}

/// The differences there may be, each with its reason.
fn difference(text: &str, version: Version, error: &Option<Misbehaviour>) -> Option<&'static str> {
    match error {
        // `Buffer.from(x, "base64")` skips what is no base64; we refuse it.
        Some(Misbehaviour::InvalidBase64) => Some("characters that are no base64"),
        // The reference makes a packet of an undefined type of these and ignores it.
        Some(Misbehaviour::EmptyPacket | Misbehaviour::UnknownPacketType)
            if version == Version::V3 && text.contains('b') =>
        {
            Some("base64 without a type")
        }
        // `"0x3" == 3`: it takes any text that JavaScript calls equal to its number.
        Some(Misbehaviour::InvalidLength)
            if version == Version::V3 && (text.contains("0x") || text.contains("0b")) =>
        {
            Some("a length that is a number, but not of digits")
        }
        // It cuts a character in two where a length says so.
        Some(Misbehaviour::InvalidLength) if version == Version::V3 && text.contains('💩') => {
            Some("a length that ends inside a surrogate pair")
        }
        _ => None,
    }
}

pub fn webtransport_streams_are_the_same_both_ways() {
    let mut random = Random::new(13);
    let mut groups = groups(&mut random);
    // Zero-length binary is a listed difference: the reference's decoder refuses the frame.
    groups
        .iter_mut()
        .for_each(|group| group.retain(|sample| sample.bytes != Some(vec![])));
    let mut requests = Vec::new();
    for group in &groups {
        let packets: Vec<Packet<'_>> = group.iter().map(Sample::packet).collect();
        let mut stream = Vec::new();
        packets
            .iter()
            .for_each(|packet| webtransport::encode(&mut stream, packet));
        let size = 1 + random.below(40);
        let chunks: Vec<String> = stream.chunks(size).map(hex).collect();
        requests.push(json!({ "op": "webtransport.decode", "chunks": chunks, "limit": 1_000_000 }));
        requests.push(json!({ "op": "webtransport.encode", "packets": dump_all(&packets) }));
    }
    for (group, answers) in groups.iter().zip(ask(&requests).chunks(2)) {
        let packets: Vec<Packet<'_>> = group.iter().map(Sample::packet).collect();
        assert_eq!(answers[0]["packets"], dump_all(&packets));
        let stream = unhex(answers[1]["hex"].as_str().expect("it encodes"));
        let mut decoder = webtransport::Decoder::new(1_000_000);
        let mut seen = Vec::new();
        for chunk in stream.chunks(1 + random.below(40)) {
            let mut input = decoder.input(chunk);
            while let Some(packet) = input.next().expect("we accept") {
                seen.push(dump(&packet));
            }
        }
        assert_eq!(Value::Array(seen), dump_all(&packets));
    }
}
