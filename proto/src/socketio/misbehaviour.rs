//! Every way a peer can break Socket.IO, with its close code and its sentence.

use crate::close::reasons;
use crate::ws::CloseCode;

reasons! {
    /// How a peer broke Socket.IO. The whole connection is closed, as in the reference.
    pub enum Misbehaviour: "socketio" {
        /// No byte, or a first character that is not 0 to 6.
        UnknownPacketType = PROTOCOL_ERROR, "the packet type is unknown";
        /// A binary packet whose number of attachments is missing, zero or no number.
        IllegalAttachments = PROTOCOL_ERROR, "the number of attachments is illegal";
        /// More attachments than the limit.
        TooManyAttachments = POLICY, "the packet has too many attachments";
        /// An ack id above 2^53 - 1.
        IllegalAckId = PROTOCOL_ERROR, "the ack id is too large";
        /// A payload of the wrong JSON type for the kind of packet, or none where one must be.
        InvalidPayload = PROTOCOL_ERROR, "the payload does not fit the packet";
        /// A payload that is not JSON.
        InvalidJson = PROTOCOL_ERROR, "the payload is not JSON";
        /// JSON nested deeper than the limit.
        JsonTooDeep = POLICY, "the payload is nested too deeply";
        /// An event name that is neither a string nor a number.
        IllegalEventName = PROTOCOL_ERROR, "the event name is neither string nor number";
        /// One of the names the protocol keeps for itself.
        ReservedEventName = PROTOCOL_ERROR, "the event name is reserved";
        /// An event name longer than the limit.
        EventNameTooLong = POLICY, "the event name is too long";
        /// A namespace longer than the limit.
        NamespaceTooLong = POLICY, "the namespace is too long";
        /// Text before the attachments of the packet before it arrived.
        MissingAttachments = PROTOCOL_ERROR, "attachments of the packet before are missing";
        /// Binary data that belongs to no packet.
        UnexpectedBinary = PROTOCOL_ERROR, "there is no packet for this binary data";
        /// A placeholder whose number is not that of an attachment.
        IllegalPlaceholder = PROTOCOL_ERROR, "a placeholder names no attachment";
        /// A packet and its attachments above the limit.
        PacketTooBig = TOO_BIG, "the packet and its attachments are too big";
        /// The attachments did not arrive in time.
        AttachmentsTimeout = POLICY, "the attachments did not arrive in time";
        /// A packet for a namespace the peer is not connected to, or of a kind it must not send.
        UnexpectedPacket = PROTOCOL_ERROR, "the packet is not expected here";
        /// More namespaces on one connection than the limit.
        TooManyNamespaces = POLICY, "too many namespaces on one connection";
        /// A binary message that is not a packet of the msgpack parser.
        InvalidMsgpack = PROTOCOL_ERROR, "the message is not a msgpack packet";
    }
}
