//! The negotiation of permessage-deflate (RFC 7692 §5 and §7) on plain header values.
//!
//! Only one form is agreed to: no context takeover in either direction, full windows (which an offer may
//! also ask for). What
//! arrives may be compressed with any window, since the largest one reads them all. Other
//! extensions and malformed offers are passed over, never an error: the connection then simply
//! goes without.

/// The answer of a server that accepts.
pub const ANSWER: &str =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// The answer to an offer that fixes the server's window: at its full size, the only one we have.
const ANSWER_WITH_WINDOW: &str = "permessage-deflate; server_no_context_takeover; \
                                  client_no_context_takeover; server_max_window_bits=15";

/// What a client of ours offers.
pub const OFFER: &str = ANSWER;

/// Offers that are looked at; what follows is ignored. Browsers send one or two.
const OFFERS_MAX: usize = 8;

/// Judges the offers of a client: the values of all its `Sec-WebSocket-Extensions` headers, joined
/// by commas. Gives the header value to answer, or nothing.
pub fn negotiate(offers: &str) -> Option<&'static str> {
    offers.split(',').take(OFFERS_MAX).find_map(answer_to)
}

fn answer_to(offer: &str) -> Option<&'static str> {
    let mut parts = offer.split(';').map(str::trim);
    if parts.next() != Some("permessage-deflate") {
        return None;
    }
    let mut seen = [false; 4];
    for part in parts {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim().trim_matches('"'))),
            None => (part, None),
        };
        // "A server MUST decline ... if the parameter has an invalid value" and so on (§7.1).
        let (slot, acceptable) = match name {
            "server_no_context_takeover" => (0, value.is_none()),
            "client_no_context_takeover" => (1, value.is_none()),
            "client_max_window_bits" => (2, value.is_none_or(|bits| window_bits(bits).is_some())),
            // A smaller window would need a second compressed form of every message.
            "server_max_window_bits" => (3, value.and_then(window_bits) == Some(15)),
            _ => return None,
        };
        if !acceptable || std::mem::replace(&mut seen[slot], true) {
            return None;
        }
    }
    // "A server accepts ... by including this parameter in its response" (§7.1.2.1).
    Some(if seen[3] { ANSWER_WITH_WINDOW } else { ANSWER })
}

fn window_bits(text: &str) -> Option<u8> {
    // "a decimal integer value without leading zeroes between 8 to 15 inclusive" (§7.1.2).
    if text.starts_with('0') || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|bits| (8..=15).contains(bits))
}

/// A server's answer that does not fit our offer; the connection must fail (RFC 6455 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnexpectedExtension;

impl std::fmt::Display for UnexpectedExtension {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the server answered an extension that was not offered")
    }
}

impl std::error::Error for UnexpectedExtension {}

/// The client's check of the answer: whether compression was agreed on.
///
/// # Errors
/// [`UnexpectedExtension`].
pub fn check_answer(answer: Option<&str>, offered: bool) -> Result<bool, UnexpectedExtension> {
    let Some(answer) = answer.map(str::trim).filter(|answer| !answer.is_empty()) else {
        return Ok(false);
    };
    let mut parts = answer.split(';').map(str::trim);
    let mut server_keeps_no_context = false;
    if !offered || parts.next() != Some("permessage-deflate") {
        return Err(UnexpectedExtension);
    }
    for part in parts {
        match part {
            "server_no_context_takeover" => server_keeps_no_context = true,
            "client_no_context_takeover" | "server_max_window_bits=15" => {}
            _ => return Err(UnexpectedExtension),
        }
    }
    if server_keeps_no_context {
        Ok(true)
    } else {
        Err(UnexpectedExtension)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_get_compression_and_oddities_go_without() {
        for accepted in [
            "permessage-deflate",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; client_max_window_bits=\"10\"",
            "x-webkit-deflate-frame, permessage-deflate",
            "permessage-deflate; server_max_window_bits=10, permessage-deflate",
        ] {
            assert_eq!(negotiate(accepted), Some(ANSWER), "{accepted}");
        }
        for accepted in [
            "permessage-deflate; server_max_window_bits=15",
            "permessage-deflate; server_max_window_bits=10, permessage-deflate; server_max_window_bits=15",
        ] {
            assert_eq!(negotiate(accepted), Some(ANSWER_WITH_WINDOW), "{accepted}");
        }
        for refused in [
            "",
            "constructor",
            "__proto__; toString",
            "permessage-deflate; server_max_window_bits=10",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; client_max_window_bits=7",
            "permessage-deflate; client_max_window_bits=08",
            "permessage-deflate; client_max_window_bits=+9",
            "permessage-deflate; client_no_context_takeover=1",
            "permessage-deflate; unknown",
            "permessage-deflate; client_max_window_bits; client_max_window_bits",
            "a,b,c,d,e,f,g,h,permessage-deflate",
        ] {
            assert_eq!(negotiate(refused), None, "{refused}");
        }
    }

    #[test]
    fn a_client_takes_only_what_it_offered() {
        assert_eq!(check_answer(None, true), Ok(false));
        assert_eq!(check_answer(Some(ANSWER), true), Ok(true));
        assert_eq!(check_answer(Some(ANSWER), false), Err(UnexpectedExtension));
        for answer in [
            "permessage-deflate",
            "other",
            "permessage-deflate; server_no_context_takeover; x",
        ] {
            assert_eq!(
                check_answer(Some(answer), true),
                Err(UnexpectedExtension),
                "{answer}"
            );
        }
    }
}
