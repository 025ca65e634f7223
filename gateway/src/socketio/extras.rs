//! What some sockets have and most have not: data, extensions, handlers of their own.
//!
//! Made on first use, so that a socket without them pays one word. Promises: handlers of a socket's own
//! run after its namespace's, in the order they were registered, and are dropped when it ends, so that
//! they may hold on to the socket.

use std::{
    any::{Any, TypeId},
    future::Future,
    sync::{Arc, Mutex, MutexGuard},
};

use ringside_proto::socketio::Args;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::{
    Ack, DisconnectReason, Handler, Socket, handler,
    namespace::{AnyHandler, Filter},
};

/// Names a handler of a socket's own, to take it back with [`Socket::off`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListenerId(u64);

type Disconnecting = Arc<dyn Fn(&Socket, DisconnectReason, &[String]) + Send + Sync>;
type Disconnected = Arc<dyn Fn(&Socket, DisconnectReason) + Send + Sync>;
type Outgoing = Arc<dyn Fn(&str, Args<'_>) + Send + Sync>;

#[derive(Default)]
pub(crate) struct Extras {
    data: Mutex<Option<Box<RawValue>>>,
    extensions: Mutex<Vec<(TypeId, Arc<dyn Any + Send + Sync>)>>,
    listeners: Mutex<Listeners>,
}

#[derive(Default)]
struct Listeners {
    next: u64,
    events: Vec<Listener>,
    any: Vec<(u64, Arc<AnyHandler>)>,
    outgoing: Vec<(u64, Outgoing)>,
    filters: Vec<(u64, Arc<Filter>)>,
    disconnecting: Vec<(u64, Disconnecting)>,
    disconnected: Vec<(u64, Disconnected)>,
}

struct Listener {
    id: u64,
    event: Box<str>,
    once: bool,
    handler: Handler,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Extras {
    pub(crate) fn data(&self) -> Option<Box<RawValue>> {
        lock(&self.data).clone()
    }

    pub(crate) fn set_data(&self, data: Option<Box<RawValue>>) {
        *lock(&self.data) = data;
    }

    pub(crate) fn filters(&self) -> Vec<Arc<Filter>> {
        cloned(&lock(&self.listeners).filters)
    }

    pub(crate) fn any(&self) -> Vec<Arc<AnyHandler>> {
        cloned(&lock(&self.listeners).any)
    }

    pub(crate) fn outgoing(&self) -> Vec<Outgoing> {
        cloned(&lock(&self.listeners).outgoing)
    }

    pub(crate) fn disconnecting(&self) -> Vec<Disconnecting> {
        cloned(&lock(&self.listeners).disconnecting)
    }

    pub(crate) fn disconnected(&self) -> Vec<Disconnected> {
        cloned(&lock(&self.listeners).disconnected)
    }

    /// The handlers of an event; those for one time are taken out.
    pub(crate) fn take_handlers(&self, event: &str) -> Vec<Handler> {
        let mut listeners = lock(&self.listeners);
        let mut found = Vec::new();
        listeners.events.retain(|listener| {
            if *listener.event != *event {
                return true;
            }
            found.push(listener.handler.clone());
            !listener.once
        });
        found
    }

    /// The socket has ended: its handlers go, and with them what they hold.
    pub(crate) fn forget_listeners(&self) {
        // Dropped without the lock: a handler's own drop may come back here.
        let forgotten = std::mem::take(&mut *lock(&self.listeners));
        drop(forgotten);
    }
}

fn cloned<T: Clone>(listeners: &[(u64, T)]) -> Vec<T> {
    listeners.iter().map(|(_, f)| f.clone()).collect()
}

impl Socket {
    fn listen(&self, add: impl FnOnce(&mut Listeners, u64)) -> ListenerId {
        let mut listeners = lock(&self.extras().listeners);
        let id = listeners.next;
        listeners.next += 1;
        add(&mut listeners, id);
        ListenerId(id)
    }

    fn on_event(&self, event: &str, once: bool, handler: Handler) -> ListenerId {
        let event = event.into();
        self.listen(|listeners, id| {
            listeners.events.push(Listener {
                id,
                event,
                once,
                handler,
            });
        })
    }

    /// Handles an event of this socket alone, after its namespace's handler; what the function returns is
    /// the ack, unless the namespace has a handler for the event, which gives it.
    pub fn on<T, R>(
        &self,
        event: &str,
        f: impl Fn(&Socket, T) -> R + Send + Sync + 'static,
    ) -> ListenerId
    where
        T: DeserializeOwned,
        R: Serialize,
    {
        self.on_event(event, false, handler::sync(f))
    }

    /// As [`on`](Self::on), for the next time only.
    pub fn once<T, R>(
        &self,
        event: &str,
        f: impl Fn(&Socket, T) -> R + Send + Sync + 'static,
    ) -> ListenerId
    where
        T: DeserializeOwned,
        R: Serialize,
    {
        self.on_event(event, true, handler::sync(f))
    }

    /// As [`on`](Self::on), with a future.
    pub fn on_async<T, F>(
        &self,
        event: &str,
        f: impl Fn(Socket, T) -> F + Send + Sync + 'static,
    ) -> ListenerId
    where
        T: DeserializeOwned,
        F: Future + 'static,
        F::Output: Serialize,
    {
        self.on_event(event, false, handler::future(f))
    }

    /// As [`on`](Self::on), with the arguments unparsed.
    pub fn on_raw(
        &self,
        event: &str,
        f: impl Fn(&Socket, Args<'_>, Option<Ack>) + Send + Sync + 'static,
    ) -> ListenerId {
        self.on_event(event, false, handler::raw(f))
    }

    /// Runs `f` for every event of this socket, before its handlers.
    pub fn on_any(
        &self,
        f: impl Fn(&Socket, &str, Args<'_>) + Send + Sync + 'static,
    ) -> ListenerId {
        self.listen(|listeners, id| listeners.any.push((id, Arc::new(f))))
    }

    /// As [`on_any`](Self::on_any), before those registered so far.
    pub fn prepend_any(
        &self,
        f: impl Fn(&Socket, &str, Args<'_>) + Send + Sync + 'static,
    ) -> ListenerId {
        self.listen(|listeners, id| listeners.any.insert(0, (id, Arc::new(f))))
    }

    /// Runs `f` for every event that is sent to this socket by its own handle. Broadcasts are seen by
    /// [`Namespace::on_any_outgoing`](super::Namespace::on_any_outgoing), once for all receivers.
    pub fn on_any_outgoing(
        &self,
        f: impl Fn(&str, Args<'_>) + Send + Sync + 'static,
    ) -> ListenerId {
        self.listen(|listeners, id| listeners.outgoing.push((id, Arc::new(f))))
    }

    /// As [`on_any_outgoing`](Self::on_any_outgoing), before those registered so far.
    pub fn prepend_any_outgoing(
        &self,
        f: impl Fn(&str, Args<'_>) + Send + Sync + 'static,
    ) -> ListenerId {
        self.listen(|listeners, id| listeners.outgoing.insert(0, (id, Arc::new(f))))
    }

    /// Has `f` decide about every event of this socket, before its handlers: see
    /// [`Namespace::use_packet`](super::Namespace::use_packet).
    pub fn use_packet(
        &self,
        f: impl Fn(&Socket, &str, Args<'_>) -> Result<(), String> + Send + Sync + 'static,
    ) -> ListenerId {
        self.listen(|listeners, id| listeners.filters.push((id, Arc::new(f))))
    }

    /// Runs `f` when this socket is about to leave, with its rooms, which it is still in.
    pub fn on_disconnecting(
        &self,
        f: impl Fn(&Socket, DisconnectReason, &[String]) + Send + Sync + 'static,
    ) -> ListenerId {
        self.listen(|listeners, id| listeners.disconnecting.push((id, Arc::new(f))))
    }

    /// Runs `f` when this socket has left.
    pub fn on_disconnect(
        &self,
        f: impl Fn(&Socket, DisconnectReason) + Send + Sync + 'static,
    ) -> ListenerId {
        self.listen(|listeners, id| listeners.disconnected.push((id, Arc::new(f))))
    }

    /// Takes a handler back, of whatever kind. Whether it was there.
    pub fn off(&self, ListenerId(id): ListenerId) -> bool {
        let mut listeners = lock(&self.extras().listeners);
        let count = |listeners: &Listeners| {
            listeners.events.len()
                + listeners.any.len()
                + listeners.outgoing.len()
                + listeners.filters.len()
                + listeners.disconnecting.len()
                + listeners.disconnected.len()
        };
        let before = count(&listeners);
        listeners.events.retain(|listener| listener.id != id);
        listeners.any.retain(|(other, _)| *other != id);
        listeners.outgoing.retain(|(other, _)| *other != id);
        listeners.filters.retain(|(other, _)| *other != id);
        listeners.disconnecting.retain(|(other, _)| *other != id);
        listeners.disconnected.retain(|(other, _)| *other != id);
        count(&listeners) < before
    }

    /// Takes all handlers of an event back.
    pub fn off_event(&self, event: &str) {
        let mut listeners = lock(&self.extras().listeners);
        listeners
            .events
            .retain(|listener| *listener.event != *event);
    }

    /// Takes all catch-all handlers back, of events that arrive.
    pub fn off_any(&self) {
        lock(&self.extras().listeners).any.clear();
    }

    /// Takes all catch-all handlers back, of events that are sent.
    pub fn off_any_outgoing(&self) {
        lock(&self.extras().listeners).outgoing.clear();
    }

    /// What the application has attached with [`set_data`](Self::set_data), as a `T`. `None`: nothing, or
    /// no `T`.
    pub fn data<T: DeserializeOwned>(&self) -> Option<T> {
        let data = self.peek_extras()?.data()?;
        serde_json::from_str(data.get()).ok()
    }

    /// Attaches data that may travel: it is shown by [`fetch_sockets`](super::Target::fetch_sockets), on
    /// other servers of a cluster too, and survives with connection state recovery.
    ///
    /// # Errors
    /// It cannot be serialized.
    pub fn set_data<T: Serialize + ?Sized>(&self, data: &T) -> Result<(), serde_json::Error> {
        let data = serde_json::value::to_raw_value(data)?;
        self.extras().set_data(Some(data));
        Ok(())
    }

    /// Attaches a value of any type, in place of an earlier one of that type. It stays in this process.
    pub fn insert_extension<T: Send + Sync + 'static>(&self, value: T) {
        let mut extensions = lock(&self.extras().extensions);
        let (key, value) = (TypeId::of::<T>(), Arc::new(value));
        match extensions.iter_mut().find(|(other, _)| *other == key) {
            Some((_, held)) => *held = value,
            None => extensions.push((key, value)),
        }
    }

    /// The attached value of this type.
    pub fn extension<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let extensions = lock(&self.peek_extras()?.extensions);
        let key = TypeId::of::<T>();
        let (_, held) = extensions.iter().find(|(other, _)| *other == key)?;
        held.clone().downcast().ok()
    }
}
