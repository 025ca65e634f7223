//! TLS: a certificate nobody vouches for is named, one that the user trusts works, on both transports.

use std::{net::SocketAddr, sync::Arc};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use ringside_client::{ConnectionError, Options, io};
use ringside_tests::within;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::{
    scripted::accept,
    world::{CHOICES, gateway, next, options, stop},
};

/// TLS in front of `to`, with a certificate for `localhost` that signs itself.
async fn front(to: SocketAddr) -> (SocketAddr, CertificateDer<'static>) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("they belong together");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let at = accept(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                return;
            };
            if let Ok(mut server) = TcpStream::connect(to).await {
                // It ends when either side does.
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
            }
        }
    })
    .await;
    (at, cert.der().clone())
}

fn trusting(certificate: CertificateDer<'static>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate).expect("a certificate");
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

#[tokio::test]
async fn a_certificate_is_checked_and_named_and_may_be_trusted() {
    let server = gateway(0);
    let (at, certificate) = front(server.address()).await;
    let tls = trusting(certificate);
    let url = format!("https://localhost:{}", at.port());
    for transports in CHOICES {
        let strict = Options {
            reconnection: false,
            ..options(transports)
        };
        let socket = io(&url, strict).expect("an address");
        let (_, error): (String, ConnectionError) = next(&socket, "connect_failed").await;
        assert!(error.message.contains("certificate"), "{error}");

        let trusts = Options {
            tls: Some(tls.clone()),
            ..options(transports)
        };
        let socket = io(&url, trusts).expect("an address");
        let echo = socket.emit_with_ack::<String>("echo", "secret");
        assert_eq!(within("the echo", echo).await.expect("an answer"), "secret");
        socket.disconnect();
    }
    stop(&server);
}
