//! A socket: one namespace of a server, with the methods of the server's sockets and of the stock client.

use std::{future::Future, sync::Arc, time::Duration};

use ringside_proto::socketio::{Args, ArgsError};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::oneshot;

use crate::{
    Ack, AckError, Answer, EmitError, Manager, Stage, State,
    driver::{Shared, SocketListeners},
    emission::Emission,
    events::ListenerId,
    options::Auth,
};

/// A namespace of a server.
///
/// A handle, cheap to clone and usable from any thread. Listeners run one after the other on the
/// client's task; they may call anything here, but must not block.
#[derive(Clone)]
pub struct Socket {
    manager: Manager,
    pub(crate) at: usize,
}

impl Socket {
    pub(crate) fn of(shared: Arc<Shared>, at: usize) -> Self {
        Self {
            manager: Manager::of(shared),
            at,
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.manager.shared
    }

    // What it is.

    /// The manager of its connection.
    pub fn io(&self) -> &Manager {
        &self.manager
    }

    /// The namespace's name.
    pub fn nsp(&self) -> String {
        self.shared().lock().namespaces[self.at].name.clone()
    }

    /// Its id at the server, while it is connected.
    pub fn id(&self) -> Option<String> {
        self.shared().lock().namespaces[self.at].sid.clone()
    }

    /// Whether it is connected.
    pub fn connected(&self) -> bool {
        self.shared().lock().namespaces[self.at].connected()
    }

    /// Whether it is not connected.
    pub fn disconnected(&self) -> bool {
        !self.connected()
    }

    /// Whether it is connected or will try to be.
    pub fn active(&self) -> bool {
        self.shared().lock().namespaces[self.at].active
    }

    /// Whether the last connection took up the session before it: same id, nothing missed.
    pub fn recovered(&self) -> bool {
        self.shared().lock().namespaces[self.at].recovered
    }

    /// Where it is, as one word.
    pub fn state(&self) -> State {
        self.shared().lock().state(self.at)
    }

    /// Sets what is sent when it joins from now on.
    pub fn set_auth(&self, auth: Auth) {
        self.shared().lock().namespaces[self.at].auth = auth;
    }

    // Connecting.

    /// Connects unless connected; while waiting for an attempt, tries at once.
    pub fn connect(&self) -> &Self {
        self.shared().ask(|machine| machine.connect(self.at));
        self
    }

    /// The same as [`Socket::connect`].
    pub fn open(&self) -> &Self {
        self.connect()
    }

    /// Leaves the namespace; the connection ends with its last socket. What was emitted before is
    /// still sent.
    pub fn disconnect(&self) -> &Self {
        self.shared().ask(|machine| machine.disconnect(self.at));
        self
    }

    /// The same as [`Socket::disconnect`].
    pub fn close(&self) -> &Self {
        self.disconnect()
    }

    // Sending.

    /// Sends an event. A tuple is spread over the listener's arguments, `()` is none (and so is JSON's
    /// null: `(null,)` is one), anything else is one. While not connected the event waits, up to `buffer_max`.
    ///
    /// # Errors
    /// It cannot be written, is larger than the server takes, or too much waits already.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        Emission::of(self).emit(event, args)
    }

    /// Sends the event `message`.
    ///
    /// # Errors
    /// As for [`Socket::emit`].
    pub fn send<T: Serialize + ?Sized>(&self, args: &T) -> Result<(), EmitError> {
        self.emit("message", args)
    }

    /// Sends an event, at once, and gives its answer: a tuple takes the ack's arguments one each,
    /// anything else the first.
    pub fn emit_with_ack<R: DeserializeOwned>(
        &self,
        event: &str,
        args: &(impl Serialize + ?Sized),
    ) -> Answer<R> {
        Emission::of(self).emit_with_ack(event, args)
    }

    /// For the next event: how long its ack may take.
    pub fn timeout(&self, timeout: Duration) -> Emission<'_> {
        Emission::of(self).timeout(timeout)
    }

    /// For the next event: skipped while it cannot leave at once.
    pub fn volatile(&self) -> Emission<'_> {
        Emission::of(self).volatile()
    }

    /// For the next event; kept for its name, as this client does not compress.
    pub fn compress(&self, compress: bool) -> Emission<'_> {
        Emission::of(self).compress(compress)
    }

    // Listening.

    /// Listens to an event; what the function returns is the ack, if the server asked for one.
    ///
    /// `T` takes the arguments: a tuple one each, `()` none, anything else the first. The stages of
    /// the connection are events, too: see [`Stage`].
    pub fn on<T, R>(
        &self,
        event: &str,
        f: impl Fn(&Self, T) -> R + Send + Sync + 'static,
    ) -> ListenerId
    where
        T: DeserializeOwned,
        R: Serialize,
    {
        self.on_raw(event, typed(f))
    }

    /// Listens to an event, once.
    pub fn once<T, R>(
        &self,
        event: &str,
        f: impl Fn(&Self, T) -> R + Send + Sync + 'static,
    ) -> ListenerId
    where
        T: DeserializeOwned,
        R: Serialize,
    {
        let call = Arc::new(erased(typed(f)));
        self.listeners(|it| it.named.add(event, true, call))
    }

    /// Listens to an event with a future, which runs as a task of its own; what it resolves to is the ack.
    pub fn on_async<T, F>(
        &self,
        event: &str,
        f: impl Fn(Self, T) -> F + Send + Sync + 'static,
    ) -> ListenerId
    where
        T: DeserializeOwned,
        F: Future + Send + 'static,
        F::Output: Serialize,
    {
        self.on_raw(event, move |socket, args, ack| {
            let work = f(socket.clone(), args.parse()?);
            socket.shared().runtime.spawn(async move {
                let result = work.await;
                Ack::answer(ack, &result);
            });
            Ok(())
        })
    }

    /// Listens to an event with its arguments unparsed; the ack may be sent whenever it is ready.
    pub fn on_raw(
        &self,
        event: &str,
        f: impl Fn(&Self, Args<'_>, Option<Ack>) -> Result<(), ArgsError> + Send + Sync + 'static,
    ) -> ListenerId {
        let call = Arc::new(erased(f));
        self.listeners(|it| it.named.add(event, false, call))
    }

    /// The next event of that name, from now on.
    ///
    /// # Errors
    /// The arguments do not fit `T`, or the listener was taken away.
    pub fn next<T>(
        &self,
        event: &str,
    ) -> impl Future<Output = Result<T, AckError>> + Send + 'static + use<T>
    where
        T: DeserializeOwned + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let sender = std::sync::Mutex::new(Some(sender));
        let call = erased(move |_: &Self, args: Args<'_>, _| {
            let sender = sender.lock().ok().and_then(|mut it| it.take());
            if let Some(sender) = sender {
                let result = args
                    .parse::<T>()
                    .map_err(|error| AckError::Unfit(error.to_string()));
                // Who no longer waits is not told.
                let _ = sender.send(result);
            }
            Ok(())
        });
        self.listeners(|it| it.named.add(event, true, Arc::new(call)));
        async move { receiver.await.unwrap_or(Err(AckError::Disconnected)) }
    }

    /// Listens to every stage of the connection, before the listeners of its name.
    pub fn on_stage(&self, f: impl Fn(&Self, &Stage) + Send + Sync + 'static) -> &Self {
        self.listeners(|it| it.stages.push(Arc::new(f)));
        self
    }

    /// Takes away every listener of an event, or of all.
    pub fn off(&self, event: Option<&str>) {
        self.listeners(|it| it.named.remove_all(event));
    }

    /// Takes away one listener.
    pub fn off_listener(&self, id: ListenerId) {
        self.listeners(|it| it.named.remove(id));
    }

    /// How many listen to an event.
    pub fn listeners_count(&self, event: &str) -> usize {
        self.listeners(|it| it.named.count(event))
    }

    /// Whether anybody listens to an event.
    pub fn has_listeners(&self, event: &str) -> bool {
        self.listeners_count(event) > 0
    }

    /// Listens to every event of the server: its name and arguments.
    pub fn on_any(&self, f: impl Fn(&Self, &str, Args<'_>) + Send + Sync + 'static) -> ListenerId {
        self.listeners(|it| it.any.add(false, Arc::new(f)))
    }

    /// The same, before the others that do.
    pub fn prepend_any(
        &self,
        f: impl Fn(&Self, &str, Args<'_>) + Send + Sync + 'static,
    ) -> ListenerId {
        self.listeners(|it| it.any.add(true, Arc::new(f)))
    }

    /// Takes away one of them, or all.
    pub fn off_any(&self, id: Option<ListenerId>) {
        self.listeners(|it| it.any.remove(id));
    }

    /// How many listen to every event.
    pub fn listeners_any(&self) -> usize {
        self.listeners(|it| it.any.len())
    }

    /// Listens to every event that leaves.
    pub fn on_any_outgoing(
        &self,
        f: impl Fn(&Self, &str, Args<'_>) + Send + Sync + 'static,
    ) -> ListenerId {
        self.outgoing(|it| it.any_outgoing.add(false, Arc::new(f)))
    }

    /// The same, before the others that do.
    pub fn prepend_any_outgoing(
        &self,
        f: impl Fn(&Self, &str, Args<'_>) + Send + Sync + 'static,
    ) -> ListenerId {
        self.outgoing(|it| it.any_outgoing.add(true, Arc::new(f)))
    }

    /// Takes away one of them, or all.
    pub fn off_any_outgoing(&self, id: Option<ListenerId>) {
        self.outgoing(|it| it.any_outgoing.remove(id));
    }

    /// How many listen to every event that leaves.
    pub fn listeners_any_outgoing(&self) -> usize {
        self.listeners(|it| it.any_outgoing.len())
    }

    fn listeners<R>(&self, f: impl FnOnce(&mut SocketListeners) -> R) -> R {
        f(&mut self.shared().listeners().sockets[self.at])
    }

    /// Changes who listens to what leaves; with nobody, nothing is copied for them.
    fn outgoing<R>(&self, f: impl FnOnce(&mut SocketListeners) -> R) -> R {
        let (result, watched) = self.listeners(|it| {
            let result = f(it);
            (result, it.any_outgoing.len() > 0)
        });
        self.shared().lock().namespaces[self.at].watched = watched;
        result
    }
}

/// A typed listener as an untyped one.
fn typed<T, R>(
    f: impl Fn(&Socket, T) -> R + Send + Sync + 'static,
) -> impl Fn(&Socket, Args<'_>, Option<Ack>) -> Result<(), ArgsError> + Send + Sync + 'static
where
    T: DeserializeOwned,
    R: Serialize,
{
    move |socket, args, ack| {
        let result = f(socket, args.parse()?);
        Ack::answer(ack, &result);
        Ok(())
    }
}

/// Tells the compiler that a closure takes any lifetimes.
fn erased(
    f: impl Fn(&Socket, Args<'_>, Option<Ack>) -> Result<(), ArgsError> + Send + Sync + 'static,
) -> impl Fn(&Socket, Args<'_>, Option<Ack>) -> Result<(), ArgsError> + Send + Sync + 'static {
    f
}

impl PartialEq for Socket {
    fn eq(&self, other: &Self) -> bool {
        self.manager == other.manager && self.at == other.at
    }
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Socket({}, {})", self.nsp(), self.state())
    }
}
