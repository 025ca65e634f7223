//! The managers there are, so that sockets of one server share a connection.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError, Weak},
};

use tokio::runtime::{Handle, Id};

use crate::{Manager, Options, SetupError, Socket, address, driver::Shared};

/// By runtime, origin and path: a connection lives on the runtime it was made on.
type Key = (Id, String);

static MANAGERS: LazyLock<Mutex<HashMap<Key, Weak<Shared>>>> = LazyLock::new(Mutex::default);

/// The socket of a namespace: the URL's path. Sockets of one server share a connection, unless it has
/// the namespace already, or the options want it otherwise.
///
/// # Errors
/// The address is none, or there is no tokio runtime here.
pub fn io(uri: &str, options: Options) -> Result<Socket, SetupError> {
    let url = address::parse(uri)?;
    let namespace = address::namespace(&url);
    let runtime = Handle::try_current().map_err(|_| SetupError::NoRuntime)?;
    let origin = url.origin().ascii_serialization();
    let key = (runtime.id(), format!("{origin}{}", options.path));
    let mut managers = MANAGERS.lock().unwrap_or_else(PoisonError::into_inner);
    managers.retain(|_, shared| shared.strong_count() > 0);
    // One whose task ends just now is none: looked at under its lock, which the task holds to end.
    let shared = managers
        .get(&key)
        .and_then(Weak::upgrade)
        .filter(|shared| !shared.lock().gone)
        .map(Manager::of);
    let apart = options.force_new || !options.multiplex;
    let manager = match shared {
        Some(shared) if !apart && !shared.has(&namespace) => shared,
        other => {
            let made = Manager::at(&url, options.clone())?;
            if !apart && other.is_none() {
                // In place of one that has ended, if there is one.
                managers.insert(key, Arc::downgrade(&made.shared));
            }
            made
        }
    };
    Ok(manager.socket_with(&namespace, &options))
}
