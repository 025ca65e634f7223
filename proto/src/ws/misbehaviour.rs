//! Every way a peer can break WebSocket, with its close code and its sentence.

use super::CloseCode;
use crate::close::reasons;

reasons! {
    /// How a peer broke RFC 6455 or RFC 7692. The connection is closed with
    /// [`close_code`](Misbehaviour::close_code).
    pub enum Misbehaviour: "ws" {
        /// RSV1-3 set without an extension that gives them a meaning (§5.2).
        ReservedBits = PROTOCOL_ERROR, "reserved bits are set";
        /// An opcode RFC 6455 reserves (§5.2).
        ReservedOpcode = PROTOCOL_ERROR, "the opcode is reserved";
        /// A client must mask every frame (§5.1).
        UnmaskedFrame = PROTOCOL_ERROR, "a frame from a client must be masked";
        /// A server must not mask (§5.1).
        MaskedFrame = PROTOCOL_ERROR, "a frame from a server must not be masked";
        /// Control frames must not be fragmented (§5.5).
        FragmentedControl = PROTOCOL_ERROR, "a control frame must not be fragmented";
        /// Control frames hold at most 125 bytes (§5.5).
        OversizedControl = PROTOCOL_ERROR, "a control frame holds at most 125 bytes";
        /// The length was not written in its shortest form (§5.2).
        NonMinimalLength = PROTOCOL_ERROR, "the length is not written in its shortest form";
        /// The top bit of a 64-bit length is set (§5.2).
        LengthTopBit = PROTOCOL_ERROR, "the top bit of the length is set";
        /// A continuation frame with nothing to continue (§5.4).
        UnexpectedContinuation = PROTOCOL_ERROR, "there is no message to continue";
        /// A new message before the last fragment of the one before (§5.4).
        InterruptedMessage = PROTOCOL_ERROR, "a fragmented message was not finished";
        /// A close payload of one byte (§5.5.1).
        ShortClosePayload = PROTOCOL_ERROR, "a close frame holds no byte or at least two";
        /// A close code that must not be on the wire (§7.4).
        InvalidCloseCode = PROTOCOL_ERROR, "the close code is not allowed on the wire";
        /// Text, or the reason of a close, that is not UTF-8 (§8.1).
        InvalidUtf8 = INVALID_DATA, "text is not UTF-8";
        /// A message longer than the limit, by declared or by inflated size.
        MessageTooBig = TOO_BIG, "the message is too big";
        /// More fragments in one message than the limit.
        TooManyFragments = POLICY, "the message has too many fragments";
        /// More unanswered pings than the limit while the peer does not read.
        TooManyPings = POLICY, "too many pings wait for their pongs";
        /// A compressed message that is not a deflate stream (RFC 7692 §7.2.2).
        InvalidDeflate = INVALID_DATA, "the compressed message is damaged";
        /// A compressed message that inflates beyond the allowed ratio.
        InflatesTooFar = TOO_BIG, "the compressed message inflates too far";
    }
}
