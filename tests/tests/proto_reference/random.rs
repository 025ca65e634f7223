//! Random packets from a seed: small numbers, JSON with bytes in it, texts that are almost packets.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::{Value, json};

/// xorshift64*: repeatable, and good enough to choose test data with.
pub struct Random(u64);

impl Random {
    /// The generator of this comparison; its seed is printed when the test fails.
    pub fn new(stream: u64) -> Self {
        let seed = std::env::var("RINGSIDE_SEED")
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(7u64);
        println!("RINGSIDE_SEED={seed}, stream {stream}");
        Self((seed << 8 | stream).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 16) as usize % bound
    }

    pub fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    pub fn bytes(&mut self, max: usize) -> Vec<u8> {
        let len = self.below(max + 1);
        (0..len).map(|_| self.next() as u8).collect()
    }

    pub fn text(&mut self, max: usize) -> String {
        const CHARS: &[char] = &[
            'a', 'Z', '0', ' ', '"', '\\', '/', ',', '-', '\n', '\u{7f}', 'é', '€', '\u{2028}',
            '日', '💩', '{', ']',
        ];
        let len = self.below(max + 1);
        (0..len).map(|_| *self.pick(CHARS)).collect()
    }
}

/// JSON with bytes.
#[derive(Clone, Debug)]
pub enum Tree {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

impl Tree {
    pub fn random(random: &mut Random, depth: usize, bytes: bool) -> Self {
        match random.below(if depth == 0 { 7 } else { 9 }) {
            0 => Self::Null,
            1 => Self::Bool(random.chance(2)),
            2 => Self::Int((random.next() >> 11) as i64 - (1 << 52)),
            3 => Self::Int(random.below(300) as i64),
            4 => Self::Float((random.below(2_000_001) as f64 - 1e6) / 64.0),
            5 if bytes => Self::Bytes(random.bytes(20)),
            5 | 6 => Self::Text(random.text(12)),
            7 => Self::List(
                (0..random.below(4))
                    .map(|_| Self::random(random, depth - 1, bytes))
                    .collect(),
            ),
            _ => Self::Map(
                // A number leads each key, so that keys differ; not one alone, since JavaScript
                // moves those to the front.
                (0..random.below(4))
                    .map(|i| {
                        (
                            format!("k{i}{}", random.text(3)),
                            Self::random(random, depth - 1, bytes),
                        )
                    })
                    .collect(),
            ),
        }
    }

    /// The form in which values travel to the peer.
    pub fn dump(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => json!(value),
            Self::Int(value) => json!(value),
            Self::Float(value) => json!(value),
            Self::Text(value) => json!(value),
            Self::Bytes(value) => json!({ "$hex": hex(value) }),
            Self::List(items) => items.iter().map(Self::dump).collect(),
            Self::Map(entries) => entries
                .iter()
                .map(|(key, value)| (key.clone(), value.dump()))
                .collect(),
        }
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(value) => serializer.serialize_i64(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Text(value) => serializer.serialize_str(value),
            Self::Bytes(value) => serializer.serialize_bytes(value),
            Self::List(items) => {
                let mut seq = serializer.serialize_seq(Some(items.len()))?;
                items
                    .iter()
                    .try_for_each(|item| seq.serialize_element(item))?;
                seq.end()
            }
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                entries
                    .iter()
                    .try_for_each(|(key, value)| map.serialize_entry(key, value))?;
                map.end()
            }
        }
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn unhex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| {
            u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hexadecimal")
        })
        .collect()
}

/// Equal as JavaScript sees it: `1` and `1.0` are one number.
pub fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(key, value)| right.get(key).is_some_and(|other| same(value, other)))
        }
        _ => left == right,
    }
}
