//! The check of JSON against serde_json's own.

use ringside_proto::socketio::json::{DEPTH_MAX, check};
use serde::de::IgnoredAny;

/// The text.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let accepted = check(text, DEPTH_MAX).is_ok();
    let depth = text
        .bytes()
        .filter(|byte| matches!(byte, b'[' | b'{'))
        .count();
    if depth < DEPTH_MAX as usize {
        assert_eq!(
            accepted,
            serde_json::from_str::<IgnoredAny>(text).is_ok(),
            "{text:?}"
        );
    }
    if check(text, 4).is_ok() {
        assert!(accepted);
    }
}
