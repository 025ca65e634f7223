//! Settings of a gateway's transports: TLS, QUIC, compression, what is added to answers, and the mount.

use ::http::HeaderMap;

use crate::{Builder, Compression, Cookie, Gateway, ListenError, Mount, Quic, RequestHead, Tls};

impl Builder {
    /// Listens with TLS: `https://` and `wss://`, and HTTP/2 for polling and pages. Default: without,
    /// for a proxy in front has its own. A mounted gateway leaves TLS to its server.
    pub fn tls(&mut self, tls: Tls) -> &mut Self {
        self.plan.tls = Some(tls);
        self
    }

    /// Speaks QUIC as well, on the same port number of UDP: WebTransport for browsers, and native clients.
    /// Default: no. Sessions that poll are then offered the upgrade to it.
    pub fn quic(&mut self, quic: Quic) -> &mut Self {
        self.plan.quic = Some(quic);
        self
    }

    /// Compresses WebSocket messages (permessage-deflate) for clients that offer it, without keeping
    /// windows between messages. Default: no, for a game's messages are small, and compressing costs more
    /// than sending.
    pub fn compression(&mut self, compression: Compression) -> &mut Self {
        self.plan.compression = Some(compression);
        self
    }

    /// Whether clients that begin by polling are offered to go on by WebSocket or WebTransport. Default: yes. Without, each stays
    /// on the transport it began with.
    pub fn allow_upgrades(&mut self, allow: bool) -> &mut Self {
        self.plan.allow_upgrades = allow;
        self
    }

    /// Sets a cookie that holds the session's id, for balancers that keep a client on one gateway by it.
    /// Default: none.
    pub fn cookie(&mut self, cookie: Cookie) -> &mut Self {
        self.plan.hooks.cookie = Some(cookie);
        self
    }

    /// Has `f` add headers to the answers that Engine.IO gives, refusals excepted. It runs on a shard's
    /// thread, for every polling request and every handshake, before that is dealt with: it must be quick.
    pub fn headers(
        &mut self,
        f: impl Fn(&RequestHead<'_>, &mut HeaderMap) + Send + Sync + 'static,
    ) -> &mut Self {
        self.plan.hooks.headers = Some(Box::new(f));
        self
    }

    /// Sends this text as the first message of every Engine.IO session, together with the open packet.
    /// For raw endpoints: a client of Socket.IO takes it for a packet of its own.
    pub fn initial_packet(&mut self, text: &str) -> &mut Self {
        self.plan.hooks.initial = Some(text.into());
        self
    }

    /// Starts the gateway without a listener, to be mounted into another HTTP server.
    ///
    /// # Errors
    /// When the system refuses threads or sockets.
    pub fn mount(self) -> Result<Mount, ListenError> {
        Gateway::start(self.plan, None).map(Mount::new)
    }
}
