//! Endpoints: the paths where connections begin, and what is spoken on each.

use std::sync::Arc;

use ringside_core::{Core, SetupError};

use crate::raw::{Raw, Route};

/// What is spoken on a path.
pub(crate) enum Speaks {
    /// Socket.IO over Engine.IO.
    SocketIo,
    /// Messages over Engine.IO.
    EngineIo(Arc<Route>),
    /// Messages over a bare WebSocket.
    WebSocket(Arc<Route>),
}

/// A path and what is spoken there.
pub(crate) struct Endpoint {
    /// With a slash at both ends for Engine.IO, exactly as asked for otherwise.
    pub(crate) path: Box<str>,
    pub(crate) speaks: Speaks,
}

/// An endpoint before there is a core.
pub(crate) enum Wanted {
    SocketIo,
    EngineIo(Raw),
    WebSocket(Raw),
}

impl Endpoint {
    pub(crate) fn settle(path: Box<str>, wanted: Wanted, core: &Core) -> Result<Self, SetupError> {
        let route = |raw, framed| {
            core.topic().map(|everybody| {
                Arc::new(Route {
                    raw,
                    everybody,
                    framed,
                })
            })
        };
        let speaks = match wanted {
            Wanted::SocketIo => Speaks::SocketIo,
            Wanted::EngineIo(raw) => Speaks::EngineIo(route(raw, true)?),
            Wanted::WebSocket(raw) => Speaks::WebSocket(route(raw, false)?),
        };
        Ok(Self { path, speaks })
    }

    /// Whether a request's path is this endpoint's; for Engine.IO, the rest of the path behind it.
    pub(crate) fn matches<'p>(&self, path: &'p str) -> Option<&'p str> {
        match self.speaks {
            Speaks::WebSocket(_) => (path == &*self.path).then_some(""),
            _ => path.strip_prefix(&*self.path),
        }
    }

    /// Whether Engine.IO packets carry the messages.
    pub(crate) fn is_framed(&self) -> bool {
        !matches!(self.speaks, Speaks::WebSocket(_))
    }
}

/// A path as Engine.IO takes it: with a slash at both ends.
pub(crate) fn engine_path(path: &str) -> Box<str> {
    format!("/{}/", path.trim_matches('/')).into()
}
