//! The msgpack parser, and what hooks see of requests.

use bytes::Bytes;
use ringside_gateway::{Ack, Args, Parser, RawArgs, Recovery, Socket};
use ringside_proto::socketio::{Kind, Limits, msgpack};
use ringside_tests::peer::{Frame, Http, SocketIo};

use super::{World, hear, told};

/// A client that speaks msgpack.
struct Packed(SocketIo);

impl Packed {
    async fn send(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = Vec::new();
        write(&mut bytes);
        self.0.0.binary(&bytes).await;
    }

    async fn next(&mut self) -> Vec<u8> {
        match self.0.frame().await {
            Frame::Binary(bytes) => bytes,
            other => panic!("no msgpack packet: {other:?}"),
        }
    }

    async fn join(
        &mut self,
        namespace: &str,
        auth: &serde_json::Value,
    ) -> (Kind, serde_json::Value) {
        self.send(|out| msgpack::encode_other(out, Kind::Connect, namespace, Some(auth)).unwrap())
            .await;
        let bytes = self.next().await;
        let packet = msgpack::decode(&bytes, &Limits::default()).unwrap();
        (packet.kind, packet.data().unwrap())
    }
}

#[tokio::test]
async fn msgpack_carries_everything_json_does() {
    let world = World::new(|io| {
        io.parser(Parser::Msgpack).recovery(Recovery::default());
        io.on("add", |_: &Socket, (a, b): (u32, u32)| a + b);
        io.on_raw(
            "echo",
            |socket: &Socket, args: Args<'_>, ack: Option<Ack>| {
                let args = RawArgs::of_event(&args).unwrap();
                socket.emit_raw("echoed", &args).unwrap();
                ack.unwrap().send_raw(&args).unwrap();
            },
        );
        io.on_async("ask", |socket: Socket, ()| async move {
            socket.emit_with_ack::<Bytes>("bytes", &()).await.unwrap()
        });
        io.of("/no").use_middleware(|_| Err("never"));
    });
    let mut client = Packed(SocketIo::open(world.io.address()).await);
    let (kind, data) = client.join("/no", &serde_json::json!({})).await;
    assert_eq!(
        (kind, data),
        (Kind::ConnectError, serde_json::json!({"message": "never"}))
    );
    let (kind, data) = client.join("/", &serde_json::json!({"a": 1})).await;
    assert_eq!(kind, Kind::Connect);
    assert!(data["sid"].is_string() && data["pid"].is_string());

    client
        .send(|out| msgpack::encode_event(out, "/", Some(7), "add", &(1, 2), None).unwrap())
        .await;
    let bytes = client.next().await;
    let packet = msgpack::decode(&bytes, &Limits::default()).unwrap();
    assert_eq!((packet.kind, packet.id), (Kind::Ack, Some(7)));
    assert_eq!(packet.args().parse::<u32>().unwrap(), 3);

    let blob = Bytes::from_static(b"\x00\xff");
    client
        .send(|out| {
            msgpack::encode_event(out, "/", Some(8), "echo", &(&blob, -1, "x"), None).unwrap();
        })
        .await;
    let bytes = client.next().await;
    let packet = msgpack::decode(&bytes, &Limits::default()).unwrap();
    let echoed: (Bytes, i32, String, String) = packet.args().parse().unwrap();
    assert_eq!((&echoed.0, echoed.1, &*echoed.2), (&blob, -1, "x"));
    assert!(echoed.3.contains('.'), "the offset comes last");
    let bytes = client.next().await;
    let packet = msgpack::decode(&bytes, &Limits::default()).unwrap();
    assert_eq!(
        packet.args().parse::<(Bytes, i32, String)>().unwrap().0,
        blob
    );

    client
        .send(|out| msgpack::encode_event(out, "/", Some(9), "ask", &(), None).unwrap())
        .await;
    let bytes = client.next().await;
    let packet = msgpack::decode(&bytes, &Limits::default()).unwrap();
    let id = packet.id.unwrap();
    client
        .send(|out| msgpack::encode_ack(out, "/", id, &blob).unwrap())
        .await;
    let bytes = client.next().await;
    let packet = msgpack::decode(&bytes, &Limits::default()).unwrap();
    assert_eq!(packet.args().parse::<Bytes>().unwrap(), blob);

    world.io.emit("all", &1).unwrap();
    let bytes = client.next().await;
    let packet = msgpack::decode(&bytes, &Limits::default()).unwrap();
    assert_eq!(packet.event.as_deref(), Some("all"));
    // Text is no packet here.
    client.0.send("2[\"add\",1,2]").await;
    let (code, sentence) = client.0.0.closed().await.expect("a reason");
    assert_eq!(
        (code, &*sentence),
        (1002, "the message is not a msgpack packet")
    );
}

#[tokio::test]
async fn hooks_see_refusals_and_add_headers() {
    let (tell, heard) = told();
    let world = World::new(|io| {
        io.on_connection_error(move |error| {
            tell((error.code, error.message, error.request.url().to_owned()));
        });
        io.headers(|request, headers| {
            if request.is_initial {
                headers.insert("x-first", "1".parse().unwrap());
            }
            headers.insert("x-always", "1".parse().unwrap());
        });
    });
    let mut http = Http::connect(world.io.address()).await;
    let reply = http.get("/socket.io/?EIO=4&transport=polling").await;
    assert_eq!(reply.header("x-first"), Some("1"));
    assert_eq!(reply.header("x-always"), Some("1"));
    let sid = ringside_tests::peer::Open::parse(reply.text()).sid;
    http.post(
        &format!("/socket.io/?EIO=4&transport=polling&sid={sid}"),
        b"40",
    )
    .await;
    let reply = http
        .get(&format!("/socket.io/?EIO=4&transport=polling&sid={sid}"))
        .await;
    assert_eq!(reply.header("x-first"), None);
    assert_eq!(reply.header("x-always"), Some("1"));
    let reply = http.get("/socket.io/?EIO=4&transport=pigeon").await;
    assert_eq!(reply.status, 400);
    let url = "/socket.io/?EIO=4&transport=pigeon".to_owned();
    assert_eq!(hear(&heard), (0, "Transport unknown", url));
}
