//! What each shard does for an operation: over its own sockets, in the operation's order.
//!
//! Promises: everything here runs within a turn of the shard or between two, on its thread; nothing
//! borrows the shard while the application's code runs.

use std::sync::{Arc, Mutex};

use ringside_core::{Class, ConnId, Frame, Shard, Topic};
use ringside_proto::{
    close::CloseReason,
    socketio::{Args, Limits, Packet, msgpack},
};
use tokio::sync::oneshot;

use super::{
    Answer, DisconnectReason, EmitError, Socket, Target,
    acks::{self, Owed},
    adapter::Description,
    selector::Selector,
    space::Space,
};
use crate::{
    session::Session,
    shard::{GatewayShard, Remote},
    shared::{Op, Shared},
    sink::GatewaySink,
    wire::Parser,
};

/// A socket's seat in its session.
pub(crate) struct Seat {
    pub(crate) socket: Socket,
    pub(crate) owed: Owed,
}

/// Asks one shard.
pub(crate) fn ask_shard<T: Send + 'static>(
    shared: &Arc<Shared>,
    shard: usize,
    ask: impl FnOnce(&GatewayShard, &mut Shard<GatewaySink>) -> T + Send + 'static,
) -> Answer<Result<T, EmitError>> {
    let (reply, answer) = oneshot::channel();
    let asked = shared.send(Op::App(
        shard,
        Remote::message(move |shard, core| {
            // Nobody waits any more.
            let _ = reply.send(ask(shard, core));
        }),
    ));
    Answer::new(async move {
        asked?;
        answer.await.map_err(|_| EmitError::Disconnected)
    })
}

/// Asks every shard; the answers in no particular order.
pub(crate) fn ask_all<T: Send + 'static>(
    shared: &Arc<Shared>,
    ask: impl Fn(&GatewayShard, &mut Shard<GatewaySink>) -> T + Send + Sync + 'static,
) -> Answer<Result<Vec<T>, EmitError>> {
    struct Gathered<T> {
        answers: Vec<T>,
        missing: usize,
        reply: Option<oneshot::Sender<Vec<T>>>,
    }
    let (reply, all) = oneshot::channel();
    let gathered = Arc::new(Mutex::new(Gathered {
        answers: Vec::new(),
        missing: shared.core.shards(),
        reply: Some(reply),
    }));
    let ask = Arc::new(ask);
    let asked = shared.send(Op::AppAll(&mut || {
        let (ask, gathered) = (ask.clone(), gathered.clone());
        Remote::message(move |shard, core| {
            let answer = ask(shard, core);
            let mut gathered = gathered
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            gathered.answers.push(answer);
            gathered.missing -= 1;
            if gathered.missing == 0
                && let Some(reply) = gathered.reply.take()
            {
                // Nobody waits any more.
                let _ = reply.send(std::mem::take(&mut gathered.answers));
            }
        })
    }));
    Answer::new(async move {
        asked?;
        all.await.map_err(|_| EmitError::Disconnected)
    })
}

/// The rooms a connection is in, of one namespace.
pub(crate) fn rooms_of(core: &Shard<GatewaySink>, conn: ConnId, space: &Space) -> Vec<String> {
    let rooms = core.topics(conn).filter_map(|topic| space.room_of(topic));
    rooms.map(str::to_owned).collect()
}

/// Shows an emit to who wants to see it.
pub(crate) fn show_outgoing(shared: &Shared, space: &Space, event: &str, frame: &Frame) {
    for f in &space.set.on_any_outgoing {
        with_args(shared.parser, frame, |args| f(event, args));
    }
}

/// Reads the arguments of a frame that was just encoded.
pub(crate) fn with_args(parser: Parser, frame: &Frame, f: impl FnOnce(Args<'_>)) {
    let payload = frame.payload();
    match parser {
        Parser::Json => {
            let text = payload
                .get(1..)
                .and_then(|text| std::str::from_utf8(text).ok());
            let attachments: Vec<_> = frame
                .messages()
                .skip(1)
                .map(|message| bytes::Bytes::copy_from_slice(message.payload()))
                .collect();
            if let Some(Ok(packet)) = text.map(Packet::scan) {
                f(packet.args(&attachments));
            }
        }
        Parser::Msgpack => {
            if let Ok(packet) = msgpack::decode(payload, &Limits::unlimited()) {
                f(packet.args());
            }
        }
    }
}

impl Target {
    pub(crate) fn describe_here(&self) -> Answer<Result<Vec<Description>, EmitError>> {
        let asked = self.selector().map(|selector| {
            let selector = Arc::new(selector);
            ask_all(&self.shared, move |shard, core| {
                shard.describe(core, &selector)
            })
        });
        Answer::new(async move { Ok(asked?.await?.into_iter().flatten().collect()) })
    }
}

impl GatewayShard {
    /// The sockets a selector names, described.
    pub(crate) fn describe(
        &self,
        core: &Shard<GatewaySink>,
        selector: &Selector,
    ) -> Vec<Description> {
        let conns = self.select(core, selector);
        let sockets = conns
            .into_iter()
            .filter_map(|conn| self.seated(conn, &selector.space));
        sockets
            .map(|socket| {
                let data = socket.peek_extras().and_then(|extras| extras.data());
                let data = data.and_then(|data| serde_json::from_str(data.get()).ok());
                Description {
                    id: socket.id(),
                    handshake: socket.handshake_object(),
                    rooms: rooms_of(core, socket.conn(), &selector.space),
                    data: data.unwrap_or_default(),
                }
            })
            .collect()
    }

    /// The socket of a connection in a namespace.
    pub(crate) fn seated(&self, conn: ConnId, space: &Arc<Space>) -> Option<Socket> {
        let mut sessions = self.sessions.borrow_mut();
        let seat = sessions.get(conn)?.sio()?.find_mut(space)?;
        Some(seat.socket.clone())
    }

    /// Has a connection join or leave a topic, now.
    pub(crate) fn change(
        &self,
        core: &mut Shard<GatewaySink>,
        topic: &Topic,
        conn: ConnId,
        joins: bool,
    ) {
        let changed = match joins {
            true => core.subscribe(topic, conn),
            false => core.unsubscribe(topic, conn),
        };
        if changed {
            self.moved(conn, topic, joins);
        }
    }

    /// The server has a socket leave: its client hears of it first.
    pub(crate) fn expel(&self, core: &mut Shard<GatewaySink>, socket: &Socket) {
        if socket.is_connected() {
            self.say_leave(core, socket);
            self.leave(core, socket, DisconnectReason::ServerNamespaceDisconnect);
        }
    }

    /// The same for whoever a connection is in a namespace.
    pub(crate) fn expel_from(
        &self,
        core: &mut Shard<GatewaySink>,
        conn: ConnId,
        space: &Arc<Space>,
    ) {
        if let Some(socket) = self.seated(conn, space) {
            self.expel(core, &socket);
        }
    }

    /// The server ends a connection: all its sockets leave, and their client hears of it, so that it does
    /// not come back by itself.
    pub(crate) fn expel_client(&self, core: &mut Shard<GatewaySink>, conn: ConnId) {
        let sockets: Vec<_> = match self.sessions.borrow_mut().get(conn).and_then(Session::sio) {
            Some(sio) => sio.sockets.iter().map(|seat| seat.socket.clone()).collect(),
            None => return,
        };
        for socket in &sockets {
            self.say_leave(core, socket);
        }
        for socket in &sockets {
            self.leave(core, socket, DisconnectReason::ServerNamespaceDisconnect);
        }
        let code = CloseReason::ClosedByServer.entry().code.0;
        if self.local.publisher().disconnect(conn, code).is_err() {
            core.close(conn, ringside_core::CloseReason::Gone);
        }
        self.flush_soon();
    }

    fn say_leave(&self, core: &mut Shard<GatewaySink>, socket: &Socket) {
        match self.shared.parser.disconnect(socket.namespace_name()) {
            Ok(frame) => core.deliver([socket.conn()], Class::Reliable, frame),
            Err(error) => tracing::error!(%error, "a goodbye cannot be encoded"),
        }
    }

    /// A socket leaves its namespace; its session goes on.
    pub(crate) fn leave(
        &self,
        core: &mut Shard<GatewaySink>,
        socket: &Socket,
        reason: DisconnectReason,
    ) {
        let conn = socket.conn();
        let seat = match self.sessions.borrow_mut().get(conn).and_then(Session::sio) {
            Some(sio) => sio.take(socket.id()),
            None => None,
        };
        let Some(seat) = seat else {
            return;
        };
        let space = socket.space();
        let topics: Vec<_> = core
            .topics(conn)
            .filter(|topic| space.room_of(topic).is_some())
            .cloned()
            .collect();
        self.end_seat(seat, reason, &topics, |topic| {
            core.unsubscribe(topic, conn);
        });
    }

    /// A socket's end: its handlers hear of it while it is in its rooms, then again when it is in none.
    pub(crate) fn end_seat(
        &self,
        seat: Seat,
        reason: DisconnectReason,
        topics: &[Topic],
        mut leave: impl FnMut(&Topic),
    ) {
        let Seat { socket, owed } = seat;
        let space = socket.space();
        let names = |topic| space.room_of(topic).map(str::to_owned);
        let rooms: Vec<_> = topics.iter().filter_map(names).collect();
        socket.ending(reason, &rooms);
        leave(&space.everybody);
        for topic in topics {
            if let Some(room) = space.room_of(topic) {
                leave(topic);
                self.room_changed(space, room, socket.id(), false);
            }
        }
        acks::abandon(socket.id(), owed);
        socket.ended(reason);
        self.shared.spaces.exit(space);
        self.flush_soon();
    }
}
