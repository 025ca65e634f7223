//! A session that polls, and the stream that wants to replace it.

use ringside_gateway::{RawMessage, Timing};
use ringside_tests::{
    peer::{Identity, Quic, QuicFrame},
    within,
    world::PATH,
};

use super::world;

#[tokio::test]
async fn a_session_that_polls_upgrades_to_a_stream_on_any_shard() {
    let identity = Identity::new();
    let mut world = world(&identity, |_| {});
    // The kernel deals connections out to four shards, so that most land on another than the session's.
    for _ in 0..24 {
        let (session, connection) = world.polling().await;
        let upgrades = &session.open.json["upgrades"];
        assert_eq!(*upgrades, serde_json::json!(["websocket", "webtransport"]));
        let mut it = Quic::page(world.at(), &identity, PATH, &[]).await;
        it.text(&format!("0{{\"sid\":\"{}\"}}", session.open.sid))
            .await;
        it.text("2probe").await;
        assert_eq!(it.next_text().await, "3probe");
        // What waits when the transport changes goes by the new one; what comes behind the "5" is heard.
        connection.send(RawMessage::Text("waits")).expect("sent");
        let mut bytes = Vec::new();
        for packet in ["5", "4echo at once"] {
            QuicFrame::Text(packet.to_owned()).write(&mut bytes);
        }
        it.raw(&bytes).await.expect("a stream");
        assert_eq!(it.next_text().await, "4waits");
        assert_eq!(it.next_text().await, "4echo at once");
        assert!(session.get().await.is_refusal(3), "it polls no more");
        connection.close().expect("closed");
        assert_eq!(it.closed().await.0, 1000);
    }
}

#[tokio::test]
async fn an_upgrade_that_is_none_is_closed_and_the_session_polls_on() {
    let identity = Identity::new();
    let timing = Timing {
        upgrade_timeout: 300,
        ..Timing::default()
    };
    let mut world = world(&identity, |io| {
        io.timing(timing);
    });
    let (session, _) = world.polling().await;
    let claim = format!("0{{\"sid\":\"{}\"}}", session.open.sid);
    let nobody = format!(
        "0{{\"sid\":\"{}AAAAAAAAAAAAAAAAAA\"}}",
        &session.open.sid[..2]
    );
    for (first, code) in [
        (nobody.as_str(), 4404),
        ("0{\"sid\":\"no sid\"}", 4404),
        ("0{\"sid\":7}", 1002),
        ("0{}", 1002),
        ("2probe", 1002),
        ("40", 1002),
        ("x", 1002),
    ] {
        let mut it = Quic::page(world.at(), &identity, PATH, &[]).await;
        it.text(first).await;
        assert_eq!(it.closed().await.0, code, "{first}");
    }
    // A second candidate beside the first is the newcomer's loss.
    let mut first = Quic::page(world.at(), &identity, PATH, &[]).await;
    first.text(&claim).await;
    first.text("2probe").await;
    assert_eq!(first.next_text().await, "3probe");
    let mut second = Quic::page(world.at(), &identity, PATH, &[]).await;
    second.text(&claim).await;
    assert_eq!(second.closed().await.0, 1008);
    first.text("4echo too soon").await;
    assert_eq!(
        first.closed().await,
        (1002, "the probe of the new transport failed".to_owned())
    );
    // One that says nothing more is given up in its time.
    let mut silent = Quic::page(world.at(), &identity, PATH, &[]).await;
    silent.text(&claim).await;
    within("the end", silent.session.closed()).await;
    session.say("echo still here").await;
    assert_eq!(session.get().await.text(), "4echo still here");
}
