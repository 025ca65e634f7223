//! Whom to trust over QUIC, as it stands on a command line.

/// A certificate's SHA-256: 64 hexadecimal digits, as `gen-cert`, game-demo and the fixture print it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CertHash(pub [u8; 32]);

impl std::str::FromStr for CertHash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            let pair = text.get(2 * at..2 * at + 2);
            let read = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok());
            *byte = read
                .filter(|_| text.len() == 64)
                .ok_or("a SHA-256 is 64 hexadecimal digits")?;
        }
        Ok(Self(bytes))
    }
}

impl std::fmt::Display for CertHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_64_digits_and_nothing_else() {
        let text: String = (0..32u8).map(|n| format!("{n:02x}")).collect();
        let hash: CertHash = text.parse().expect("64 digits");
        assert_eq!((hash.0[31], hash.to_string()), (31, text.clone()));
        for bad in ["", &text[1..], &format!("{text}0"), &text.replace('1', "g")] {
            assert!(bad.parse::<CertHash>().is_err(), "{bad}");
        }
    }
}
