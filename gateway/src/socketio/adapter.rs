//! The seam to other servers of a cluster.
//!
//! ```text
//! Target ──> this server: every shard evaluates the selector
//!        └─> Adapter::carry(request) ──> other servers: Node::receive(request) ──> their shards
//!                                   <── replies
//! ```
//!
//! An operation is a value: a namespace, rooms, what to do. The adapter carries it and knows nothing of
//! sockets; the gateway does it and knows nothing of the way. Promises: an adapter that is alone
//! ([`Adapter::is_alone`]) costs an emit nothing, for nothing is encoded for it; a packet travels as JSON
//! and attachments, whatever parser each server's clients use.

use std::{
    sync::{Arc, Mutex, MutexGuard, Weak},
    time::Duration,
};

use bytes::Bytes;
use ringside_proto::socketio::{Args, encode_event};
use serde::Serialize;
use tokio::sync::oneshot;

use super::{EmitError, RawArgs, SocketId, Target};
use crate::shared::Shared;

/// Carries operations to the other servers of a cluster.
///
/// The in-process one, which a gateway has if it is given none, is alone. `carry` may be called from any
/// thread, in the order the operations were made on that thread, and must not block.
pub trait Adapter: Send + Sync + 'static {
    /// Whether there are no other servers.
    fn is_alone(&self) -> bool;

    /// The gateway runs: `node` is where requests of other servers go.
    fn attach(&self, node: Node);

    /// Carries a request to all other servers. `replies`, if any, wants [`Replies::expect`] once, and then
    /// a reply of each.
    fn carry(&self, request: Request, replies: Option<Replies>);
}

/// No other servers.
#[derive(Clone, Copy, Debug, Default)]
pub struct InProcess;

impl Adapter for InProcess {
    fn is_alone(&self) -> bool {
        true
    }

    fn attach(&self, _: Node) {}

    fn carry(&self, _: Request, replies: Option<Replies>) {
        if let Some(replies) = replies {
            replies.expect(0);
        }
    }
}

/// An operation, as it travels.
#[derive(Clone, Debug)]
pub struct Request {
    /// The namespace, with its slash.
    pub namespace: Box<str>,
    /// The union of these rooms; empty: everybody.
    pub rooms: Vec<Box<str>>,
    /// Without whoever is in these.
    pub except: Vec<Box<str>>,
    /// How.
    pub flags: Flags,
    /// What.
    pub operation: Operation,
}

/// How an operation is done.
#[derive(Clone, Copy, Debug)]
pub struct Flags {
    /// Only to who can take it now.
    pub volatile: bool,
    /// A wish about compression.
    pub compress: bool,
    /// How long answers are waited for.
    pub timeout: Duration,
}

/// What to do.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Operation {
    /// Send an event.
    Broadcast(Packet),
    /// Send an event and reply with the answers.
    BroadcastWithAck(Packet),
    /// Join these rooms.
    Join(Vec<String>),
    /// Leave these rooms.
    Leave(Vec<String>),
    /// Leave the namespace.
    Disconnect {
        /// And end the connections.
        close: bool,
    },
    /// Reply with who it is.
    Fetch,
    /// Hand the event to the server itself; reply with its answer.
    ServerSideEmit(Packet),
}

/// An event as JSON, `["name",argument,...]`, with its attachments.
#[derive(Clone, Debug)]
pub struct Packet {
    /// The event's name.
    pub event: Box<str>,
    /// The array, with placeholders for bytes.
    pub json: Bytes,
    /// The bytes, in order.
    pub attachments: Vec<Bytes>,
}

impl Packet {
    pub(crate) fn event<T: Serialize + ?Sized>(event: &str, args: &T) -> Result<Self, EmitError> {
        let mut text = Vec::new();
        let attachments = encode_event(&mut text, "/", None, event, args, None)?;
        let start = text.iter().position(|byte| *byte == b'[').unwrap_or(0);
        Ok(Self {
            event: event.into(),
            json: Bytes::from(text).slice(start..),
            attachments,
        })
    }

    pub(super) fn args(&self) -> Args<'_> {
        let json = std::str::from_utf8(&self.json).unwrap_or_default();
        Args::new(json, true, &self.attachments)
    }
}

/// What another server says.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Reply {
    /// Its sockets: to [`Operation::Fetch`].
    Sockets(Vec<Description>),
    /// Its sockets' answers as JSON: to [`Operation::BroadcastWithAck`].
    Acks {
        /// Who answered, and what.
        replies: Vec<(SocketId, serde_json::Value)>,
        /// Who did not.
        missing: Vec<SocketId>,
    },
    /// Its answer: to [`Operation::ServerSideEmit`].
    Answer(serde_json::Value),
    /// Nothing: it has no such namespace, or no handler.
    Nothing,
}

/// A socket, as other servers see it.
#[derive(Clone, Debug)]
pub struct Description {
    /// Its id.
    pub id: SocketId,
    /// As [`Socket::handshake_object`](super::Socket::handshake_object).
    pub handshake: serde_json::Value,
    /// Its rooms, without the one that bears its id.
    pub rooms: Vec<String>,
    /// Its data, or null.
    pub data: serde_json::Value,
}

/// Gathers the replies of other servers. Those who asked wait until all are here, or time is up.
#[derive(Clone, Debug)]
pub struct Replies(Arc<Mutex<Waiting>>);

#[derive(Debug)]
struct Waiting {
    /// How many are to come, once that is known.
    expected: Option<usize>,
    replies: Vec<Reply>,
    waits: Option<oneshot::Sender<Vec<Reply>>>,
}

impl Replies {
    pub(crate) fn new() -> (Self, oneshot::Receiver<Vec<Reply>>) {
        let (waits, all) = oneshot::channel();
        let waiting = Waiting {
            expected: None,
            replies: Vec::new(),
            waits: Some(waits),
        };
        (Self(Arc::new(Mutex::new(waiting))), all)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// How many servers will reply.
    pub fn expect(&self, servers: usize) {
        let mut waiting = self.waiting();
        waiting.expected = Some(servers);
        waiting.end_if_whole();
    }

    /// A server's reply.
    pub fn reply(&self, reply: Reply) {
        let mut waiting = self.waiting();
        if waiting.waits.is_some() {
            waiting.replies.push(reply);
        }
        waiting.end_if_whole();
    }

    /// Time is up.
    pub(crate) fn finish(&self) {
        let mut waiting = self.waiting();
        waiting.expected = Some(0);
        waiting.end_if_whole();
    }
}

impl Waiting {
    fn end_if_whole(&mut self) {
        if self
            .expected
            .is_some_and(|expected| self.replies.len() >= expected)
            && let Some(waits) = self.waits.take()
        {
            // Nobody waits any more.
            let _ = waits.send(std::mem::take(&mut self.replies));
        }
    }
}

/// This server, as an adapter sees it.
#[derive(Clone)]
pub struct Node(pub(crate) Weak<Shared>);

impl Node {
    /// Does what another server asks. A gateway that has ended does nothing.
    pub fn receive(&self, request: &Request, replies: Option<Replies>) {
        let reply = |reply| {
            if let Some(replies) = &replies {
                replies.reply(reply);
            }
        };
        let Some(shared) = self.0.upgrade() else {
            return reply(Reply::Nothing);
        };
        let Some(target) = Target::of_request(request, &shared) else {
            return reply(Reply::Nothing);
        };
        let done = match &request.operation {
            Operation::Broadcast(packet) => target.receive_broadcast(packet),
            Operation::Join(rooms) => target.move_here(rooms, true),
            Operation::Leave(rooms) => target.move_here(rooms, false),
            Operation::Disconnect { close } => target.disconnect_here(*close),
            Operation::ServerSideEmit(packet) => {
                reply(target.receive_event(packet));
                Ok(())
            }
            Operation::Fetch => {
                let sockets = target.describe_here();
                shared.run(async move {
                    let sockets = sockets.await.unwrap_or_default();
                    reply_to(replies, Reply::Sockets(sockets));
                })
            }
            Operation::BroadcastWithAck(packet) => match RawArgs::of_event(&packet.args()) {
                Ok(args) => {
                    let all = target.emit_with_ack::<serde_json::Value>(&packet.event, &args);
                    shared.run(async move {
                        let reply = match all.await {
                            Ok(all) => Reply::Acks {
                                replies: all.replies,
                                missing: all.missing,
                            },
                            Err(_) => Reply::Nothing,
                        };
                        reply_to(replies, reply);
                    })
                }
                Err(_) => {
                    reply(Reply::Nothing);
                    Ok(())
                }
            },
        };
        if let Err(error) = done {
            tracing::warn!(%error, "what another server asked for was not done");
        }
    }
}

fn reply_to(replies: Option<Replies>, reply: Reply) {
    if let Some(replies) = replies {
        replies.reply(reply);
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Node")
    }
}
