//! Those that have a session, and misuse it: with datagrams, with streams, with lengths.

use std::time::Duration;

use bytes::Bytes;
use ringside_gateway::Limits;
use ringside_tests::{
    bystander::{Bystander, attackers, resident},
    peer::{Identity, NATIVE, Quic, QuicFrame, quic_endpoint},
    within,
    world::{PATH, unpaced},
};
use tokio::net::UdpSocket;

use super::{EACH, ECHO, SLACK, count, echo, join, native, world};

#[tokio::test]
async fn a_flood_of_datagrams_is_dropped_and_counted() {
    let identity = Identity::new();
    // With the pace of the defaults.
    let world = world(&identity, Limits::default(), |quic| quic);
    let mut bystander = Bystander::new(&world).await;
    let mut honest = native(&world, &identity).await;
    let mut attacker = native(&world, &identity).await;
    let before = resident();
    let packet = "42[\"input\",\"".to_owned() + &"x".repeat(800) + "\"]";
    let mut bytes = Vec::new();
    QuicFrame::Text(packet).write(&mut bytes);
    let bytes = Bytes::from(bytes);
    let session = attacker.session.clone();
    let flood = tokio::spawn(async move {
        let mut sent = 0_u32;
        while session.send_datagram_wait(bytes.clone()).await.is_ok() {
            sent += 1;
            if sent.is_multiple_of(32) {
                tokio::task::yield_now().await;
            }
        }
    });
    let counters = || world.gateway.counters();
    within("a flood", async {
        while counters().datagrams_refused < 20_000 {
            bystander.echo().await;
            honest.datagram(&[QuicFrame::Text("42[\"echo\",\"x\"]".to_owned())]);
            assert_eq!(honest.next_text().await, "42[\"echo\",\"x\"]");
        }
    })
    .await;
    assert!(bystander.p99(50).await < ECHO);
    let grown = resident().saturating_sub(before);
    assert!(grown < SLACK, "{grown} bytes");
    // The attacker's own session lasts: what may be lost was lost.
    flood.abort();
    attacker.text("42[\"echo\",\"x\"]").await;
    assert_eq!(attacker.next_text().await, "42[\"echo\",\"x\"]");
    // 200 at once and 100 a second, and the honest ones'.
    assert!(
        counters().datagrams_received < 200 + 100 * 25 + 5_000,
        "{:?}",
        counters()
    );
}

#[tokio::test]
async fn rubbish_in_datagrams_harms_nobody() {
    let identity = Identity::new();
    let world = world(&identity, unpaced(), |quic| quic);
    let mut bystander = Bystander::new(&world).await;
    let mut attacker = native(&world, &identity).await;
    let mut seed = 7_u64;
    let mut random = || {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize
    };
    for _ in 0..5_000 {
        let len = random() % 60;
        let bytes: Vec<u8> = (0..len).map(|_| random() as u8).collect();
        let _ = attacker.session.send_datagram_wait(bytes.into()).await;
    }
    // And what is no QUIC at all.
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    for _ in 0..5_000 {
        let len = random() % 1_400;
        let bytes: Vec<u8> = (0..len).map(|_| random() as u8).collect();
        // A full queue of the kernel's refuses some.
        let _ = socket.send_to(&bytes, world.at()).await;
    }
    echo(&mut attacker).await;
    assert!(bystander.p99(20).await < ECHO);
    assert!(world.gateway.counters().datagrams_refused > 1_000);
}

#[tokio::test]
async fn streams_beyond_the_one_are_not_heard_and_hold_little() {
    let identity = Identity::new();
    let world = world(&identity, unpaced(), |quic| quic);
    let mut bystander = Bystander::new(&world).await;
    let (pages, natives) = (
        quic_endpoint(&identity, "h3"),
        quic_endpoint(&identity, NATIVE),
    );
    let before = resident();
    let mut attacking = Vec::new();
    for n in 0..attackers() {
        let mut it = match n % 2 {
            0 => Quic::page_from(&pages, world.at(), PATH, &[]).await,
            _ => Quic::native_from(&natives, world.at()).await,
        };
        it.open().await;
        let session = it.session.clone();
        // As many streams as it is let open, each with as much as it is let send; then it waits for more.
        let flood = tokio::spawn(async move {
            let mut streams = Vec::new();
            while let Ok(Ok((mut send, recv))) =
                tokio::time::timeout(Duration::from_millis(200), session.open_bi()).await
            {
                let write = send.write_all(&[b'x'; 1 << 20]);
                let _ = tokio::time::timeout(Duration::from_millis(50), write).await;
                streams.push((send, recv));
                assert!(streams.len() < 100, "streams without end");
            }
            while let Ok(Ok(mut send)) =
                tokio::time::timeout(Duration::from_millis(200), session.open_uni()).await
            {
                let write = send.write_all(&[b'x'; 1 << 20]);
                let _ = tokio::time::timeout(Duration::from_millis(50), write).await;
                drop(send);
            }
            streams
        });
        attacking.push((it, flood));
    }
    let mut held = Vec::new();
    for (it, flood) in attacking {
        held.push((it, within("a flood", flood).await.expect("it ends")));
    }
    assert!(bystander.p99(50).await < ECHO);
    let grown = resident().saturating_sub(before);
    let allowed = SLACK + EACH * held.len();
    assert!(
        grown < allowed,
        "{grown} bytes for {} attackers",
        held.len()
    );
    println!("{} bytes an attacker", grown / held.len());
    drop(held);
    let mut fresh = Quic::page(world.at(), &identity, PATH, &[]).await;
    fresh.open().await;
    fresh.text("4echo hello").await;
    assert_eq!(fresh.next_text().await, "4echo hello");
}

#[tokio::test]
async fn what_is_too_large_is_refused_on_its_header() {
    let identity = Identity::new();
    let world = world(&identity, unpaced(), |quic| quic);
    let mut bystander = Bystander::new(&world).await;
    let endpoint = quic_endpoint(&identity, NATIVE);
    let before = resident();
    let mut attacking = Vec::new();
    for n in 0..attackers() {
        let mut it = join(Quic::native_from(&endpoint, world.at()).await).await;
        // Far above what is allowed: nothing is set aside for it.
        let length = [0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, n as u8];
        let mut header = vec![127];
        header.extend(length);
        it.raw(&header).await.expect("a stream");
        attacking.push(it);
    }
    for it in &mut attacking {
        assert_eq!(
            it.closed().await,
            (1009, "the payload is too big".to_owned())
        );
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < SLACK + EACH * attacking.len(), "{grown} bytes");
    assert!(bystander.p99(20).await < ECHO);
    assert_eq!(
        count(&world.gateway, "engineio.PayloadTooBig"),
        attackers() as u64
    );
}
