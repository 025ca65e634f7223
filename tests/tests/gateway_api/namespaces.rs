//! Namespaces and rooms as they come and go, and who is let in.

use std::sync::Arc;

use ringside_gateway::{ConnectError, Socket};
use ringside_tests::{peer::SocketIo, within};
use serde::Deserialize;

use super::{World, hear, movable, told};

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
