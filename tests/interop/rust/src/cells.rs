//! What each cell does.

use std::{error::Error, time::Instant};

use rust_socketio::{Payload, TransportType};
use serde_json::{Value, json};

use crate::{
    Outcome, PATIENCE,
    peer::{Dial, Kind, Peer},
    server::Server,
};

pub(crate) struct Cell<'a> {
    pub(crate) fixture: &'a str,
    pub(crate) kind: Kind,
    pub(crate) transport: fn() -> TransportType,
    pub(crate) namespace: &'a str,
}

impl Cell<'_> {
    fn connect(
        &self,
        server: &Server,
        auth: Value,
        reconnect: bool,
    ) -> Result<Peer, Box<dyn Error>> {
        Peer::connect(Dial {
            url: &server.url,
            kind: self.kind,
            transport: (self.transport)(),
            namespace: self.namespace,
            auth,
            reconnect,
        })
    }
}

/// An error that shows both, unless they are equal.
fn same<T: PartialEq<U> + std::fmt::Debug, U: std::fmt::Debug>(
    what: &str,
    actual: T,
    expected: U,
) -> Outcome {
    if actual == expected {
        return Ok(());
    }
    Err(format!("{what}: {actual:?} instead of {expected:?}").into())
}

fn args(values: impl Into<Vec<Value>>) -> Payload {
    Payload::Text(values.into())
}

pub(crate) fn everything(cell: &Cell<'_>) -> Outcome {
    let server = Server::start(cell.fixture, "0")?;
    let auth = json!({ "token": "abc" });
    let (a, b) = (
        cell.connect(&server, auth.clone(), false)?,
        cell.connect(&server, auth.clone(), false)?,
    );
    for peer in [&a, &b] {
        peer.next("open")?;
    }
    same("the auth", a.ask("auth", args([]))?, [auth])?;
    let transport = match (cell.transport)() {
        TransportType::Polling => "polling",
        _ => "websocket",
    };
    same(
        "the transport",
        a.ask("transport", args([]))?,
        [json!(transport)],
    )?;

    // Recovery appends an offset behind the other arguments.
    let text = json!({ "n": [1, null, "ü"] });
    a.emit("message", text.clone())?;
    same("text both ways", &a.next("message-back")?[0], &text)?;
    same(
        "an ack",
        a.ask("message-with-ack", args([json!("x"), json!(7)]))?,
        [json!("x"), json!(7)],
    )?;
    same(
        "an ack in bytes",
        a.ask("bytes-of", json!("abc"))?,
        [json!({ "bytes": b"abc" })],
    )?;
    // The crate cannot answer: that it is asked with the same bytes is what is seen.
    a.emit("ask-bytes", Payload::Binary(vec![0, 255, 7].into()))?;
    same(
        "bytes both ways",
        a.next("question")?,
        [json!({ "bytes": [0, 255, 7] })],
    )?;

    for peer in [&a, &b] {
        peer.ask("join", args([json!(["x"])]))?;
    }
    a.ask("say", args([json!({ "to": ["x"] }), json!("e"), json!(1)]))?;
    same("in the room", &b.next("e")?[0], &json!(1))?;
    b.ask("leave", json!("x"))?;
    a.ask(
        "say",
        args([json!({ "from": "io", "to": ["x"] }), json!("e"), json!(2)]),
    )?;
    same("alone in the room", &a.next("e")?[0], &json!(2))?;
    b.ask("rooms", args([]))?;
    same("no longer in the room", b.is_quiet(), true)?;

    b.ask("log", args([]))?;
    a.disconnect()?;
    logs(&b, "disconnect: client namespace disconnect")?;
    b.emit("quit", json!(false))?;
    b.next("close")?;
    Ok(())
}

/// Asks for the server's log until it has this line: an end is noticed when it is.
fn logs(peer: &Peer, line: &str) -> Outcome {
    let until = Instant::now() + PATIENCE;
    let mut seen = Vec::new();
    while Instant::now() < until {
        seen.extend(peer.ask("log", args([]))?);
        if seen.iter().any(|lines| lines.to_string().contains(line)) {
            return Ok(());
        }
    }
    Err(format!("no {line:?} among {seen:?}").into())
}

pub(crate) fn refused(cell: &Cell<'_>) -> Outcome {
    let server = Server::start(cell.fixture, "0")?;
    let peer = cell.connect(&server, json!({ "ban": 1 }), false)?;
    let error = peer.next("error")?;
    let told = error.iter().any(|it| {
        it.as_str()
            .is_some_and(|text| text.contains(r#""message":"banned""#))
    });
    same("told of the refusal", told, true)
}

pub(crate) fn restarted(cell: &Cell<'_>) -> Outcome {
    let first = Server::start(cell.fixture, "0")?;
    let port = first.port().to_owned();
    let auth = json!({ "token": "abc" });
    let peer = cell.connect(&first, auth.clone(), true)?;
    peer.next("open")?;
    drop(first);
    let _second = Server::start(cell.fixture, &port)?;
    peer.next("open")?;
    same("the auth again", peer.ask("auth", args([]))?, [auth])?;
    same(
        "an ack",
        peer.ask("message-with-ack", json!("again"))?,
        [json!("again")],
    )
}
