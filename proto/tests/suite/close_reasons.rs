//! `docs/close-reasons.md` is the list in the code, word for word.
//!
//! To write it anew after a change: `RINGSIDE_BLESS=1 cargo test -p ringside-proto close_reasons`.

use std::collections::HashSet;
use std::fmt::Write;
use std::path::Path;

use ringside_proto::close::{CloseReason, Entry, Move, all};
use ringside_proto::ws::{CLOSE_REASON_BYTES_MAX, CloseCode};

fn document() -> String {
    let mut text = String::from(
        "# Why connections end\n\n\
         Every reason, with the WebSocket close code and the sentence a peer gets. The list is the one in\n\
         `proto/src/close.rs`; a test keeps both equal. Over polling the same reasons answer with status 400 (413\n\
         for a payload that is too big), over WebTransport they close the session with the same code. 1006 is never\n\
         sent: it stands for a stream that just ended.\n",
    );
    for (whose, title) in [
        (
            Move::Peer,
            "The peer broke the protocol or a limit: its author must act",
        ),
        (
            Move::Network,
            "The network failed: the peer may reconnect at once",
        ),
        (Move::Server, "The server's move: the peer may reconnect"),
        (Move::Nobody, "One side finished on purpose"),
    ] {
        write!(
            text,
            "\n## {title}\n\n| reason | code | sentence |\n|---|---|---|\n"
        )
        .expect("a string grows");
        for Entry {
            name,
            code,
            sentence,
            ..
        } in all().filter(|entry| entry.whose == whose)
        {
            writeln!(text, "| `{name}` | {} | {sentence} |", code.0).expect("a string grows");
        }
    }
    text
}

#[test]
fn the_document_is_the_list() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/close-reasons.md");
    let expected = document();
    if std::env::var_os("RINGSIDE_BLESS").is_some() {
        std::fs::write(&path, &expected).expect("the document is writable");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == expected,
        "docs/close-reasons.md differs from the list: see this test's head"
    );
}

#[test]
fn every_reason_can_be_sent_and_counted() {
    let mut names = HashSet::new();
    for entry in all() {
        assert!(names.insert(entry.name), "{} is there once", entry.name);
        assert!(
            entry.sentence.len() <= CLOSE_REASON_BYTES_MAX,
            "{}",
            entry.name
        );
        assert!(
            !entry.sentence.is_empty() && !entry.sentence.ends_with('.'),
            "{}",
            entry.name
        );
        assert!(
            entry.code.is_allowed_on_wire() || entry.code == CloseCode::ABNORMAL,
            "{}",
            entry.name
        );
    }
}

#[test]
fn the_layers_become_reasons() {
    use ringside_proto::{engineio, socketio, ws};
    let reasons = [
        (
            CloseReason::from(ws::Misbehaviour::InvalidUtf8),
            "transport error",
        ),
        (engineio::Misbehaviour::EmptyPacket.into(), "parse error"),
        (socketio::Misbehaviour::InvalidJson.into(), "parse error"),
        (CloseReason::FellBehind, "transport error"),
        (CloseReason::ConnectTimeout, "forced server close"),
        (CloseReason::PingTimeout, "ping timeout"),
        (CloseReason::TransportClosed, "transport close"),
        (CloseReason::TransportError, "transport error"),
        (CloseReason::Draining, "server shutting down"),
        (CloseReason::HandlerFailed, "forced server close"),
        (CloseReason::ClosedByPeer, "transport close"),
        (CloseReason::ClosedByServer, "forced close"),
    ];
    for (reason, word) in reasons {
        assert_eq!(reason.disconnect_reason(), word);
        assert_eq!(reason.to_string(), reason.entry().sentence);
        assert!(all().any(|entry| entry == reason.entry()));
    }
    assert_eq!(
        ws::Misbehaviour::InvalidUtf8.to_string(),
        "text is not UTF-8"
    );
    assert_eq!(ws::Misbehaviour::InvalidUtf8.name(), "ws.InvalidUtf8");
}
