//! Socket.IO packets against npm socket.io-parser 4.2.7 and socket.io-msgpack-parser 3.0.2.

use std::collections::BTreeMap;

use bytes::Bytes;
use ringside_proto::socketio::{
    Decoder, Kind, Limits, Misbehaviour, Packet, RESERVED_EVENTS, Spread, encode_ack, encode_event,
    json, msgpack,
};
use ringside_proto::time::Millis;
use serde_json::{Value, json};

use super::packets;
use super::peer::ask;
use super::random::{Random, Tree, hex, same, unhex};

fn limits() -> Limits {
    Limits {
        attachments_max: 10,
        json_depth_max: 64,
        ..Limits::default()
    }
}

/// A random event or ack.
struct Sample {
    kind: u8,
    namespace: String,
    id: Option<u64>,
    name: String,
    args: Vec<Tree>,
}

impl Sample {
    fn random(random: &mut Random) -> Self {
        let is_ack = random.chance(4);
        let namespace = if random.chance(2) {
            "/".to_owned()
        } else {
            format!("/{}", ["a", "chat", "é-1"][random.below(3)])
        };
        let id = (is_ack || random.chance(3)).then(|| random.next() >> (11 + random.below(50)));
        let mut name = random.text(8);
        if RESERVED_EVENTS.contains(&name.as_str()) {
            name.push('!');
        }
        // At most ten attachments, the limit of both: at most one a value at this depth and width.
        let args = (0..random.below(4))
            .map(|_| Tree::random(random, 2, true))
            .collect();
        Self {
            kind: if is_ack { 3 } else { 2 },
            namespace,
            id,
            name,
            args,
        }
    }

    fn data(&self) -> Value {
        let name = (self.kind == 2).then(|| json!(self.name));
        name.into_iter()
            .chain(self.args.iter().map(Tree::dump))
            .collect()
    }

    fn packet(&self) -> Value {
        json!({ "type": self.kind, "nsp": self.namespace, "id": self.id, "data": self.data() })
    }

    /// As JavaScript makes it: without an id there is no such member.
    fn packet_without_null(&self) -> Value {
        let mut packet = self.packet();
        if self.id.is_none() {
            packet.as_object_mut().expect("an object").remove("id");
        }
        packet
    }

    fn encode(&self) -> (String, Vec<Bytes>) {
        let mut out = Vec::new();
        let args = Spread(&self.args);
        let attachments = match self.id {
            Some(id) if self.kind == 3 => encode_ack(&mut out, &self.namespace, id, &args),
            id => encode_event(&mut out, &self.namespace, id, &self.name, &args, None),
        };
        (
            String::from_utf8(out).expect("UTF-8"),
            attachments.expect("the arguments can be written"),
        )
    }
}

fn samples(stream: u64) -> Vec<Sample> {
    let mut random = Random::new(stream);
    let mut samples = Vec::new();
    while samples.len() < packets() {
        let sample = Sample::random(&mut random);
        if sample.encode().1.len() <= 10 {
            samples.push(sample);
        }
    }
    samples
}

pub fn our_packets_are_read_by_the_reference() {
    let samples = samples(1);
    let requests: Vec<Value> = samples
        .iter()
        .map(|sample| {
            let (text, attachments) = sample.encode();
            let attachments: Vec<String> = attachments.iter().map(|bytes| hex(bytes)).collect();
            json!({ "op": "sio.decode", "text": text, "attachments": attachments })
        })
        .collect();
    for ((sample, request), answer) in samples.iter().zip(&requests).zip(ask(&requests)) {
        assert!(
            same(&answer["packet"], &sample.packet()),
            "{request} gave {answer}"
        );
    }
}

pub fn its_packets_are_read_by_us() {
    let samples = samples(2);
    let requests: Vec<Value> = samples
        .iter()
        .map(|sample| json!({ "op": "sio.encode", "packet": sample.packet_without_null() }))
        .collect();
    for (sample, answer) in samples.iter().zip(ask(&requests)) {
        let text = answer["text"].as_str().expect("it encodes");
        let attachments: Vec<String> =
            serde_json::from_value(answer["attachments"].clone()).expect("a list");
        let ours = read(
            text,
            &attachments
                .iter()
                .map(|text| unhex(text))
                .collect::<Vec<_>>(),
        );
        assert!(
            same(&ours.expect("we accept"), &sample.packet()),
            "{answer}"
        );
    }
}

/// Our decoder, to the same form as the peer's answers.
fn read(text: &str, attachments: &[Vec<u8>]) -> Result<Value, Misbehaviour> {
    let mut decoder = Decoder::new();
    if let Some(packet) = decoder.text(text, &limits(), Millis(0))? {
        packet.check(64)?;
        return Ok(dump(&packet, &[]));
    }
    for attachment in attachments {
        if let Some(whole) = decoder.binary(attachment, &limits())? {
            return Ok(dump(&whole.packet()?, &whole.attachments));
        }
    }
    Ok(json!("pending"))
}

fn dump(packet: &Packet<'_>, attachments: &[Bytes]) -> Value {
    let kind = match packet.kind {
        Kind::BinaryEvent => Kind::Event,
        Kind::BinaryAck => Kind::Ack,
        kind => kind,
    };
    let data = if packet.payload.is_empty() {
        Value::Null
    } else {
        serde_json::from_str(packet.payload).unwrap_or_else(|_| json!({ "exotic": packet.payload }))
    };
    let data = if packet.kind.is_binary() {
        replace(data, attachments)
    } else {
        data
    };
    json!({ "type": kind as u8, "nsp": packet.namespace, "id": packet.id, "data": data })
}

fn replace(value: Value, attachments: &[Bytes]) -> Value {
    match value {
        Value::Object(map) if map.get("_placeholder") == Some(&json!(true)) => {
            let num = map["num"].as_f64().expect("it was checked") as usize;
            json!({ "$hex": hex(&attachments[num]) })
        }
        Value::Object(map) => map
            .into_iter()
            .map(|(key, value)| (key, replace(value, attachments)))
            .collect(),
        Value::Array(items) => items
            .into_iter()
            .map(|item| replace(item, attachments))
            .collect(),
        other => other,
    }
}

/// Almost packets: tokens of the grammar in any order, or a good packet with some damage.
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
        "51-",
        "62-",
        "50-",
        "5-",
        "511-",
        "/",
        "/a,",
        "/a",
        ",",
        "12",
        "007",
        "9007199254740993",
        "[",
        "]",
        "{",
        "}",
        "\"a\"",
        "\"connect\"",
        "\"\\u0063onnect\"",
        "\"\\ud800\"",
        "\"x",
        "[\"a\"",
        "[\"a\",",
        "[1,",
        "[-0.5e1",
        "]",
        "{\"a\":",
        "null",
        "true",
        "1e999",
        "01",
        ":",
        " ",
        "\t",
        "{\"_placeholder\":true,\"num\":0}",
        "{\"_placeholder\":true,\"num\":1}",
        "{\"_placeholder\":true,\"num\":0.5}",
        "{\"_placeholder\":true,\"num\":\"0\"}",
        "{\"_placeholder\":false}",
        "5 1-",
        "51.0-",
        "6+1-",
        "é",
        "\\",
    ];
    if random.chance(3) {
        return (0..random.below(7)).map(|_| *random.pick(TOKENS)).collect();
    }
    let mut text = Sample::random(random).encode().0;
    for _ in 0..random.below(3) {
        let at = (0..=random.below(text.len() + 1))
            .rev()
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(0);
        match random.below(3) {
            0 => text.insert_str(at, random.pick::<&str>(TOKENS)),
            1 => text.truncate(at),
            _ if at < text.len() => drop(text.remove(at)),
            _ => {}
        }
    }
    text
}

pub fn both_accept_and_refuse_the_same() {
    let mut random = Random::new(3);
    let texts: Vec<String> = (0..packets()).map(|_| almost(&mut random)).collect();
    let attachments: Vec<Vec<u8>> = (0..10).map(|i| vec![i; usize::from(i)]).collect();
    let dumped: Vec<String> = attachments.iter().map(|bytes| hex(bytes)).collect();
    let requests: Vec<Value> = texts
        .iter()
        .map(|text| json!({ "op": "sio.decode", "text": text, "attachments": dumped }))
        .collect();
    let mut listed: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut accepted, mut refused) = (0, 0);
    for (text, answer) in texts.iter().zip(ask(&requests)) {
        match (
            read(text, &attachments),
            answer.get("packet"),
            answer.get("pending"),
        ) {
            (Ok(ours), Some(theirs), _) if same(&ours, theirs) => accepted += 1,
            (Ok(ours), None, Some(_)) if ours == "pending" => accepted += 1,
            (Err(_), None, None) => refused += 1,
            (ours, ..) => {
                let reason = difference(text, &ours);
                let reason = reason
                    .unwrap_or_else(|| panic!("{text:?}: we {ours:?}, the reference {answer}"));
                *listed.entry(reason).or_default() += 1;
            }
        }
    }
    println!("accepted alike {accepted}, refused alike {refused}, listed differences {listed:?}");
    assert!(
        accepted > packets() / 10 && refused > packets() / 10,
        "both sides of the line are tried"
    );
}

/// What is left of a packet's text when kind, attachments, namespace and ack id are taken off.
fn behind_the_id(text: &str) -> &str {
    let mut rest = &text[1..];
    if text.starts_with(['5', '6']) {
        rest = rest.split_once('-').map_or("", |(_, rest)| rest);
    }
    if rest.starts_with('/') {
        rest = rest.split_once(',').map_or("", |(_, rest)| rest);
    }
    rest.trim_start_matches(|char: char| char.is_ascii_digit())
}

/// Whether text is JSON but for a number that no double holds.
fn is_out_of_range(text: &str) -> bool {
    let error = serde_json::from_str::<Value>(text).err();
    error.is_some_and(|error| error.to_string().starts_with("number out of range"))
        && json::check(text, json::DEPTH_MAX).is_ok()
}

/// The differences there may be, each with its reason.
fn difference(text: &str, ours: &Result<Value, Misbehaviour>) -> Option<&'static str> {
    match ours {
        // `Number(" ")` is 0: the reference takes whitespace for a type or for an ack id.
        Err(Misbehaviour::UnknownPacketType)
            if text.is_empty() || text.starts_with(char::is_whitespace) =>
        {
            Some("nothing, and whitespace, count as type 0 in JavaScript")
        }
        Err(Misbehaviour::InvalidPayload)
            if behind_the_id(text).starts_with(char::is_whitespace) =>
        {
            Some("whitespace counts as a digit of an ack id in JavaScript")
        }
        // `"1.0" == 1`: the reference takes any text that JavaScript calls equal to its number.
        Err(Misbehaviour::IllegalAttachments) if text.contains(['.', '+', ' ', '\t', 'e', 'x']) => {
            Some("an attachment count that is a number, but not of digits")
        }
        Err(Misbehaviour::IllegalAckId) => {
            Some("JavaScript would answer another ack id than was asked")
        }
        // "This specification allows implementations to set limits on the range and precision of
        // numbers accepted" (RFC 8259 §6): no client's JSON.stringify writes such a number.
        Err(Misbehaviour::InvalidJson) if is_out_of_range(behind_the_id(text)) => {
            Some("a number too large for a double, which JavaScript takes for infinity")
        }
        Err(Misbehaviour::InvalidJson) if text.contains("\\ud800") => {
            Some("a lone surrogate has no UTF-8")
        }
        Err(Misbehaviour::InvalidJson) if text.contains("1e999") => {
            Some("a number in a binary packet that is infinite in JavaScript")
        }
        Err(Misbehaviour::IllegalPlaceholder) if text.contains("0.5") => {
            Some("a placeholder that JavaScript replaces by undefined")
        }
        // JavaScript holds these values, serde_json's `Value` does not: the test cannot compare.
        Ok(ours) if ours["data"].get("exotic").is_some() => {
            Some("a value that the comparison cannot hold")
        }
        _ => None,
    }
}

pub fn msgpack_is_the_same_both_ways() {
    let samples = samples(4);
    let ours: Vec<Vec<u8>> = samples
        .iter()
        .map(|sample| {
            let mut out = Vec::new();
            let args = Spread(&sample.args);
            match sample.id {
                Some(id) if sample.kind == 3 => {
                    msgpack::encode_ack(&mut out, &sample.namespace, id, &args)
                }
                id => msgpack::encode_event(
                    &mut out,
                    &sample.namespace,
                    id,
                    &sample.name,
                    &args,
                    None,
                ),
            }
            .expect("the arguments can be written");
            out
        })
        .collect();
    let mut requests: Vec<Value> = ours
        .iter()
        .map(|bytes| json!({ "op": "msgpack.decode", "hex": hex(bytes) }))
        .collect();
    requests.extend(
        samples.iter().map(
            |sample| json!({ "op": "msgpack.encode", "packet": sample.packet_without_null() }),
        ),
    );
    let answers = ask(&requests);
    let (decoded, encoded) = answers.split_at(samples.len());
    for ((sample, decoded), encoded) in samples.iter().zip(decoded).zip(encoded) {
        assert!(same(&decoded["packet"], &sample.packet()), "{decoded}");
        let bytes = unhex(encoded["hex"].as_str().expect("it encodes"));
        let packet = msgpack::decode(&bytes, &limits()).expect("we accept");
        assert_eq!(
            (packet.kind as u8, &*packet.namespace, packet.id),
            (sample.kind, &*sample.namespace, sample.id)
        );
        assert_eq!(
            packet.event.as_deref(),
            (sample.kind == 2).then_some(sample.name.as_str())
        );
        let data: Data = packet.data().expect("data is an array");
        assert!(same(&data.0, &sample.data()), "{encoded}");
    }
}

/// A value of msgpack in the form of the peer's answers.
struct Data(Value);

impl<'de> serde::Deserialize<'de> for Data {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DataVisitor;
        impl<'de> serde::de::Visitor<'de> for DataVisitor {
            type Value = Data;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("any value")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Data, E> {
                Ok(Data(json!(value)))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Data, E> {
                Ok(Data(json!(value)))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Data, E> {
                Ok(Data(json!(value)))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Data, E> {
                Ok(Data(json!(value)))
            }

            fn visit_str<E>(self, value: &str) -> Result<Data, E> {
                Ok(Data(json!(value)))
            }

            fn visit_bytes<E>(self, value: &[u8]) -> Result<Data, E> {
                Ok(Data(json!({ "$hex": hex(value) })))
            }

            fn visit_unit<E>(self) -> Result<Data, E> {
                Ok(Data(Value::Null))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Data, A::Error> {
                let mut items = Vec::new();
                while let Some(Data(item)) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Data(Value::Array(items)))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Data, A::Error> {
                let mut entries = serde_json::Map::new();
                while let Some((key, Data(value))) = map.next_entry()? {
                    entries.insert(key, value);
                }
                Ok(Data(Value::Object(entries)))
            }
        }
        deserializer.deserialize_any(DataVisitor)
    }
}
