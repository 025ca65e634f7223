//! One connection over QUIC: quinn-proto's machine on a UDP socket of its own, as every player has.
//!
//! Engine.IO is spoken on the one stream we open, in frames; each datagram is one event, in the same frames, and
//! the script hears of either alike. Promises: a datagram that holds anything else is dropped. Leaves out: several
//! packets in one send call; a packet that the socket does not take at once counts as lost, and QUIC mends it.

use std::{
    cmp::Reverse,
    io::{self, ErrorKind},
    net::SocketAddr,
    sync::Arc,
    time::Instant,
};

use bytes::{Bytes, BytesMut};
use mio::{Interest, Registry, net::UdpSocket};
use quinn_proto::{
    Connection, ConnectionHandle, DatagramEvent, Dir, Endpoint, EndpointConfig, Event, ReadError,
    StreamEvent, StreamId, VarInt, WriteError,
};
use ringside_proto::{
    engineio::{PacketKind, Transport},
    time::Millis,
    webtransport::{self, Decoder},
};

use super::{
    Ended, Id, Peer, Script, Shared,
    conn::{Cx, MAIN, token},
    peer::Framing,
    talk::Talk,
};

/// Bytes of a frame that are accepted: as many as of a polling body.
const FRAME_BYTES_MAX: u32 = 16_000_000;

pub(super) struct Quic {
    socket: UdpSocket,
    endpoint: Endpoint,
    handle: ConnectionHandle,
    machine: Connection,
    stream: Option<StreamId>,
    decoder: Decoder,
    talk: Talk,
    unsent: Unsent,
    /// The earliest moment it is in the swarm's queue with.
    timer: Option<Instant>,
}

/// What was said and is not with the machine yet.
#[derive(Default)]
struct Unsent {
    stream: Vec<u8>,
    datagrams: Vec<Bytes>,
}

impl Unsent {
    fn peer<'a>(&'a mut self, id: Id, now: Instant, shared: &'a mut Shared) -> Peer<'a> {
        Peer {
            id,
            now,
            framing: Framing::Lengths,
            out: &mut self.stream,
            beside: Some(&mut self.datagrams),
            shared,
        }
    }
}

impl Quic {
    pub(super) fn connect(id: Id, shared: &mut Shared, registry: &Registry) -> io::Result<Self> {
        let at = shared.settings.address;
        let any: SocketAddr = match at {
            SocketAddr::V4(_) => ([0; 4], 0).into(),
            SocketAddr::V6(_) => ([0; 16], 0).into(),
        };
        let mut socket = UdpSocket::bind(any)?;
        socket.connect(at)?;
        registry.register(&mut socket, token(id, MAIN), Interest::READABLE)?;
        let mut endpoint = Endpoint::new(Arc::new(EndpointConfig::default()), None, true, None);
        let config = shared
            .quic
            .clone()
            .ok_or_else(|| io::Error::other("this swarm does not speak QUIC"))?;
        let name = shared.settings.host.clone();
        let name = name.rsplit_once(':').map_or(&*name, |(name, _)| name);
        let name = name.trim_start_matches('[').trim_end_matches(']');
        let (handle, machine) = endpoint
            .connect(Instant::now(), config, at, name)
            .map_err(io::Error::other)?;
        let mut conn = Self {
            socket,
            endpoint,
            handle,
            machine,
            stream: None,
            decoder: Decoder::new(FRAME_BYTES_MAX),
            talk: Talk::new(Transport::WebTransport),
            unsent: Unsent::default(),
            timer: None,
        };
        conn.transmit(id, shared)?;
        Ok(conn)
    }

    pub(super) fn is_ready(&self) -> bool {
        self.talk.is_ready()
    }

    pub(super) fn is_due(&self, now: Millis) -> bool {
        self.talk.is_due(now)
    }

    pub(super) fn expire(&mut self, now: Millis) -> Result<(), Ended> {
        self.talk.expire(now)
    }

    pub(super) fn peer<'a>(&'a mut self, id: Id, now: Instant, shared: &'a mut Shared) -> Peer<'a> {
        self.unsent.peer(id, now, shared)
    }

    pub(super) fn flush<S: Script>(&mut self, id: Id, cx: &mut Cx<'_, S>) -> Result<(), Ended> {
        self.write()?;
        Ok(self.transmit(id, cx.shared)?)
    }

    /// The moment came that was put into the swarm's queue; or another one, which has been told of already.
    pub(super) fn timed<S: Script>(
        &mut self,
        id: Id,
        at: Instant,
        cx: &mut Cx<'_, S>,
    ) -> Result<(), Ended> {
        if self.timer != Some(at) {
            return Ok(());
        }
        self.timer = None;
        self.machine.handle_timeout(Instant::now());
        self.progress(id, Instant::now(), cx)
    }

    pub(super) fn readable<S: Script>(
        &mut self,
        id: Id,
        scratch: &mut [u8],
        cx: &mut Cx<'_, S>,
    ) -> Result<(), Ended> {
        let mut answer = Vec::new();
        loop {
            let n = match self.socket.recv(scratch) {
                Ok(n) => n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            let bytes = BytesMut::from(&scratch[..n]);
            let (now, from) = (Instant::now(), cx.shared.settings.address);
            // What is for another connection, or would be answered by a server, is not for us.
            if let Some(DatagramEvent::ConnectionEvent(_, event)) =
                self.endpoint
                    .handle(now, from, None, None, bytes, &mut answer)
            {
                self.machine.handle_event(event);
            }
        }
        self.progress(id, Instant::now(), cx)
    }

    /// Does what the machine asks for.
    fn progress<S: Script>(
        &mut self,
        id: Id,
        now: Instant,
        cx: &mut Cx<'_, S>,
    ) -> Result<(), Ended> {
        while let Some(event) = self.machine.poll() {
            match event {
                Event::Connected => {
                    self.stream = self.machine.streams().open(Dir::Bi);
                    // A new session is asked for.
                    let hello = [PacketKind::Open.digit()];
                    self.unsent
                        .stream
                        .extend_from_slice(&webtransport::header(false, hello.len()));
                    self.unsent.stream.extend_from_slice(&hello);
                }
                Event::ConnectionLost { reason } => return Err(Ended::Quic(reason)),
                Event::Stream(StreamEvent::Readable { .. }) => self.read(id, now, cx)?,
                Event::DatagramReceived => self.hear(id, now, cx)?,
                _ => {}
            }
        }
        self.flush(id, cx)
    }

    fn read<S: Script>(&mut self, id: Id, now: Instant, cx: &mut Cx<'_, S>) -> Result<(), Ended> {
        let Some(stream) = self.stream else {
            return Ok(());
        };
        let (mut arrived, mut over) = (Vec::new(), false);
        let mut stream = self.machine.recv_stream(stream);
        let mut chunks = stream.read(true).map_err(|_| Ended::Eof)?;
        loop {
            match chunks.next(usize::MAX) {
                Ok(Some(chunk)) => arrived.push(chunk.bytes),
                Err(ReadError::Blocked) => break,
                Ok(None) | Err(ReadError::Reset(_)) => {
                    over = true;
                    break;
                }
            }
        }
        // Whatever it says, packets are sent after this.
        let _ = chunks.finalize();
        for bytes in arrived {
            let mut input = self.decoder.input(&bytes);
            while let Some(packet) = input.next()? {
                let mut peer = self.unsent.peer(id, now, cx.shared);
                let millis = peer.shared.millis(now);
                self.talk.on_packet(&packet, millis, &mut peer, cx.script)?;
            }
        }
        if over { Err(Ended::Eof) } else { Ok(()) }
    }

    fn hear<S: Script>(&mut self, id: Id, now: Instant, cx: &mut Cx<'_, S>) -> Result<(), Ended> {
        while let Some(bytes) = self.machine.datagrams().recv() {
            if !self.talk.is_ready() {
                continue;
            }
            let mut decoder = Decoder::new(u32::MAX);
            let mut input = decoder.input(&bytes);
            while let Ok(Some(packet)) = input.next() {
                if packet.kind != PacketKind::Message {
                    break;
                }
                let mut peer = self.unsent.peer(id, now, cx.shared);
                let millis = peer.shared.millis(now);
                self.talk.on_packet(&packet, millis, &mut peer, cx.script)?;
            }
        }
        Ok(())
    }

    /// Hands the machine what was said.
    fn write(&mut self) -> Result<(), Ended> {
        for bytes in self.unsent.datagrams.drain(..) {
            // Refused, it is lost, as datagrams may be.
            let _ = self.machine.datagrams().send(bytes, true);
        }
        let Some(stream) = self.stream.filter(|_| !self.unsent.stream.is_empty()) else {
            return Ok(());
        };
        match self.machine.send_stream(stream).write(&self.unsent.stream) {
            Ok(n) => drop(self.unsent.stream.drain(..n)),
            Err(WriteError::Blocked) => {}
            Err(_) => return Err(Ended::Eof),
        }
        Ok(())
    }

    /// Sends what the machine has to send, and has the swarm wake it when it wants.
    fn transmit(&mut self, id: Id, shared: &mut Shared) -> io::Result<()> {
        let now = Instant::now();
        loop {
            while self.send(now, &mut shared.compose)? {}
            let mut more = false;
            while let Some(event) = self.machine.poll_endpoint_events() {
                if let Some(event) = self.endpoint.handle_event(self.handle, event) {
                    self.machine.handle_event(event);
                    more = true;
                }
            }
            if !more {
                break;
            }
        }
        if let Some(at) = self.machine.poll_timeout()
            && self.timer.is_none_or(|known| at < known)
        {
            self.timer = Some(at);
            shared.timers.push(Reverse((at, id)));
        }
        Ok(())
    }

    /// Sends one packet, if there is one.
    fn send(&mut self, now: Instant, out: &mut Vec<u8>) -> io::Result<bool> {
        out.clear();
        let Some(transmit) = self.machine.poll_transmit(now, 1, out) else {
            return Ok(false);
        };
        match self.socket.send(&out[..transmit.size]) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(true),
        }
    }
}

impl Drop for Quic {
    /// The server shall not have to wait for our silence.
    fn drop(&mut self) {
        let (now, mut out) = (Instant::now(), Vec::new());
        self.machine.close(now, VarInt::from_u32(0), Bytes::new());
        while let Ok(true) = self.send(now, &mut out) {}
    }
}
