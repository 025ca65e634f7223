//! Packets and decisions in any order at both ends of the namespaces: what is delivered was joined,
//! and no more is joined than allowed.

use ringside_proto::socketio::{
    ClientAct, ClientNamespace, Kind, Packet, ServerAct, ServerNamespaces,
};
use ringside_proto::time::Millis;

use super::Source;

const NAMES: [&str; 4] = ["/", "/a", "/b", "/a?x=1"];
const TEXTS: [&str; 8] = [
    "0{\"sid\":\"s\"}",
    "0{\"sid\":\"s\",\"pid\":\"p\"}",
    "0{}",
    "1",
    "2[\"x\"]",
    "30[]",
    "4{\"message\":\"no\"}",
    "51-[\"x\",{\"_placeholder\":true,\"num\":0}]",
];

/// One byte an operation.
pub fn run(data: &[u8]) {
    let mut source = Source(data);
    let mut server = ServerNamespaces::new(45, 2, Millis(0));
    let mut client = ClientNamespace::new();
    while source.more() {
        let byte = source.byte();
        let name = NAMES[usize::from(byte >> 6)];
        let plain = name.split('?').next().unwrap_or(name);
        let joined = server.is_joined(plain);
        match byte % 8 {
            0 => {
                if server.on(Kind::Connect, name) == Ok(ServerAct::Connect) {
                    assert!(!joined && !server.is_joined(plain));
                }
            }
            1 => assert_eq!(server.accept(plain), server.is_joined(plain)),
            2 => {
                let _ = server.refuse(plain);
                assert_eq!(server.is_joined(plain), joined);
            }
            3 => assert_eq!(server.leave(plain), joined),
            4 => {
                let left = server.on(Kind::Disconnect, name) == Ok(ServerAct::Left);
                assert_eq!(left, joined);
                assert!(!server.is_joined(plain));
            }
            5 => assert_eq!(
                server.on(Kind::Event, name) == Ok(ServerAct::Deliver),
                joined
            ),
            6 => client.on_connecting(),
            _ => {
                let packet = Packet::scan(TEXTS[usize::from(byte >> 3) % 8]).expect("a packet");
                let was_connected = client.is_connected();
                match client.on_packet(&packet) {
                    Ok(ClientAct::Deliver) => assert!(was_connected),
                    Ok(ClientAct::Connected { recovered, .. }) => {
                        assert!(!was_connected && client.is_connected());
                        assert!(!recovered || client.pid().is_some());
                    }
                    Ok(ClientAct::Hold | ClientAct::Refused) | Err(_) => assert!(!was_connected),
                    Ok(ClientAct::Disconnected) => assert!(!client.is_connected()),
                    Ok(ClientAct::Ignore) => {}
                }
            }
        }
        assert!(server.joined().count() <= 2);
    }
}
