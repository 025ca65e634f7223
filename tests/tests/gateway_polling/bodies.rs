//! What a POST brings: packets and their separator, packets that are none, and bodies too big.

use ringside_tests::{
    peer::{Http, Place, Polling},
    within,
    world::{PATH, World},
};

use super::{assert_alive, assert_dead};

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
