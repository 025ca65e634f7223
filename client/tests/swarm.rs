//! The swarm against other people's server, and against servers that misbehave.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use ringside_client::swarm::{Ended, Id, Message, Peer, Protocol, Script, Settings, Swarm};
use tungstenite::accept;

/// Starts a server that gives every connection to `serve`, on a thread of its own.
fn serve(serve: impl Fn(TcpStream) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            thread::spawn(move || serve(stream));
        }
    });
    address
}

#[derive(Default)]
struct Notes {
    joined: Vec<Id>,
    texts: Vec<(Id, String)>,
    ended: Vec<(Id, String)>,
}

impl Script for Notes {
    fn joined(&mut self, peer: &mut Peer<'_>) {
        self.joined.push(peer.id());
    }

    fn message(&mut self, peer: &mut Peer<'_>, message: Message<'_>) {
        let text = match message {
            Message::Text(text) => text.to_owned(),
            Message::Binary(bytes) => format!("{} bytes", bytes.len()),
            Message::Packet(packet) => packet.payload.to_owned(),
        };
        self.texts.push((peer.id(), text));
    }

    fn ended(&mut self, id: Id, why: Ended) {
        self.ended.push((id, why.to_string()));
    }
}

fn turn_until(swarm: &mut Swarm, notes: &mut Notes, done: impl Fn(&Notes) -> bool) {
    let give_up = Instant::now() + Duration::from_secs(20);
    while !done(notes) {
        assert!(
            Instant::now() < give_up,
            "waited in vain; ended: {:?}",
            notes.ended
        );
        swarm
            .turn(Some(Duration::from_millis(50)), notes)
            .expect("a turn");
    }
}

#[test]
fn texts_of_every_size_come_back_whole_from_tungstenite() {
    let address = serve(|stream| {
        let Ok(mut socket) = accept(stream) else {
            return;
        };
        while let Ok(message) = socket.read() {
            if socket.send(message).is_err() {
                return;
            }
        }
    });
    let mut swarm = Swarm::new(Settings::new(address, Protocol::WebSocket)).expect("a poll");
    let mut notes = Notes::default();
    for _ in 0..5 {
        swarm.connect().expect("a socket");
    }
    turn_until(&mut swarm, &mut notes, |notes| notes.joined.len() == 5);
    // Around the sizes of headers and of the scratch buffer.
    let sizes = [0, 1, 125, 126, 65_535, 65_536, 300_000];
    for id in notes.joined.clone() {
        for size in sizes {
            swarm.peer(id).expect("it is ready").send(&"x".repeat(size));
        }
    }
    turn_until(&mut swarm, &mut notes, |notes| {
        notes.texts.len() == 5 * sizes.len()
    });
    for id in &notes.joined {
        let got: Vec<usize> = notes
            .texts
            .iter()
            .filter(|(of, _)| of == id)
            .map(|(_, text)| text.len())
            .collect();
        assert_eq!(got, sizes);
    }
    assert!(notes.ended.is_empty());
    swarm.close(Id(2));
    assert_eq!(swarm.alive(), 4);
    assert!(swarm.peer(Id(2)).is_none());
}

/// What a connection to a server with this answer ends with.
fn ends_with(protocol: Protocol, answer: &'static [u8]) -> String {
    let address = serve(move |mut stream| {
        let mut request = [0; 4096];
        let _ = stream.read(&mut request);
        let _ = stream.write_all(answer);
    });
    let mut swarm = Swarm::new(Settings::new(address, protocol)).expect("a poll");
    let mut notes = Notes::default();
    swarm.connect().expect("a socket");
    turn_until(&mut swarm, &mut notes, |notes| !notes.ended.is_empty());
    assert_eq!((swarm.alive(), notes.joined.len()), (0, 0));
    notes.ended.remove(0).1
}

#[test]
fn a_server_that_is_none_is_told_by_what_it_said() {
    let page = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>";
    assert_eq!(
        ends_with(Protocol::WebSocket, page),
        "the server answered 200: <html>"
    );
    let refusal = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno";
    assert_eq!(
        ends_with(Protocol::Polling, refusal),
        "the server answered 400: no"
    );
    assert_eq!(
        ends_with(Protocol::WebSocket, b""),
        "the server closed the connection"
    );
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert!(ends_with(Protocol::Polling, chunked).contains("Content-Length"));
    let stranger =
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    assert!(ends_with(Protocol::WebSocket, stranger).contains("accept key"));
    let page = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>";
    assert!(ends_with(Protocol::Polling, page).contains("Engine.IO"));
}

#[test]
fn a_port_without_a_server_ends_the_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    drop(listener);
    let mut swarm = Swarm::new(Settings::new(address, Protocol::SocketIo)).expect("a poll");
    let mut notes = Notes::default();
    swarm.connect().expect("a socket");
    turn_until(&mut swarm, &mut notes, |notes| notes.ended.len() == 1);
}
