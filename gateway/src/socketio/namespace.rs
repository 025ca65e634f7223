//! A namespace: its name, its handlers, and everybody in it.
//!
//! Namespaces are made before the gateway starts and never change, so that looking up a handler is
//! a hash and no lock. Everybody in a namespace is the members of one topic; so is every room.

use std::{collections::HashMap, sync::Arc};

use ringside_core::{Core, SetupError, Topic};

use super::{Handler, Socket};
use crate::env::HashState;

/// Runs when a socket has joined a namespace.
pub(crate) type OnConnect = Box<dyn Fn(&Socket) + Send + Sync>;
/// Runs when a socket has left, with the reason as Socket.IO words it.
pub(crate) type OnDisconnect = Box<dyn Fn(&Socket, &str) + Send + Sync>;
/// Decides whether a socket may join.
pub(crate) type Middleware = Box<dyn Fn(&Socket) -> Result<(), String> + Send + Sync>;

/// What is registered for a namespace. Made through [`Builder::of`](crate::Builder::of).
#[derive(Default)]
pub struct Namespace {
    pub(crate) name: Box<str>,
    pub(crate) everybody: Option<Topic>,
    pub(crate) on_connect: Vec<OnConnect>,
    pub(crate) on_disconnect: Vec<OnDisconnect>,
    pub(crate) middleware: Vec<Middleware>,
    handlers: HashMap<Box<str>, Handler, HashState>,
}

impl Namespace {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// Gives the namespace its topic, once there is a core.
    pub(crate) fn settle(mut self, core: &Core) -> Result<Arc<Self>, SetupError> {
        self.everybody = Some(core.topic()?);
        Ok(Arc::new(self))
    }

    /// The topic of everybody in it.
    pub(crate) fn everybody(&self) -> &Topic {
        self.everybody
            .as_ref()
            .expect("a namespace is settled before the gateway starts")
    }

    /// The topic of a room, made if nobody is in it.
    pub(crate) fn room(&self, core: &Core, room: &str) -> Result<Topic, SetupError> {
        core.topic_named(&format!("{}\0{room}", self.name))
    }

    pub(crate) fn handler(&self, event: &str) -> Option<&Handler> {
        self.handlers.get(event)
    }

    /// The namespace's name, with its slash.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `f` whenever a socket has joined this namespace.
    pub fn on_connect(&mut self, f: impl Fn(&Socket) + Send + Sync + 'static) -> &mut Self {
        self.on_connect.push(Box::new(f));
        self
    }

    /// Runs `f` whenever a socket has left, with the reason as Socket.IO words it.
    pub fn on_disconnect(
        &mut self,
        f: impl Fn(&Socket, &str) + Send + Sync + 'static,
    ) -> &mut Self {
        self.on_disconnect.push(Box::new(f));
        self
    }

    /// Has `f` decide whether a socket may join, by its [`handshake`](Socket::handshake) and
    /// [`auth`](Socket::auth). An error's text reaches the client as `connect_error`.
    pub fn use_middleware(
        &mut self,
        f: impl Fn(&Socket) -> Result<(), String> + Send + Sync + 'static,
    ) -> &mut Self {
        self.middleware.push(Box::new(f));
        self
    }

    /// Sets the handler of an event, in place of an earlier one.
    pub(crate) fn handle(&mut self, event: &str, handler: Handler) -> &mut Self {
        self.handlers.insert(event.into(), handler);
        self
    }
}

impl std::fmt::Debug for Namespace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Namespace")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
