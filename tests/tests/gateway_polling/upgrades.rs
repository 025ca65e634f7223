//! The upgrade to WebSocket: where polling stops the candidate carries on, and one that is none harms nobody.

use ringside_gateway::RawMessage;
use ringside_tests::{
    peer::{Frame, Place, Polling, WebSocket},
    world::{PATH, World},
};

use super::assert_alive;

#[tokio::test]
async fn an_upgrade_carries_on_where_polling_stops() {
    let mut world = World::new();
    for place in Place::EACH {
        let (session, connection) = world.polling().await;
        let send = |text: &str| {
            let message = RawMessage::Text(text);
            connection.send(message).unwrap();
        };
        let mut poll = session.poll(place).await;
        let mut candidate = session.candidate(place).await.unwrap();
        candidate.text("2probe").await;
        assert_eq!(candidate.next_text().await, "3probe");
        assert_eq!(poll.reply().await.text(), "6");
        // While the probe stands, polling still carries messages, and a poll is soon released.
        let mut poll = session.poll(place).await;
        assert_eq!(poll.reply().await.text(), "6");
        let mut poll = session.poll(place).await;
        send("by polling");
        let mut got = poll.reply().await;
        while got.text() == "6" {
            got = session.get().await;
        }
        assert_eq!(got.text(), "4by polling");
        send("by websocket");
        candidate.text("5").await;
        assert_eq!(candidate.next_text().await, "4by websocket");
        // Polling is over for this session; the session is not.
        assert!(session.get().await.is_refusal(3));
        assert!(session.post(b"4hi").await.is_refusal(3));
        candidate.text("4echo on").await;
        assert_eq!(candidate.next_text().await, "4echo on");
        candidate.text("1").await;
        assert_eq!(world.closed(&connection).await, "the peer closed");
    }
}

#[tokio::test]
async fn a_poll_pending_at_the_switch_is_answered_with_a_noop() {
    let world = World::new();
    for place in Place::EACH {
        let session = Polling::open(world.at(), PATH).await;
        let mut candidate = session.candidate(place).await.unwrap();
        // All in one segment, and a message behind the "5".
        let frames = ["2probe", "5", "4echo x"].map(|text| WebSocket::frame(0x81, text.as_bytes()));
        let mut poll = session.poll(place).await;
        candidate.raw(&frames.concat()).await.unwrap();
        assert_eq!(candidate.next_text().await, "3probe");
        assert_eq!(candidate.next_text().await, "4echo x");
        let reply = poll.reply().await;
        // Released by the probe, by the switch, or too late for either.
        assert!(
            reply.text() == "6" || reply.is_refusal(3),
            "{}",
            reply.text()
        );
    }
}

#[tokio::test]
async fn a_second_upgrade_is_closed_and_harms_nobody() {
    let world = World::new();
    for place in Place::EACH {
        let session = Polling::open(world.at(), PATH).await;
        let mut first = session.candidate(place).await.unwrap();
        first.text("2probe").await;
        assert_eq!(first.next_text().await, "3probe");
        for done in [false, true] {
            let mut second = session.candidate(place).await.unwrap();
            let reason = "the session was or is being upgraded".to_owned();
            assert_eq!(second.closed().await, Some((1008, reason)));
            if !done {
                first.text("5").await;
            }
            first.text("4echo x").await;
            assert_eq!(first.next_text().await, "4echo x");
        }
    }
}

#[tokio::test]
async fn a_candidate_that_breaks_off_or_talks_nonsense_leaves_polling_as_it_was() {
    let mut world = World::new();
    let (session, _) = world.polling().await;
    for place in Place::EACH {
        for nonsense in ["4hello", "2", "x", "3probe", "", "6"] {
            let mut candidate = session.candidate(place).await.unwrap();
            candidate.text(nonsense).await;
            assert!(matches!(
                candidate.next().await,
                Frame::Close(..) | Frame::Ended
            ));
            assert_alive(&session).await;
        }
        for bytes in [b"\xff\xff\xff".as_slice(), b"\x81\x85\0\0\0\0hello"] {
            let mut candidate = session.candidate(place).await.unwrap();
            candidate.raw(bytes).await.unwrap();
            assert!(matches!(
                candidate.next().await,
                Frame::Close(..) | Frame::Ended
            ));
        }
        for probed in [false, true] {
            let mut candidate = session.candidate(place).await.unwrap();
            if probed {
                candidate.text("2probe").await;
                assert_eq!(candidate.next_text().await, "3probe");
            }
            candidate.0.reset();
            assert_alive(&session).await;
        }
    }
    // And then one that does it right.
    let mut candidate = loop {
        // The server may hear of the reset only now.
        let mut candidate = session.candidate(Place::Other).await.unwrap();
        candidate.text("2probe").await;
        if candidate.next().await == Frame::Text("3probe".into()) {
            break candidate;
        }
    };
    candidate.text("5").await;
    candidate.text("4echo x").await;
    assert_eq!(candidate.next_text().await, "4echo x");
}
