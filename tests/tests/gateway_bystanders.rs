//! What bystanders notice of an attack: windows of calm and of attack in turns, on one gateway.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use ringside_tests::{
    bystander::{Bystander, attackers, quiet, shards_ns},
    peer::{Http, Polling, WebSocket},
    within,
    world::{PATH, WEBSOCKET, World},
};

/// One of every kind of attacker, over and over, until told to stop.
async fn attack(world: SocketAddr, number: usize, go_on: &AtomicBool) {
    while go_on.load(Ordering::Relaxed) {
        let mut http = Http::connect(world).await;
        let polling = "/engine.io/?EIO=4&transport=polling";
        let done = async {
            match number % 6 {
                // Half a head; half a body for nobody; half a frame; a reset in the middle.
                0 => http.send(b"GET / HTTP/1.1\r\nx: ").await?,
                1 => {
                    let head = b"POST /engine.io/?EIO=4&transport=polling&sid=x HTTP/1.1\r\ncontent-length: 1000000\r\n\r\n";
                    http.send(head).await?;
                    http.try_reply().await?;
                }
                2 => {
                    let mut websocket = WebSocket::upgrade(http, WEBSOCKET, &[]).await.unwrap();
                    websocket.raw(&WebSocket::header(0x82, 1 << 50)).await?;
                    websocket.closed().await;
                    return Ok(());
                }
                3 => {
                    let mut websocket = WebSocket::upgrade(http, WEBSOCKET, &[]).await.unwrap();
                    websocket.text("4panic").await;
                    websocket.closed().await;
                    return Ok(());
                }
                4 => {
                    let session = Polling::open_on(&mut http, world, PATH).await;
                    let _ = http.post(&session.target(), &[0x1e; 1000]).await;
                }
                _ => {
                    http.request("GET", polling, &[("x", "y")], b"").await;
                }
            }
            std::io::Result::Ok(())
        };
        // However it went: the next one.
        let _ = within("an attack ends", done).await;
    }
}

/// Attacks in `count` ways at once.
fn attack_all(world: SocketAddr, count: usize, go_on: &AtomicBool) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let mut running: Vec<_> = (0..count)
            .map(|number| Box::pin(attack(world, number, go_on)))
            .collect();
        std::future::poll_fn(|cx| {
            running.retain_mut(|attack| attack.as_mut().poll(cx).is_pending());
            match running.is_empty() {
                true => std::task::Poll::Ready(()),
                false => std::task::Poll::Pending,
            }
        })
        .await;
    });
}

#[tokio::test]
async fn bystanders_hardly_notice() {
    quiet();
    let world = World::new();
    let at = world.at();
    let count = attackers();
    let mut bystander = Bystander::new(&world).await;
    // More echoes for a figure that is to be quoted.
    let echoes = if count >= 1_000 { 1_000 } else { 100 };
    let (mut calm, mut attacked) = (Vec::new(), Vec::new());
    let (mut used, mut wall) = (0, Duration::ZERO);
    bystander.p99(echoes).await;
    for _ in 0..5 {
        calm.push(bystander.p99(echoes).await);
        let go_on = Arc::new(AtomicBool::new(true));
        let (before, begun) = (shards_ns(), Instant::now());
        // On a thread of their own: the bystander waits for the gateway, not for its attackers.
        let attackers = std::thread::spawn({
            let go_on = go_on.clone();
            move || attack_all(at, count.min(64), &go_on)
        });
        let p99 = bystander.p99(echoes).await;
        go_on.store(false, Ordering::Relaxed);
        attackers.join().expect("the attackers end");
        attacked.push(p99);
        used += shards_ns() - before;
        wall += begun.elapsed();
    }
    let median = |all: &mut Vec<Duration>| {
        all.sort();
        all[all.len() / 2]
    };
    let (calm, attacked) = (median(&mut calm), median(&mut attacked));
    let share = used as f64 / wall.as_nanos() as f64;
    println!(
        "p99 {calm:?} in calm, {attacked:?} under attack; {share:.2} of a core for the shards"
    );
    // The attackers' own work takes cores as well, of a machine that may have only two.
    let slack = if count >= 1_000 { 10 } else { 100 };
    let bound = (calm * 12 / 10).max(calm + Duration::from_millis(slack));
    assert!(attacked <= bound, "{attacked:?}, {bound:?} allowed");
}
