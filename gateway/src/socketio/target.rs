//! Whom an emit reaches: everybody in a namespace, or in a room, perhaps without its sender.
//!
//! A [`Target`] is made anew for each emit, as in Socket.IO; a [`Room`] is kept by those who publish to
//! the same room again and again, and saves the look-up.

use std::sync::Arc;

use ringside_core::{Class, ConnId, Frame, Key, Topic};
use ringside_proto::socketio::encode_event;
use serde::Serialize;

use super::{EmitError, Namespace};
use crate::{
    shared::{Op, Shared},
    wire,
};

/// Receivers of an emit, and how it is delivered.
#[must_use]
pub struct Target {
    shared: Arc<Shared>,
    namespace: Arc<Namespace>,
    room: Option<Box<str>>,
    except: Option<ConnId>,
    class: Class,
}

impl Target {
    pub(crate) fn everybody(shared: Arc<Shared>, namespace: Arc<Namespace>) -> Self {
        Self {
            shared,
            namespace,
            room: None,
            except: None,
            class: Class::Reliable,
        }
    }

    pub(crate) fn room(shared: Arc<Shared>, namespace: Arc<Namespace>, room: &str) -> Self {
        Self {
            room: Some(room.into()),
            ..Self::everybody(shared, namespace)
        }
    }

    pub(crate) fn except(mut self, conn: ConnId) -> Self {
        self.except = Some(conn);
        self
    }

    /// Only to those that can take it now; who is behind does not get it.
    pub fn volatile(mut self) -> Self {
        self.class = Class::Volatile;
        self
    }

    /// Who is behind gets only the newest of this key.
    pub fn latest(mut self, key: Key) -> Self {
        self.class = Class::Latest(key);
        self
    }

    /// Sends the event: encoded once, whoever receives it.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        let frame = frame(&self.namespace, self.except, event, args)?;
        match &self.room {
            None => self
                .shared
                .send(Op::Publish(self.namespace.everybody(), self.class, frame)),
            Some(room) => {
                let topic = self.namespace.room(&self.shared.core, room)?;
                self.shared.send(Op::Publish(&topic, self.class, frame))
            }
        }
    }
}

fn frame<T: Serialize + ?Sized>(
    namespace: &Namespace,
    except: Option<ConnId>,
    event: &str,
    args: &T,
) -> Result<Frame, EmitError> {
    let nsp = &namespace.name;
    Ok(wire::broadcast(except, |out| {
        encode_event(out, nsp, None, event, args, None)
    })?)
}

/// A room that is held on to: its members are found without a look-up.
#[derive(Clone)]
pub struct Room {
    pub(crate) namespace: Arc<Namespace>,
    pub(crate) topic: Topic,
}

impl Room {
    pub(crate) fn frame<T: Serialize + ?Sized>(
        &self,
        event: &str,
        args: &T,
    ) -> Result<Frame, EmitError> {
        frame(&self.namespace, None, event, args)
    }
}

impl std::fmt::Debug for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Room({:?} in {})", self.topic, self.namespace.name)
    }
}
