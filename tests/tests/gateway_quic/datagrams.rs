//! Datagrams: who is sent what by them, once or twice, and what is heard of those that come in.

use std::sync::Arc;

use ringside_gateway::{Class, ConnId, Copies, EachBytes, SendPieces};
use ringside_tests::{
    peer::{Frame, Identity, QuicFrame, WebSocket},
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

/// The same bytes for everybody, so often.
struct Bytes(Copies);

impl EachBytes for Bytes {
    fn each(&self, _: ConnId, send: &mut SendPieces<'_>) {
        send(
            Class::Volatile,
            self.0,
            4,
            &mut [&b"ab"[..], b"cd"].into_iter(),
        );
    }
}

/// The event that [`Bytes`] comes with.
const BYTES: &str = "451-[\"s\",{\"_placeholder\":true,\"num\":0}]";

#[tokio::test]
async fn what_goes_twice_does_so_by_datagram_and_by_no_stream() {
    let identity = Identity::new();
    let world = world(&identity, |_| {});
    let lobby = world.gateway.room("lobby").expect("a room");
    let mut publisher = world.gateway.publisher().expect("a publisher");
    let mut page = Kind::Page.join(&world, &identity).await;
    let asked = [
        Kind::PageWithDatagrams.join(&world, &identity).await,
        Kind::Native.join(&world, &identity).await,
    ];
    let mut asked = Vec::from(asked);
    let target = "/socket.io/?EIO=4&transport=websocket";
    let mut socket = WebSocket::connect(world.at(), target).await;
    socket.next_text().await;
    socket.text("40").await;
    socket.next_text().await;
    for it in asked.iter_mut().chain([&mut page]) {
        it.text("42[\"enter\",\"lobby\"]").await;
        assert_eq!(it.next_text().await, "42[\"entered\"]");
    }
    socket.text("42[\"enter\",\"lobby\"]").await;
    assert_eq!(socket.next_text().await, "42[\"entered\"]");

    for copies in [Copies::Two, Copies::One, Copies::Two] {
        let before = world.gateway.counters();
        let sent = publisher.emit_each(&lobby, "s", Arc::new(Bytes(copies)));
        sent.expect("it is sent");
        let over = publisher.emit(&lobby, Class::Reliable, "over", &());
        over.expect("it is sent");
        publisher.flush();
        let both = [
            QuicFrame::Text(BYTES.to_owned()),
            QuicFrame::Binary(b"abcd".to_vec()),
        ];
        let times = if copies == Copies::Two { 2 } else { 1 };
        for it in &mut asked {
            for _ in 0..times {
                assert_eq!(it.next_datagram().await, both, "{copies:?}");
            }
            assert_eq!(it.next_text().await, "42[\"over\"]");
        }
        assert_eq!([page.next().await, page.next().await], both);
        assert_eq!(page.next_text().await, "42[\"over\"]");
        assert_eq!(socket.next_text().await, BYTES);
        assert_eq!(socket.next().await, Frame::Binary(b"abcd".to_vec()));
        assert_eq!(socket.next_text().await, "42[\"over\"]");
        let counted = || {
            let now = world.gateway.counters();
            let sent = now.datagrams_sent - before.datagrams_sent;
            (sent, now.datagrams_repeated - before.datagrams_repeated)
        };
        let wanted = (2 * times, 2 * (times - 1));
        within("the counts", async {
            while counted() != wanted {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_session_may_end_while_its_copy_waits() {
    const SESSIONS: u64 = 40;
    let identity = Identity::new();
    let world = world(&identity, |_| {});
    let lobby = world.gateway.room("lobby").expect("a room");
    let mut publisher = world.gateway.publisher().expect("a publisher");
    for _ in 0..SESSIONS {
        let mut it = Kind::Native.join(&world, &identity).await;
        it.text("42[\"enter\",\"lobby\"]").await;
        assert_eq!(it.next_text().await, "42[\"entered\"]");
        let sent = publisher.emit_each(&lobby, "s", Arc::new(Bytes(Copies::Two)));
        sent.expect("it is sent");
        publisher.flush();
        it.next_datagram().await;
        world
            .gateway
            .to("lobby")
            .disconnect_sockets(true)
            .expect("they leave");
        it.closed().await;
    }
    let counters = world.gateway.counters();
    println!("{counters:?}");
    assert!(counters.datagrams_sent - counters.datagrams_repeated >= SESSIONS);
    // It serves on.
    let mut it = Kind::Native.join(&world, &identity).await;
    it.text("42[\"volatile\",\"x\"]").await;
    it.next_datagram().await;
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
