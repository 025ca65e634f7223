//! What can be chosen about a connection; each with its default and its reason.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

pub use ringside_proto::engineio::Transport;
use serde::Serialize;
use serde_json::{Map, Value};

/// Everything that can be chosen. Start from the default:
///
/// ```
/// use ringside_client::{Options, Transport};
/// let options = Options {
///     transports: vec![Transport::WebSocket],
///     ..Options::default()
/// };
/// # assert!(options.reconnection);
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    /// Where Engine.IO answers. Default `/socket.io`.
    pub path: String,
    /// Whether the path ends with a slash. Default yes, as servers expect it.
    pub add_trailing_slash: bool,
    /// More of the query, which the server sees in the handshake. Default: that of the URL.
    pub query: Vec<(String, String)>,
    /// Tried in this order; polling upgrades to the others, if the server offers them. One that is refused
    /// falls back to those that come later. Default polling, WebSocket. `WebTransport` is QUIC, with the feature `quic`.
    pub transports: Vec<Transport>,
    /// Whether polling upgrades. Default yes.
    pub upgrade: bool,
    /// Begin with the transport to which an upgrade worked before. Default no.
    pub remember_upgrade: bool,
    /// Try the next transport whichever failed. Default no.
    pub try_all_transports: bool,
    /// Sent with every request.
    pub extra_headers: Vec<(String, String)>,
    /// Sub-protocols asked for with a WebSocket. Default none.
    pub protocols: Vec<String>,
    /// TLS settings, for certificates of one's own. Default: the Mozilla roots.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// Connect at once. Default yes.
    pub auto_connect: bool,
    /// Connect again by itself. Default yes.
    pub reconnection: bool,
    /// How often, before it is given up. Default: no end.
    pub reconnection_attempts: Option<u32>,
    /// The first wait. Default 1 s.
    pub reconnection_delay: Duration,
    /// The longest wait. Default 5 s.
    pub reconnection_delay_max: Duration,
    /// How far waits are spread, 0 to 1. Default 0.5.
    pub randomization_factor: f64,
    /// Makes the waits repeatable. Default: random.
    pub seed: Option<u32>,
    /// How long a connection may take, and a namespace's answer. Default 20 s.
    pub timeout: Option<Duration>,
    /// Messages kept while they cannot leave, and acks awaited; then the newest is refused. Default
    /// 4096: a minute of a game's input at 60 Hz.
    pub buffer_max: usize,
    /// Attachments accepted in one packet. Default 10, as many as the server takes.
    pub max_attachments: u32,
    /// Bytes of one message or polling body accepted from the server, and the memory a bad server
    /// can make us hold. Default 16 MiB.
    pub message_max: usize,
    /// What a namespace's middleware sees. Default nothing.
    pub auth: Auth,
    /// How often an event is sent again until it is acknowledged. Needs `ack_timeout`. Default 0.
    pub retries: u32,
    /// How long an ack may take. Default: for ever.
    pub ack_timeout: Option<Duration>,
    /// A connection of one's own, for [`io`](crate::io). Default no.
    pub force_new: bool,
    /// Share the connection with other namespaces of the server, for [`io`](crate::io). Default yes.
    pub multiplex: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            path: "/socket.io".to_owned(),
            add_trailing_slash: true,
            query: Vec::new(),
            transports: vec![Transport::Polling, Transport::WebSocket],
            upgrade: true,
            remember_upgrade: false,
            try_all_transports: false,
            extra_headers: Vec::new(),
            protocols: Vec::new(),
            tls: None,
            auto_connect: true,
            reconnection: true,
            reconnection_attempts: None,
            reconnection_delay: Duration::from_secs(1),
            reconnection_delay_max: Duration::from_secs(5),
            randomization_factor: 0.5,
            seed: None,
            timeout: Some(Duration::from_secs(20)),
            buffer_max: 4096,
            max_attachments: 10,
            message_max: 16 * 1024 * 1024,
            auth: Auth::default(),
            retries: 0,
            ack_timeout: None,
            force_new: false,
            multiplex: true,
        }
    }
}

type Asked = Pin<Box<dyn Future<Output = Map<String, Value>> + Send>>;

/// What is sent to be admitted to a namespace.
#[derive(Clone, Default)]
pub struct Auth(pub(crate) Source);

#[derive(Clone, Default)]
pub(crate) enum Source {
    #[default]
    Nothing,
    Value(Map<String, Value>),
    Function(Arc<dyn Fn() -> Asked + Send + Sync>),
}

impl Auth {
    /// The same each time.
    ///
    /// # Errors
    /// It is not an object.
    pub fn value(value: &(impl Serialize + ?Sized)) -> Result<Self, serde_json::Error> {
        serde_json::to_value(value)
            .and_then(serde_json::from_value)
            .map(|map| Self(Source::Value(map)))
    }

    /// Asked for before each attempt to join, for tokens that expire. What is no object counts as
    /// nothing.
    pub fn function<F, T>(f: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = T> + Send + 'static,
        T: Serialize,
    {
        Self(Source::Function(Arc::new(move || {
            let asked = f();
            Box::pin(async move {
                match serde_json::to_value(asked.await) {
                    Ok(Value::Object(map)) => map,
                    _ => Map::new(),
                }
            })
        })))
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the value: it is a secret.
        f.write_str(match self.0 {
            Source::Nothing => "Auth(nothing)",
            Source::Value(_) => "Auth(value)",
            Source::Function(_) => "Auth(function)",
        })
    }
}
