//! Namespaces at both ends, the ack table against a model, recovery claims.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use ringside_proto::socketio::{
    AckTable, CONNECT_TIMEOUT, ClientAct, ClientNamespace, Kind, Misbehaviour, NAMESPACES_MAX,
    Packet, ServerAct, ServerNamespaces, TooManyPending, split_query,
};
use ringside_proto::time::Millis;

use super::cases;

fn server() -> ServerNamespaces {
    ServerNamespaces::new(CONNECT_TIMEOUT, NAMESPACES_MAX as u16, Millis(0))
}

fn on(server: &mut ServerNamespaces, text: &str) -> Result<ServerAct, Misbehaviour> {
    server.on_packet(&Packet::scan(text).expect("a packet"))
}

const UNEXPECTED: Result<ServerAct, Misbehaviour> = Err(Misbehaviour::UnexpectedPacket);

#[test]
fn a_namespace_is_joined_used_and_left() {
    let mut server = server();
    assert_eq!(on(&mut server, "0/chat,{}"), Ok(ServerAct::Connect));
    assert!(!server.is_joined("/chat"));
    assert!(server.accept("/chat"));
    assert!(server.is_joined("/chat"));
    assert_eq!(server.next_deadline(), Millis::NEVER);
    assert_eq!(on(&mut server, "2/chat,[\"x\"]"), Ok(ServerAct::Deliver));
    assert_eq!(on(&mut server, "3/chat,1[]"), Ok(ServerAct::Deliver));
    assert_eq!(server.joined().collect::<Vec<_>>(), ["/chat"]);
    assert_eq!(on(&mut server, "1/chat,"), Ok(ServerAct::Left));
    assert_eq!(on(&mut server, "2/chat,[\"x\"]"), UNEXPECTED);
    assert_eq!(on(&mut server, "0/chat,"), Ok(ServerAct::Connect));
    assert!(server.accept("/chat"));
    assert!(server.leave("/chat"));
    assert!(!server.leave("/chat"));
}

#[test]
fn what_is_out_of_place_closes_the_connection() {
    let mut server = server();
    for text in ["2[\"x\"]", "1", "31[]", "4{}", "2/x,[\"y\"]"] {
        assert_eq!(on(&mut server, text), UNEXPECTED, "{text}");
    }
    assert_eq!(on(&mut server, "0"), Ok(ServerAct::Connect));
    // Nothing may come before the answer, nor a second request.
    for text in ["0", "2[\"x\"]", "1"] {
        assert_eq!(on(&mut server, text), UNEXPECTED, "{text}");
    }
    assert!(server.refuse("/"));
    assert!(!server.refuse("/"));
    assert!(!server.accept("/"));
    assert_eq!(on(&mut server, "0"), Ok(ServerAct::Connect));
    assert!(server.accept("/"));
    assert!(!server.refuse("/"));
    assert_eq!(on(&mut server, "0"), UNEXPECTED);
    assert_eq!(on(&mut server, "4{}"), UNEXPECTED);
}

#[test]
fn a_connection_must_join_in_time_and_not_too_much() {
    let mut server = ServerNamespaces::new(1000, 2, Millis(50));
    assert_eq!(server.next_deadline(), Millis(1050));
    assert!(!server.is_overdue(Millis(1049)));
    assert!(server.is_overdue(Millis(1050)));
    assert_eq!(on(&mut server, "0/a"), Ok(ServerAct::Connect));
    assert_eq!(on(&mut server, "0/b"), Ok(ServerAct::Connect));
    assert_eq!(on(&mut server, "0/c"), Err(Misbehaviour::TooManyNamespaces));
    // Pending is not joined.
    assert!(server.is_overdue(Millis(1050)));
    assert!(server.accept("/a"));
    assert!(!server.is_overdue(Millis(u64::MAX - 1)));
}

#[test]
fn clients_of_the_older_protocol_join_the_root_unasked() {
    let mut server = server();
    server.join_root();
    server.join_root();
    assert_eq!(server.joined().count(), 1);
    assert_eq!(on(&mut server, "2[\"x\"]"), Ok(ServerAct::Deliver));
    assert_eq!(split_query("/chat?token=a?b"), ("/chat", Some("token=a?b")));
    assert_eq!(split_query("/chat"), ("/chat", None));
    assert_eq!(on(&mut server, "0/chat?token=x,"), Ok(ServerAct::Connect));
    assert!(server.accept("/chat"));
    assert_eq!(on(&mut server, "2/chat,[\"x\"]"), Ok(ServerAct::Deliver));
}

#[test]
fn a_client_connects_is_refused_and_recovers() {
    let mut client = ClientNamespace::new();
    let packet = |text| Packet::scan(text).expect("a packet");
    assert_eq!(client.on_packet(&packet("2[\"x\"]")), Ok(ClientAct::Ignore));
    client.on_connecting();
    assert_eq!(
        client.on_packet(&packet("4{\"message\":\"no\"}")),
        Ok(ClientAct::Refused)
    );
    client.on_connecting();
    assert_eq!(
        client.on_packet(&packet("2[\"early\"]")),
        Ok(ClientAct::Hold)
    );
    assert_eq!(
        client.on_packet(&packet("0")),
        Err(Misbehaviour::InvalidPayload)
    );
    let connected = |recovered| ClientAct::Connected {
        sid: "s".into(),
        pid: Some("p".into()),
        recovered,
    };
    assert_eq!(
        client.on_packet(&packet(r#"0{"sid":"s","pid":"p"}"#)),
        Ok(connected(false))
    );
    assert!(client.is_connected());
    assert_eq!(client.pid(), Some("p"));
    assert_eq!(
        client.on_packet(&packet("2[\"x\"]")),
        Ok(ClientAct::Deliver)
    );
    assert_eq!(client.on_packet(&packet("30[]")), Ok(ClientAct::Deliver));
    assert_eq!(
        client.on_packet(&packet("0{\"sid\":\"s\"}")),
        Ok(ClientAct::Ignore)
    );
    client.on_closed();
    assert!(!client.is_connected());
    client.on_connecting();
    assert_eq!(
        client.on_packet(&packet(r#"0{"sid":"s","pid":"p"}"#)),
        Ok(connected(true))
    );
    assert_eq!(client.on_packet(&packet("1")), Ok(ClientAct::Disconnected));
    assert_eq!(client.on_packet(&packet("1")), Ok(ClientAct::Ignore));
    client.on_connecting();
    let plain = ClientAct::Connected {
        sid: "t".into(),
        pid: None,
        recovered: false,
    };
    assert_eq!(client.on_packet(&packet(r#"0{"sid":"t"}"#)), Ok(plain));
}

#[derive(Clone, Debug)]
enum AckOp {
    Expect { within: u16 },
    Answer { id: u64 },
    Wait { millis: u16 },
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn the_ack_table_agrees_with_a_map(ops in vec(
        prop_oneof![
            (0u16..500).prop_map(|within| AckOp::Expect { within }),
            (0u64..30).prop_map(|id| AckOp::Answer { id }),
            (0u16..200).prop_map(|millis| AckOp::Wait { millis }),
        ],
        0..60,
    )) {
        const MAX: usize = 8;
        let mut table = AckTable::default();
        let mut model: BTreeMap<u64, Millis> = BTreeMap::new();
        let (mut now, mut next) = (Millis(0), 0);
        for op in ops {
            match op {
                AckOp::Expect { within } => {
                    let until = now.plus(u32::from(within));
                    match table.expect(next, until, MAX) {
                        Ok(id) => {
                            prop_assert!(model.len() < MAX);
                            prop_assert_eq!(id, next);
                            model.insert(id, until);
                            next += 1;
                        }
                        Err(TooManyPending(waiter)) => {
                            prop_assert_eq!((model.len(), waiter), (MAX, next));
                        }
                    }
                }
                AckOp::Answer { id } => {
                    prop_assert_eq!(table.answer(id), model.remove(&id).map(|_| id));
                }
                AckOp::Wait { millis } => {
                    now = now.plus(u32::from(millis));
                    let mut timed_out = Vec::new();
                    while let Some((id, waiter)) = table.poll(now) {
                        prop_assert_eq!(id, waiter);
                        timed_out.push(id);
                    }
                    let expected: Vec<u64> =
                        model.iter().filter(|(_, until)| **until <= now).map(|(id, _)| *id).collect();
                    model.retain(|_, until| *until > now);
                    prop_assert_eq!(timed_out, expected);
                }
            }
            let deadline = model.values().min().copied().unwrap_or(Millis::NEVER);
            prop_assert_eq!((table.len(), table.next_deadline()), (model.len(), deadline));
            prop_assert_eq!(table.is_empty(), model.is_empty());
        }
        let drained: Vec<u64> = table.drain().collect();
        prop_assert_eq!(drained, model.into_keys().collect::<Vec<_>>());
        prop_assert!(table.is_empty());
    }

    #[test]
    fn a_server_counts_what_it_joined(ops in vec((0u8..6, 0u8..4), 0..60)) {
        let mut server = ServerNamespaces::new(CONNECT_TIMEOUT, 3, Millis(0));
        let mut model: BTreeMap<String, bool> = BTreeMap::new();
        for (op, ns) in ops {
            let name = format!("/{ns}");
            match op {
                0 => {
                    let expected = match model.contains_key(&name) {
                        true => UNEXPECTED,
                        false if model.len() == 3 => Err(Misbehaviour::TooManyNamespaces),
                        false => Ok(ServerAct::Connect),
                    };
                    prop_assert_eq!(server.on(Kind::Connect, &name), expected);
                    if expected.is_ok() {
                        model.insert(name, false);
                    }
                }
                1 => {
                    let was = model.get_mut(&name);
                    prop_assert_eq!(server.accept(&name), was.is_some());
                    if let Some(joined) = was { *joined = true }
                }
                2 => {
                    let pending = model.get(&name) == Some(&false);
                    prop_assert_eq!(server.refuse(&name), pending);
                    if pending { model.remove(&name); }
                }
                3 | 4 => {
                    let joined = model.get(&name) == Some(&true);
                    if op == 3 {
                        prop_assert_eq!(server.leave(&name), joined);
                    } else {
                        let expected = if joined { Ok(ServerAct::Left) } else { UNEXPECTED };
                        prop_assert_eq!(server.on(Kind::Disconnect, &name), expected);
                    }
                    if joined { model.remove(&name); }
                }
                _ => {
                    let joined = model.get(&name) == Some(&true);
                    let expected = if joined { Ok(ServerAct::Deliver) } else { UNEXPECTED };
                    prop_assert_eq!(server.on(Kind::Event, &name), expected);
                }
            }
            let mut seen: Vec<String> = server.joined().map(str::to_owned).collect();
            seen.sort();
            let expected: Vec<String> = model.iter().filter(|(_, joined)| **joined).map(|(name, _)| name.clone()).collect();
            prop_assert_eq!(seen, expected);
        }
    }
}
