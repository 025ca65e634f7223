//! Named listeners, and the isolation of what they throw.
//!
//! Promises: listeners run in the order they were added, on the client's task, never while one of
//! its locks is held; one that panics is logged and neither silences the others nor disturbs the
//! connection. Arguments that do not fit a listener's type are logged and skip that listener.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use ringside_proto::socketio::{Args, ArgsError};

use crate::Ack;

/// Names one listener, to take it away again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListenerId(u64);

/// A listener with its types erased.
pub(crate) type Call<S> =
    Arc<dyn Fn(&S, Args<'_>, Option<Ack>) -> Result<(), ArgsError> + Send + Sync>;
/// A listener of every event: its name and arguments.
pub(crate) type AnyCall<S> = Arc<dyn Fn(&S, &str, Args<'_>) + Send + Sync>;

struct Entry<C> {
    id: ListenerId,
    once: bool,
    call: C,
}

/// The listeners of one socket or manager.
pub(crate) struct Emitter<S> {
    named: HashMap<Box<str>, Vec<Entry<Call<S>>>>,
    next: u64,
}

impl<S> Default for Emitter<S> {
    fn default() -> Self {
        Self {
            named: HashMap::new(),
            next: 0,
        }
    }
}

impl<S> Emitter<S> {
    pub(crate) fn add(&mut self, name: &str, once: bool, call: Call<S>) -> ListenerId {
        let id = ListenerId(self.next);
        self.next += 1;
        let entry = Entry { id, once, call };
        self.named.entry(name.into()).or_default().push(entry);
        id
    }

    /// Without a name: every listener.
    pub(crate) fn remove_all(&mut self, name: Option<&str>) {
        match name {
            Some(name) => drop(self.named.remove(name)),
            None => self.named.clear(),
        }
    }

    pub(crate) fn remove(&mut self, id: ListenerId) {
        self.named.retain(|_, list| {
            list.retain(|entry| entry.id != id);
            !list.is_empty()
        });
    }

    pub(crate) fn count(&self, name: &str) -> usize {
        self.named.get(name).map_or(0, Vec::len)
    }

    /// Those to be called now; who listens once is taken out.
    pub(crate) fn take(&mut self, name: &str) -> Vec<Call<S>> {
        let Some(list) = self.named.get_mut(name) else {
            return Vec::new();
        };
        let calls = list.iter().map(|entry| entry.call.clone()).collect();
        list.retain(|entry| !entry.once);
        if list.is_empty() {
            self.named.remove(name);
        }
        calls
    }
}

/// Listeners of every event, in their order.
pub(crate) struct AnyList<S> {
    list: Vec<(ListenerId, AnyCall<S>)>,
    next: u64,
}

impl<S> Default for AnyList<S> {
    fn default() -> Self {
        Self {
            list: Vec::new(),
            next: 0,
        }
    }
}

impl<S> AnyList<S> {
    pub(crate) fn add(&mut self, first: bool, call: AnyCall<S>) -> ListenerId {
        let id = ListenerId(self.next);
        self.next += 1;
        let at = if first { 0 } else { self.list.len() };
        self.list.insert(at, (id, call));
        id
    }

    pub(crate) fn remove(&mut self, id: Option<ListenerId>) {
        self.list
            .retain(|(each, _)| id.is_some_and(|id| id != *each));
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn calls(&self) -> Vec<AnyCall<S>> {
        self.list.iter().map(|(_, call)| call.clone()).collect()
    }
}

/// Runs a user's function; a panic in it is logged and goes no further.
pub(crate) fn guarded<R>(name: &str, f: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(f))
        .inspect_err(|_| tracing::error!(event = name, "a listener panicked"))
        .ok()
}

/// Calls listeners one after the other.
pub(crate) fn fire<S>(calls: &[Call<S>], name: &str, this: &S, args: Args<'_>, ack: Option<&Ack>) {
    for call in calls {
        if let Some(Err(error)) = guarded(name, || call(this, args, ack.cloned())) {
            tracing::warn!(event = name, %error, "the arguments do not fit the listener");
        }
    }
}
