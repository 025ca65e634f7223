//! Marks: what a message is, written on its frame for whoever puts it on a wire.
//!
//! A mark is compared by the functions here, for [`AS_IS`] and [`TWICE`] may be added to any.

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
/// Added to a mark: where the message goes by datagram, it goes twice. Elsewhere it means nothing.
pub(crate) const TWICE: u8 = 0x40;

/// What kind of message it is, without what is added.
#[inline]
fn kind(mark: u8) -> u8 {
    mark & !(AS_IS | TWICE)
}

/// Whether it is a binary message.
#[inline]
pub(crate) fn is_binary(mark: u8) -> bool {
    kind(mark) == BINARY
}

/// Whether it is one of WebSocket's own frames, which travel only there.
#[inline]
pub(crate) fn is_control(mark: u8) -> bool {
    kind(mark) == CONTROL
}

/// Whether it was made for many receivers.
#[inline]
pub(crate) fn is_broadcast(mark: u8) -> bool {
    kind(mark) == BROADCAST
}

/// Whether it may be compressed.
#[inline]
pub(crate) fn may_shrink(mark: u8) -> bool {
    mark & AS_IS == 0 && !is_control(mark)
}

/// Whether it goes twice by datagram.
#[inline]
pub(crate) fn goes_twice(mark: u8) -> bool {
    mark & TWICE != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_changes_nothing_about_what_it_is() {
        for mark in [TEXT, BINARY, BROADCAST, CONTROL] {
            for added in [0, AS_IS, TWICE, AS_IS | TWICE] {
                let both = mark | added;
                assert_eq!(is_binary(both), mark == BINARY);
                assert_eq!(is_control(both), mark == CONTROL);
                assert_eq!(is_broadcast(both), mark == BROADCAST);
                assert_eq!(may_shrink(both), mark != CONTROL && added & AS_IS == 0);
                assert_eq!(goes_twice(both), added & TWICE != 0);
            }
        }
    }
}
