//! Many small rooms on one thread: whether their ticks are kept, and what they cost.

use ringside_rooms::{RoomOptions, Server, StepConfig};

use crate::{walk::Walk, world::until};

/// Small rooms of four at 20 Hz on one thread: a hundred, or as many as `RINGSIDE_SMALL_ROOMS` says, which is a
/// measurement that wants a quiet machine. Bots play them, so it is the thread's own work that is measured,
/// without the frames of people.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn many_small_rooms_keep_their_ticks() {
    let asked = std::env::var("RINGSIDE_SMALL_ROOMS").ok();
    let count: usize = asked.as_ref().map_or(100, |text| text.parse().unwrap());
    let options = RoomOptions {
        seats: 4,
        bots: 4,
        empty_for: None,
        step: StepConfig {
            hz: 20,
            snapshot_every: 1,
            ..Default::default()
        },
        ..RoomOptions::default()
    };
    let mut server = Server::builder();
    server.workers(1);
    server.define("walk", options, |_| Walk::new()).open(count);
    let server = server.listen("127.0.0.1:0").unwrap();
    let rooms = server.rooms();
    until("all rooms run", || {
        let list = rooms.list();
        list.len() == count
            && list
                .iter()
                .all(|room| rooms.report(&room.room).unwrap().tick > 100)
    })
    .await;
    let mut late: Vec<u64> = Vec::new();
    let mut dropped = 0;
    for room in rooms.list() {
        let report = rooms.report(&room.room).unwrap();
        late.push(report.late_us.1);
        dropped += report.dropped;
    }
    late.sort_unstable();
    let (busy, open) = rooms.threads()[0];
    println!(
        "{open} rooms, the thread {}.{} % busy; p99 late of the rooms: median {} us, worst {} us; {dropped} steps dropped",
        busy / 10,
        busy % 10,
        late[count / 2],
        late[count - 1],
    );
    let nearly_all = late[count * 99 / 100];
    assert!(
        asked.is_none() || nearly_all <= 5_000,
        "99 of 100 rooms: {nearly_all} us"
    );
}
