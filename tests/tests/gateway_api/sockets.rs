//! A socket: what is seen of its events, what it has of its own, how it leaves, and its handles on other threads.

use std::sync::{Arc, OnceLock};

use ringside_gateway::{DisconnectReason, Gateway, HandlerError, Socket};
use ringside_tests::within;

use super::{World, hear, movable, synced, told};

#[tokio::test]
async fn events_are_seen_filtered_and_refused_before_their_handlers() {
    let (tell, heard) = told();
    let (any, filter, error, out) = (tell.clone(), tell.clone(), tell.clone(), tell.clone());
    let world = World::new(|io| {
        io.of("/")
            .on_any(move |_, event, args| any(format!("any {event} {}", args.raw())))
            .use_packet(move |_, event, _| {
                filter(format!("filter {event}"));
                match event {
                    "bad" => Err("not today".to_owned()),
                    _ => Ok(()),
                }
            })
            .on_error(move |_, failure| {
                error(match failure {
                    HandlerError::Arguments { event, .. } => format!("unfit {event}"),
                    HandlerError::Refused { event, error } => format!("refused {event}: {error}"),
                    HandlerError::Panicked { event } => format!("panicked {event}"),
                    _ => "other".to_owned(),
                });
            })
            .on_any_outgoing(move |event, args| {
                let first: u32 = args.parse().unwrap_or(0);
                out(format!("out {event} {first}"));
            })
            .on("add", |_: &Socket, (a, b): (u32, u32)| a + b)
            .on("bad", |_: &Socket, ()| "unreachable")
            .on("panic", |_: &Socket, ()| -> () {
                panic!("a handler fails")
            });
    });
    let (mut client, _) = world.client().await;
    client.send(r#"21["add",1,2]"#).await;
    client.expect("31[3]").await;
    client.send(r#"22["add","x",2]"#).await;
    assert!(
        client
            .next()
            .await
            .starts_with(r#"32[{"error":"invalid type"#)
    );
    client.send(r#"23["bad"]"#).await;
    client.expect(r#"33[{"error":"not today"}]"#).await;
    world.io.emit("note", &9).unwrap();
    client.expect(r#"2["note",9]"#).await;
    client.send(r#"2["panic"]"#).await;
    assert!(client.0.closed().await.is_some());
    let expected = [
        r#"any add ["add",1,2]"#,
        "filter add",
        r#"any add ["add","x",2]"#,
        "filter add",
        "unfit add",
        r#"any bad ["bad"]"#,
        "filter bad",
        "refused bad: not today",
        "out note 9",
        r#"any panic ["panic"]"#,
        "filter panic",
        "panicked panic",
    ];
    for line in expected {
        assert_eq!(hear(&heard), line);
    }
    let counters = world.io.counters();
    assert_eq!(
        (
            counters.unfit_arguments,
            counters.refused_events,
            counters.failed_handlers
        ),
        (1, 1, 1)
    );
}

#[tokio::test]
async fn a_socket_has_handlers_data_and_extensions_of_its_own() {
    let (tell, heard) = told();
    let world = World::new(move |io| {
        io.on("shared", |_: &Socket, ()| "namespace");
        io.on_connect(move |socket| {
            let said = tell.clone();
            socket.insert_extension(41u64);
            let counted = socket.on("count", |socket: &Socket, by: u64| {
                let now = socket.extension::<u64>().map_or(0, |n| *n) + by;
                socket.insert_extension(now);
                now
            });
            socket.once("once", |_: &Socket, ()| "first");
            socket.on("shared", |socket: &Socket, ()| {
                socket.emit("also", &()).unwrap();
                "ignored"
            });
            let any = said.clone();
            socket.on_any(move |_, event, _| any(format!("any {event}")));
            let first = said.clone();
            socket.prepend_any(move |_, event, _| first(format!("first {event}")));
            let out = said.clone();
            socket.on_any_outgoing(move |event, _| out(format!("out {event}")));
            socket.on("forget", move |socket: &Socket, ()| {
                socket.off_any();
                socket.off_any_outgoing();
                socket.off(counted)
            });
        });
    });
    let (mut client, _) = world.client().await;
    for (packet, answer) in [
        (r#"21["count",1]"#, "31[42]"),
        (r#"22["once"]"#, r#"32["first"]"#),
        (r#"23["forget"]"#, "33[true]"),
    ] {
        client.send(packet).await;
        client.expect(answer).await;
    }
    client.send(r#"24["once"]"#).await;
    client.send(r#"25["count",1]"#).await;
    client.send(r#"26["shared"]"#).await;
    let mut both = [client.next().await, client.next().await];
    both.sort();
    assert_eq!(both, [r#"2["also"]"#, r#"36["namespace"]"#]);
    for event in ["count", "once", "forget"] {
        assert_eq!(hear(&heard), format!("first {event}"));
        assert_eq!(hear(&heard), format!("any {event}"));
    }
    assert!(
        heard.try_recv().is_err(),
        "nothing after they were taken back"
    );
}

#[tokio::test]
async fn a_socket_leaves_with_its_rooms_in_sight_and_a_typed_reason() {
    let (tell, heard) = told();
    let (ending, ended, own) = (tell.clone(), tell.clone(), tell.clone());
    let world = World::new(|io| {
        movable(io);
        io.of("/")
            .on_disconnecting(move |socket, reason, rooms| {
                let mut rooms = rooms.to_vec();
                rooms.sort();
                ending(format!("{reason} {rooms:?} {}", socket.is_connected()));
            })
            .on_disconnect(move |socket, reason| {
                ended(format!("{reason} {}", socket.is_connected()));
            })
            .on_connect(move |socket| {
                let own = own.clone();
                socket.on_disconnect(move |_, reason| own(format!("own {}", reason.as_str())));
            })
            .on("quit", |socket: &Socket, close: bool| match close {
                true => socket.disconnect_client().is_ok(),
                false => socket.disconnect().is_ok(),
            });
    });
    let reasons = [
        ("41", "client namespace disconnect"),
        (r#"42["quit",false]"#, "server namespace disconnect"),
        (r#"42["quit",true]"#, "server namespace disconnect"),
        ("1", "transport close"),
        ("47", "parse error"),
    ];
    for (packet, reason) in reasons {
        let (mut client, _) = world.client().await;
        client.send(r#"21["join",["x","y"]]"#).await;
        client.expect("31[true]").await;
        synced(&mut client).await;
        client.0.text(packet).await;
        assert_eq!(hear(&heard), format!(r#"{reason} ["x", "y"] true"#));
        assert_eq!(hear(&heard), format!("{reason} false"));
        assert_eq!(hear(&heard), format!("own {reason}"));
    }
    let found = within("sockets", world.io.to(["x", "y"]).fetch_sockets()).await;
    assert_eq!(found.unwrap().len(), 0, "no room outlives its sockets");
    assert_eq!(
        DisconnectReason::ClientNamespaceDisconnect.close_reason(),
        None
    );
}

#[tokio::test]
async fn handles_are_used_from_any_thread_and_each_keeps_its_order() {
    let gateway: Arc<OnceLock<Gateway>> = Arc::default();
    let (tell, heard) = told();
    let world = World::new(|io| {
        io.on_connect(move |socket| tell(socket.clone()));
    });
    let _ = gateway.set(world.io.clone());
    let (mut client, _) = world.client().await;
    let socket = hear(&heard);
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let (socket, io) = (socket.clone(), world.io.clone());
            std::thread::spawn(move || {
                for n in 0..200 {
                    let event = format!("t{thread}");
                    while match n % 4 {
                        0 => socket.emit(&event, &n),
                        1 => io.to(socket.id()).emit(&event, &n),
                        2 => io.emit(&event, &n),
                        _ => io.everybody().except("nobody").emit(&event, &n),
                    }
                    .is_err()
                    {
                        std::thread::yield_now();
                    }
                }
            })
        })
        .collect();
    let mut next = [0; 4];
    while next.iter().any(|n| *n < 200) {
        let packet = client.next().await;
        let (thread, n) = packet
            .trim_start_matches(r#"2["t"#)
            .split_once("\",")
            .unwrap();
        let thread: usize = thread.parse().unwrap();
        assert_eq!(
            n.trim_end_matches(']').parse(),
            Ok(next[thread]),
            "thread {thread}"
        );
        next[thread] += 1;
    }
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
}
