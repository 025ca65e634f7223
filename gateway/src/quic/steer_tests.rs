//! Clients whose address changes, with steering and, for comparison, without.
//!
//! World: four bare quinn endpoints that echo, on one port, and forty clients with an endpoint each. Every
//! client speaks, takes another address (`Endpoint::rebind`), and speaks again. Oracle: who hears an answer.

use std::{
    net::{SocketAddr, UdpSocket},
    sync::Arc,
    time::Duration,
};

use quinn::{
    ClientConfig, Connection, Endpoint, EndpointConfig, ServerConfig, TokioRuntime,
    TransportConfig,
    crypto::rustls::{QuicClientConfig, QuicServerConfig},
};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{RootCertStore, crypto::ring::default_provider, pki_types::PrivateKeyDer};
use tokio::{task::JoinSet, time::timeout};

use super::steer::{Steering, bind, endpoint_config, group};

const SHARDS: usize = 4;
const CLIENTS: usize = 40;
/// How long an answer may take: long enough for a machine under load. A client that reached the wrong
/// shard waits for all of it.
const PATIENCE: Duration = Duration::from_secs(5);
const LOCALHOST: &str = "127.0.0.1:0";

fn localhost() -> SocketAddr {
    LOCALHOST.parse().expect("an address")
}

/// TLS for both ends.
fn configs() -> (ServerConfig, ClientConfig) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let provider = Arc::new(default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("a pair");
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).expect("a certificate");
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let server = QuicServerConfig::try_from(server).expect("it has TLS 1.3");
    let mut client = ClientConfig::new(Arc::new(
        QuicClientConfig::try_from(client).expect("it has TLS 1.3"),
    ));
    let mut transport = TransportConfig::default();
    // Longer than the test waits, so that silence is the oracle and not a closed connection.
    transport.max_idle_timeout(Some(
        Duration::from_secs(60).try_into().expect("short enough"),
    ));
    client.transport_config(Arc::new(transport));
    (ServerConfig::with_crypto(Arc::new(server)), client)
}

fn serve(sockets: Vec<UdpSocket>, steered: bool, config: &ServerConfig) -> Vec<Endpoint> {
    let each = |(shard, socket)| {
        let endpoint = match steered {
            true => endpoint_config(shard, SHARDS, Steering::ByConnectionId),
            false => EndpointConfig::default(),
        };
        let endpoint = Endpoint::new(
            endpoint,
            Some(config.clone()),
            socket,
            Arc::new(TokioRuntime),
        )
        .expect("an endpoint");
        let accepting = endpoint.clone();
        tokio::spawn(async move {
            while let Some(incoming) = accepting.accept().await {
                tokio::spawn(async move {
                    if let Ok(connection) = incoming.await {
                        echo(&connection).await;
                    }
                });
            }
        });
        endpoint
    };
    sockets.into_iter().enumerate().map(each).collect()
}

/// Sends each datagram back.
async fn echo(connection: &Connection) {
    while let Ok(bytes) = connection.read_datagram().await {
        if connection.send_datagram(bytes).is_err() {
            return;
        }
    }
}

/// Whether an answer comes. A datagram may be lost, so it is asked again until patience ends.
async fn answers(connection: &Connection, text: &'static str) -> bool {
    let asked = async {
        loop {
            if connection.send_datagram(text.into()).is_err() {
                return false;
            }
            let heard = timeout(Duration::from_millis(200), connection.read_datagram()).await;
            match heard {
                Ok(Ok(bytes)) if bytes == text.as_bytes() => return true,
                Ok(Err(_)) => return false,
                Ok(Ok(_)) | Err(_) => {}
            }
        }
    };
    timeout(PATIENCE, asked).await.unwrap_or(false)
}

async fn survives(server: SocketAddr, config: ClientConfig) -> bool {
    let endpoint = Endpoint::client(localhost()).expect("a socket");
    let connection = endpoint
        .connect_with(config, server, "localhost")
        .expect("an attempt")
        .await
        .expect("a connection");
    assert!(answers(&connection, "before").await, "no answer at first");
    let old = endpoint.local_addr().expect("bound");
    endpoint
        .rebind(UdpSocket::bind(LOCALHOST).expect("another port"))
        .expect("the endpoint takes it");
    assert_ne!(endpoint.local_addr().expect("bound"), old);
    answers(&connection, "after").await
}

/// How many of the clients survive, and how many connections each endpoint was given.
async fn survivors(sockets: Vec<UdpSocket>, steered: bool) -> (usize, Vec<usize>) {
    let (server_config, client_config) = configs();
    let at = sockets[0].local_addr().expect("bound");
    let servers = serve(sockets, steered, &server_config);
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(survives(at, client_config.clone()));
    }
    let survived = clients
        .join_all()
        .await
        .into_iter()
        .filter(|it| *it)
        .count();
    let accepted = |server: &Endpoint| server.stats().accepted_handshakes as usize;
    (survived, servers.iter().map(accepted).collect())
}

#[tokio::test]
async fn steered_connections_survive_a_change_of_address_and_unsteered_ones_do_not() {
    let (sockets, steering) = bind(localhost(), SHARDS).expect("sockets");
    if steering == Steering::OneEndpoint && !cfg!(target_os = "linux") {
        // Not Linux: there is one endpoint, and nothing to steer.
        return;
    }
    let (steered, spread) = survivors(sockets, true).await;
    println!("steered: {steered} of {CLIENTS} survived; connections an endpoint: {spread:?}");
    assert_eq!(steered, CLIENTS);
    assert!(spread.iter().all(|n| *n > 0), "{spread:?}");

    let (unsteered, spread) = survivors(group(localhost(), SHARDS).expect("sockets"), false).await;
    println!("unsteered: {unsteered} of {CLIENTS} survived; connections an endpoint: {spread:?}");
    // About one in four comes to its own shard by chance. That 30 of 40 do has a chance of 10^-11.
    assert!(
        unsteered < 30,
        "without steering {unsteered} survived: then steering shows nothing"
    );
}
