//! Events that want an answer: one's, many's, and none.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use ringside_gateway::{AckError, AckReplies, Limits, Socket};
use ringside_tests::{within, world::unpaced};

use super::{World, hear, movable, synced, told};

#[tokio::test]
async fn one_answer_is_awaited_inside_a_handler_and_two_messages_start_in_order() {
    let (tell, heard) = told();
    let world = World::new(|io| {
        io.on_async("ask", move |socket: Socket, n: u32| {
            tell(format!("begin {n}"));
            let tell = tell.clone();
            async move {
                let answer = socket.emit_with_ack::<u32>("double", &n).await;
                tell(format!("end {n}"));
                answer.unwrap()
            }
        });
    });
    let (mut client, _) = world.client().await;
    client.send(r#"21["ask",5]"#).await;
    client.send(r#"22["ask",6]"#).await;
    client.expect(r#"20["double",5]"#).await;
    client.expect(r#"21["double",6]"#).await;
    // Answered the other way round.
    client.send("31[12]").await;
    client.expect("32[12]").await;
    client.send("30[10]").await;
    client.expect("31[10]").await;
    let order: Vec<_> = (0..4).map(|_| hear(&heard)).collect();
    assert_eq!(order, ["begin 5", "begin 6", "end 6", "end 5"]);
}

#[tokio::test]
async fn an_answer_that_does_not_come_or_does_not_fit_is_an_error() {
    let sockets: Arc<Mutex<Vec<Socket>>> = Arc::default();
    let all = sockets.clone();
    let world = World::new(|io| {
        io.limits(Limits {
            acks: 2,
            ..unpaced()
        });
        io.on_connect(move |socket| all.lock().unwrap().push(socket.clone()));
    });
    let (mut client, _) = world.client().await;
    let socket = sockets.lock().unwrap()[0].clone();
    let brief = Duration::from_millis(50);
    let late = socket.timeout(brief).emit_with_ack::<u32>("a", &());
    assert!(matches!(
        within("a timeout", late).await,
        Err(AckError::Timeout)
    ));
    client.expect(r#"20["a"]"#).await;
    client.send("30[1]").await;

    let odd = socket.emit_with_ack::<u32>("b", &());
    client.expect(r#"21["b"]"#).await;
    client.send(r#"31["text"]"#).await;
    assert!(matches!(
        within("an answer", odd).await,
        Err(AckError::Arguments(_))
    ));

    let (c, d) = (
        socket.emit_with_ack::<u32>("c", &()),
        socket.emit_with_ack::<()>("d", &()),
    );
    let e = within("a refusal", socket.emit_with_ack::<u32>("e", &())).await;
    assert!(matches!(e, Err(AckError::TooManyPending)));
    client.send("1").await;
    for error in [
        within("c", c).await.unwrap_err(),
        within("d", d).await.unwrap_err(),
    ] {
        assert!(matches!(error, AckError::Disconnected), "{error}");
    }
    let after = within("f", socket.emit_with_ack::<u32>("f", &())).await;
    assert!(matches!(after, Err(AckError::Disconnected)));
    // Answers nobody waits for are ignored: the session lives.
    for event in ["c", "d"] {
        let packet = client.next().await;
        assert!(packet.ends_with(&format!(r#"["{event}"]"#)), "{packet}");
    }
    client.join("/", "").await;
}

#[tokio::test]
async fn answers_of_many_are_gathered_and_those_missing_are_named() {
    let world = World::new(movable);
    let mut clients = world.clients(5).await;
    for (client, _) in &mut clients[..4] {
        client.send(r#"21["join",["team"]]"#).await;
        client.expect("31[true]").await;
        synced(client).await;
    }
    let whole = world.io.to("team").emit_with_ack::<u32>("count", &"all");
    for (n, (client, _)) in clients[..4].iter_mut().enumerate() {
        client.expect(r#"20["count","all"]"#).await;
        client.send(&format!("30[{n}]")).await;
    }
    let mut whole = within("all answers", whole)
        .await
        .unwrap()
        .complete()
        .unwrap();
    whole.sort();
    assert_eq!(whole, [0, 1, 2, 3]);

    let brief = Duration::from_millis(300);
    let part = world
        .io
        .to("team")
        .timeout(brief)
        .emit_with_ack::<u32>("count", &"some");
    for (client, _) in &mut clients[..4] {
        client.expect(r#"21["count","some"]"#).await;
    }
    clients[0].0.send("31[7]").await;
    clients[1].0.send(r#"31["text"]"#).await;
    drop(clients.remove(2));
    let AckReplies { replies, missing } = within("what came", part).await.unwrap();
    assert_eq!(replies.len(), 1);
    assert_eq!(
        (replies[0].0.to_string(), replies[0].1),
        (clients[0].1.clone(), 7)
    );
    assert_eq!(missing.len(), 3);

    let nobody = within(
        "nobody",
        world.io.to("nowhere").emit_with_ack::<u32>("x", &()),
    )
    .await;
    assert!(nobody.unwrap().complete().unwrap().is_empty());
}
