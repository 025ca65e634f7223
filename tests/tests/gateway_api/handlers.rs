//! How handlers run: what keeps a shard is counted, and what would keep it runs elsewhere.

use std::{
    sync::{Arc, Mutex, mpsc::sync_channel},
    time::{Duration, Instant},
};

use ringside_gateway::{Socket, handler_began};
use ringside_tests::{PATIENCE, within};

use super::{World, hear, told};

/// Twice what a handler may take.
const TOO_LONG: Duration = Duration::from_millis(10);

/// Keeps the thread, as a long computation does.
fn compute() {
    let until = Instant::now() + TOO_LONG;
    while Instant::now() < until {}
}

#[tokio::test]
async fn each_poll_that_keeps_its_shard_is_counted() {
    let world = World::new(|io| {
        io.on("quick", |_: &Socket, ()| 1);
        io.on("sync", |_: &Socket, ()| compute());
        io.on_async("first", |_: Socket, ()| async {
            compute();
            tokio::task::yield_now().await;
        });
        io.on_async("both", |_: Socket, ()| async {
            compute();
            tokio::task::yield_now().await;
            compute();
        });
        io.on_async("patient", |_: Socket, ()| async {
            // Long, but it keeps nobody.
            let never = std::future::pending::<()>();
            let _ = tokio::time::timeout(TOO_LONG, never).await;
        });
    });
    let (mut client, _) = world.client().await;
    let mut expected = 0;
    for (event, slow, answer) in [
        ("quick", 0, "1"),
        ("sync", 1, ""),
        ("first", 1, ""),
        ("both", 2, ""),
        ("patient", 0, ""),
    ] {
        client.send(&format!(r#"21["{event}"]"#)).await;
        client.expect(&format!("31[{answer}]")).await;
        expected += slow;
        let counted = async {
            while world.io.counters().slow_handlers < expected {
                tokio::task::yield_now().await;
            }
        };
        within(event, counted).await;
    }
    // A busy machine may make a quick one slow; none is missed.
    assert!(world.io.counters().slow_handlers >= expected);
}

/// The clock is looked at once between two handlers that follow each other closely. Whatever else an application does in
/// between is not the next one's time.
#[tokio::test]
async fn a_handler_begins_when_all_before_it_has_ended() {
    let (tell, told) = told();
    let world = World::new(|io| {
        // When it began at the earliest, by whom one asks, and when it ended.
        let work = move |began: fn() -> Instant| {
            let began = began();
            compute();
            tell((began, Instant::now()));
        };
        let (handler, filter, failure, middleware) =
            (work.clone(), work.clone(), work.clone(), work.clone());
        io.on("work", move |_: &Socket, ()| handler(handler_began));
        io.on("typed", |_: &Socket, _: u32| {});
        io.of("/")
            .use_packet(move |_, event, _| {
                if event == "filtered" {
                    filter(handler_began);
                }
                Ok::<_, String>(())
            })
            .on_error(move |_, _| failure(Instant::now));
        let late = io.of("/late");
        late.use_middleware(move |_| {
            middleware(Instant::now);
            Ok::<_, String>(())
        });
        late.on("work", move |_: &Socket, ()| work(handler_began));
    });
    let (mut client, _) = world.client().await;
    client.join("/late", "").await;
    // While the first works, the others come, and are read together.
    let messages = [
        r#"2["work"]"#,
        r#"2/late,["work"]"#,
        r#"2["typed","x"]"#,
        r#"2/late,["work"]"#,
        r#"2["filtered"]"#,
        r#"2["work"]"#,
        "1/late,",
        "0/late,",
        r#"2["work"]"#,
        r#"2["work"]"#,
    ];
    for message in messages {
        client.send(message).await;
    }
    let mut before = hear(&told).1;
    // Two middlewares, six handlers, a filter, and a failure.
    for _ in 1..10 {
        let (began, ended) = hear(&told);
        assert!(before <= began, "it began {:?} too early", before - began);
        assert!(ended - began >= TOO_LONG);
        before = ended;
    }
}

#[tokio::test]
async fn what_runs_elsewhere_keeps_no_shard() {
    let elsewhere = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let (release, gate) = sync_channel::<u32>(1);
    let gate = Arc::new(Mutex::new(gate));
    let world = World::new(|io| {
        io.shards(1).on("light", |_: &Socket, n: u32| n);
        io.of("/")
            .on_runtime(
                elsewhere.handle().clone(),
                "heavy",
                move |socket: Socket, n: u32| {
                    let gate = gate.clone();
                    async move {
                        // It blocks its thread, which is not the shard's.
                        let factor = gate.lock().unwrap().recv_timeout(PATIENCE).unwrap();
                        socket.emit("computed", &n).unwrap();
                        n * factor
                    }
                },
            )
            .on_runtime(
                elsewhere.handle().clone(),
                "panics",
                |_: Socket, n: u32| async move { assert!(n == 0, "a handler fails") },
            );
    });
    let (mut client, _) = world.client().await;
    let (mut bystander, _) = world.client().await;
    client.send(r#"21["heavy",5]"#).await;
    // The one shard there is serves everybody meanwhile, its own socket too.
    for other in [&mut client, &mut bystander] {
        other.send(r#"22["light",7]"#).await;
        other.expect("32[7]").await;
    }
    release.send(3).unwrap();
    client.expect(r#"2["computed",5]"#).await;
    client.expect("31[15]").await;

    client.send(r#"23["panics",1]"#).await;
    assert!(client.0.closed().await.is_some());
    bystander.send(r#"24["light",8]"#).await;
    bystander.expect("34[8]").await;
    assert_eq!(world.io.counters().failed_handlers, 1);
    // A runtime must not end inside another.
    elsewhere.shutdown_background();
}
