//! The task of a manager: it moves bytes between the machine and its session, keeps the time, and
//! calls the listeners.
//!
//! Promises: listeners are called one after the other, in the order things happened, and never
//! while a lock is held, so they may call anything. The task ends when nobody holds a handle and
//! there is no connection to keep.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ringside_proto::{socketio::Args, time::Millis};
use tokio::{
    runtime::Handle,
    sync::Notify,
    time::{Instant, sleep_until},
};
use url::Url;

use crate::{
    Ack, Manager, Socket,
    engine::Session,
    events::{AnyList, Emitter, fire, guarded},
    failure::{Reason, failure},
    machine::{Inbound, Machine, Notice},
    manager::Phase,
    options::Source,
    stage::{DisconnectReason, Stage},
};

/// A listener of every stage.
pub(crate) type OnStage = Arc<dyn Fn(&Socket, &Stage) + Send + Sync>;

/// Who listens to a socket.
#[derive(Default)]
pub(crate) struct SocketListeners {
    pub(crate) named: Emitter<Socket>,
    pub(crate) any: AnyList<Socket>,
    pub(crate) any_outgoing: AnyList<Socket>,
    pub(crate) stages: Vec<OnStage>,
}

/// Who listens.
#[derive(Default)]
pub(crate) struct Listeners {
    pub(crate) manager: Emitter<Manager>,
    pub(crate) sockets: Vec<SocketListeners>,
}

/// What handles and task have in common.
pub(crate) struct Shared {
    pub(crate) base: Url,
    pub(crate) runtime: Handle,
    machine: Mutex<Machine>,
    listeners: Mutex<Listeners>,
    wake: Notify,
    epoch: Instant,
}

impl Shared {
    pub(crate) fn new(base: Url, machine: Machine, runtime: Handle) -> Self {
        Self {
            base,
            runtime,
            machine: Mutex::new(machine),
            listeners: Mutex::default(),
            wake: Notify::new(),
            epoch: Instant::now(),
        }
    }

    /// The machine, with the time it is. A panic while it was held is a bug of ours that this
    /// caller cannot mend; what it left is still bounded and whole enough to be closed.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Machine> {
        let mut machine = self.machine.lock().unwrap_or_else(PoisonError::into_inner);
        machine.wire.now = Millis::since_epoch(self.epoch.elapsed());
        machine
    }

    /// Asks the machine for something, and has the task see what came of it.
    pub(crate) fn ask<R>(&self, f: impl FnOnce(&mut Machine) -> R) -> R {
        let result = f(&mut self.lock());
        self.wake();
        result
    }

    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    pub(crate) fn listeners(&self) -> MutexGuard<'_, Listeners> {
        self.listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task.
pub(crate) async fn drive(shared: Arc<Shared>) {
    let mut session: Option<Session> = None;
    // A session that still says goodbye.
    let mut closing = None;
    loop {
        tell_all(&shared);
        let deadline = {
            let mut machine = shared.lock();
            machine.poll();
            let wanted = machine.wanted();
            if session.as_ref().map(|it| it.generation) != wanted
                && let Some(over) = session.take()
            {
                closing = over.finish(std::mem::take(&mut machine.farewell).into());
            }
            match (&mut session, wanted) {
                (Some(session), _) => session.poll(&mut machine),
                (None, Some(generation)) => {
                    let first = std::mem::take(&mut machine.switching)
                        .then(|| closing.take())
                        .flatten();
                    let (options, before) = (&machine.options, machine.upgraded_before);
                    session = Session::start(generation, &shared.base, options, before, first);
                    if session.is_none() {
                        let message =
                            "there is no transport to use: `transports` names none that is known";
                        let error = failure(Reason::NoTransport, message);
                        machine.lost(DisconnectReason::TransportError, Some(error));
                    }
                }
                // The last handle is gone, and there is nothing left to tell anybody.
                (None, None) if machine.phase == Phase::Closed => {
                    if Arc::strong_count(&shared) == 1 && machine.wire.notices.is_empty() {
                        machine.gone = true;
                        return;
                    }
                }
                (None, None) => {}
            }
            if let Some(session) = &mut session {
                session.flush(&mut machine);
            }
            if !machine.wire.notices.is_empty() {
                continue;
            }
            let heartbeat = session.as_ref().map(Session::next_deadline);
            machine
                .next_deadline()
                .min(heartbeat.unwrap_or(Millis::NEVER))
        };
        let heard = async {
            match &mut session {
                Some(session) => session.next().await,
                None => std::future::pending().await,
            }
        };
        let due = async {
            match deadline {
                Millis::NEVER => std::future::pending().await,
                // A millisecond late rather than early: the machine counts whole ones.
                Millis(ms) => {
                    sleep_until(shared.epoch + std::time::Duration::from_millis(ms + 1)).await;
                }
            }
        };
        let heard = tokio::select! {
            heard = heard => Some(heard),
            () = shared.wake.notified() => None,
            () = due => None,
        };
        if let (Some(heard), Some(session)) = (heard, &mut session) {
            let mut machine = shared.lock();
            // Meanwhile a handle may have ended it; then what it says is not heard.
            if machine.wanted() == Some(session.generation) {
                session.handle(heard, &mut machine);
            }
        }
    }
}

/// Calls the listeners of whatever has happened.
fn tell_all(shared: &Arc<Shared>) {
    loop {
        let notice = shared.lock().wire.notices.pop_front();
        match notice {
            Some(notice) => tell(shared, notice),
            None => return,
        }
    }
}

fn tell(shared: &Arc<Shared>, notice: Notice) {
    match notice {
        Notice::Stage(at, stage) => {
            let socket = Socket::of(shared.clone(), at);
            let name = stage.name();
            let (stages, named) = {
                let mut listeners = shared.listeners();
                let listeners = &mut listeners.sockets[at];
                (listeners.stages.clone(), listeners.named.take(name))
            };
            for call in stages {
                guarded(name, || call(&socket, &stage));
            }
            if !named.is_empty() {
                let json = stage.to_json();
                fire(&named, name, &socket, Args::new(&json, true, &[]), None);
            }
        }
        Notice::Event {
            namespace,
            event,
            ack,
        } => tell_event(shared, namespace, &event, ack),
        Notice::Outgoing { namespace, event } => {
            let socket = Socket::of(shared.clone(), namespace);
            let calls = shared.listeners().sockets[namespace].any_outgoing.calls();
            let Some(packet) = event.packet() else { return };
            let name = packet
                .event
                .map_or(std::borrow::Cow::Borrowed(""), |name| name.to_str());
            for call in calls {
                guarded(&name, || {
                    call(&socket, &name, packet.args(event.attachments()));
                });
            }
        }
        Notice::Auth {
            namespace,
            generation,
        } => {
            let Source::Function(function) = shared.lock().namespaces[namespace].auth.0.clone()
            else {
                return;
            };
            let Some(asked) = guarded("auth", || function()) else {
                return;
            };
            let shared = shared.clone();
            tokio::spawn(async move {
                let auth = asked.await;
                shared.ask(|machine| machine.say_hello(namespace, generation, auth));
            });
        }
        Notice::Manager(name, json) => {
            let calls = shared.listeners().manager.take(name);
            if !calls.is_empty() {
                let manager = Manager::of(shared.clone());
                fire(&calls, name, &manager, Args::new(&json, true, &[]), None);
            }
        }
    }
}

fn tell_event(shared: &Arc<Shared>, at: usize, event: &Inbound, ack: Option<(u64, String)>) {
    let Some(packet) = event.packet() else { return };
    let name = packet
        .event
        .map_or(std::borrow::Cow::Borrowed(""), |name| name.to_str());
    let socket = Socket::of(shared.clone(), at);
    let (any, named) = {
        let mut listeners = shared.listeners();
        let listeners = &mut listeners.sockets[at];
        (listeners.any.calls(), listeners.named.take(&name))
    };
    let args = packet.args(event.attachments());
    for call in any {
        guarded(&name, || call(&socket, &name, args));
    }
    let ack = ack.map(|(id, sid)| Ack::new(socket.clone(), id, sid));
    fire(&named, &name, &socket, args, ack.as_ref());
}
