//! What is said on the stream: every kind of message, both ways, and to clients that read slowly.

use std::time::Duration;

use ringside_gateway::{Limits, OutboxLimits, RawMessage};
use ringside_tests::{
    peer::{Identity, Open, Polling, Quic, QuicFrame},
    within,
    world::{Event, PATH, unpaced},
};

use super::{KINDS, world};

#[tokio::test]
async fn every_kind_of_message_goes_both_ways_on_the_stream() {
    let identity = Identity::new();
    let world = world(&identity, |_| {});
    for kind in KINDS {
        let mut it = kind.connect(&world, &identity).await;
        let open = Open::parse(&it.open().await);
        assert_eq!(open.json["upgrades"], serde_json::json!([]));
        it.join().await;
        for text in [
            "x".to_owned(),
            "Я € 𝄞".to_owned(),
            "y".repeat(70_000),
            "z".repeat(900_000),
        ] {
            let packet = format!("42[\"echo\",\"{text}\"]");
            it.text(&packet).await;
            assert!(
                it.next_text().await == packet,
                "{kind:?}: {} bytes",
                text.len()
            );
        }
        it.text("4217[\"echo\",1,true]").await;
        assert_eq!(it.next_text().await, "4317[1,true]");
        // None of no bytes goes out as a frame of none, which stock clients would not take.
        for len in [5, 0, 125, 126, 65_536, 100_000] {
            let bytes: Vec<u8> = (0..len).map(|n: u32| n as u8).collect();
            let packet = "451-[\"echo\",{\"_placeholder\":true,\"num\":0}]";
            it.text(packet).await;
            it.binary(&bytes).await;
            assert_eq!(it.next_text().await, packet);
            let wanted = match len {
                0 => QuicFrame::Text("b".to_owned()),
                _ => QuicFrame::Binary(bytes),
            };
            assert!(it.next().await == wanted, "{kind:?}: {len} bytes");
        }
        let counters = world.gateway.counters();
        assert_eq!(
            (counters.datagrams_sent, counters.datagrams_refused),
            (0, 0)
        );
    }
}

#[tokio::test]
async fn a_client_that_reads_slowly_gets_all_of_it_in_order() {
    let identity = Identity::new();
    let mut world = world(&identity, |io| {
        io.limits(Limits {
            outbox: OutboxLimits {
                bytes: 16 << 20,
                messages: 10_000,
            },
            ..unpaced()
        });
    });
    let mut it = Quic::page(world.at(), &identity, PATH, &[]).await;
    it.open().await;
    let connection = world.opened().await;
    // Far more than the window: most of it waits in the outbox.
    let message = |n: usize| format!("{n} {}", "x".repeat(n * 37 % 20_000));
    for n in 0..600 {
        connection
            .send(RawMessage::Text(&message(n)))
            .expect("sent");
    }
    connection
        .send(RawMessage::Binary(&[3; 700_000]))
        .expect("sent");
    for n in 0..600 {
        assert!(
            it.next_text().await == format!("4{}", message(n)),
            "message {n}"
        );
    }
    assert_eq!(it.next().await, QuicFrame::Binary(vec![3; 700_000]));
    // And one that reads nothing at all is closed for it, with the reason.
    let mut deaf = Quic::page(world.at(), &identity, PATH, &[]).await;
    deaf.open().await;
    let connection = world.opened().await;
    within("it is too much", async {
        let mut more = true;
        while more {
            more = connection.send(RawMessage::Binary(&[3; 500_000])).is_ok();
            if let Event::Closed(_, reason) =
                match tokio::time::timeout(Duration::from_millis(1), world.next()).await {
                    Ok(event) => event,
                    Err(_) => continue,
                }
            {
                assert_eq!(reason, "the peer reads too slowly");
                more = false;
            }
        }
    })
    .await;
    assert_eq!(
        deaf.closed().await,
        (1008, "the peer reads too slowly".to_owned())
    );
    let session = Polling::open(world.at(), PATH).await;
    assert_eq!(session.post(b"4echo on").await.text(), "ok");
}
