//! Connection state recovery: nothing twice, nothing left out, as often as a client likes.

use std::{
    collections::HashSet,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    time::Duration,
};

use ringside_gateway::{Builder, Class, EmitError, Key, Recovery, Socket, Timing};
use ringside_tests::{PATIENCE, within};

use super::{Dice, World, hear, movable, returning::Returning, told};

fn recovering(io: &mut Builder) {
    movable(io);
    io.recovery(Recovery::default());
    io.on("recovered", |socket: &Socket, ()| socket.recovered());
}

/// Waits until a socket is gone.
async fn gone(world: &World, sid: &str) {
    let empty = async {
        while !world.io.to(sid).fetch_sockets().await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    within("a socket is gone", empty).await;
}

#[tokio::test]
async fn a_client_comes_back_as_often_as_it_likes_with_all_it_missed() {
    let world = World::new(recovering);
    let mut client = Returning::new(&world).await;
    client.ask(r#"21["join",["x"]]"#, "31[true]").await;
    synced_with_offset(&mut client).await;
    let mut dice = Dice(0xbac4);
    let mut expected = Vec::new();
    let mut n = 0;
    for life in 0..12 {
        for _ in 0..dice.roll(4) {
            emit(&world, &client.sid, &mut dice, &mut n, &mut expected);
        }
        world.io.emit("end", &()).unwrap();
        client.read().await;
        assert_eq!(client.got, expected, "life {life}");
        // What is on its way when the connection breaks, and what comes while it is gone.
        for _ in 0..dice.roll(3) {
            emit(&world, &client.sid, &mut dice, &mut n, &mut expected);
        }
        let old = client.leave(&world).await;
        let notices = dice.roll(2) == 0;
        let kept = match notices {
            true => {
                drop(old);
                gone(&world, &client.sid).await;
                None
            }
            // It is back before the server has noticed.
            false => Some(old),
        };
        for _ in 0..dice.roll(4) {
            emit(&world, &client.sid, &mut dice, &mut n, &mut expected);
        }
        assert!(
            client.come_back(&world).await,
            "life {life}, noticed: {notices}"
        );
        drop(kept);
        world.io.emit("end", &()).unwrap();
        client.read().await;
        assert_eq!(client.got, expected, "life {life}, after coming back");
        client.ask(r#"29["recovered"]"#, "39[true]").await;
    }
    assert!(n > 20);
}

/// An event by one of the ways there are; some of them for others only.
fn emit(world: &World, sid: &str, dice: &mut Dice, n: &mut u32, expected: &mut Vec<String>) {
    let mine = match dice.roll(7) {
        0 => world.io.emit("e", n).map(|()| true),
        1 => world.io.to("x").emit("e", n).map(|()| true),
        2 => world.io.to(["x", "y"]).emit("e", n).map(|()| true),
        3 => world.io.to(sid).emit("e", n).map(|()| true),
        4 => world.io.to("y").emit("e", n).map(|()| false),
        5 => world.io.except("x").emit("e", n).map(|()| false),
        _ => world.io.except("y").emit("e", n).map(|()| true),
    };
    if mine.unwrap() {
        expected.push(format!("e{n}"));
    }
    *n += 1;
}

async fn synced_with_offset(client: &mut Returning) {
    client.client.send(r#"2["sync"]"#).await;
    assert!(client.client.next().await.starts_with(r#"2["synced","#));
}

/// Events a batch of each publisher has.
const BATCH: u32 = 20;

/// What each of several publishers does: a batch for every life it is told of, and word when it is done.
fn publish(
    lives: Receiver<()>,
    done: SyncSender<()>,
    mut emit: impl FnMut(u32) -> Result<(), EmitError>,
) {
    let mut n = 0;
    while lives.recv().is_ok() {
        for _ in 0..BATCH {
            // A shard that is behind: nothing was sent, so it is tried again.
            while emit(n).is_err() {
                std::thread::yield_now();
            }
            n += 1;
        }
        // The test has failed, if nobody hears.
        let _ = done.send(());
    }
}

#[tokio::test]
async fn across_shards_each_publishers_order_is_kept_while_all_of_them_publish() {
    const LIVES: u32 = 12;
    let world = World::new(recovering);
    let mut client = Returning::new(&world).await;
    client.ask(r#"21["join",["x"]]"#, "31[true]").await;
    client.client.send(r#"2["sync"]"#).await;
    client.read_one().await;
    client.got.clear();
    let (done, finished) = sync_channel(3);
    let mut threads = Vec::new();
    let mut begins = Vec::new();
    for name in ["a", "b", "c"] {
        let (begin, lives) = sync_channel(1);
        let (io, done) = (world.io.clone(), done.clone());
        threads.push(std::thread::spawn(move || match name {
            // Everybody, a room by its topic, and by a publisher of the thread's own, flushed now and then.
            "a" => publish(lives, done, |n| io.emit(name, &n)),
            "b" => publish(lives, done, |n| io.to(["x", "y"]).emit(name, &n)),
            _ => {
                let (room, mut publisher) = (io.room("x").unwrap(), io.publisher().unwrap());
                publish(lives, done, |n| {
                    let sent = publisher.emit(&room, Class::Reliable, name, &n);
                    if n % 4 == 3 {
                        publisher.flush();
                    }
                    sent
                });
            }
        }));
        begins.push(begin);
    }
    let mut expected = 0;
    let mut shards = HashSet::from([client.shard]);
    for life in 0..LIVES {
        begins.iter().for_each(|begin| begin.send(()).unwrap());
        expected += BATCH;
        // Away in the middle of it; every second time before the server has noticed.
        let old = client.leave(&world).await;
        let kept = (life % 2 == 0).then_some(old);
        assert!(client.come_back(&world).await, "life {life}");
        shards.insert(client.shard);
        drop(kept);
        // In turns, so that no test's deadline is another thread's.
        for _ in 0..3 {
            finished.recv_timeout(PATIENCE).expect("a batch");
        }
        world.io.to("x").emit("end", &()).unwrap();
        client.read().await;
        // The mark at the end comes from another thread than they do: it may overtake them.
        while client.got.len() < 3 * expected as usize {
            client.read_one().await;
        }
        for name in ["a", "b", "c"] {
            let got = client.got.iter().filter(|event| event.starts_with(name));
            let got: Vec<_> = got.cloned().collect();
            let all: Vec<_> = (0..expected).map(|n| format!("{name}{n}")).collect();
            assert_eq!(got, all, "life {life}");
        }
        assert_eq!(client.got.len(), 3 * expected as usize);
    }
    assert!(shards.len() > 1, "it was on shards {shards:?} only");
    drop(begins);
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
}

#[tokio::test]
async fn data_rooms_and_the_handlers_view_survive_and_nothing_else_does() {
    let (tell, heard) = told();
    let world = World::new(|io| {
        recovering(io);
        io.on_connect(move |socket| {
            let data: Option<String> = socket.data();
            tell((socket.recovered(), data));
            socket.set_data("kept").unwrap();
        });
        io.on_async("rooms", |socket: Socket, ()| async move {
            socket.rooms().await.unwrap()
        });
    });
    let mut client = Returning::new(&world).await;
    assert_eq!(hear(&heard), (false, None));
    client.ask(r#"21["join",["x"]]"#, "31[true]").await;
    synced_with_offset(&mut client).await;
    // It has seen no event that could be recovered but the one just now, and remembers none.
    assert!(client.come_back(&world).await);
    assert_eq!(hear(&heard), (true, Some("kept".to_owned())));
    assert!(client.client.next().await.starts_with(r#"2["synced","#));
    client.ask(r#"22["rooms"]"#, r#"32[["x"]]"#).await;

    // Volatile and latest events carry no offset.
    world.io.everybody().volatile().emit("v", &1).unwrap();
    client.client.expect(r#"2["v",1]"#).await;
    world
        .io
        .everybody()
        .latest(Key::new(1).unwrap())
        .emit("l", &1)
        .unwrap();
    client.client.expect(r#"2["l",1]"#).await;

    // Left on purpose: whoever comes then is somebody new.
    let pid = client.pid.clone();
    client.client.send("1").await;
    gone(&world, &client.sid).await;
    assert!(!client.come_back(&world).await);
    assert_ne!(client.pid, pid);
    assert_eq!(hear(&heard), (false, None));
}

#[tokio::test]
async fn what_is_unknown_or_forgotten_is_not_recovered() {
    let world = World::new(|io| {
        recovering(io);
        io.recovery(Recovery {
            bytes: 20_000,
            ..Recovery::default()
        });
    });
    for offset in ["1.ffffff", "text", "0.0", "ffffffff.1"] {
        let mut client = Returning::new(&world).await;
        client.offset = Some(offset.to_owned());
        assert!(!client.come_back(&world).await, "{offset}");
        client.client.send(r#"21["recovered"]"#).await;
        client.client.expect("31[false]").await;
    }
    let mut stranger = Returning::new(&world).await;
    stranger.pid = "AAAAAAAAAAAAAAAAAAAA".to_owned();
    assert!(!stranger.come_back(&world).await);

    let mut client = Returning::new(&world).await;
    world.io.emit("end", &()).unwrap();
    client.read().await;
    drop(client.leave(&world).await);
    gone(&world, &client.sid).await;
    for _ in 0..100 {
        world.io.emit("e", &"x".repeat(200)).unwrap();
    }
    assert!(!client.come_back(&world).await, "the log is bounded");
}

#[tokio::test]
async fn after_its_time_nobody_comes_back() {
    let world = World::new(|io| {
        recovering(io);
        io.recovery(Recovery {
            max_disconnection: Duration::from_millis(200),
            ..Recovery::default()
        });
        io.timing(Timing {
            ping_interval: 300,
            ping_timeout: 300,
            ..Timing::default()
        });
    });
    let mut client = Returning::new(&world).await;
    // It answers no ping: the server closes it, and keeps it for a while.
    while !matches!(
        client.client.frame().await,
        ringside_tests::peer::Frame::Close(..)
    ) {}
    assert!(client.come_back(&world).await);
    while !matches!(
        client.client.frame().await,
        ringside_tests::peer::Frame::Close(..)
    ) {}
    gone(&world, &client.sid).await;
    let time_passes = std::future::pending::<()>();
    let passed = tokio::time::timeout(Duration::from_millis(400), time_passes).await;
    passed.unwrap_err();
    assert!(!client.come_back(&world).await);
}
