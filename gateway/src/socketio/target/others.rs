//! A target's way to the other servers of a cluster, and what they ask of this one.

use std::sync::Arc;

use ringside_core::Class;
use serde::Serialize;

use super::Target;
use crate::{
    shared::Shared,
    socketio::{
        Answer, EmitError, RawArgs,
        adapter::{Flags, Operation, Packet, Replies, Reply, Request},
        emitter::Manner,
    },
};

impl Target {
    /// Sends an event to the other servers of a cluster, to their
    /// [`on_server_side`](crate::Namespace::on_server_side). Where there are none, nothing happens.
    ///
    /// # Errors
    /// [`EmitError::Encode`].
    pub fn server_side_emit<T: Serialize + ?Sized>(
        &self,
        event: &str,
        args: &T,
    ) -> Result<(), EmitError> {
        let packet = Packet::event(event, args)?;
        if !self.shared.adapter.is_alone() {
            self.carry(Operation::ServerSideEmit(packet), None);
        }
        Ok(())
    }

    /// As [`server_side_emit`](Self::server_side_emit), and waits for the other servers' answers, as long
    /// as [`timeout`](Self::timeout) says. Those that answered in time, as JSON.
    ///
    /// # Errors
    /// [`EmitError::Encode`].
    pub fn server_side_emit_with_ack<T: Serialize + ?Sized>(
        &self,
        event: &str,
        args: &T,
    ) -> Result<Answer<Vec<serde_json::Value>>, EmitError> {
        let packet = Packet::event(event, args)?;
        let replies = self.ask_others(Operation::ServerSideEmit(packet));
        Ok(Answer::new(async move {
            let answer = |reply| match reply {
                Reply::Answer(answer) => Some(answer),
                _ => None,
            };
            replies.await.into_iter().filter_map(answer).collect()
        }))
    }

    /// Hands an operation to the other servers.
    pub(crate) fn carry(&self, operation: Operation, replies: Option<Replies>) {
        let request = Request {
            namespace: self.space.name.clone(),
            rooms: self.rooms.clone(),
            except: self.except.clone(),
            flags: Flags {
                volatile: self.manner.class == Class::Volatile,
                compress: self.manner.compress,
                timeout: self.manner.patience,
            },
            operation,
        };
        self.shared.adapter.carry(request, replies);
    }

    /// Asks the other servers, and waits for their replies as long as the target's patience.
    pub(super) fn ask_others(&self, operation: Operation) -> Answer<Vec<Reply>> {
        let asked = (!self.is_local()).then(|| {
            let (replies, all) = Replies::new();
            let late = replies.clone();
            self.shared
                .later(self.manner.patience, move || late.finish());
            self.carry(operation, Some(replies));
            all
        });
        Answer::new(async move {
            match asked {
                Some(all) => all.await.unwrap_or_default(),
                None => Vec::new(),
            }
        })
    }

    /// A target that another server has sent.
    pub(crate) fn of_request(request: &Request, shared: &Arc<Shared>) -> Option<Self> {
        let space = shared.spaces.find(&request.namespace)?;
        let class = match request.flags.volatile {
            true => Class::Volatile,
            false => Class::Reliable,
        };
        let manner = Manner {
            class,
            compress: request.flags.compress,
            patience: request.flags.timeout,
        };
        Some(Self {
            rooms: request.rooms.clone(),
            except: request.except.clone(),
            local: true,
            manner,
            ..Self::everybody(shared.clone(), space)
        })
    }

    pub(crate) fn receive_broadcast(&self, packet: &Packet) -> Result<(), EmitError> {
        let Ok(args) = RawArgs::of_event(&packet.args()) else {
            tracing::warn!(event = %packet.event, "another server sent what is no event");
            return Ok(());
        };
        let (parser, nsp) = (self.shared.parser, &self.space.name);
        let frame = parser.event_raw(self.stamp(), nsp, &packet.event, &args)?;
        self.publish(frame)
    }

    pub(crate) fn receive_event(&self, packet: &Packet) -> Reply {
        let Some(handler) = self.space.set.server_side.get(&packet.event) else {
            return Reply::Nothing;
        };
        match handler(packet.args()) {
            Ok(Some(answer)) => Reply::Answer(answer),
            Ok(None) => Reply::Nothing,
            Err(error) => {
                tracing::warn!(event = %packet.event, %error, "another server's event does not fit its handler");
                Reply::Nothing
            }
        }
    }
}
