//! Engine.IO sessions on simulated time: heartbeat, polling rules, upgrade, and a small world in
//! which a server and a client talk over a slow line.

use std::collections::VecDeque;

use proptest::collection::vec;
use proptest::prelude::*;
use ringside_proto::close::CloseReason;
use ringside_proto::engineio::{
    Act, ClientAct, ClientSession, HandshakeError, Misbehaviour, OpenPacket, PacketKind,
    ServerSession, Timing, Transport, Version,
};
use ringside_proto::time::Millis;

use super::cases;

const TIMING: Timing = Timing {
    ping_interval: 300,
    ping_timeout: 200,
    upgrade_timeout: 1000,
};

fn server(version: Version, transport: Transport) -> ServerSession {
    ServerSession::new(TIMING, version, transport, Millis(0))
}

fn open_json() -> String {
    let mut json = Vec::new();
    let open = OpenPacket {
        sid: "s".into(),
        upgrades: vec![],
        ping_interval: TIMING.ping_interval,
        ping_timeout: TIMING.ping_timeout,
        max_payload: 100,
    };
    open.encode(&mut json);
    String::from_utf8(json).expect("JSON is UTF-8")
}

fn closed(misbehaviour: Misbehaviour) -> Act {
    Act::Close(CloseReason::EngineIo(misbehaviour))
}

#[test]
fn a_client_that_is_not_read_has_as_much_longer_for_its_heartbeat() {
    for version in [Version::V4, Version::V3] {
        let mut session = server(version, Transport::WebSocket);
        session.hold(Millis(900));
        if version == Version::V4 {
            assert_eq!(session.poll(Millis(300)), Act::SendPing);
        }
        assert_eq!(session.poll(Millis(500)), Act::Nothing);
        assert_eq!(session.next_deadline(), Millis(1100), "{version:?}");
        assert_eq!(session.poll(Millis(1099)), Act::Nothing);
        assert_eq!(
            session.poll(Millis(1100)),
            Act::Close(CloseReason::PingTimeout)
        );
    }
}

#[test]
fn a_silent_client_of_version_4_is_given_up_in_time() {
    let mut session = server(Version::V4, Transport::WebSocket);
    assert_eq!(session.next_deadline(), Millis(300));
    assert_eq!(session.poll(Millis(299)), Act::Nothing);
    assert_eq!(session.poll(Millis(300)), Act::SendPing);
    assert_eq!(session.poll(Millis(300)), Act::Nothing);
    // Anything but a pong extends the wait, once.
    assert_eq!(
        session.on_packet(PacketKind::Message, Millis(400)),
        Act::Deliver
    );
    assert_eq!(
        session.on_packet(PacketKind::Message, Millis(550)),
        Act::Deliver
    );
    assert_eq!(session.next_deadline(), Millis(600));
    assert_eq!(
        session.on_packet(PacketKind::Pong, Millis(599)),
        Act::Nothing
    );
    assert_eq!(session.next_deadline(), Millis(899));
    assert_eq!(session.poll(Millis(899)), Act::SendPing);
    assert_eq!(
        session.poll(Millis(1099)),
        Act::Close(CloseReason::PingTimeout)
    );
    assert!(session.is_closed());
    assert_eq!(session.next_deadline(), Millis::NEVER);
    assert_eq!(session.poll(Millis(9999)), Act::Nothing);
    assert_eq!(
        session.on_packet(PacketKind::Message, Millis(9999)),
        Act::Nothing
    );
    assert_eq!(session.close(CloseReason::Draining), Act::Nothing);
}

#[test]
fn a_client_of_version_3_pings_itself() {
    let mut session = server(Version::V3, Transport::WebSocket);
    assert_eq!(session.version(), Version::V3);
    assert_eq!(
        session.on_packet(PacketKind::Ping, Millis(400)),
        Act::SendPong
    );
    assert_eq!(session.next_deadline(), Millis(900));
    assert_eq!(
        session.poll(Millis(900)),
        Act::Close(CloseReason::PingTimeout)
    );
}

#[test]
fn the_wrong_direction_of_a_heartbeat_closes() {
    let mut session = server(Version::V4, Transport::WebSocket);
    assert_eq!(
        session.on_packet(PacketKind::Ping, Millis(1)),
        closed(Misbehaviour::HeartbeatDirection)
    );
    let mut session = server(Version::V3, Transport::WebSocket);
    assert_eq!(
        session.on_packet(PacketKind::Pong, Millis(1)),
        closed(Misbehaviour::HeartbeatDirection)
    );
}

#[test]
fn packets_without_meaning_are_ignored_and_a_close_closes() {
    let mut session = server(Version::V4, Transport::WebSocket);
    for kind in [PacketKind::Noop, PacketKind::Upgrade, PacketKind::Open] {
        assert_eq!(session.on_packet(kind, Millis(1)), Act::Nothing);
    }
    assert_eq!(
        session.on_packet(PacketKind::Close, Millis(1)),
        Act::Close(CloseReason::ClosedByPeer)
    );
    assert_eq!(
        ServerSession::farewell(CloseReason::ClosedByPeer),
        PacketKind::Noop
    );
    assert_eq!(
        ServerSession::farewell(CloseReason::PingTimeout),
        PacketKind::Close
    );
}

#[test]
fn one_poll_and_one_post_at_a_time() {
    let mut session = server(Version::V4, Transport::Polling);
    assert!(!session.is_writable());
    assert_eq!(session.on_poll(Millis(1)), Act::Nothing);
    assert!(session.has_pending_poll() && session.is_writable());
    assert_eq!(session.on_post(false), Act::Nothing);
    session.on_post_done();
    session.on_poll_answered();
    assert_eq!(session.on_poll(Millis(2)), Act::Nothing);
    assert_eq!(
        session.clone().on_poll(Millis(3)),
        closed(Misbehaviour::OverlappingPoll)
    );
    assert_eq!(session.on_post(false), Act::Nothing);
    assert_eq!(
        session.clone().on_post(false),
        closed(Misbehaviour::OverlappingPost)
    );
    session.on_post_done();
    assert_eq!(
        session.clone().on_post(true),
        closed(Misbehaviour::BinaryPost)
    );
    assert_eq!(
        session.clone().on_poll_aborted(),
        Act::Close(CloseReason::TransportError)
    );
    assert_eq!(
        session.clone().on_post_aborted(),
        Act::Close(CloseReason::TransportError)
    );
    assert_eq!(
        session.clone().on_misbehaviour(Misbehaviour::PayloadTooBig),
        closed(Misbehaviour::PayloadTooBig)
    );
    assert_eq!(
        server(Version::V3, Transport::Polling).on_post(true),
        Act::Nothing
    );
}

#[test]
fn an_upgrade_takes_its_three_steps() {
    let mut session = server(Version::V4, Transport::Polling);
    assert_eq!(session.on_poll(Millis(0)), Act::Nothing);
    assert_eq!(
        session.on_candidate(Transport::WebSocket, Millis(10)),
        Ok(())
    );
    assert_eq!(session.candidate(), Some(Transport::WebSocket));
    let probe = session.on_candidate_packet(PacketKind::Ping, "probe", Millis(20));
    assert_eq!(probe, Act::AnswerProbe { release_poll: true });
    session.on_poll_answered();
    // A client that polls once more before it pauses is released after 100 ms.
    assert_eq!(session.on_poll(Millis(30)), Act::Nothing);
    assert_eq!(session.next_deadline(), Millis(130));
    assert_eq!(session.poll(Millis(130)), Act::ReleasePoll);
    session.on_poll_answered();
    let upgrade = session.on_candidate_packet(PacketKind::Upgrade, "", Millis(140));
    assert_eq!(upgrade, Act::SwitchTo(Transport::WebSocket));
    assert_eq!(session.transport(), Transport::WebSocket);
    // What belongs to the old transport is refused now; so is a second upgrade.
    let check = |transport, upgrade| session.check_request(Version::V4, transport, upgrade);
    assert_eq!(
        check(Transport::Polling, false),
        Err(HandshakeError::BadRequest)
    );
    assert_eq!(
        session
            .clone()
            .on_candidate(Transport::WebSocket, Millis(150)),
        Err(Misbehaviour::SecondUpgrade)
    );
    assert_eq!(session.next_deadline(), Millis(300));
}

#[test]
fn an_upgrade_under_an_open_ping_gets_its_time_again() {
    let mut session = server(Version::V4, Transport::Polling);
    assert_eq!(session.poll(Millis(300)), Act::SendPing);
    assert_eq!(
        session.on_candidate(Transport::WebSocket, Millis(310)),
        Ok(())
    );
    let upgrade = session.on_candidate_packet(PacketKind::Upgrade, "", Millis(450));
    assert_eq!(upgrade, Act::SwitchTo(Transport::WebSocket));
    assert_eq!(session.next_deadline(), Millis(650));
}

#[test]
fn a_failed_upgrade_leaves_the_session_alone() {
    let mut session = server(Version::V4, Transport::Polling);
    for (kind, data) in [
        (PacketKind::Ping, "prob"),
        (PacketKind::Message, "x"),
        (PacketKind::Pong, "probe"),
    ] {
        assert_eq!(
            session.on_candidate(Transport::WebSocket, Millis(0)),
            Ok(())
        );
        let twice = session
            .clone()
            .on_candidate(Transport::WebTransport, Millis(0));
        assert_eq!(twice, Err(Misbehaviour::SecondUpgrade));
        assert_eq!(
            session.on_candidate_packet(kind, data, Millis(1)),
            Act::DropCandidate
        );
        assert_eq!(session.candidate(), None);
    }
    let mut slow = ServerSession::new(
        Timing {
            ping_interval: 60_000,
            ..TIMING
        },
        Version::V4,
        Transport::Polling,
        Millis(0),
    );
    assert_eq!(slow.on_candidate(Transport::WebSocket, Millis(5)), Ok(()));
    assert_eq!(slow.poll(Millis(1004)), Act::Nothing);
    assert_eq!(slow.poll(Millis(1005)), Act::DropCandidate);
    assert_eq!(slow.poll(Millis(1005)), Act::Nothing);
    assert_eq!(
        slow.on_candidate_packet(PacketKind::Upgrade, "", Millis(1006)),
        Act::DropCandidate
    );
    assert!(!slow.is_closed());
}

#[test]
fn further_requests_must_fit_the_session() {
    let polling = server(Version::V4, Transport::Polling);
    let check = |version, transport, upgrade| polling.check_request(version, transport, upgrade);
    assert_eq!(check(Version::V4, Transport::Polling, false), Ok(()));
    assert_eq!(check(Version::V4, Transport::WebSocket, true), Ok(()));
    assert_eq!(
        check(Version::V3, Transport::Polling, false),
        Err(HandshakeError::BadRequest)
    );
    assert_eq!(
        check(Version::V4, Transport::WebSocket, false),
        Err(HandshakeError::BadRequest)
    );
    assert_eq!(
        check(Version::V4, Transport::Polling, true),
        Err(HandshakeError::BadRequest)
    );
    assert_eq!(
        check(Version::V4, Transport::WebTransport, true),
        Err(HandshakeError::BadRequest)
    );
    let mut gone = polling.clone();
    assert_eq!(
        gone.on_transport_closed(false),
        Act::Close(CloseReason::TransportClosed)
    );
    assert_eq!(
        gone.check_request(Version::V4, Transport::Polling, false),
        Err(HandshakeError::UnknownSid)
    );
    assert_eq!(
        gone.on_candidate(Transport::WebSocket, Millis(1)),
        Err(Misbehaviour::SecondUpgrade)
    );
}

#[test]
fn a_client_opens_upgrades_and_gives_up() {
    let mut client = ClientSession::new(Version::V4, Transport::Polling);
    assert_eq!(client.poll(Millis(99)), ClientAct::Nothing);
    assert_eq!(
        client.on_candidate(Transport::WebSocket),
        Err(Misbehaviour::SecondUpgrade)
    );
    assert_eq!(
        client.on_packet(PacketKind::Open, &open_json(), Millis(0)),
        ClientAct::Opened
    );
    assert!(client.is_open());
    assert_eq!(
        client.on_packet(PacketKind::Message, "x", Millis(1)),
        ClientAct::Deliver
    );
    assert_eq!(
        client.on_packet(PacketKind::Noop, "", Millis(1)),
        ClientAct::Nothing
    );
    assert_eq!(client.on_candidate(Transport::WebSocket), Ok(()));
    assert_eq!(client.on_paused(), ClientAct::Nothing);
    assert_eq!(
        client.on_candidate_packet(PacketKind::Pong, "probe"),
        ClientAct::PausePolling
    );
    assert_eq!(
        client.on_paused(),
        ClientAct::SwitchTo(Transport::WebSocket)
    );
    assert_eq!(client.transport(), Transport::WebSocket);
    assert_eq!(
        client.on_packet(PacketKind::Ping, "", Millis(300)),
        ClientAct::SendPong
    );
    assert_eq!(client.next_deadline(), Millis(800));
    assert_eq!(
        client.poll(Millis(800)),
        ClientAct::Close(CloseReason::PingTimeout)
    );
    assert_eq!(
        client.on_packet(PacketKind::Message, "x", Millis(801)),
        ClientAct::Nothing
    );
    assert_eq!(
        client.close(CloseReason::ClosedByServer),
        ClientAct::Nothing
    );
    assert!(!client.is_open());
}

#[test]
fn a_client_trusts_nothing_but_the_protocol() {
    let fresh = || ClientSession::new(Version::V4, Transport::WebSocket);
    let opened = |version| {
        let mut client = ClientSession::new(version, Transport::Polling);
        assert_eq!(
            client.on_packet(PacketKind::Open, &open_json(), Millis(0)),
            ClientAct::Opened
        );
        client
    };
    let closed = |misbehaviour| ClientAct::Close(CloseReason::EngineIo(misbehaviour));
    assert_eq!(
        fresh().on_packet(PacketKind::Open, "[]", Millis(0)),
        closed(Misbehaviour::InvalidOpen)
    );
    assert_eq!(
        fresh().on_packet(PacketKind::Message, "x", Millis(0)),
        closed(Misbehaviour::UnexpectedPacket)
    );
    let again = opened(Version::V4).on_packet(PacketKind::Open, &open_json(), Millis(0));
    assert_eq!(again, closed(Misbehaviour::UnexpectedPacket));
    let pong = opened(Version::V4).on_packet(PacketKind::Pong, "", Millis(0));
    assert_eq!(pong, closed(Misbehaviour::HeartbeatDirection));
    let ping = opened(Version::V3).on_packet(PacketKind::Ping, "", Millis(0));
    assert_eq!(ping, closed(Misbehaviour::HeartbeatDirection));
    let close = opened(Version::V4).on_packet(PacketKind::Close, "", Millis(0));
    assert_eq!(close, ClientAct::Close(CloseReason::ClosedByPeer));
    let lost = opened(Version::V4).on_transport_closed(true);
    assert_eq!(lost, ClientAct::Close(CloseReason::TransportError));
    let mut probing = opened(Version::V4);
    assert_eq!(probing.on_candidate(Transport::WebSocket), Ok(()));
    assert_eq!(
        probing.on_candidate_packet(PacketKind::Pong, "other"),
        ClientAct::DropCandidate
    );
    assert!(probing.is_open());
}

#[test]
fn a_client_of_version_3_pings() {
    let mut client = ClientSession::new(Version::V3, Transport::Polling);
    assert_eq!(
        client.on_packet(PacketKind::Open, &open_json(), Millis(0)),
        ClientAct::Opened
    );
    assert_eq!(client.poll(Millis(300)), ClientAct::SendPing);
    assert_eq!(
        client.on_packet(PacketKind::Pong, "", Millis(400)),
        ClientAct::Nothing
    );
    assert_eq!(client.poll(Millis(700)), ClientAct::SendPing);
    assert_eq!(
        client.poll(Millis(900)),
        ClientAct::Close(CloseReason::PingTimeout)
    );
}

/// Both ends and the packets between them; each packet takes its own time, in order.
struct World {
    server: ServerSession,
    client: ClientSession,
    to_client: VecDeque<(Millis, PacketKind)>,
    to_server: VecDeque<(Millis, PacketKind)>,
    now: Millis,
    ended: Option<CloseReason>,
}

impl World {
    fn new(version: Version) -> Self {
        let mut client = ClientSession::new(version, Transport::WebSocket);
        let opened = client.on_packet(PacketKind::Open, &open_json(), Millis(0));
        assert_eq!(opened, ClientAct::Opened);
        Self {
            server: server(version, Transport::WebSocket),
            client,
            to_client: VecDeque::new(),
            to_server: VecDeque::new(),
            now: Millis(0),
            ended: None,
        }
    }

    fn run(&mut self, millis: u64, delay: impl Fn(u64) -> u32) {
        for step in 0..millis {
            self.now = Millis(self.now.0 + 1);
            let arrives = self.now.plus(delay(step));
            loop {
                let act = match self.to_server.front() {
                    Some((at, kind)) if *at <= self.now => {
                        let kind = *kind;
                        self.to_server.pop_front();
                        self.server.on_packet(kind, self.now)
                    }
                    _ => self.server.poll(self.now),
                };
                match act {
                    Act::Nothing => break,
                    Act::SendPing => self.to_client.push_back((arrives, PacketKind::Ping)),
                    Act::SendPong => self.to_client.push_back((arrives, PacketKind::Pong)),
                    Act::Close(reason) => self.ended = Some(reason),
                    other => panic!("{other:?}"),
                }
            }
            loop {
                let act = match self.to_client.front() {
                    Some((at, kind)) if *at <= self.now => {
                        let kind = *kind;
                        self.to_client.pop_front();
                        self.client.on_packet(kind, "", self.now)
                    }
                    _ => self.client.poll(self.now),
                };
                match act {
                    ClientAct::Nothing => break,
                    ClientAct::SendPing => self.to_server.push_back((arrives, PacketKind::Ping)),
                    ClientAct::SendPong => self.to_server.push_back((arrives, PacketKind::Pong)),
                    ClientAct::Close(reason) => self.ended = Some(reason),
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn a_slow_line_keeps_its_session_and_a_dead_one_loses_it(
        delays in vec(0u32..95, 1..20),
        v3: bool,
    ) {
        // The round trip stays under the timeout of 200 ms: nobody gives up, ever.
        let mut world = World::new(if v3 { Version::V3 } else { Version::V4 });
        world.run(20_000, |step| delays[step as usize % delays.len()]);
        prop_assert_eq!(world.ended, None);
        // The line dies: both ends notice within an interval and two timeouts.
        world.run(300 + 2 * 200 + 100, |_| 1_000_000);
        prop_assert_eq!(world.ended, Some(CloseReason::PingTimeout));
        prop_assert!(world.server.is_closed());
    }
}
