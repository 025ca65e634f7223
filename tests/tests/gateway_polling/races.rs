//! Requests of one session that overlap, and those that break off.

use ringside_gateway::RawMessage;
use ringside_tests::{peer::Place, world::World};

use super::{assert_dead, begin_post};

#[tokio::test]
async fn a_poll_waits_and_takes_what_is_sent_meanwhile() {
    let mut world = World::new();
    for place in Place::EACH {
        let (session, connection) = world.polling().await;
        let mut poll = session.poll(place).await;
        session.say("echo one").await;
        assert_eq!(poll.reply().await.text(), "4echo one");
        // Between two polls messages wait, and the next poll takes all of them at once.
        session.say("echo two").await;
        connection.send(RawMessage::Binary(b"\x00\xff")).unwrap();
        session.say("echo three").await;
        let mut got = Vec::new();
        while got.len() < 3 {
            let reply = session.get().await;
            got.extend(reply.text().split('\x1e').map(str::to_owned));
        }
        // The two paths to the session (its own, and the application's thread) keep no common order.
        got.sort();
        assert_eq!(got, ["4echo three", "4echo two", "bAP8="]);
    }
}

#[tokio::test]
async fn overlapping_gets_end_the_session() {
    let mut world = World::new();
    for place in Place::EACH {
        let (session, connection) = world.polling().await;
        let mut first = session.poll(place).await;
        let second = session.get().await;
        assert_eq!(second.status, 400);
        let first = first.reply().await;
        assert_eq!((first.status, first.text()), (200, "1"));
        assert_eq!(world.closed(&connection).await, "a poll is pending already");
        assert_dead(&session).await;
    }
}

#[tokio::test]
async fn overlapping_posts_end_the_session() {
    let mut world = World::new();
    for place in Place::EACH {
        let (session, connection) = world.polling().await;
        let mut poll = session.poll(Place::Own).await;
        let mut first = begin_post(&session, place, 6).await;
        first.send(b"4he").await.unwrap();
        let second = session.post(b"4second").await;
        assert_eq!(second.status, 400);
        assert_eq!(
            world.closed(&connection).await,
            "a data request is in progress already"
        );
        assert_eq!(poll.reply().await.text(), "1");
        // The first has nobody to deliver to.
        first.send(b"llo").await.unwrap();
        assert_eq!(first.reply().await.status, 400);
        assert_dead(&session).await;
    }
}

#[tokio::test]
async fn a_post_is_taken_while_a_poll_is_pending() {
    let mut world = World::new();
    for place in Place::EACH {
        let (session, _) = world.polling().await;
        let mut poll = session.poll(place).await;
        for text in ["a", "b", "c"] {
            session.say(text).await;
            assert_eq!(world.text().await, text);
        }
        session.say("echo d").await;
        assert_eq!(poll.reply().await.text(), "4echo d");
    }
}

#[tokio::test]
async fn closing_by_post_ends_the_pending_poll_with_a_noop() {
    let mut world = World::new();
    for place in Place::EACH {
        let (session, connection) = world.polling().await;
        let mut poll = session.poll(place).await;
        let reply = session.post(b"1").await;
        assert_eq!((reply.status, reply.text()), (200, "ok"));
        let reply = poll.reply().await;
        assert_eq!((reply.status, reply.text()), (200, "6"));
        assert_eq!(world.closed(&connection).await, "the peer closed");
        assert_dead(&session).await;
    }
}

#[tokio::test]
async fn a_pending_poll_that_is_given_up_ends_the_session() {
    let mut world = World::new();
    for place in Place::EACH {
        for reset in [false, true] {
            let (session, connection) = world.polling().await;
            let poll = session.poll(place).await;
            match reset {
                true => poll.reset(),
                false => drop(poll),
            }
            let why = world.closed(&connection).await;
            assert_eq!(why, "reading or writing failed", "{place:?}, reset {reset}");
            assert_dead(&session).await;
        }
    }
}

/// A poll that breaks off while its reply is on the way. What was handed to the connection counts as
/// delivered, as in the reference: TCP tells nobody more. What was not, ends the session or waits
/// for the next poll. In no case is a message doubled or the session left unable to go on.
#[tokio::test]
async fn a_poll_that_breaks_off_amid_its_reply_leaves_the_session_ended_or_sound() {
    let mut world = World::new();
    let (mut ended, mut kept, mut handed) = (0, 0, 0);
    for round in 0..40 {
        let place = Place::EACH[round % 3];
        let (session, connection) = world.polling().await;
        let poll = session.poll(place).await;
        let send = |text| connection.send(RawMessage::Text(text));
        // Which of the two comes first is the scheduler's choice.
        let sent = if round % 4 < 2 {
            let sent = send("first").is_ok();
            poll.reset();
            sent
        } else {
            poll.reset();
            send("first").is_ok()
        };
        let mut next = session.poll(Place::Own).await;
        // A mark behind it: what the next poll brings, it brings in order and once.
        let marked = sent && send("mark").is_ok();
        let reply = next.reply().await;
        if reply.status != 200 || reply.text() == "1" {
            ended += 1;
            continue;
        }
        assert!(marked, "a session that has ended answers");
        let mut got = reply.text().to_owned();
        if got == "4first" {
            got = format!("{got}\x1e{}", session.get().await.text());
        }
        match got.as_str() {
            "4first\x1e4mark" => kept += 1,
            "4mark" => handed += 1,
            other => panic!("{other:?}"),
        }
    }
    println!("ended {ended}, kept {kept}, handed over {handed}");
    assert_eq!(ended + kept + handed, 40);
}

#[tokio::test]
async fn a_truncated_post_ends_the_session() {
    let mut world = World::new();
    for place in Place::EACH {
        for reset in [false, true] {
            let (session, connection) = world.polling().await;
            let mut post = begin_post(&session, place, 100).await;
            post.send(b"4only this").await.unwrap();
            match reset {
                true => post.reset(),
                false => drop(post),
            }
            assert_eq!(world.closed(&connection).await, "reading or writing failed");
            assert_dead(&session).await;
        }
    }
}
