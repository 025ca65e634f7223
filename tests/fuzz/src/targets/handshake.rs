//! Header values and queries: never a panic; what is accepted is what the RFCs allow.

use ringside_proto::engineio::Query;
use ringside_proto::ws::extension::{ANSWER, check_answer, negotiate};
use ringside_proto::ws::handshake::{KEY_LEN, UpgradeRequest};

/// Text: five header values or queries on lines of their own.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (connection, upgrade, version, key, extensions) = (line(), line(), line(), line(), line());
    let request = UpgradeRequest {
        method: "GET",
        connection: Some(connection),
        upgrade: Some(upgrade),
        version: Some(version),
        key: Some(key),
    };
    if request.accept().is_ok() {
        assert_eq!((version.trim(), key.trim().len()), ("13", KEY_LEN));
        assert!(upgrade.to_ascii_lowercase().contains("websocket"));
    }
    if let Some(answer) = negotiate(extensions) {
        assert!(extensions.contains("permessage-deflate"));
        assert_eq!(check_answer(Some(answer), true), Ok(true));
    }
    if check_answer(Some(extensions), true) == Ok(true) {
        assert!(extensions.contains(&ANSWER[..18]));
    }
    let query = Query::parse(connection);
    for method in ["GET", "POST"] {
        for upgrade in [false, true] {
            if query.check(method, upgrade, true).is_ok() {
                assert!(query.transport.is_some());
                assert!(method == "GET" || query.sid.is_some());
            }
        }
    }
}
