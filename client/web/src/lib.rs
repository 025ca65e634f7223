//! The browser client as embedded files: what a gateway serves under its Socket.IO path.
//!
//! Promises: every file of `js/` is here, under the path that relative imports expect
//! (`ringside.js`, `engine.js`, `game/latest.js`, their `.d.ts`), and additionally `socket.io.js`,
//! the classic-script form that sets the global `io`. Scripts are the sources with whole-line
//! comments and indentation removed ([`source::served`]), line for line, so that a stack trace
//! names the line of the source. Everything is built once, on first use.
//!
//! Leaves out: HTTP (headers other than the type and the tag, compression, caching policy).

pub mod source;

use std::sync::LazyLock;

/// The entry module's path; also the root of the classic form.
pub const ENTRY: &str = "ringside.js";

/// The classic script's path, where pages written for the stock server look for it.
pub const CLASSIC: &str = "socket.io.js";

/// One file to serve.
#[derive(Debug)]
pub struct Asset {
    /// Path relative to the Socket.IO path, without a leading slash: `game/latest.js`.
    pub path: &'static str,
    /// Value for `Content-Type`.
    pub content_type: &'static str,
    /// Value for `ETag`: a strong tag, quotes included, that changes with the bytes.
    pub etag: String,
    /// The body.
    pub bytes: Vec<u8>,
}

/// The file at `path` (no leading slash, no query), if the client has one.
#[must_use]
pub fn asset(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

/// Every file, in no particular order.
#[must_use]
pub fn assets() -> &'static [Asset] {
    &ASSETS
}

macro_rules! sources {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../js/", $path)))),*]
    };
}

/// Path and text of each source file. A test holds this list against the folder.
const SOURCES: &[(&str, &str)] = sources![
    "backoff.js",
    "engine.js",
    "events.js",
    "failure.js",
    "game/acks.d.ts",
    "game/acks.js",
    "game/clock.d.ts",
    "game/clock.js",
    "game/counters.d.ts",
    "game/counters.js",
    "game/inputs.d.ts",
    "game/inputs.js",
    "game/interpolation.d.ts",
    "game/interpolation.js",
    "game/latest.d.ts",
    "game/latest.js",
    "game/pace.d.ts",
    "game/pace.js",
    "game/prediction.d.ts",
    "game/prediction.js",
    "game/room.d.ts",
    "game/room.js",
    "manager.js",
    "packet.js",
    "polling.js",
    "ringside.d.ts",
    "ringside.js",
    "socket.js",
    "websocket.js",
    "webtransport.js",
];

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    // Only our own embedded files go in: what the transformation refuses is a bug, found by a test.
    let classic =
        source::classic(SOURCES, ENTRY).expect("the modules keep to the classic form's rules");
    let mut assets = vec![Asset::new(CLASSIC, source::served(&classic))];
    for &(path, text) in SOURCES {
        let body = if path.ends_with(".js") {
            source::served(text)
        } else {
            text.to_owned()
        };
        assets.push(Asset::new(path, body));
    }
    assets
});

impl Asset {
    fn new(path: &'static str, body: String) -> Self {
        let content_type = if path.ends_with(".js") {
            "text/javascript; charset=utf-8"
        } else {
            "text/plain; charset=utf-8"
        };
        let bytes = body.into_bytes();
        let etag = format!("\"{:016x}\"", fnv1a(&bytes));
        Self {
            path,
            content_type,
            etag,
            bytes,
        }
    }
}

/// FNV-1a, 64 bits: tells two builds of a file apart; no defence against forgery is needed here.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
