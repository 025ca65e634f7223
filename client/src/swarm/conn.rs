//! One connection over TCP: its streams, its decoder, and where it is on its way to the first message.
//!
//! ```text
//! WebSocket   main: GET, 101 ─> frames, both ways
//! polling     main: GET (sid) ─> GET, GET, GET …     post: POST, one at a time, when there is one
//! ```
//! The stream for POSTs is opened when it is needed and closed after its answer, unless the script
//! speaks through it: then it is kept.

use std::{io, time::Instant};

use mio::{Registry, Token};
use ringside_proto::{
    engineio::{self, Transport, Version, payload},
    time::Millis,
    ws::{Decoder, Event, Limits, OpCode, Role, handshake::client_key},
};

use super::{
    Ended, Id, Message, Peer, Protocol, Script, Shared, http,
    peer::Framing,
    talk::Talk,
    wire::{Got, Wire},
};

/// What a connection may use while it acts.
pub(super) struct Cx<'a, S> {
    pub(super) shared: &'a mut Shared,
    pub(super) registry: &'a Registry,
    pub(super) script: &'a mut S,
}

pub(super) struct Conn {
    main: Wire,
    kind: Kind,
}

enum Kind {
    Frames(Frames),
    Polling(Polling),
}

struct Frames {
    /// Our key, until the upgrade is answered.
    key: Option<Box<str>>,
    decoder: Decoder,
    /// Nothing for plain WebSocket.
    talk: Option<Talk>,
}

struct Polling {
    talk: Talk,
    post: Option<Wire>,
    /// A POST's answer is awaited.
    posting: bool,
    /// The script spoke: the stream for POSTs stays.
    keep: bool,
    /// Packets for the next POST.
    waiting: Vec<u8>,
}

impl Conn {
    pub(super) fn connect(
        id: Id,
        path: &str,
        shared: &mut Shared,
        registry: &Registry,
    ) -> io::Result<Self> {
        let mut main = Wire::connect(&shared.settings, token(id, MAIN), registry)?;
        let protocol = shared.settings.protocol;
        let kind = if protocol == Protocol::Polling {
            http::poll(&mut main.unsent, &shared.settings, "");
            Kind::Polling(Polling {
                talk: Talk::new(Transport::Polling),
                post: None,
                posting: false,
                keep: false,
                waiting: Vec::new(),
            })
        } else {
            let mut random = [0; 16];
            random[..8].copy_from_slice(&shared.random().to_ne_bytes());
            random[8..].copy_from_slice(&shared.random().to_ne_bytes());
            let key = client_key(random);
            http::upgrade(&mut main.unsent, &shared.settings, path, &key);
            let socket_io = protocol.is_socket_io();
            Kind::Frames(Frames {
                key: Some(key.into()),
                decoder: Decoder::new(Role::Client, Limits::unlimited()),
                talk: socket_io.then(|| Talk::new(Transport::WebSocket)),
            })
        };
        Ok(Self { main, kind })
    }

    /// Whether the script may speak.
    pub(super) fn is_ready(&self) -> bool {
        match &self.kind {
            Kind::Frames(frames) => match &frames.talk {
                Some(talk) => talk.is_ready(),
                None => frames.key.is_none(),
            },
            Kind::Polling(polling) => polling.talk.is_ready(),
        }
    }

    fn talk(&self) -> Option<&Talk> {
        match &self.kind {
            Kind::Frames(frames) => frames.talk.as_ref(),
            Kind::Polling(polling) => Some(&polling.talk),
        }
    }

    pub(super) fn is_due(&self, now: Millis) -> bool {
        self.talk().is_some_and(|talk| talk.is_due(now))
    }

    pub(super) fn expire(&mut self, now: Millis) -> Result<(), Ended> {
        match &mut self.kind {
            Kind::Frames(Frames {
                talk: Some(talk), ..
            }) => talk.expire(now),
            Kind::Polling(polling) => polling.talk.expire(now),
            Kind::Frames(_) => Ok(()),
        }
    }

    /// For a script that speaks unasked.
    pub(super) fn peer<'a>(&'a mut self, id: Id, now: Instant, shared: &'a mut Shared) -> Peer<'a> {
        let (framing, out) = match &mut self.kind {
            Kind::Frames(_) => (Framing::Frames, &mut self.main.unsent),
            Kind::Polling(polling) => {
                polling.keep = true;
                (Framing::Payload, &mut polling.waiting)
            }
        };
        Peer {
            id,
            now,
            framing,
            out,
            beside: None,
            shared,
        }
    }

    /// Writes what was said.
    pub(super) fn flush<S: Script>(&mut self, id: Id, cx: &mut Cx<'_, S>) -> Result<(), Ended> {
        if let Kind::Polling(polling) = &mut self.kind {
            polling.flush(id, cx.shared, cx.registry)?;
        }
        Ok(self.main.flush()?)
    }

    pub(super) fn writable<S: Script>(
        &mut self,
        id: Id,
        side: usize,
        cx: &mut Cx<'_, S>,
    ) -> Result<(), Ended> {
        match &mut self.kind {
            Kind::Polling(Polling {
                post: Some(post), ..
            }) if side == POST => post.writable()?,
            _ if side == POST => {}
            _ => self.main.writable()?,
        }
        self.flush(id, cx)
    }

    /// Something is there to be read on one of the streams.
    pub(super) fn readable<S: Script>(
        &mut self,
        id: Id,
        side: usize,
        closed: bool,
        scratch: &mut [u8],
        cx: &mut Cx<'_, S>,
    ) -> Result<(), Ended> {
        loop {
            let wire = match &mut self.kind {
                Kind::Polling(polling) if side == POST => match &mut polling.post {
                    Some(post) => post,
                    None => return Ok(()),
                },
                _ => &mut self.main,
            };
            let n = match wire.read(scratch)? {
                Got::Bytes(n) => n,
                Got::Nothing => return Ok(()),
                Got::Eof if side == POST => return self.post_closed(),
                Got::Eof => return Err(Ended::Eof),
            };
            let now = Instant::now();
            cx.shared.received += n as u64;
            let bytes = &mut scratch[..n];
            match &mut self.kind {
                Kind::Frames(frames) => frames.take_in(id, now, bytes, &mut self.main, cx)?,
                Kind::Polling(polling) if side == POST => polling.posted(bytes)?,
                Kind::Polling(polling) => polling.take_in(id, now, bytes, &mut self.main, cx)?,
            }
            self.flush(id, cx)?;
            // A read that did not fill the buffer has emptied the socket, so the next byte is a new
            // event; the end of the stream is none if it came with the bytes.
            if n < scratch.len() && !closed {
                return Ok(());
            }
        }
    }

    /// The server closed the idle stream for POSTs, as it may.
    fn post_closed(&mut self) -> Result<(), Ended> {
        match &mut self.kind {
            Kind::Polling(polling) if !polling.posting => {
                polling.post = None;
                Ok(())
            }
            _ => Err(Ended::Eof),
        }
    }
}

impl Frames {
    fn take_in<S: Script>(
        &mut self,
        id: Id,
        now: Instant,
        bytes: &mut [u8],
        main: &mut Wire,
        cx: &mut Cx<'_, S>,
    ) -> Result<(), Ended> {
        let Some(key) = &self.key else {
            return self.frames(id, now, bytes, main, cx);
        };
        main.partial.extend_from_slice(bytes);
        let Some(start) = http::upgraded(&main.partial, key)? else {
            return Ok(());
        };
        self.key = None;
        let mut head = std::mem::take(&mut main.partial);
        if self.talk.is_none() {
            cx.script.joined(&mut frame_peer(id, now, main, cx.shared));
        }
        self.frames(id, now, &mut head[start..], main, cx)
    }

    fn frames<S: Script>(
        &mut self,
        id: Id,
        now: Instant,
        bytes: &mut [u8],
        main: &mut Wire,
        cx: &mut Cx<'_, S>,
    ) -> Result<(), Ended> {
        let millis = cx.shared.millis(now);
        let mut peer = frame_peer(id, now, main, cx.shared);
        let mut input = self.decoder.input(bytes);
        while let Some(event) = input.next()? {
            let packet = match (event, &mut self.talk) {
                (Event::Text(text), Some(_)) => engineio::Packet::decode_text(text, Version::V4)?,
                (Event::Binary(bytes), Some(_)) => engineio::Packet::binary(bytes),
                (Event::Text(text), None) => {
                    cx.script.message(&mut peer, Message::Text(text));
                    continue;
                }
                (Event::Binary(bytes), None) => {
                    cx.script.message(&mut peer, Message::Binary(bytes));
                    continue;
                }
                (Event::Ping(payload), _) => {
                    peer.put(OpCode::Pong, payload);
                    continue;
                }
                (Event::Pong(_), _) => continue,
                (Event::Close { code, reason }, _) => {
                    return Err(Ended::Closed(code, reason.into()));
                }
            };
            if let Some(talk) = &mut self.talk {
                talk.on_packet(&packet, millis, &mut peer, cx.script)?;
            }
        }
        Ok(())
    }
}

fn frame_peer<'a>(id: Id, now: Instant, main: &'a mut Wire, shared: &'a mut Shared) -> Peer<'a> {
    let (framing, out) = (Framing::Frames, &mut main.unsent);
    Peer {
        id,
        now,
        framing,
        out,
        beside: None,
        shared,
    }
}

impl Polling {
    /// Part of the answer to a poll arrived.
    fn take_in<S: Script>(
        &mut self,
        id: Id,
        now: Instant,
        bytes: &[u8],
        main: &mut Wire,
        cx: &mut Cx<'_, S>,
    ) -> Result<(), Ended> {
        let mut held = std::mem::take(&mut main.partial);
        let bytes = if held.is_empty() {
            bytes
        } else {
            held.extend_from_slice(bytes);
            &held[..]
        };
        let Some(answer) = http::answer(bytes)? else {
            main.partial = if held.is_empty() {
                bytes.to_vec()
            } else {
                held
            };
            return Ok(());
        };
        let body = &bytes[answer.body.clone()];
        if answer.status != 200 {
            return Err(http::refused(answer.status, body));
        }
        if answer.body.end != bytes.len() {
            return Err(Ended::Http("bytes behind the answer"));
        }
        let millis = cx.shared.millis(now);
        let mut peer = Peer {
            id,
            now,
            framing: Framing::Payload,
            out: &mut self.waiting,
            beside: None,
            shared: cx.shared,
        };
        for packet in payload::decode(body)? {
            self.talk
                .on_packet(&packet?, millis, &mut peer, cx.script)?;
        }
        http::poll(&mut main.unsent, &cx.shared.settings, &self.talk.sid);
        Ok(())
    }

    /// The answer to a POST arrived, in one piece or several.
    fn posted(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        let Some(post) = &mut self.post else {
            return Ok(());
        };
        post.partial.extend_from_slice(bytes);
        let Some(answer) = http::answer(&post.partial)? else {
            return Ok(());
        };
        if answer.status != 200 {
            return Err(http::refused(answer.status, &post.partial[answer.body]));
        }
        post.partial = Vec::new();
        self.posting = false;
        if !self.keep && self.waiting.is_empty() {
            self.post = None;
        }
        Ok(())
    }

    /// Sends what waits, if no POST is on its way: two at once are not allowed.
    fn flush(&mut self, id: Id, shared: &Shared, registry: &Registry) -> Result<(), Ended> {
        if !self.waiting.is_empty() && !self.posting {
            if self.post.is_none() {
                let wire = Wire::connect(&shared.settings, token(id, POST), registry)?;
                self.post = Some(wire);
            }
            if let Some(post) = &mut self.post {
                http::post(
                    &mut post.unsent,
                    &shared.settings,
                    &self.talk.sid,
                    &self.waiting,
                );
                self.waiting = Vec::new();
                self.posting = true;
            }
        }
        match &mut self.post {
            Some(post) => Ok(post.flush()?),
            None => Ok(()),
        }
    }
}

/// The stream of frames, or of polls.
pub(super) const MAIN: usize = 0;
/// The stream of POSTs.
const POST: usize = 1;

pub(super) fn token(id: Id, side: usize) -> Token {
    Token(id.0 << 1 | side)
}
