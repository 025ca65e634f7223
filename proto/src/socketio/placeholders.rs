//! Checks that every placeholder in a binary packet names an attachment.
//!
//! The reference does so when it puts attachments back, before any handler runs ("illegal
//! attachments", CVE-2022-2421), and closes the connection; typed deserialization alone would only
//! look at the placeholders a handler asks for. A number that is no integer is refused too, where
//! the reference would hand out `undefined`.

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Misbehaviour;

/// Checks JSON that [`super::json::check`] accepted, so its depth is bounded, or nothing.
///
/// # Errors
/// [`Misbehaviour::IllegalPlaceholder`], [`Misbehaviour::InvalidJson`].
pub(super) fn check(json: &str, attachments: usize) -> Result<(), Misbehaviour> {
    // A packet without payload has no placeholders; its attachments are awaited all the same.
    if json.is_empty() {
        return Ok(());
    }
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let found = Walk { attachments }
        .deserialize(&mut deserializer)
        .map_err(|_| Misbehaviour::InvalidJson)?;
    if found.is_legal() {
        Ok(())
    } else {
        Err(Misbehaviour::IllegalPlaceholder)
    }
}

#[derive(Clone, Copy)]
struct Walk {
    attachments: usize,
}

/// What a value is, as far as placeholders are concerned.
#[derive(Clone, Copy, PartialEq)]
enum Found {
    True,
    /// A number, and whether it is the number of an attachment.
    Number(bool),
    Other,
    /// A placeholder that names no attachment is in it.
    Illegal,
}

impl Found {
    fn is_legal(self) -> bool {
        self != Self::Illegal
    }
}

impl<'de> DeserializeSeed<'de> for Walk {
    type Value = Found;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk {
    type Value = Found;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Found, E> {
        Ok(if value { Found::True } else { Found::Other })
    }

    fn visit_u64<E>(self, value: u64) -> Result<Found, E> {
        Ok(Found::Number(value < self.attachments as u64))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Found, E> {
        Ok(Found::Number(false))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Found, E> {
        Ok(Found::Number(
            value.fract() == 0.0 && value >= 0.0 && value < self.attachments as f64,
        ))
    }

    fn visit_str<E>(self, _: &str) -> Result<Found, E> {
        Ok(Found::Other)
    }

    fn visit_unit<E>(self) -> Result<Found, E> {
        Ok(Found::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Found, A::Error> {
        let mut legal = true;
        while let Some(found) = seq.next_element_seed(self)? {
            legal &= found.is_legal();
        }
        Ok(if legal { Found::Other } else { Found::Illegal })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found, A::Error> {
        let mut members_legal = true;
        let (mut is_placeholder, mut num_legal) = (false, false);
        while let Some(key) = map.next_key::<Key>()? {
            let found = map.next_value_seed(self)?;
            members_legal &= found.is_legal();
            // Of a repeated key the last counts, as in JavaScript.
            match key {
                Key::Placeholder => is_placeholder = found == Found::True,
                Key::Num => num_legal = found == Found::Number(true),
                Key::Other(_) => {}
            }
        }
        // The reference does not look into a placeholder.
        let legal = if is_placeholder {
            num_legal
        } else {
            members_legal
        };
        Ok(if legal { Found::Other } else { Found::Illegal })
    }
}

enum Key {
    Placeholder,
    Num,
    Other(IgnoredAny),
}

impl<'de> serde::Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl Visitor<'_> for KeyVisitor {
            type Value = Key;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a key")
            }

            fn visit_str<E>(self, key: &str) -> Result<Key, E> {
                Ok(match key {
                    "_placeholder" => Key::Placeholder,
                    "num" => Key::Num,
                    _ => Key::Other(IgnoredAny),
                })
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_found_at_any_depth() {
        let legal = [
            r#"["a",{"_placeholder":true,"num":0}]"#,
            r#"["a",[{"b":{"num":1,"_placeholder":true}}]]"#,
            r#"["a",{"_placeholder":false,"num":9}]"#,
            r#"["a",{"_placeholder":1,"num":9},{"num":7}]"#,
            r#"["a",{"_placeholder":true,"num":1.0}]"#,
            r#"["a",{"_placeholder":true,"num":9,"num":1}]"#,
        ];
        for json in legal {
            assert_eq!(check(json, 2), Ok(()), "{json}");
        }
        let illegal = [
            r#"["a",{"_placeholder":true,"num":2}]"#,
            r#"["a",{"_placeholder":true,"num":-1}]"#,
            r#"["a",{"_placeholder":true,"num":0.5}]"#,
            r#"["a",{"_placeholder":true,"num":"splice"}]"#,
            r#"["a",{"_placeholder":true}]"#,
            r#"["a",[[{"b":[{"_placeholder":true,"num":true}]}]]]"#,
        ];
        for json in illegal {
            assert_eq!(
                check(json, 2),
                Err(Misbehaviour::IllegalPlaceholder),
                "{json}"
            );
        }
    }
}
