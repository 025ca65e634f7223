//! The Socket.IO server API, with a client that says exactly what it is told to.
//!
//! Four shards, so that whatever reaches several sockets crosses threads. `sync` comes back to its
//! sender: what was sent before it on the same path has arrived when it does.

#[path = "gateway_api/acks.rs"]
mod acks;
#[path = "gateway_api/cluster.rs"]
mod cluster;
#[path = "gateway_api/handlers.rs"]
mod handlers;
#[path = "gateway_api/packets.rs"]
mod packets;
#[path = "gateway_api/recovery.rs"]
mod recovery;
#[path = "gateway_api/selectors.rs"]
mod selectors;

use std::sync::{
    Arc, OnceLock,
    mpsc::{Receiver, sync_channel},
};

use ringside_gateway::{Builder, ConnectError, DisconnectReason, Gateway, HandlerError, Socket};
use ringside_tests::{PATIENCE, peer::SocketIo, within, world::unpaced};
use serde::Deserialize;

/// A gateway, ended with its test.
struct World {
    io: Gateway,
}

impl World {
    fn new(set_up: impl FnOnce(&mut Builder)) -> Self {
        let mut io = Gateway::builder();
        io.shards(4).pinned(false).limits(unpaced());
        io.on("sync", |socket: &Socket, ()| {
            socket.emit("synced", &()).unwrap();
        });
        set_up(&mut io);
        let io = io.listen("127.0.0.1:0").expect("a free port");
        Self { io }
    }

    async fn client(&self) -> (SocketIo, String) {
        SocketIo::connect(self.io.address()).await
    }

    async fn clients(&self, count: usize) -> Vec<(SocketIo, String)> {
        let mut all = Vec::new();
        for _ in 0..count {
            all.push(self.client().await);
        }
        all
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.io.stop();
        self.io.wait();
    }
}

/// More than any test is told: handlers never wait.
const TOLD_MAX: usize = 10_000;

/// What handlers tell a test.
fn told<T: Send + 'static>() -> (impl Fn(T) + Send + Sync + Clone + 'static, Receiver<T>) {
    let (sender, receiver) = sync_channel(TOLD_MAX);
    let tell = move |it| drop(sender.try_send(it));
    (tell, receiver)
}

fn hear<T>(from: &Receiver<T>) -> T {
    from.recv_timeout(PATIENCE).expect("a handler tells")
}

async fn synced(client: &mut SocketIo) -> Vec<String> {
    client.send(r#"2["sync"]"#).await;
    client.until(r#"2["synced"]"#).await
}

/// Joins and leaves rooms of its choice.
fn movable(io: &mut Builder) {
    io.on("join", |socket: &Socket, rooms: Vec<String>| {
        socket.join(rooms).is_ok()
    });
    io.on("leave", |socket: &Socket, rooms: Vec<String>| {
        socket.leave(rooms).is_ok()
    });
}

/// A small generator of numbers, the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % sides
    }
}

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
async fn middleware_may_await_and_refuse_with_data_at_every_namespace() {
    let gate = Arc::new(tokio::sync::Notify::new());
    let waits = gate.clone();
    let world = World::new(|io| {
        io.of("/guarded")
            .use_middleware(
                |socket: &Socket| match socket.handshake().query_value("ban") {
                    Some(_) => Err("banned"),
                    None => Ok(()),
                },
            )
            .use_async(move |socket: Socket| {
                let gate = waits.clone();
                async move {
                    #[derive(Deserialize)]
                    struct Auth {
                        token: Option<String>,
                    }
                    let auth: Auth = socket
                        .parse_auth()
                        .map_err(|_| ConnectError::new("no auth"))?;
                    match auth.token.as_deref() {
                        Some("good") => {
                            gate.notified().await;
                            Ok(())
                        }
                        Some("panic") => panic!("a middleware fails"),
                        _ => Err(ConnectError::new("who are you?").with_data(&("code", 401))),
                    }
                }
            })
            .on("hi", |_: &Socket, ()| "hi");
    });
    let mut client = SocketIo::open(world.io.address()).await;
    let refused = client.ask_in("/guarded", r#"{"token":"bad"}"#).await;
    assert_eq!(
        refused,
        r#"4/guarded,{"message":"who are you?","data":["code",401]}"#
    );
    let refused = client.ask_in("/guarded", r#"{"token":"panic"}"#).await;
    assert_eq!(refused, r#"4/guarded,{"message":"internal error"}"#);
    let refused = client.ask_in("/nowhere", "").await;
    assert_eq!(refused, r#"4/nowhere,{"message":"Invalid namespace"}"#);
    // While one is asked, another is served, and a second request for the first changes nothing.
    client.send(r#"0/guarded,{"token":"good"}"#).await;
    client.send(r#"0/guarded,{"token":"good"}"#).await;
    client.send("0").await;
    assert!(client.next().await.starts_with("0{"));
    gate.notify_one();
    assert!(client.next().await.starts_with("0/guarded,{"));
    client.send(r#"2/guarded,1["hi"]"#).await;
    client.expect(r#"3/guarded,1["hi"]"#).await;
}

#[tokio::test]
async fn namespaces_are_made_from_patterns_and_go_with_their_last_socket() {
    let (tell, heard) = told();
    let world = World::new(|io| {
        io.on_new_namespace(move |name| tell(name.to_owned()));
        io.of_pattern("/room-*").on("where", |socket: &Socket, ()| {
            socket.namespace_name().to_owned()
        });
        io.of_matching(|name, auth| name == "/secret" && auth.get().contains("sesame"));
    });
    let at = world.io.address();
    let (mut a, mut b) = (SocketIo::open(at).await, SocketIo::open(at).await);
    a.join("/room-7", "").await;
    b.join("/room-7", "").await;
    b.join("/room-8", "").await;
    assert_eq!(hear(&heard), "/room-7");
    assert_eq!(hear(&heard), "/room-8");
    a.send(r#"2/room-7,1["where"]"#).await;
    a.expect(r#"3/room-7,1["/room-7"]"#).await;
    world.io.of("/room-7").unwrap().emit("e", &1).unwrap();
    a.expect(r#"2/room-7,["e",1]"#).await;
    b.expect(r#"2/room-7,["e",1]"#).await;
    let refused = a.ask_in("/secret", "{}").await;
    assert_eq!(refused, r#"4/secret,{"message":"Invalid namespace"}"#);
    a.join("/secret", r#"{"word":"sesame"}"#).await;
    a.send("1/room-7,").await;
    b.send("1/room-7,").await;
    b.send(r#"2/room-8,1["where"]"#).await;
    b.expect(r#"3/room-8,1["/room-8"]"#).await;
    let gone = async {
        while world.io.of("/room-7").is_some() {
            tokio::task::yield_now().await;
        }
    };
    within("an empty namespace is gone", gone).await;
    assert!(world.io.of("/room-8").is_some());
}

#[tokio::test]
async fn rooms_are_told_as_they_come_and_go() {
    let (tell, heard) = told();
    let (made, gone, joined, left) = (tell.clone(), tell.clone(), tell.clone(), tell.clone());
    let world = World::new(|io| {
        movable(io);
        io.of("/")
            .on_create_room(move |room| made(format!("create {room}")))
            .on_delete_room(move |room| gone(format!("delete {room}")))
            .on_join_room(move |room, id| joined(format!("join {room} {id}")))
            .on_leave_room(move |room, id| left(format!("leave {room} {id}")));
    });
    let (mut a, a_id) = world.client().await;
    let (b, b_id) = world.client().await;
    a.send(r#"2["join",["x"]]"#).await;
    assert_eq!(hear(&heard), "create x");
    assert_eq!(hear(&heard), format!("join x {a_id}"));
    world.io.to(&b_id).sockets_join("x").unwrap();
    assert_eq!(hear(&heard), format!("join x {b_id}"));
    // Once more is no change.
    world.io.to(&b_id).sockets_join("x").unwrap();
    a.send(r#"2["leave",["x"]]"#).await;
    assert_eq!(hear(&heard), format!("leave x {a_id}"));
    drop(b);
    assert_eq!(hear(&heard), format!("leave x {b_id}"));
    assert_eq!(hear(&heard), "delete x");
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
