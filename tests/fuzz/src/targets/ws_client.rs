//! The WebSocket decoder at the client, with compression: as `ws_server`, and inflated messages
//! stay within their limit.

use ringside_proto::ws::{Decoder, Limits, Role};

use super::ws_server::compare;

/// First byte: the size of the chunks, its top bit compression. The rest: the stream.
pub fn run(data: &[u8]) {
    let Some((&first, stream)) = data.split_first() else {
        return;
    };
    let limits = Limits {
        message_bytes_max: 3_000,
        fragments_max: 4,
    };
    compare(stream, usize::from(first & 0x7f), || {
        Decoder::new(Role::Client, limits).with_deflate(first & 0x80 != 0)
    });
}
