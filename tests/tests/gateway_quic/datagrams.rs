//! Datagrams: who is sent what by them, and what is heard of those that come in.

use ringside_tests::{
    peer::{Identity, QuicFrame},
    within,
};

use super::{KINDS, Kind, world};

#[tokio::test]
async fn what_may_be_lost_goes_by_datagram_to_those_who_asked() {
    let identity = Identity::new();
    let world = world(&identity, |_| {});
    for kind in KINDS {
        let mut it = kind.join(&world, &identity).await;
        let asked = kind != Kind::Page;
        for class in ["volatile", "latest"] {
            // With its frame's header, exactly the budget, and a byte more.
            let around = format!("42[\"{class}\",\"\"]").len() + 3;
            for (len, fits) in [
                (1, true),
                (1_000 - around, true),
                (1_001 - around, false),
                (5_000, false),
            ] {
                let packet = format!("42[\"{class}\",\"{}\"]", "x".repeat(len));
                it.text(&packet).await;
                if asked && fits {
                    assert_eq!(
                        it.next_datagram().await,
                        [QuicFrame::Text(packet)],
                        "{kind:?}"
                    );
                } else {
                    assert!(it.next_text().await == packet, "{kind:?}: {class} of {len}");
                }
            }
        }
    }
    within("the counts", async {
        while world.gateway.counters().datagrams_sent < 8 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(world.gateway.counters().datagrams_sent, 8);
}

#[tokio::test]
async fn an_event_comes_in_by_datagram_and_nothing_else_does() {
    let identity = Identity::new();
    let world = world(&identity, |_| {});
    let text = |text: &str| QuicFrame::Text(text.to_owned());
    let attached = text("451-[\"echo\",{\"_placeholder\":true,\"num\":0}]");
    for kind in KINDS {
        let before = world.gateway.counters();
        let mut it = kind.join(&world, &identity).await;
        // In the middle of a packet with attachments on the stream: datagrams are a world of their own.
        it.text("451-[\"echo\",{\"_placeholder\":true,\"num\":0}]")
            .await;
        it.datagram(&[text("42[\"echo\",\"by datagram\"]")]);
        assert_eq!(it.next_text().await, "42[\"echo\",\"by datagram\"]");
        it.datagram(&[attached.clone(), QuicFrame::Binary(vec![1, 2, 3])]);
        assert_eq!(it.next().await, attached);
        assert_eq!(it.next().await, QuicFrame::Binary(vec![1, 2, 3]));
        it.binary(&[9]).await;
        assert_eq!(it.next().await, attached);
        assert_eq!(it.next().await, QuicFrame::Binary(vec![9]));
        let refused: &[&[QuicFrame]] = &[
            &[],
            &[text("40")],
            &[text("41")],
            &[text("43[1]")],
            &[text("421[\"echo\",\"with an ack\"]")],
            &[text("42/nowhere,[\"echo\",1]")],
            &[text("2probe")],
            &[text("1")],
            &[text("x")],
            &[text("42[\"echo\",1]"), text("42[\"echo\",2]")],
            &[text("42[\"echo\",1]"), QuicFrame::Binary(vec![1])],
            &[QuicFrame::Binary(vec![1])],
            std::slice::from_ref(&attached),
            &[attached.clone(), text("42[\"echo\",1]")],
        ];
        for frames in refused {
            it.datagram(frames);
        }
        for bytes in [
            &[5, b'4'][..],
            &[126],
            &[0x80 | 126, 0],
            &[255; 30],
            &[1, 0xff],
        ] {
            it.raw_datagram(bytes.to_vec());
        }
        let mut large = Vec::new();
        let packet = format!("42[\"echo\",\"{}\"]", "x".repeat(1_001));
        text(&packet).write(&mut large);
        it.raw_datagram(large);
        // All are read before the last, for they come in order here.
        it.datagram(&[text("42[\"echo\",\"last\"]")]);
        assert_eq!(it.next_text().await, "42[\"echo\",\"last\"]");
        let counters = world.gateway.counters();
        let received = counters.datagrams_received - before.datagrams_received;
        let refused_now = counters.datagrams_refused - before.datagrams_refused;
        assert_eq!(
            (received, refused_now),
            (3, refused.len() as u64 + 6),
            "{kind:?}"
        );
    }
}
