//! Long-polling under races: what happens when requests of one session overlap, break off, come too
//! late or land on another shard than the session's.
//!
//! Each race is run twice where it can be: with requests that land on the owner, and on another
//! shard. The outcomes are those of the reference (npm engine.io), unless a test says otherwise.

use ringside_tests::{
    peer::{Frame, Http, Place, Polling, WebSocket, shard_of},
    within,
    world::World,
};

const PATH: &str = "/engine.io/";

/// Each further request finds no session.
async fn assert_dead(session: &Polling) {
    let reply = session.get().await;
    assert!(reply.is_refusal(1), "{}", reply.text());
    let reply = session.post(b"4late").await;
    assert!(reply.is_refusal(1), "{}", reply.text());
}

/// It takes messages and answers them.
async fn assert_alive(session: &Polling) {
    session.say("echo still here").await;
    let reply = session.get().await;
    assert_eq!((reply.status, reply.text()), (200, "4echo still here"));
}

/// A POST of which only the head was sent, and the server has agreed to read its body.
async fn begin_post(session: &Polling, place: Place, length: usize) -> Http {
    let mut http = session.connection(place).await;
    let target = session.target();
    let head = format!(
        "POST {target} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\nexpect: 100-continue\r\n\r\n"
    );
    http.send(head.as_bytes()).await.unwrap();
    assert_eq!(http.reply().await.status, 100);
    http
}

#[tokio::test]
async fn a_poll_waits_and_takes_what_is_sent_meanwhile() {
    let mut world = World::new();
    for place in Place::BOTH {
        let (session, connection) = world.polling().await;
        let mut poll = session.poll(place).await;
        session.say("echo one").await;
        assert_eq!(poll.reply().await.text(), "4echo one");
        // Between two polls messages wait, and the next poll takes all of them at once.
        session.say("echo two").await;
        connection
            .send(ringside_gateway::RawMessage::Binary(b"\x00\xff"))
            .unwrap();
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
    for place in Place::BOTH {
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
    for place in Place::BOTH {
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
    for place in Place::BOTH {
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
    for place in Place::BOTH {
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
    for place in Place::BOTH {
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
        let place = Place::BOTH[round % 2];
        let (session, connection) = world.polling().await;
        let poll = session.poll(place).await;
        let send = |text| connection.send(ringside_gateway::RawMessage::Text(text));
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
    for place in Place::BOTH {
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

#[tokio::test]
async fn a_session_of_another_shard_is_served_by_every_shard() {
    let mut world = World::new();
    let (session, _) = world.polling().await;
    let mut own = session.connection(Place::Own).await;
    let mut other = session.connection(Place::Other).await;
    for round in 0..20 {
        let (text, reply) = (format!("4echo {round}"), format!("4echo {round}"));
        let (post, get) = match round % 2 {
            0 => (&mut own, &mut other),
            _ => (&mut other, &mut own),
        };
        assert_eq!(
            post.post(&session.target(), text.as_bytes()).await.text(),
            "ok"
        );
        assert_eq!(get.get(&session.target()).await.text(), reply);
    }
}

#[tokio::test]
async fn a_wrong_sid_is_unknown_on_every_way_in() {
    let world = World::new();
    let session = Polling::open(world.at(), PATH).await;
    let real = session.open.sid.as_bytes();
    // The same shard, another random part; a shard that does not exist; no sid at all.
    let mut guessed = real.to_vec();
    guessed[19] = if real[19] == b'A' { b'B' } else { b'A' };
    let guessed = String::from_utf8(guessed).unwrap();
    assert_eq!(shard_of(&guessed), shard_of(&session.open.sid));
    let nowhere = format!("__{}", &session.open.sid[2..]);
    for sid in [&*guessed, &*nowhere, "x", "AAAAAAAAAAAAAAAAAAAA", "%00"] {
        let at = world.at();
        let target = |by| format!("{PATH}?EIO=4&transport={by}&sid={sid}");
        let get = Http::connect(at).await.get(&target("polling")).await;
        assert!(get.is_refusal(1), "{sid}: {}", get.text());
        let post = Http::connect(at)
            .await
            .post(&target("polling"), b"4hi")
            .await;
        assert!(post.is_refusal(1), "{sid}: {}", post.text());
        let refused = WebSocket::upgrade(Http::connect(at).await, &target("websocket"), &[]).await;
        let refused = refused.expect_err("no session, no upgrade");
        assert!(refused.is_refusal(1), "{sid}: {}", refused.text());
    }
    assert_alive(&session).await;
}

#[tokio::test]
async fn packets_are_parted_by_the_separator_alone() {
    let mut world = World::new();
    let (session, _) = world.polling().await;
    // Without it there is one packet, whatever its text looks like.
    session.say("a4b").await;
    assert_eq!(world.text().await, "a4b");
    assert_eq!(session.post(b"4a\x1e4b").await.text(), "ok");
    assert_eq!(
        (world.text().await, world.text().await),
        ("a".into(), "b".into())
    );
    assert_alive(&session).await;
}

#[tokio::test]
async fn a_bad_packet_ends_the_session_after_those_before_it() {
    let bad: [(&[u8], &str); 6] = [
        (b"", "a packet is empty"),
        (b"4good\x1e", "a packet is empty"),
        (b"4good\x1eabc", "the packet type is unknown"),
        (b"4good\x1eb!", "the binary packet is not base64"),
        (b"\xff\xfe", "the payload is not UTF-8"),
        (b"2", "the heartbeat goes the other way round"),
    ];
    let mut world = World::new();
    for (body, reason) in bad {
        let (session, connection) = world.polling().await;
        let mut poll = session.poll(Place::Other).await;
        let reply = session.post(body).await;
        assert!(reply.is_refusal(3), "{}", reply.text());
        if body.starts_with(b"4good") {
            assert_eq!(world.text().await, "good");
        }
        assert_eq!(world.closed(&connection).await, reason);
        assert_eq!(poll.reply().await.text(), "1");
        assert_dead(&session).await;
    }
}

#[tokio::test]
async fn a_hundred_thousand_empty_packets_are_one_mistake() {
    let mut world = World::new();
    let (session, connection) = world.polling().await;
    let reply = session.post(&[0x1e; 100_000]).await;
    assert_eq!(reply.status, 400);
    assert_eq!(world.closed(&connection).await, "a packet is empty");
    // As many that are legal, and mean nothing, change nothing.
    let session = Polling::open(world.at(), PATH).await;
    let noops = vec!["6"; 100_000].join("\x1e");
    assert_eq!(session.post(noops.as_bytes()).await.text(), "ok");
    assert_alive(&session).await;
}

#[tokio::test]
async fn a_body_of_bytes_is_refused() {
    let mut world = World::new();
    let (session, connection) = world.polling().await;
    let mut http = Http::connect(world.at()).await;
    let kind = ("content-type", "application/octet-stream");
    http.request("POST", &session.target(), &[kind], b"4hi")
        .await;
    assert!(http.reply().await.is_refusal(3));
    assert_eq!(
        world.closed(&connection).await,
        "a binary data request is not part of version 4"
    );
    assert_dead(&session).await;
}

#[tokio::test]
async fn a_body_that_is_too_big_is_cut_off_while_it_streams() {
    let mut world = World::new();
    for chunked in [false, true] {
        let (session, connection) = world.polling().await;
        let http = session.connection(Place::Other).await;
        let length = match chunked {
            true => "transfer-encoding: chunked",
            false => "content-length: 1000000000",
        };
        let head = format!(
            "POST {} HTTP/1.1\r\nhost: localhost\r\n{length}\r\n\r\n",
            session.target()
        );
        let (sent, reply) = stream_body(http, &head, chunked).await;
        assert_eq!(reply, Some(413), "chunked {chunked}");
        // The limit is 1,000,000; what was sent beyond it lay in buffers on the way.
        assert!(sent < 32 << 20, "{sent} bytes were taken");
        assert_eq!(world.closed(&connection).await, "the payload is too big");
        assert_dead(&session).await;
    }
    // At the limit it is taken.
    let session = Polling::open(world.at(), PATH).await;
    let reply = session.post(&[b'4'; 1_000_000]).await;
    assert_eq!((reply.status, reply.text()), (200, "ok"));
    let reply = session.post(&[b'4'; 1_000_001]).await;
    assert_eq!(reply.status, 413);
}

/// Sends a body without end until the server stops reading; tells how much went, and the status.
async fn stream_body(mut http: Http, head: &str, chunked: bool) -> (usize, Option<u16>) {
    http.send(head.as_bytes()).await.unwrap();
    let piece = match chunked {
        true => [b"10000\r\n".as_slice(), &[b'4'; 0x10000], b"\r\n"].concat(),
        false => vec![b'4'; 0x10000],
    };
    let mut sent = 0;
    within("the body is cut off", async {
        while sent < 100 << 20 {
            match http.send(&piece).await {
                Ok(()) => sent += piece.len(),
                Err(_) => break,
            }
        }
    })
    .await;
    let reply = within("a reply", http.try_reply()).await;
    (sent, reply.ok().map(|reply| reply.status))
}

#[tokio::test]
async fn an_upgrade_carries_on_where_polling_stops() {
    let mut world = World::new();
    for place in Place::BOTH {
        let (session, connection) = world.polling().await;
        let send = |text: &str| {
            let message = ringside_gateway::RawMessage::Text(text);
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
    for place in Place::BOTH {
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
    for place in Place::BOTH {
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
    for place in Place::BOTH {
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
