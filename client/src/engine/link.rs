//! A transport as the session sees it: a task, what it is told, and what it tells.
//!
//! Promises: one batch at a time is in the transport's hands; a link that is dropped takes its task
//! with it, at once; [`Link::finish`] lets it send what is left first, for a bounded time.

use std::{future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use ringside_proto::engineio::Transport;
use rustls::ClientConfig;
use tokio::{
    sync::mpsc::{Receiver, Sender, channel},
    task::{AbortHandle, JoinHandle},
};
use url::Url;

#[cfg(feature = "quic")]
use super::quic;
use super::{polling, websocket};
use crate::{failure::ConnectionError, machine::Message};

/// Packets that arrived and were not looked at yet. The transport reads no further while so many
/// wait, so that a slow listener slows the server down, not the memory up.
const UNREAD: usize = 64;
/// Datagrams on their way to the transport's task: as many as may wait before it. Then the newest is dropped.
const DATAGRAMS: usize = 64;
/// At most: a batch, a pause, its end, the farewell.
const COMMANDS: usize = 4;
/// How long a session that ends may go on sending what was written before.
pub(crate) const LINGER: Duration = Duration::from_secs(1);

/// What every transport needs to know.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) url: Url,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) protocols: Vec<String>,
    pub(crate) tls: Option<Arc<ClientConfig>>,
    /// Bytes of a message or body that are accepted.
    pub(crate) message_max: usize,
    /// The session's id and limit, when there is one.
    pub(crate) session: Option<(String, usize)>,
}

/// What a transport tells.
#[derive(Debug)]
pub(crate) enum Event {
    /// It can carry packets.
    Opened,
    /// One packet, with its type digit.
    Text(String),
    /// One binary message.
    Binary(Bytes),
    /// One event, whole, that came beside the stream.
    #[cfg_attr(
        not(feature = "quic"),
        expect(dead_code, reason = "only QUIC has them")
    )]
    Datagram(Bytes),
    /// The batch was taken.
    Drained,
    /// No poll is on its way any more, and none will be made.
    Paused,
    /// It is over; without an error: it was closed.
    Closed(Option<ConnectionError>),
}

/// What a transport is told.
#[derive(Debug)]
pub(crate) enum Command {
    Send(Vec<Message>),
    /// The session has this id, and takes bodies of so many bytes.
    Session(String, usize),
    Pause,
    Resume,
    /// Send these, then close.
    Finish(Vec<Message>),
}

/// The transport's end of the two channels.
pub(crate) struct Ends {
    pub(crate) commands: Receiver<Command>,
    pub(crate) events: Sender<Event>,
    /// What may be lost, to be sent beside the stream.
    #[cfg_attr(
        not(feature = "quic"),
        expect(dead_code, reason = "only QUIC has them")
    )]
    pub(crate) datagrams: Receiver<Bytes>,
}

/// See the module.
pub(crate) struct Link {
    pub(crate) transport: Transport,
    /// A batch is in the transport's hands.
    pub(crate) busy: bool,
    commands: Sender<Command>,
    datagrams: Sender<Bytes>,
    events: Receiver<Event>,
    task: AbortOnDrop,
}

struct AbortOnDrop(Option<JoinHandle<()>>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

impl Link {
    /// Starts a transport, after `first` has ended.
    pub(crate) fn start(
        transport: Transport,
        settings: Settings,
        first: Option<JoinHandle<()>>,
    ) -> Self {
        let (commands, command_end) = channel(COMMANDS);
        let (event_end, events) = channel(UNREAD);
        let (datagrams, datagram_end) = channel(DATAGRAMS);
        let ends = Ends {
            commands: command_end,
            events: event_end,
            datagrams: datagram_end,
        };
        let run = async move {
            if let Some(first) = first {
                // How it ended does not matter.
                let _ = first.await;
            }
            match transport {
                Transport::Polling => polling::run(settings, ends).await,
                #[cfg(feature = "quic")]
                Transport::WebTransport => quic::run(settings, ends).await,
                _ => websocket::run(settings, ends).await,
            }
        };
        Self {
            transport,
            busy: false,
            commands,
            datagrams,
            events,
            task: AbortOnDrop(Some(tokio::spawn(run))),
        }
    }

    /// The next thing it tells. May be dropped while it waits.
    pub(crate) async fn next(&mut self) -> Event {
        let event = self.events.recv().await;
        event.unwrap_or(Event::Closed(None))
    }

    pub(crate) fn send(&mut self, batch: Vec<Message>) {
        self.busy = true;
        self.tell(Command::Send(batch));
    }

    /// Sends what may be lost; where too much waits, it is.
    pub(crate) fn datagram(&self, bytes: Bytes) {
        let _ = self.datagrams.try_send(bytes);
    }

    /// The channel has room for all that can be said at once; a task that is gone says so itself.
    pub(crate) fn tell(&self, command: Command) {
        let _ = self.commands.try_send(command);
    }

    /// Sends what is left and closes, behind the caller's back.
    pub(crate) fn finish(mut self, rest: Vec<Message>) -> Option<JoinHandle<()>> {
        self.tell(Command::Finish(rest));
        let task = self.task.0.take()?;
        let mut events = self.events;
        let abort = task.abort_handle();
        Some(tokio::spawn(async move {
            // What still arrives is of no interest, but must not block the task.
            let drain = async { while events.recv().await.is_some() {} };
            bounded(abort, async {
                tokio::join!(drain, task).1.ok();
            })
            .await;
        }))
    }
}

async fn bounded(task: AbortHandle, work: impl Future<Output = ()>) {
    if tokio::time::timeout(LINGER, work).await.is_err() {
        task.abort();
    }
}
