//! The adapter's seam: two gateways linked within this process behave as one.

use std::sync::{Arc, Mutex};

use ringside_gateway::{
    Socket,
    adapter::{Adapter, Node, Replies, Request},
};
use ringside_tests::within;

use super::{World, hear, movable, told};

/// A wire between gateways: what one carries, the others receive.
#[derive(Clone, Default)]
struct Wire(Arc<Mutex<Vec<Option<Node>>>>);

struct End {
    wire: Wire,
    at: usize,
}

impl Wire {
    fn end(&self) -> End {
        let mut ends = self.0.lock().unwrap();
        ends.push(None);
        End {
            wire: self.clone(),
            at: ends.len() - 1,
        }
    }
}

impl Adapter for End {
    fn is_alone(&self) -> bool {
        false
    }

    fn attach(&self, node: Node) {
        self.wire.0.lock().unwrap()[self.at] = Some(node);
    }

    fn carry(&self, request: Request, replies: Option<Replies>) {
        let ends = self.wire.0.lock().unwrap().clone();
        let others: Vec<_> = ends
            .into_iter()
            .enumerate()
            .filter_map(|(at, node)| node.filter(|_| at != self.at))
            .collect();
        if let Some(replies) = &replies {
            replies.expect(others.len());
        }
        for node in others {
            node.receive(&request, replies.clone());
        }
    }
}

#[tokio::test]
async fn linked_gateways_behave_as_one() {
    let wire = Wire::default();
    let (tell, heard) = told();
    let make = |name: &'static str| {
        let (end, tell) = (wire.end(), tell.clone());
        World::new(move |io| {
            movable(io);
            io.adapter(end);
            io.of("/").on_server_side("whoami", move |from: String| {
                tell(format!("{name} is asked by {from}"));
                name
            });
            io.on("local", |socket: &Socket, ()| {
                socket.local().emit("here", &()).is_ok()
            });
        })
    };
    let (one, two) = (make("one"), make("two"));
    let (mut a, a_id) = one.client().await;
    let (mut b, b_id) = two.client().await;

    one.io
        .emit("e", &bytes::Bytes::from_static(b"\x01\x02"))
        .unwrap();
    for client in [&mut a, &mut b] {
        client
            .expect(r#"51-["e",{"_placeholder":true,"num":0}]"#)
            .await;
        let frame = client.frame().await;
        assert!(
            matches!(frame, ringside_tests::peer::Frame::Binary(bytes) if bytes == b"\x01\x02")
        );
    }
    // A socket of the other server, by its id; moved, fetched, asked.
    one.io.to(&b_id).sockets_join("far").unwrap();
    one.io.to("far").emit("to far", &1).unwrap();
    b.expect(r#"2["to far",1]"#).await;
    let mut found: Vec<_> = within("sockets", one.io.everybody().fetch_sockets())
        .await
        .unwrap()
        .iter()
        .map(|socket| (socket.id().to_string(), socket.rooms().to_vec()))
        .collect();
    found.sort();
    let mut expected = vec![
        (a_id.clone(), vec![]),
        (b_id.clone(), vec!["far".to_owned()]),
    ];
    expected.sort();
    assert_eq!(found, expected);

    let asked = one.io.everybody().emit_with_ack::<u32>("n", &());
    a.expect(r#"20["n"]"#).await;
    a.send("30[1]").await;
    b.expect(r#"20["n"]"#).await;
    b.send("30[2]").await;
    let mut answers = within("answers", asked).await.unwrap().complete().unwrap();
    answers.sort();
    assert_eq!(answers, [1, 2]);

    let answers = one
        .io
        .everybody()
        .server_side_emit_with_ack("whoami", &"one");
    let answers = within("the other's answer", answers.unwrap()).await;
    assert_eq!(answers, ["two"]);
    assert_eq!(hear(&heard), "two is asked by one");

    // Local is local.
    b.send(r#"21["local"]"#).await;
    b.expect("31[true]").await;
    one.io.everybody().local().emit("near", &()).unwrap();
    a.expect(r#"2["near"]"#).await;

    one.io.to(&b_id).disconnect_sockets(true).unwrap();
    b.expect("1").await;
    assert!(b.0.closed().await.is_some());
}
