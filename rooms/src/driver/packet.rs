//! A packet on its way to its room: the few bytes it usually has lie in the letter itself, so that no memory is taken
//! by one thread to be given back by another.

use bytes::Bytes;

/// Bytes that lie in the letter: an acknowledgement and two inputs of 40 bits.
pub(crate) const SHORT_MAX: usize = 22;

/// A packet's bytes.
#[derive(Clone, Debug)]
pub(crate) enum PacketBytes {
    Short { len: u8, bytes: [u8; SHORT_MAX] },
    Long(Bytes),
}

impl From<&[u8]> for PacketBytes {
    fn from(from: &[u8]) -> Self {
        let mut bytes = [0; SHORT_MAX];
        match bytes.get_mut(..from.len()) {
            Some(short) => {
                short.copy_from_slice(from);
                let len = from.len() as u8;
                Self::Short { len, bytes }
            }
            None => Self::Long(Bytes::copy_from_slice(from)),
        }
    }
}

impl AsRef<[u8]> for PacketBytes {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Short { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Self::Long(bytes) => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_as_they_went_in_whatever_their_number() {
        for len in 0..64 {
            let bytes: Vec<u8> = (0..len).collect();
            let packet = PacketBytes::from(&bytes[..]);
            assert_eq!(packet.as_ref(), bytes);
            let lies_within = matches!(packet, PacketBytes::Short { .. });
            assert_eq!(lies_within, bytes.len() <= SHORT_MAX);
        }
    }
}
