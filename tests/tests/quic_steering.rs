//! Native clients of a gateway with four shards, whose address changes.
//!
//! World: a gateway, and forty clients with a socket of the system's each. Every client joins, asks for an echo,
//! takes another address (`Endpoint::rebind`), and asks again. Oracle: the session that was there answers; the
//! gateway saw no session end. What becomes of clients without steering is shown beside it, on bare endpoints, by the
//! gateway's own tests (`gateway/src/quic/steer_tests.rs`).

use std::{
    collections::BTreeSet,
    net::UdpSocket,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use ringside_gateway::{Gateway, Quic as QuicSettings, Socket};
use ringside_tests::peer::{Identity, Quic, shard_of};
use tokio::task::JoinSet;

const SHARDS: usize = 4;
const CLIENTS: usize = 40;

/// The session's id in an open packet.
fn sid(open: &str) -> &str {
    let at = open.find("\"sid\":\"").expect("a sid") + 7;
    &open[at..at + 20]
}

#[tokio::test]
async fn forty_of_forty_native_clients_survive_a_change_of_address() {
    let identity = Arc::new(Identity::new());
    let left = Arc::new(AtomicUsize::new(0));
    let counting = left.clone();
    let mut io = Gateway::builder();
    io.shards(SHARDS)
        .pinned(false)
        .quic(QuicSettings::new(identity.server_tls()));
    io.on("echo", |_: &Socket, n: usize| n);
    io.on_disconnect(move |_, _| {
        counting.fetch_add(1, Relaxed);
    });
    let server = io.listen("127.0.0.1:0").expect("a port");
    let at = server.address();

    let mut clients = JoinSet::new();
    for n in 0..CLIENTS {
        let identity = identity.clone();
        clients.spawn(async move {
            let mut client = Quic::native(at, &identity).await;
            let open = client.open().await;
            client.join().await;
            client.text(&format!("420[\"echo\",{n}]")).await;
            assert_eq!(client.next_text().await, format!("430[{n}]"));
            let old = client.endpoint.local_addr().expect("bound");
            let other = UdpSocket::bind("127.0.0.1:0").expect("another port");
            client
                .endpoint
                .rebind(other)
                .expect("the endpoint takes it");
            assert_ne!(client.endpoint.local_addr().expect("bound"), old);
            client.text(&format!("421[\"echo\",{n}]")).await;
            assert_eq!(client.next_text().await, format!("431[{n}]"));
            (client, open)
        });
    }
    // A client that is lost would wait in vain, and panic.
    let survivors = clients.join_all().await;
    println!("{} of {CLIENTS} survived", survivors.len());
    assert_eq!(survivors.len(), CLIENTS);
    assert_eq!(left.load(Relaxed), 0);
    // A shard is left out once in 25,000 runs: three quarters to the power of forty, four times.
    let shards: BTreeSet<_> = survivors
        .iter()
        .map(|(_, open)| shard_of(sid(open)))
        .collect();
    assert!(shards.len() > 1, "{shards:?}");
    drop(survivors);
    server.stop();
    server.wait();
}
