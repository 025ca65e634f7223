//! Which endpoint a packet goes to.
//!
//! For now the kernel's own choice, by the sender's address: a client whose address changes may land on
//! another endpoint and be lost.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
};

use quinn::EndpointConfig;
use socket2::{Domain, Protocol, Socket, Type};

/// How packets find their endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Steering {
    /// By the sender's address.
    ByAddress,
}

/// One socket per shard, all on the same address.
pub(super) fn bind(at: SocketAddr, shards: usize) -> io::Result<(Vec<UdpSocket>, Steering)> {
    let mut sockets = Vec::with_capacity(shards);
    for _ in 0..shards {
        let socket = Socket::new(Domain::for_address(at), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_reuse_port(true)?;
        socket.bind(&at.into())?;
        sockets.push(socket.into());
    }
    Ok((sockets, Steering::ByAddress))
}

/// The settings of a shard's endpoint: the ids it gives to connections.
pub(super) fn endpoint_config(
    _shard: usize,
    _shards: usize,
    _steering: Steering,
) -> EndpointConfig {
    EndpointConfig::default()
}
