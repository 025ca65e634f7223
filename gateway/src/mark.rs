//! Marks: what a message is, written on its frame for whoever puts it on a wire.
//!
//! A mark is compared by the functions here, for [`AS_IS`] may be added to any.

/// A text message.
pub(crate) const TEXT: u8 = 0;
/// A binary message.
pub(crate) const BINARY: u8 = 1;
/// A text message for many receivers.
pub(crate) const BROADCAST: u8 = 2;
/// WebSocket's own frames: ping, pong, close.
pub(crate) const CONTROL: u8 = 3;

/// Added to a mark: the message is not compressed, for anybody.
pub(crate) const AS_IS: u8 = 0x80;

/// Whether it is a binary message.
#[inline]
pub(crate) fn is_binary(mark: u8) -> bool {
    mark & !AS_IS == BINARY
}

/// Whether it is one of WebSocket's own frames, which travel only there.
#[inline]
pub(crate) fn is_control(mark: u8) -> bool {
    mark & !AS_IS == CONTROL
}

/// Whether it was made for many receivers.
#[inline]
pub(crate) fn is_broadcast(mark: u8) -> bool {
    mark & !AS_IS == BROADCAST
}

/// Whether it may be compressed.
#[inline]
pub(crate) fn may_shrink(mark: u8) -> bool {
    mark & AS_IS == 0 && !is_control(mark)
}
