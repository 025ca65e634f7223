//! A check that text is JSON (RFC 8259), without building anything and without recursion.
//!
//! For payloads that are handed on raw: a peer's broken JSON must not reach other peers. Depth is
//! counted, so no parser behind it can be made to overflow its stack. It gives no values.

use super::Misbehaviour;

/// Levels of nesting the bit stack can tell apart; limits above it are cut to it.
pub const DEPTH_MAX: u32 = 512;

/// Checks that `text` is one JSON value of at most `depth_max` levels (at most [`DEPTH_MAX`]).
///
/// # Errors
/// [`Misbehaviour::InvalidJson`], [`Misbehaviour::JsonTooDeep`].
pub fn check(text: &str, depth_max: u32) -> Result<(), Misbehaviour> {
    scan(text.as_bytes(), depth_max.min(DEPTH_MAX))
}

/// What the grammar allows next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    Value,
    /// A value or the end of the array just opened.
    ValueOrEnd,
    Key,
    /// A key or the end of the object just opened.
    KeyOrEnd,
    CommaOrEnd,
}

fn scan(bytes: &[u8], depth_max: u32) -> Result<(), Misbehaviour> {
    const BAD: Misbehaviour = Misbehaviour::InvalidJson;
    // One bit a level: set for an object, clear for an array.
    let mut stack = [0u64; DEPTH_MAX as usize / 64];
    let mut depth = 0u32;
    let mut at = 0;
    let mut expect = Expect::Value;
    loop {
        at += whitespace(&bytes[at..]);
        let Some(&byte) = bytes.get(at) else { break };
        let in_object = depth > 0 && {
            let level = (depth - 1) as usize;
            stack[level / 64] >> (level % 64) & 1 == 1
        };
        match (byte, expect) {
            (b'{' | b'[', Expect::Value | Expect::ValueOrEnd) => {
                if depth == depth_max {
                    return Err(Misbehaviour::JsonTooDeep);
                }
                let level = depth as usize;
                let bit = 1 << (level % 64);
                depth += 1;
                at += 1;
                if byte == b'{' {
                    stack[level / 64] |= bit;
                    expect = Expect::KeyOrEnd;
                } else {
                    stack[level / 64] &= !bit;
                    expect = Expect::ValueOrEnd;
                }
                continue;
            }
            (b'}', Expect::KeyOrEnd) => depth -= 1,
            (b'}', Expect::CommaOrEnd) if in_object => depth -= 1,
            (b']', Expect::ValueOrEnd) => depth -= 1,
            (b']', Expect::CommaOrEnd) if depth > 0 && !in_object => depth -= 1,
            (b',', Expect::CommaOrEnd) if depth > 0 => {
                expect = if in_object {
                    Expect::Key
                } else {
                    Expect::Value
                };
                at += 1;
                continue;
            }
            (b'"', Expect::Key | Expect::KeyOrEnd) => {
                at += string(&bytes[at..]).ok_or(BAD)?;
                at += whitespace(&bytes[at..]);
                if bytes.get(at) != Some(&b':') {
                    return Err(BAD);
                }
                at += 1;
                expect = Expect::Value;
                continue;
            }
            (_, Expect::Value | Expect::ValueOrEnd) => {
                at += scalar(&bytes[at..]).ok_or(BAD)?;
                expect = Expect::CommaOrEnd;
                continue;
            }
            _ => return Err(BAD),
        }
        at += 1;
        expect = Expect::CommaOrEnd;
    }
    if depth == 0 && expect == Expect::CommaOrEnd {
        Ok(())
    } else {
        Err(BAD)
    }
}

/// The length of the scalar at the start of `bytes`.
fn scalar(bytes: &[u8]) -> Option<usize> {
    match bytes.first()? {
        b'"' => string(bytes),
        b't' => bytes.starts_with(b"true").then_some(4),
        b'f' => bytes.starts_with(b"false").then_some(5),
        b'n' => bytes.starts_with(b"null").then_some(4),
        _ => number(bytes),
    }
}

/// The length of the whitespace at the start of `bytes`.
#[inline]
pub(super) fn whitespace(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
        .count()
}

/// How many bytes at the start of `bytes` stand for themselves inside a string: up to a quote, a
/// backslash or a control character.
///
/// Eight at a time, of the last eight maybe some for the second time. A byte that ends the run sets the top
/// bit of its place; places above the first such byte may be set wrongly, for a subtraction there may have
/// borrowed, but the first is right.
#[inline]
pub(super) fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = ONES << 7;
    let is = |word: u64, byte: u8| {
        let zero_where_equal = word ^ (ONES * u64::from(byte));
        zero_where_equal.wrapping_sub(ONES) & !zero_where_equal
    };
    let end_in = |word: &[u8; 8]| {
        let word = u64::from_le_bytes(*word);
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let ends = (is(word, b'"') | is(word, b'\\') | control) & TOPS;
        (ends != 0).then(|| (ends.trailing_zeros() / 8) as usize)
    };
    let (words, rest) = bytes.as_chunks();
    for (index, word) in words.iter().enumerate() {
        if let Some(end) = end_in(word) {
            return 8 * index + end;
        }
    }
    match bytes.last_chunk() {
        _ if rest.is_empty() => bytes.len(),
        Some(last) => end_in(last).map_or(bytes.len(), |end| bytes.len() - 8 + end),
        None => {
            let ends = |byte: &u8| *byte == b'"' || *byte == b'\\' || *byte < 0x20;
            rest.iter().position(ends).unwrap_or(rest.len())
        }
    }
}

/// The length of the string at the start of `bytes`, quotes included.
pub(super) fn string(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += plain(bytes.get(at..)?);
        match *bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => match bytes.get(at + 1)? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => at += 2,
                b'u' => {
                    let digits = bytes.get(at + 2..at + 6)?;
                    if !digits.iter().all(u8::is_ascii_hexdigit) {
                        return None;
                    }
                    at += 6;
                }
                _ => return None,
            },
            _ => return None,
        }
    }
}

/// The length of the number at the start of `bytes`: `-? (0 | [1-9][0-9]*) (.[0-9]+)? ([eE][+-]?[0-9]+)?`.
pub(super) fn number(bytes: &[u8]) -> Option<usize> {
    let digits = |at: usize| {
        bytes[at.min(bytes.len())..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    let whole = digits(at);
    if whole == 0 || (whole > 1 && bytes[at] == b'0') {
        return None;
    }
    at += whole;
    if bytes.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if fraction == 0 {
            return None;
        }
        at += 1 + fraction;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        at += 1;
        at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
        let exponent = digits(at);
        if exponent == 0 {
            return None;
        }
        at += exponent;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn oracle(text: &str) -> bool {
        serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
    }

    #[test]
    fn depth_counts_arrays_and_objects() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(check(&nested(64), 64), Ok(()));
        assert_eq!(check(&nested(65), 64), Err(Misbehaviour::JsonTooDeep));
        assert_eq!(
            check(&nested(6500), u32::MAX),
            Err(Misbehaviour::JsonTooDeep)
        );
        assert_eq!(check(r#"{"a":{"b":[]}}"#, 3), Ok(()));
        assert_eq!(
            check(r#"{"a":{"b":[]}}"#, 2),
            Err(Misbehaviour::JsonTooDeep)
        );
    }

    proptest! {
        #[test]
        fn a_plain_run_ends_where_its_bytes_say(
            bytes in proptest::collection::vec(
                prop_oneof![
                    4 => any::<u8>(),
                    1 => prop::sample::select(vec![0, 0x1f, 0x20, 0x21, b'"', 0x23, b'[', b'\\', b']', 0x7f, 0x80, 0xff]),
                ],
                0..40,
            )
        ) {
            let ends = |byte: &u8| *byte == b'"' || *byte == b'\\' || *byte < 0x20;
            prop_assert_eq!(plain(&bytes), bytes.iter().position(ends).unwrap_or(bytes.len()));
        }

        #[test]
        fn agrees_with_serde_json_on_json_like_text(
            parts in proptest::collection::vec(
                prop::sample::select(vec![
                    "{", "}", "[", "]", ",", ":", "\"a\"", "\"\\n\"", "\"\\u00e9\"", "\"\\x\"", "\"", "1", "-0", "01",
                    "1.5", "1.", "1e5", "1e", "-", "true", "false", "null", "nul", " ", "\n", "\u{1}", "é",
                ]),
                0..12,
            )
        ) {
            let text = parts.concat();
            prop_assert_eq!(check(&text, 64).is_ok(), oracle(&text), "{}", text);
        }

        #[test]
        fn agrees_with_serde_json_on_any_text(text in ".{0,20}") {
            prop_assert_eq!(check(&text, 64).is_ok(), oracle(&text));
        }
    }
}
