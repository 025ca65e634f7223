//! Hostile peers of QUIC: handshakes that never end, floods of datagrams and streams, packets too large, and
//! rubbish. The gateway stays alive, its memory bounded, what is turned away is counted, and a bystander goes
//! on.
//!
//! `RINGSIDE_ATTACKERS` sets how many attack at once (50); a release is tested with 1,000. The attackers'
//! memory is in the same process, so what is measured is an upper bound; they share a socket, for each has
//! buffers of megabytes.

use std::{collections::HashSet, time::Duration};

use bytes::Bytes;
use ringside_gateway::{Gateway, Limits, Quic as Settings, Socket, Timing};
use ringside_tests::{
    bystander::{Bystander, attackers, resident},
    peer::{Identity, NATIVE, Quic, QuicFrame, connect, quic_endpoint},
    within,
    world::{PATH, World, unpaced},
};
use tokio::net::UdpSocket;

/// What an attacker may cost at most, in bytes: its connection at both ends (it is in this process too), and
/// what the windows let it leave unread.
const EACH: usize = 512 * 1024;
/// What the process itself may grow by meanwhile.
const SLACK: usize = 48 * 1024 * 1024;
/// An echo over TCP takes at most this long, whatever goes on beside it, on a loaded machine.
const ECHO: Duration = Duration::from_secs(2);

fn settings(identity: &Identity) -> Settings {
    Settings::new(identity.server_tls())
}

fn world(identity: &Identity, limits: Limits, set: impl FnOnce(Settings) -> Settings) -> World {
    World::set_up(|io| {
        io.quic(set(settings(identity))).limits(limits);
        io.on("echo", |socket: &Socket, text: String| {
            socket.emit("echo", &text).expect("an echo");
        });
        io.on("input", |_: &Socket, _: String| {});
    })
}

/// Bounds of handshakes are shared out among shards: of one they are exact.
fn one_shard(identity: &Identity, limits: Limits, set: impl FnOnce(Settings) -> Settings) -> World {
    World::set_up(|io| {
        io.quic(set(settings(identity))).limits(limits).shards(1);
        io.on("echo", |socket: &Socket, text: String| {
            socket.emit("echo", &text).expect("an echo");
        });
    })
}

fn count(gateway: &Gateway, name: &str) -> u64 {
    gateway.closes().get(name).copied().unwrap_or_default()
}

/// The first packets of so many connections, each of another one. They are all the server ever hears of it.
async fn first_packets(identity: &Identity, how_many: usize) -> Vec<Vec<u8>> {
    let nobody = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    let at = nobody.local_addr().expect("bound");
    let endpoint = quic_endpoint(identity, "h3");
    let mut packets = Vec::with_capacity(how_many);
    let mut buffer = [0; 2048];
    // Kept, for one that is given up says goodbye.
    let (mut all, mut seen) = (Vec::new(), HashSet::new());
    while packets.len() < how_many {
        all.push(endpoint.connect(at, "localhost").expect("a connection"));
        let received = within("a first packet", nobody.recv_from(&mut buffer)).await;
        let (len, _) = received.expect("a packet");
        // The id it made up stands at the same place in each; one that comes again is no other.
        if seen.insert(buffer[6..14].to_vec()) {
            packets.push(buffer[..len].to_vec());
        }
    }
    packets
}

/// Sends them, no faster than the one shard there is gets to read them: what the kernel drops is judged by
/// nobody.
async fn flood(packets: &[Vec<u8>], world: &World, bystander: &mut Bystander) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    for some in packets.chunks(16) {
        for packet in some {
            socket.send_to(packet, world.at()).await.expect("sent");
        }
        bystander.echo().await;
    }
}

async fn echo(it: &mut Quic) {
    it.text("42[\"echo\",\"x\"]").await;
    assert_eq!(it.next_text().await, "42[\"echo\",\"x\"]");
}

async fn native(world: &World, identity: &Identity) -> Quic {
    join(Quic::native(world.at(), identity).await).await
}

async fn join(mut it: Quic) -> Quic {
    it.open().await;
    it.join().await;
    it
}

#[tokio::test]
async fn handshakes_that_never_end_are_few_then_proofs_are_wanted() {
    let identity = Identity::new();
    let limits = Limits {
        handshake_ms: 2_000,
        ..unpaced()
    };
    let world = one_shard(&identity, limits, |quic| quic.retry_above(40));
    let mut bystander = Bystander::new(&world).await;
    let mut early = native(&world, &identity).await;
    let packets = first_packets(&identity, 20 * attackers()).await;
    let before = resident();
    flood(&packets, &world, &mut bystander).await;
    within("they are all judged", async {
        while count(&world.gateway, "quic.Retry") < packets.len() as u64 - 40 {
            bystander.echo().await;
        }
    })
    .await;
    // Who is there goes on, and who comes in earnest proves its address on the way.
    echo(&mut early).await;
    echo(&mut native(&world, &identity).await).await;
    assert!(bystander.p99(50).await < ECHO);
    let grown = resident().saturating_sub(before);
    println!("{grown} bytes for {} handshakes", packets.len());
    assert!(grown < SLACK, "{grown} bytes");
    // Those that were taken in are given up in their time, which makes room again.
    within("they are given up", async {
        while count(&world.gateway, "quic.Handshake") < 40 {
            bystander.echo().await;
        }
    })
    .await;
    let retries = count(&world.gateway, "quic.Retry");
    echo(&mut native(&world, &identity).await).await;
    assert_eq!(
        count(&world.gateway, "quic.Retry"),
        retries,
        "no proof is wanted any more"
    );
}

#[tokio::test]
async fn above_the_last_bound_newcomers_are_refused_and_those_there_go_on() {
    let identity = Identity::new();
    let limits = Limits {
        handshake_ms: 1_500,
        ..unpaced()
    };
    let bounds = |quic: Settings| quic.retry_above(usize::MAX).half_open(20);
    let world = one_shard(&identity, limits, bounds);
    let mut bystander = Bystander::new(&world).await;
    let mut early = native(&world, &identity).await;
    let packets = first_packets(&identity, 200).await;
    flood(&packets, &world, &mut bystander).await;
    within("the others are refused", async {
        while count(&world.gateway, "quic.TooManyHandshakes") < 100 {
            bystander.echo().await;
        }
    })
    .await;
    echo(&mut early).await;
    within("there is room again", async {
        while count(&world.gateway, "quic.Handshake") < 20 {
            bystander.echo().await;
        }
    })
    .await;
    echo(&mut native(&world, &identity).await).await;
}

#[tokio::test]
async fn a_flood_of_datagrams_is_dropped_and_counted() {
    let identity = Identity::new();
    // With the pace of the defaults.
    let world = world(&identity, Limits::default(), |quic| quic);
    let mut bystander = Bystander::new(&world).await;
    let mut honest = native(&world, &identity).await;
    let mut attacker = native(&world, &identity).await;
    let before = resident();
    let packet = "42[\"input\",\"".to_owned() + &"x".repeat(800) + "\"]";
    let mut bytes = Vec::new();
    QuicFrame::Text(packet).write(&mut bytes);
    let bytes = Bytes::from(bytes);
    let session = attacker.session.clone();
    let flood = tokio::spawn(async move {
        let mut sent = 0_u32;
        while session.send_datagram_wait(bytes.clone()).await.is_ok() {
            sent += 1;
            if sent.is_multiple_of(32) {
                tokio::task::yield_now().await;
            }
        }
    });
    let counters = || world.gateway.counters();
    within("a flood", async {
        while counters().datagrams_refused < 20_000 {
            bystander.echo().await;
            honest.datagram(&[QuicFrame::Text("42[\"echo\",\"x\"]".to_owned())]);
            assert_eq!(honest.next_text().await, "42[\"echo\",\"x\"]");
        }
    })
    .await;
    assert!(bystander.p99(50).await < ECHO);
    let grown = resident().saturating_sub(before);
    assert!(grown < SLACK, "{grown} bytes");
    // The attacker's own session lasts: what may be lost was lost.
    flood.abort();
    attacker.text("42[\"echo\",\"x\"]").await;
    assert_eq!(attacker.next_text().await, "42[\"echo\",\"x\"]");
    // 200 at once and 100 a second, and the honest ones'.
    assert!(
        counters().datagrams_received < 200 + 100 * 25 + 5_000,
        "{:?}",
        counters()
    );
}

#[tokio::test]
async fn rubbish_in_datagrams_harms_nobody() {
    let identity = Identity::new();
    let world = world(&identity, unpaced(), |quic| quic);
    let mut bystander = Bystander::new(&world).await;
    let mut attacker = native(&world, &identity).await;
    let mut seed = 7_u64;
    let mut random = || {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize
    };
    for _ in 0..5_000 {
        let len = random() % 60;
        let bytes: Vec<u8> = (0..len).map(|_| random() as u8).collect();
        let _ = attacker.session.send_datagram_wait(bytes.into()).await;
    }
    // And what is no QUIC at all.
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    for _ in 0..5_000 {
        let len = random() % 1_400;
        let bytes: Vec<u8> = (0..len).map(|_| random() as u8).collect();
        // A full queue of the kernel's refuses some.
        let _ = socket.send_to(&bytes, world.at()).await;
    }
    echo(&mut attacker).await;
    assert!(bystander.p99(20).await < ECHO);
    assert!(world.gateway.counters().datagrams_refused > 1_000);
}

#[tokio::test]
async fn streams_beyond_the_one_are_not_heard_and_hold_little() {
    let identity = Identity::new();
    let world = world(&identity, unpaced(), |quic| quic);
    let mut bystander = Bystander::new(&world).await;
    let (pages, natives) = (
        quic_endpoint(&identity, "h3"),
        quic_endpoint(&identity, NATIVE),
    );
    let before = resident();
    let mut attacking = Vec::new();
    for n in 0..attackers() {
        let mut it = match n % 2 {
            0 => Quic::page_from(&pages, world.at(), PATH, &[]).await,
            _ => Quic::native_from(&natives, world.at()).await,
        };
        it.open().await;
        let session = it.session.clone();
        // As many streams as it is let open, each with as much as it is let send; then it waits for more.
        let flood = tokio::spawn(async move {
            let mut streams = Vec::new();
            while let Ok(Ok((mut send, recv))) =
                tokio::time::timeout(Duration::from_millis(200), session.open_bi()).await
            {
                let write = send.write_all(&[b'x'; 1 << 20]);
                let _ = tokio::time::timeout(Duration::from_millis(50), write).await;
                streams.push((send, recv));
                assert!(streams.len() < 100, "streams without end");
            }
            while let Ok(Ok(mut send)) =
                tokio::time::timeout(Duration::from_millis(200), session.open_uni()).await
            {
                let write = send.write_all(&[b'x'; 1 << 20]);
                let _ = tokio::time::timeout(Duration::from_millis(50), write).await;
                drop(send);
            }
            streams
        });
        attacking.push((it, flood));
    }
    let mut held = Vec::new();
    for (it, flood) in attacking {
        held.push((it, within("a flood", flood).await.expect("it ends")));
    }
    assert!(bystander.p99(50).await < ECHO);
    let grown = resident().saturating_sub(before);
    let allowed = SLACK + EACH * held.len();
    assert!(
        grown < allowed,
        "{grown} bytes for {} attackers",
        held.len()
    );
    println!("{} bytes an attacker", grown / held.len());
    drop(held);
    let mut fresh = Quic::page(world.at(), &identity, PATH, &[]).await;
    fresh.open().await;
    fresh.text("4echo hello").await;
    assert_eq!(fresh.next_text().await, "4echo hello");
}

#[tokio::test]
async fn what_is_too_large_is_refused_on_its_header() {
    let identity = Identity::new();
    let world = world(&identity, unpaced(), |quic| quic);
    let mut bystander = Bystander::new(&world).await;
    let endpoint = quic_endpoint(&identity, NATIVE);
    let before = resident();
    let mut attacking = Vec::new();
    for n in 0..attackers() {
        let mut it = join(Quic::native_from(&endpoint, world.at()).await).await;
        // Far above what is allowed: nothing is set aside for it.
        let length = [0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, n as u8];
        let mut header = vec![127];
        header.extend(length);
        it.raw(&header).await.expect("a stream");
        attacking.push(it);
    }
    for it in &mut attacking {
        assert_eq!(
            it.closed().await,
            (1009, "the payload is too big".to_owned())
        );
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < SLACK + EACH * attacking.len(), "{grown} bytes");
    assert!(bystander.p99(20).await < ECHO);
    assert_eq!(
        count(&world.gateway, "engineio.PayloadTooBig"),
        attackers() as u64
    );
}

#[tokio::test]
async fn a_request_that_is_none_or_never_whole_is_not_waited_for() {
    let identity = Identity::new();
    let limits = Limits {
        handshake_ms: 500,
        ..unpaced()
    };
    let world = World::set_up(|io| {
        io.quic(settings(&identity))
            .limits(limits)
            .timing(Timing::default());
    });
    let mut bystander = Bystander::new(&world).await;
    // They offer `h3`, and then do what they like.
    let endpoint = quic_endpoint(&identity, "h3");
    let before = resident();
    let mut held = Vec::new();
    // HTTP/3's control stream with empty settings, then: a HEADERS frame of 1 GiB, one that is not QPACK, one
    // that does not end, a frame of another kind; or not even settings.
    let settings: &[u8] = &[0, 4, 0];
    let requests: [Option<&[u8]>; 5] = [
        Some(&[1, 0xc0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3]),
        Some(&[1, 4, 0xff, 0xff, 0xff, 0xff]),
        Some(&[1, 40, 0, 0]),
        Some(&[0, 2, 1, 2]),
        None,
    ];
    for n in 0..attackers() {
        let connection = connect(&endpoint, world.at()).await;
        let Some(request) = requests[n % requests.len()] else {
            held.push((connection, Vec::new()));
            continue;
        };
        let mut control = connection.open_uni().await.expect("a stream");
        control.write_all(settings).await.expect("written");
        let (mut send, _) = connection.open_bi().await.expect("a stream");
        send.write_all(request).await.expect("written");
        held.push((connection, vec![control, send]));
    }
    bystander.echo().await;
    for (connection, _) in &held {
        within("the server has had enough", connection.closed()).await;
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < SLACK + EACH * held.len(), "{grown} bytes");
    within("they are counted", async {
        let closes =
            || count(&world.gateway, "quic.NoRequest") + count(&world.gateway, "quic.Handshake");
        while closes() < attackers() as u64 {
            bystander.echo().await;
        }
    })
    .await;
}
