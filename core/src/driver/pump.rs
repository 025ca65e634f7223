//! The pump: the one task per shard that takes its turns, and so makes all its writes.
//!
//! Promises: between two turns every other task of the shard that is ready gets to run, so reads and
//! writes take turns; the doorbell is armed before it sleeps, so nothing is missed.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    rc::Rc,
    task::Poll,
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use super::{DriverSink, Local, moderation::Bell};
use crate::{ConnId, Host};

/// Sleeping without a deadline: the doorbell wakes, and once an hour nothing happens.
const FAR: Duration = Duration::from_secs(3600);

pub(super) async fn pump<S: DriverSink>(local: Rc<Local<S>>, mut host: impl Host<S>) {
    let mut alarm = pin!(sleep_until(Instant::now() + FAR));
    let mut bell = Bell::new(local.moderation.is_some());
    poll_fn(|cx| {
        local.set_pump(cx.waker());
        let work = local.shard().turn_with(local.now(), &mut host);
        watch_blocked(&local);
        // What the host published within the turn.
        local.flush();
        // After most turns nothing is left, so it sleeps at once and not only after an idle turn.
        if work.more || !local.shard().park(bell.of(cx.waker())) {
            // Look again, but only after the runtime has run the others and asked the system for news:
            // waking ourselves at once would let it take dozens of turns between two such looks.
            let _ = pin!(tokio::task::yield_now()).poll(cx);
            return Poll::<()>::Pending;
        }
        let wake_at = local.shard().next_deadline();
        alarm.as_mut().reset(match wake_at {
            Some(at) => local.epoch + Duration::from_millis(at.0 + 1),
            None => Instant::now() + FAR,
        });
        if alarm.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    })
    .await;
}

/// Starts a task for each connection that has just blocked: falling behind is rare, so it may cost
/// one.
fn watch_blocked<S: DriverSink>(local: &Rc<Local<S>>) {
    loop {
        let Some(conn) = local.shard().sink().take_blocked() else {
            return;
        };
        let task = local.spawn(watch(local.clone(), conn));
        local.shard().sink().set_watcher(conn, task);
    }
}

async fn watch<S: DriverSink>(local: Rc<Local<S>>, conn: ConnId) {
    poll_fn(|cx| local.shard().sink_ref().poll_writable(conn, cx)).await;
    local.writable(conn);
}
