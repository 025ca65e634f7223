//! Connections that carry nothing but polls, which are read without an HTTP server in between: what a client sees is
//! what that server would have said, whatever comes.

use std::time::Duration;

use ringside_gateway::{Limits, RawMessage, Timing};
use ringside_tests::{
    peer::{Http, Place, Polling, Reply},
    within,
    world::{PATH, World, unpaced},
};

/// How often a connection was taken from the HTTP server, and how often one changed its shard.
fn counted(world: &World) -> (u64, u64) {
    let counters = world.gateway.counters();
    (counters.direct_pollers, counters.moved_pollers)
}

/// What may differ from reply to reply is left out.
fn without_date(reply: &Reply) -> (u16, Vec<(String, String)>, &[u8]) {
    let headers = reply.headers.iter().filter(|(name, _)| name != "date");
    (reply.status, headers.cloned().collect(), &reply.body)
}

#[tokio::test]
async fn after_the_first_poll_there_is_no_server_in_between() {
    let mut world = World::new();
    let (session, connection) = world.polling().await;
    let mut http = session.connection(Place::Own).await;
    let mut replies = Vec::new();
    for text in ["first", "second", "third"] {
        connection.send(RawMessage::Text(text)).unwrap();
        connection.send(RawMessage::Binary(b"\x00\xff")).unwrap();
        let mut reply = http.get(&session.target()).await;
        if !reply.text().ends_with("bAP8=") {
            // They were sent one by one.
            assert_eq!(reply.text(), format!("4{text}"));
            reply = http.get(&session.target()).await;
            assert_eq!(reply.text(), "bAP8=");
        } else {
            assert_eq!(reply.text(), format!("4{text}\x1ebAP8="));
        }
        replies.push(reply);
    }
    assert_eq!(counted(&world), (1, 0));
    let names = |reply: &Reply| {
        let names = reply.headers.iter().map(|(name, _)| name.clone());
        names.collect::<Vec<_>>()
    };
    assert_eq!(
        names(&replies[0]),
        ["content-type", "content-length", "date"]
    );
    for reply in &replies[1..] {
        assert_eq!(names(reply), names(&replies[0]));
        assert_eq!(
            reply.header("content-type"),
            replies[0].header("content-type")
        );
        // As RFC 9110 §5.6.7 has it: `Sun, 06 Nov 1994 08:49:37 GMT`.
        let date = reply.header("date").unwrap();
        assert!(date.len() == 29 && date.ends_with(" GMT"), "{date}");
    }
}

#[tokio::test]
async fn a_connection_goes_to_the_shard_it_polls_for_and_stays() {
    let mut world = World::new();
    let (session, _) = world.polling().await;
    let mut http = session.connection(Place::Other).await;
    for round in 0..20 {
        let text = format!("echo {round}");
        session.say(&text).await;
        assert_eq!(http.get(&session.target()).await.text(), format!("4{text}"));
    }
    // Taken from the server, it moved; there it was at home.
    assert_eq!(counted(&world), (2, 1));
    // A poll that waits there is given up like any other.
    let mut poll = http;
    poll.request("GET", &session.target(), &[], b"").await;
    session.say("echo more").await;
    assert_eq!(poll.reply().await.text(), "4echo more");
    poll.request("GET", &session.target(), &[], b"").await;
    drop(poll);
    while session.post(b"4more").await.text() == "ok" {}
}

#[tokio::test]
async fn a_connection_of_many_sessions_answers_each() {
    // As a proxy's is, that keeps its connections.
    let world = World::new();
    let mut sessions = Vec::new();
    for _ in 0..8 {
        sessions.push(Polling::open(world.at(), PATH).await);
    }
    let mut http = Http::connect(world.at()).await;
    let mut seed = 7u64;
    for round in 0..200 {
        // Knuth's generator: any order will do.
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let session = &sessions[(seed >> 33) as usize % sessions.len()];
        let text = format!("echo {round}");
        match seed >> 40 & 3 {
            0 => {
                let said = http
                    .post(&session.target(), format!("4{text}").as_bytes())
                    .await;
                assert_eq!(said.text(), "ok");
            }
            _ => session.say(&text).await,
        }
        assert_eq!(http.get(&session.target()).await.text(), format!("4{text}"));
    }
    let (_, moved) = counted(&world);
    assert!(moved <= 4, "it moved {moved} times");
}

/// Requests that are more than a poll, or less; `TARGET` is that of a poll for which a message waits.
const OTHERS: &[&str] = &[
    "POST TARGET HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\n\r\n4hi",
    "OPTIONS TARGET HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "DELETE TARGET HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "GET TARGET HTTP/1.1\r\nhost: localhost\r\norigin: http://localhost\r\n\r\n",
    "GET TARGET HTTP/1.1\r\nhost: localhost\r\norigin: http://elsewhere.example\r\n\r\n",
    "GET TARGET HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
    "GET TARGET HTTP/1.1\r\nhost: localhost\r\nconnection: keep-alive\r\n\r\n",
    "GET TARGET HTTP/1.0\r\nhost: localhost\r\n\r\n",
    "GET TARGET HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\n\r\n4hi",
    "GET TARGET HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n",
    "GET TARGET HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "GET TARGET HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
    "GET TARGETx HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "GET TARGET&j=0 HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "GET http://localhostTARGET HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "GET /engine.io/?EIO=3&transport=polling HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "GET /engine.io/?EIO=4&transport=pigeon HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "GET /engine.io/?EIO=4&transport=polling&sid= HTTP/1.1\r\nhost: localhost\r\nx: y\r\nbad\r\n\r\n",
    "GET /nothing HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "GET nothing HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "get TARGET HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "GET TARGET HTTP/9.1\r\nhost: localhost\r\n\r\n",
    "GET TARGET\r\n\r\n",
    "\x16\x03\x01\x02\x00\x01\x00\x01\x7c\x03\x03\r\n\r\n",
];

/// The reply to `request`, whose head comes in so many pieces; `None` if the connection ends instead.
async fn reply_to(http: &mut Http, request: &[u8], pieces: usize) -> Option<Reply> {
    let head = request.windows(4).position(|four| four == b"\r\n\r\n");
    // What is left of it, and a body, comes at once: else it is a race whether the body is there in time.
    let (head, rest) = request.split_at(head.expect("a head"));
    for piece in head.chunks(head.len().div_ceil(pieces)).chain([rest]) {
        // Closed already: then there is a reply, or none.
        let _ = http.send(piece).await;
        tokio::task::yield_now().await;
    }
    within("a reply or the end", http.try_reply()).await.ok()
}

#[tokio::test]
async fn whatever_is_no_poll_is_answered_as_on_a_fresh_connection() {
    let mut world = World::new();
    let many: String = (0..100).map(|n| format!("x-{n}: y\r\n")).collect();
    let long = "x".repeat(20_000);
    let mut others: Vec<String> = OTHERS.iter().map(|it| (*it).to_owned()).collect();
    others.push(format!("GET TARGET HTTP/1.1\r\n{many}\r\n"));
    others.push(format!(
        "GET TARGET&{long} HTTP/1.1\r\nhost: localhost\r\n\r\n"
    ));
    for other in &others {
        for pieces in [1, 3, 40] {
            let mut replies = Vec::new();
            for place in [Place::Own, Place::Direct] {
                let (session, connection) = world.polling().await;
                let mut http = session.connection(place).await;
                connection.send(RawMessage::Text("waits")).unwrap();
                let request = other.replace("TARGET", &session.target());
                let reply = reply_to(&mut http, request.as_bytes(), pieces).await;
                replies.push(reply.map(|mut reply| {
                    let body = reply.text().replace(&session.open.sid, "SID");
                    reply.body = body.into_bytes();
                    reply
                }));
            }
            let [fresh, direct] = &replies[..] else {
                unreachable!()
            };
            assert_eq!(
                direct.as_ref().map(without_date),
                fresh.as_ref().map(without_date),
                "{other:.300?} in {pieces} pieces"
            );
        }
    }
}

#[tokio::test]
async fn a_body_that_comes_after_the_answer_is_no_request() {
    let mut world = World::new();
    for place in Place::EACH {
        let (session, connection) = world.polling().await;
        let mut http = session.connection(place).await;
        // As a request of its own it would be refused with 400.
        let hidden = "GET /engine.io/?EIO=4&transport=pigeon HTTP/1.1\r\nhost: localhost\r\n\r\n";
        let (length, target) = (hidden.len(), session.target());
        let head =
            format!("GET {target} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n");
        connection.send(RawMessage::Text("waits")).unwrap();
        http.send(head.as_bytes()).await.unwrap();
        assert_eq!(http.reply().await.text(), "4waits");
        // Read over, or the end of the connection.
        let _ = http.send(hidden.as_bytes()).await;
        let _ = http
            .send(b"GET /seen HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .await;
        let mut replies = 0;
        while let Ok(reply) = within("a reply or the end", http.try_reply()).await {
            replies += 1;
            assert!(replies < 2 && reply.status == 404, "{}", reply.text());
            if reply.header("connection") != Some("close") {
                break;
            }
        }
    }
}

#[tokio::test]
async fn requests_that_come_early_are_answered_in_turn() {
    let mut world = World::new();
    for place in Place::EACH {
        let (session, connection) = world.polling().await;
        let mut http = session.connection(place).await;
        let target = session.target();
        let poll = format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        let page = "GET /nothing HTTP/1.1\r\nhost: localhost\r\n\r\n";
        // Two at once and half of a third, the rest while the first of them waits.
        let all = [&poll, page, &poll].concat();
        let (now, later) = all.split_at(all.len() - 20);
        http.send(now.as_bytes()).await.unwrap();
        http.send(later.as_bytes()).await.unwrap();
        connection.send(RawMessage::Text("one")).unwrap();
        assert_eq!(http.reply().await.text(), "4one");
        assert_eq!(http.reply().await.status, 404);
        connection.send(RawMessage::Text("two")).unwrap();
        assert_eq!(http.reply().await.text(), "4two");
        session.say("echo three").await;
        assert_eq!(http.get(&target).await.text(), "4echo three");
    }
}

#[tokio::test]
async fn an_answer_that_the_socket_does_not_take_at_once_arrives_whole() {
    let mut world = World::new();
    for cut in [false, true] {
        let (session, connection) = world.polling().await;
        let mut http = session.connection(Place::Direct).await;
        // Between two polls: as much as may wait.
        let sent: Vec<String> = (0..9u8)
            .map(|n| char::from(b'a' + n).to_string().repeat(100_000))
            .collect();
        for text in &sent {
            connection.send(RawMessage::Text(text)).unwrap();
        }
        session.say("they are there").await;
        assert_eq!(world.text().await, "they are there");
        http.request("GET", &session.target(), &[], b"").await;
        if cut {
            // Amid it, or before it.
            assert!(!http.some().await.unwrap().is_empty());
            http.reset();
            if session.post(b"4more").await.text() == "ok" {
                // It had gone out whole to the kernel: as much as TCP tells.
                continue;
            }
            continue;
        }
        let mut got = Vec::new();
        while got.len() < sent.len() {
            let reply = match got.is_empty() {
                true => http.reply().await,
                false => http.get(&session.target()).await,
            };
            let packets = reply.text().split('\x1e');
            got.extend(packets.map(|packet| packet[1..].to_owned()));
        }
        assert!(got == sent, "they are not what was sent");
    }
    assert_eq!(counted(&world).0, 2);
}

#[tokio::test]
async fn a_connection_that_asks_for_nothing_is_closed_and_one_that_waits_is_not() {
    let limits = Limits {
        handshake_ms: 300,
        ..unpaced()
    };
    let mut world = World::with(limits, Timing::default());
    let (session, connection) = world.polling().await;
    let mut idle = session.connection(Place::Direct).await;
    let mut waits = session.connection(Place::Direct).await;
    waits.request("GET", &session.target(), &[], b"").await;
    idle.closed().await;
    // Three times the patience, and nothing happened.
    assert!(!waits.hears_within(Duration::from_millis(900)).await);
    connection.send(RawMessage::Text("at last")).unwrap();
    assert_eq!(waits.reply().await.text(), "4at last");
    waits.closed().await;
}
