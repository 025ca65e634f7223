//! Operations on a server's and a client's session: time only moves on, a session closes once, a
//! closed one does nothing, at most one poll and one candidate, deadlines are kept.

use ringside_proto::close::CloseReason;
use ringside_proto::engineio::{
    Act, ClientAct, ClientSession, PacketKind, ServerSession, Timing, Transport, Version,
};
use ringside_proto::time::Millis;

use super::Source;

const TIMING: Timing = Timing {
    ping_interval: 50,
    ping_timeout: 30,
    upgrade_timeout: 40,
};
const OPEN: &str =
    r#"{"sid":"s","upgrades":["websocket"],"pingInterval":50,"pingTimeout":30,"maxPayload":9}"#;

/// First byte: version and transport. Then two bytes an operation.
pub fn run(data: &[u8]) {
    let mut source = Source(data);
    let flags = source.byte();
    let version = if flags & 1 == 0 {
        Version::V4
    } else {
        Version::V3
    };
    let transport = if flags & 2 == 0 {
        Transport::Polling
    } else {
        Transport::WebSocket
    };
    server(Source(source.0), version, transport);
    client(source, version, transport);
}

fn server(mut source: Source<'_>, version: Version, transport: Transport) {
    let mut session = ServerSession::new(TIMING, version, transport, Millis(0));
    let mut now = Millis(0);
    let mut closes = 0;
    while source.more() {
        let (op, argument) = (source.byte(), source.byte());
        let was_closed = session.is_closed();
        let kind = PacketKind::ALL[usize::from(argument) % 7];
        let act = match op % 12 {
            0 | 1 => session.on_packet(kind, now),
            2 => session.on_poll(now),
            3 => {
                session.on_poll_answered();
                Act::Nothing
            }
            4 => session.on_post(argument & 1 == 1),
            5 => {
                session.on_post_done();
                Act::Nothing
            }
            6 => {
                let before = session.candidate();
                let candidate =
                    [Transport::WebSocket, Transport::WebTransport][usize::from(argument & 1)];
                let accepted = session.on_candidate(candidate, now).is_ok();
                assert!(!accepted || (before.is_none() && !was_closed));
                Act::Nothing
            }
            7 => {
                session.on_candidate_packet(kind, if argument & 8 == 0 { "probe" } else { "" }, now)
            }
            8 => session.on_candidate_lost(),
            9 if argument > 200 => session.close(CloseReason::Draining),
            10 if argument > 200 => session.on_transport_closed(true),
            _ => {
                now = now.plus(u32::from(argument));
                let mut last = Act::Nothing;
                for turn in 0.. {
                    assert!(turn < 8, "polling comes to rest");
                    let act = session.poll(now);
                    closes += usize::from(matches!(act, Act::Close(_)));
                    if act == Act::Nothing {
                        break;
                    }
                    last = act;
                }
                assert!(
                    session.next_deadline() > now || session.is_closed(),
                    "deadlines are kept: {last:?}"
                );
                Act::Nothing
            }
        };
        closes += usize::from(matches!(act, Act::Close(_)));
        assert!(closes <= 1, "a session closes once");
        assert_eq!(session.is_closed(), closes == 1);
        if was_closed {
            assert!(
                matches!(act, Act::Nothing | Act::DropCandidate),
                "{act:?} after the end"
            );
        }
        if let Act::SwitchTo(to) = act {
            assert_eq!((session.transport(), session.candidate()), (to, None));
        }
        if session.is_closed() {
            assert_eq!(
                (session.next_deadline(), session.candidate()),
                (Millis::NEVER, None)
            );
        }
    }
}

fn client(mut source: Source<'_>, version: Version, transport: Transport) {
    let mut session = ClientSession::new(version, transport);
    let mut now = Millis(0);
    let mut closes = 0;
    while source.more() {
        let (op, argument) = (source.byte(), source.byte());
        let kind = PacketKind::ALL[usize::from(argument) % 7];
        let was_open = session.is_open();
        let act = match op % 8 {
            0 => session.on_packet(PacketKind::Open, OPEN, now),
            1 | 2 => session.on_packet(kind, "", now),
            3 => {
                assert!(session.on_candidate(Transport::WebSocket).is_err() || was_open);
                ClientAct::Nothing
            }
            4 => session.on_candidate_packet(kind, "probe"),
            5 => session.on_paused(),
            6 if argument > 200 => session.on_transport_closed(false),
            _ => {
                now = now.plus(u32::from(argument));
                session.poll(now)
            }
        };
        closes += usize::from(matches!(act, ClientAct::Close(_)));
        assert!(closes <= 1, "a session closes once");
        assert!(
            act != ClientAct::Deliver || was_open,
            "nothing is delivered before the opening"
        );
        if closes == 1 {
            assert!(!session.is_open() && session.next_deadline() == Millis::NEVER);
        }
    }
}
