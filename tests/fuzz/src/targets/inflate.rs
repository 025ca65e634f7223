//! The inflater on any bytes: within its limit or an error; what we deflate comes back.

use ringside_proto::ws::deflate::{Deflater, INFLATION_FREE_BYTES, INFLATION_RATIO_MAX, Inflater};

/// First byte: the limit in units of 256 bytes. The rest: the compressed message.
pub fn run(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else {
        return;
    };
    let limit = usize::from(first) * 256;
    let mut inflater = Inflater::new();
    if let Ok(bytes) = inflater.inflate(rest.to_vec(), limit) {
        assert!(bytes.len() <= limit);
        assert!(bytes.len() <= (rest.len() * INFLATION_RATIO_MAX).max(INFLATION_FREE_BYTES));
    }
    let compressed = Deflater::new(6).deflate(rest);
    assert_eq!(
        inflater.inflate(compressed, rest.len()).as_deref(),
        Ok(rest)
    );
}
