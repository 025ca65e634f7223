//! Those that never get as far as a session: floods of first packets, and requests that are none.

use std::collections::HashSet;

use ringside_gateway::{Limits, Quic as Settings, Timing};
use ringside_tests::{
    bystander::{Bystander, attackers, resident},
    peer::{Identity, connect, quic_endpoint},
    within,
    world::{World, unpaced},
};
use tokio::net::UdpSocket;

use super::{EACH, ECHO, SLACK, count, echo, native, one_shard, settings};

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
