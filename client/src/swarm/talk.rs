//! The talk above the transport: proto's machines for session and namespace, fed with packets.
//!
//! Promises: the script sees messages of a namespace it was admitted to, and no others; pings are
//! answered at once.

use ringside_proto::{
    engineio::{self, ClientSession, Data, PacketKind, Transport, Version},
    socketio::{ClientAct, ClientNamespace, Packet, encode_connect},
    time::Millis,
    ws::OpCode,
};

use super::{Ended, Message, Peer, Script};

/// One session and its namespace.
pub(super) struct Talk {
    engine: ClientSession,
    namespace: ClientNamespace,
    /// The session's id, as requests must name it. Empty until the session is open.
    pub(super) sid: Box<str>,
}

impl Talk {
    pub(super) fn new(transport: Transport) -> Self {
        Self {
            engine: ClientSession::new(Version::V4, transport),
            namespace: ClientNamespace::new(),
            sid: Box::default(),
        }
    }

    /// Whether the namespace takes events.
    pub(super) fn is_ready(&self) -> bool {
        self.namespace.is_connected()
    }

    pub(super) fn is_due(&self, now: Millis) -> bool {
        self.engine.next_deadline() <= now
    }

    /// The server was silent for too long.
    pub(super) fn expire(&mut self, now: Millis) -> Result<(), Ended> {
        match self.engine.poll(now) {
            engineio::ClientAct::Close(reason) => Err(Ended::EngineIo(reason)),
            _ => Ok(()),
        }
    }

    /// A packet arrived.
    pub(super) fn on_packet(
        &mut self,
        packet: &engineio::Packet<'_>,
        now: Millis,
        peer: &mut Peer<'_>,
        script: &mut impl Script,
    ) -> Result<(), Ended> {
        let text = match &packet.data {
            Data::Text(text) => *text,
            Data::Binary(bytes) => {
                script.message(peer, Message::Binary(bytes));
                return Ok(());
            }
        };
        match self.engine.on_packet(packet.kind, text, now) {
            engineio::ClientAct::Deliver => self.on_text(text, peer, script),
            engineio::ClientAct::SendPong => {
                let mut pong = [0; 32];
                let data = text.as_bytes();
                pong[0] = PacketKind::Pong.digit();
                // A longer one asks for data back that nobody has a use for.
                let len = data.len().min(pong.len() - 1);
                pong[1..=len].copy_from_slice(&data[..len]);
                peer.put(OpCode::Text, &pong[..=len]);
                Ok(())
            }
            engineio::ClientAct::Opened => self.open(text, peer),
            engineio::ClientAct::Close(_) if packet.kind == PacketKind::Close => Err(Ended::Left),
            engineio::ClientAct::Close(reason) => Err(Ended::EngineIo(reason)),
            _ => Ok(()),
        }
    }

    /// The session is open: asks for the namespace.
    fn open(&mut self, text: &str, peer: &mut Peer<'_>) -> Result<(), Ended> {
        self.sid = engineio::OpenPacket::decode(text)?.sid.as_ref().into();
        let mut ask = vec![PacketKind::Message.digit()];
        let namespace = &peer.shared.settings.namespace;
        if encode_connect(&mut ask, namespace, None::<&()>).is_err() {
            return Err(Ended::NotAdmitted(
                "the namespace's name cannot be sent".into(),
            ));
        }
        peer.put(OpCode::Text, &ask);
        self.namespace.on_connecting();
        Ok(())
    }

    fn on_text(
        &mut self,
        text: &str,
        peer: &mut Peer<'_>,
        script: &mut impl Script,
    ) -> Result<(), Ended> {
        let packet = Packet::scan(text)?;
        match self.namespace.on_packet(&packet)? {
            ClientAct::Deliver => script.message(peer, Message::Packet(packet)),
            ClientAct::Connected { .. } => script.joined(peer),
            ClientAct::Refused => return Err(Ended::NotAdmitted(packet.payload.into())),
            ClientAct::Disconnected => return Err(Ended::Left),
            ClientAct::Hold | ClientAct::Ignore => {}
        }
        Ok(())
    }
}
