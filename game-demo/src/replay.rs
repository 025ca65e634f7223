//! Recordings for killcams: the event `replay` answers with a room's last seconds, as a file.
//!
//! Asking a room waits for its thread, so it is done on a thread of its own. Promises: requests wait in a bounded queue
//! and are refused beyond it; a shard never waits; a burst of requests for one room is answered from one copy.

use std::{
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use ringside_rooms::{Ack, Args, Builder, Rooms, Socket};

/// Requests that wait: half a room shattered at once.
const WAITING_MAX: usize = 32;
/// A copy serves requests for so long: the recording itself goes on in steps of 50 ms.
const FRESH_FOR: Duration = Duration::from_millis(200);

type Request = (String, Ack);

/// Requests on their way; they are answered once the rooms are there.
pub(crate) struct Recordings(Receiver<Request>);

/// Adds the event to what the gateway hears.
pub(crate) fn serve(io: &mut Builder) -> Recordings {
    let (requests, receiver): (SyncSender<Request>, _) = sync_channel(WAITING_MAX);
    io.on_raw(
        "replay",
        move |_: &Socket, args: Args<'_>, ack: Option<Ack>| {
            if let (Ok(room), Some(ack)) = (args.parse::<String>(), ack) {
                // Full: whoever asked shows none.
                let _ = requests.try_send((room, ack));
            }
        },
    );
    Recordings(receiver)
}

impl Recordings {
    /// Answers requests from now on, until the gateway is gone.
    pub(crate) fn start(self, rooms: Rooms) {
        let answer = move || {
            let mut last: Option<(String, Instant, Bytes)> = None;
            for (room, ack) in self.0 {
                let fresh = last
                    .as_ref()
                    .filter(|(of, at, _)| *of == room && at.elapsed() < FRESH_FOR);
                let bytes = match fresh {
                    Some((.., bytes)) => bytes.clone(),
                    None => match rooms.replay(&room) {
                        Ok(Some(file)) => Bytes::from(file),
                        _ => continue,
                    },
                };
                // It has gone meanwhile, or it has not: it is the asker's.
                let _ = ack.send(&(&bytes,));
                last = Some((room, Instant::now(), bytes));
            }
        };
        let thread = thread::Builder::new().name("replays".to_owned());
        if let Err(error) = thread.spawn(answer) {
            tracing::warn!(%error, "there are no killcams: no thread for them");
        }
    }
}
