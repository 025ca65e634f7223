//! The connection of one server, as its user sees it.

use std::{sync::Arc, time::Duration};

use ringside_proto::engineio::Transport;
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;
use url::Url;

use crate::{
    Options, SetupError, Socket, address,
    driver::{Shared, SocketListeners, drive},
    events::ListenerId,
    machine::Machine,
};

/// Where a manager is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// No connection, and none on its way.
    Closed,
    /// On its way.
    Opening,
    /// There.
    Open,
    /// Waiting for the next attempt.
    Waiting,
}

/// Sums since the manager was made: packets as they travel, without headers of HTTP and WebSocket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// Socket.IO packets received.
    pub messages_in: u64,
    /// Events and acks sent.
    pub messages_out: u64,
    /// Of the packets received, those that came as datagrams.
    pub datagrams_in: u64,
    /// Of the events sent, those handed to QUIC as datagrams.
    pub datagrams_out: u64,
    /// Datagrams received that held no event, and were dropped.
    pub datagrams_bad: u64,
}

/// One connection, shared by the sockets (namespaces) of one server, and its reconnection.
///
/// A handle, cheap to clone and usable from any thread. The connection lives on until
/// [`Manager::disconnect`] (or each of its sockets has disconnected), whatever handles there are, and
/// no longer than the runtime it was made on.
///
/// Events (see [`Manager::on`]): `open`, `close` (reason, error), `error` (error), `ping`, `upgrade`
/// (transport), `fallback` (from, to, error), `reconnecting` (attempt, ms), `reconnect_attempt`
/// (attempt), `reconnect_error` (error), `reconnect` (attempts), `reconnect_failed`.
#[derive(Clone)]
pub struct Manager {
    pub(crate) shared: Arc<Shared>,
}

impl Manager {
    /// A manager of the server at this address; connects at once unless `auto_connect` is off.
    ///
    /// # Errors
    /// The address is none, or there is no tokio runtime here.
    pub fn new(uri: &str, options: Options) -> Result<Self, SetupError> {
        Self::at(&address::parse(uri)?, options)
    }

    pub(crate) fn at(url: &Url, options: Options) -> Result<Self, SetupError> {
        let runtime = Handle::try_current().map_err(|_| SetupError::NoRuntime)?;
        let base = address::endpoint(url, &options);
        let mut seed = [0; 4];
        // Without randomness all clients wait the same, which is no reason to fail.
        let _ = getrandom::fill(&mut seed);
        let auto_connect = options.auto_connect;
        let machine = Machine::new(options, u32::from_ne_bytes(seed));
        let shared = Arc::new(Shared::new(base, machine, runtime.clone()));
        runtime.spawn(drive(shared.clone()));
        let manager = Self { shared };
        if auto_connect {
            manager.open();
        }
        Ok(manager)
    }

    pub(crate) fn of(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The socket of a namespace; made on first use, and then connected unless `auto_connect` is off.
    pub fn socket(&self, namespace: &str) -> Socket {
        let options = self.shared.lock().options.clone();
        self.socket_with(namespace, &options)
    }

    /// The socket of a namespace, with `auth`, `retries` and `ack_timeout` of its own.
    pub fn socket_with(&self, namespace: &str, options: &Options) -> Socket {
        let name = if namespace.starts_with('/') {
            namespace.to_owned()
        } else {
            format!("/{namespace}")
        };
        let (at, connect) = {
            let mut machine = self.shared.lock();
            let at = machine.namespace(&name, options);
            // Before anybody can hear of it, so that there is always somewhere to look.
            let sockets = &mut self.shared.listeners().sockets;
            while sockets.len() <= at {
                sockets.push(SocketListeners::default());
            }
            let idle = !machine.namespaces[at].active;
            (at, machine.options.auto_connect && idle)
        };
        let socket = Socket::of(self.shared.clone(), at);
        if connect {
            socket.connect();
        }
        socket
    }

    /// Whether this manager has a socket of that namespace.
    pub(crate) fn has(&self, namespace: &str) -> bool {
        let machine = self.shared.lock();
        machine.namespaces.iter().any(|it| it.name == namespace)
    }

    /// Connects unless connected.
    pub fn open(&self) -> &Self {
        self.shared.ask(Machine::open);
        self
    }

    /// The same as [`Manager::open`].
    pub fn connect(&self) -> &Self {
        self.open()
    }

    /// Ends the connection and any reconnecting.
    pub fn disconnect(&self) {
        self.shared.ask(Machine::close);
    }

    /// Drops the connection as a failing network does; reconnection goes on. For tests.
    pub fn drop_connection(&self) {
        self.shared.ask(Machine::drop_connection);
    }

    /// Goes on over another transport: a deliberate reconnection. Sockets that the server recovers keep
    /// their id and hear `switch` instead of `disconnect` and `connect`.
    pub fn switch_transport(&self, to: Transport) {
        self.shared.ask(|machine| machine.switch(to));
    }

    /// Where it is.
    pub fn phase(&self) -> Phase {
        self.shared.lock().phase
    }

    /// The transport in use.
    pub fn transport(&self) -> Option<Transport> {
        self.shared.lock().wire.link.map(|link| link.transport)
    }

    /// What has travelled so far.
    pub fn stats(&self) -> Stats {
        self.shared.lock().wire.stats
    }

    /// Listens to an event of the connection; the arguments as [`Socket::on`] takes them.
    pub fn on<T: DeserializeOwned>(
        &self,
        event: &str,
        f: impl Fn(&Self, T) + Send + Sync + 'static,
    ) -> ListenerId {
        self.listen(event, false, f)
    }

    /// Listens to an event, once.
    pub fn once<T: DeserializeOwned>(
        &self,
        event: &str,
        f: impl Fn(&Self, T) + Send + Sync + 'static,
    ) -> ListenerId {
        self.listen(event, true, f)
    }

    fn listen<T: DeserializeOwned>(
        &self,
        event: &str,
        once: bool,
        f: impl Fn(&Self, T) + Send + Sync + 'static,
    ) -> ListenerId {
        let call = Arc::new(
            move |this: &Self, args: ringside_proto::socketio::Args<'_>, _| {
                f(this, args.parse()?);
                Ok(())
            },
        );
        self.shared.listeners().manager.add(event, once, call)
    }

    /// Takes away every listener of an event, or of all.
    pub fn off(&self, event: Option<&str>) {
        self.shared.listeners().manager.remove_all(event);
    }

    /// Takes away one listener.
    pub fn off_listener(&self, id: ListenerId) {
        self.shared.listeners().manager.remove(id);
    }

    /// Whether it connects again by itself.
    pub fn reconnection(&self) -> bool {
        self.shared.lock().options.reconnection
    }

    /// Sets whether it connects again by itself.
    pub fn set_reconnection(&self, value: bool) -> &Self {
        self.shared
            .ask(|machine| machine.options.reconnection = value);
        self
    }

    /// How often it tries.
    pub fn reconnection_attempts(&self) -> Option<u32> {
        self.shared.lock().options.reconnection_attempts
    }

    /// Sets how often it tries.
    pub fn set_reconnection_attempts(&self, value: Option<u32>) -> &Self {
        self.shared
            .ask(|machine| machine.options.reconnection_attempts = value);
        self
    }

    /// The first wait.
    pub fn reconnection_delay(&self) -> Duration {
        self.shared.lock().backoff.min
    }

    /// Sets the first wait.
    pub fn set_reconnection_delay(&self, value: Duration) -> &Self {
        self.shared.ask(|machine| machine.backoff.min = value);
        self
    }

    /// The longest wait.
    pub fn reconnection_delay_max(&self) -> Duration {
        self.shared.lock().backoff.max
    }

    /// Sets the longest wait.
    pub fn set_reconnection_delay_max(&self, value: Duration) -> &Self {
        self.shared.ask(|machine| machine.backoff.max = value);
        self
    }

    /// How far waits are spread.
    pub fn randomization_factor(&self) -> f64 {
        self.shared.lock().backoff.jitter
    }

    /// Sets how far waits are spread, 0 to 1.
    pub fn set_randomization_factor(&self, value: f64) -> &Self {
        self.shared.ask(|machine| machine.backoff.jitter = value);
        self
    }

    /// How long a connection may take.
    pub fn timeout(&self) -> Option<Duration> {
        self.shared.lock().options.timeout
    }

    /// Sets how long a connection may take.
    pub fn set_timeout(&self, value: Option<Duration>) -> &Self {
        self.shared.ask(|machine| machine.options.timeout = value);
        self
    }
}

impl PartialEq for Manager {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        // The task may have been waiting for the last of us.
        self.shared.wake();
    }
}

impl std::fmt::Debug for Manager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Manager({}, {:?})",
            address::shown(&self.shared.base),
            self.phase()
        )
    }
}
