//! Every way a peer can break Engine.IO, with its close code and its sentence.

use crate::close::reasons;
use crate::ws::CloseCode;

reasons! {
    /// How a peer broke Engine.IO. The session is closed; a polling request in hand is answered
    /// with status 400 (413 for [`PayloadTooBig`](Misbehaviour::PayloadTooBig)).
    pub enum Misbehaviour: "engineio" {
        /// A packet of no byte.
        EmptyPacket = PROTOCOL_ERROR, "a packet is empty";
        /// A packet type that is not one of 0 to 6 (or `b`).
        UnknownPacketType = PROTOCOL_ERROR, "the packet type is unknown";
        /// Base64 that does not decode.
        InvalidBase64 = INVALID_DATA, "the binary packet is not base64";
        /// A polling body that is not UTF-8.
        InvalidUtf8 = INVALID_DATA, "the payload is not UTF-8";
        /// Version 4: a client's ping; version 3: a client's pong.
        HeartbeatDirection = PROTOCOL_ERROR, "the heartbeat goes the other way round";
        /// A packet only the other end may send, or not at this time.
        UnexpectedPacket = PROTOCOL_ERROR, "the packet is not expected here";
        /// A second GET while one is pending.
        OverlappingPoll = PROTOCOL_ERROR, "a poll is pending already";
        /// A second POST while one is being read.
        OverlappingPost = PROTOCOL_ERROR, "a data request is in progress already";
        /// `application/octet-stream` in version 4.
        BinaryPost = PROTOCOL_ERROR, "a binary data request is not part of version 4";
        /// A polling body or WebTransport frame above the limit, declared or received.
        PayloadTooBig = TOO_BIG, "the payload is too big";
        /// A length prefix of version 3 that is no number, too long, or not what follows.
        InvalidLength = PROTOCOL_ERROR, "a packet's length does not fit the payload";
        /// A WebTransport frame of no byte.
        EmptyFrame = PROTOCOL_ERROR, "a frame is empty";
        /// A second upgrade while one runs, or after one.
        SecondUpgrade = POLICY, "the session was or is being upgraded";
        /// The open packet is not the JSON it should be.
        InvalidOpen = PROTOCOL_ERROR, "the open packet is damaged";
        /// The probe was answered with something else.
        ProbeFailed = PROTOCOL_ERROR, "the probe of the new transport failed";
    }
}
