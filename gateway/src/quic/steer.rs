//! UDP sockets of one port, one a shard, and datagrams to the shard that owns their connection.
//!
//! ```text
//!  long header    flags │ version ×4 │ length │ id[0] …     RFC 9000 §17.2: offset 6
//!  short header   flags │ id[0] …                           RFC 9000 §17.3: offset 1
//!                            id[0] mod shards = the socket, in the order they were bound
//! ```
//! The sockets share their port (SO_REUSEPORT). By itself the kernel chooses among them by addresses, so a
//! client whose address changes (from Wi-Fi to a mobile network, behind a NAT that forgot it) would come to a
//! shard that knows nothing of it. A program of seven instructions makes it choose by the connection id
//! instead, and [`ShardIds`] makes ids that name their shard. A client's first datagrams carry an id the client
//! made up, which spreads new connections evenly.
//!
//! Promises: where the system cannot steer there is one socket alone, and the log says why. The number of sockets must not change while they are in use: the
//! kernel counts them. Leaves out: hiding the shard. An observer can read it, and a flood can aim at one.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

use quinn::{ConnectionId, ConnectionIdGenerator, EndpointConfig};
use socket2::{Domain, Protocol, Socket, Type};

use crate::env;

/// Bytes of the ids we give out: one names the shard, seven cannot be guessed.
const ID_BYTES: usize = 8;

/// Bytes that may wait in the kernel, each way, while a shard is busy: a turn of 50 ms at 20,000
/// datagrams a second. The system may grant less.
const BUFFER_BYTES: usize = 1024 * 1024;

/// How datagrams find the endpoint of their connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Steering {
    /// Each shard has one, and the kernel looks at the connection id.
    ByConnectionId,
    /// There is only one.
    OneEndpoint,
}

/// One socket for each shard, in their order; or one alone.
///
/// # Errors
/// The system refuses a socket.
pub(super) fn bind(at: SocketAddr, shards: usize) -> io::Result<(Vec<UdpSocket>, Steering)> {
    if shards > 1 {
        let steered = group(at, shards).and_then(|group| {
            steer(&group[0], shards)?;
            Ok(group)
        });
        match steered {
            Ok(group) => return Ok((group, Steering::ByConnectionId)),
            Err(error) => tracing::warn!(
                %at, %error,
                "one QUIC endpoint serves all shards, for this system cannot steer by connection id"
            ),
        }
    }
    Ok((vec![socket(at, false)?], Steering::OneEndpoint))
}

/// The settings of one of so many endpoints: the ids it gives to connections.
pub(super) fn endpoint_config(shard: usize, shards: usize, steering: Steering) -> EndpointConfig {
    let mut config = EndpointConfig::default();
    if steering == Steering::ByConnectionId {
        let ids = ShardIds::new(shard, shards);
        config.cid_generator(move || Box::new(ids));
    }
    config
}

fn socket(at: SocketAddr, shared: bool) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(at), Type::DGRAM, Some(Protocol::UDP))?;
    if shared {
        socket.set_reuse_port(true)?;
    }
    // Refused, it costs datagrams under load and nothing else.
    let _ = socket.set_recv_buffer_size(BUFFER_BYTES);
    let _ = socket.set_send_buffer_size(BUFFER_BYTES);
    socket.bind(&at.into())?;
    Ok(socket.into())
}

/// Sockets that share a port; the kernel chooses among them by addresses.
pub(super) fn group(at: SocketAddr, shards: usize) -> io::Result<Vec<UdpSocket>> {
    let mut at = at;
    let mut group = Vec::with_capacity(shards);
    for _ in 0..shards {
        let socket = socket(at, true)?;
        // The first one picked the port, if it was 0.
        at = socket.local_addr()?;
        group.push(socket);
    }
    Ok(group)
}

/// Has the kernel choose among the sockets of a group by the connection id; any of them stands for all.
#[cfg(target_os = "linux")]
pub(super) fn steer(member: &UdpSocket, shards: usize) -> io::Result<()> {
    use nix::{
        libc,
        sys::socket::{setsockopt, sockopt::AttachReusePortCbpf},
    };

    let step = |code: u32, yes: u8, no: u8, k: u32| libc::sock_filter {
        code: code as u16,
        jt: yes,
        jf: no,
        k,
    };
    let load = |offset| step(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, 0, 0, offset);
    let shards = u32::try_from(shards).map_err(io::Error::other)?;
    let mut program = [
        load(0),
        // "Header Form: the most significant bit (0x80) of byte 0 is set to 1 for long headers."
        step(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, 0, 2, 0x80),
        load(6),
        step(libc::BPF_JMP | libc::BPF_JA, 0, 0, 1),
        load(1),
        step(libc::BPF_ALU | libc::BPF_MOD | libc::BPF_K, 0, 0, shards),
        step(libc::BPF_RET | libc::BPF_A, 0, 0, 0),
    ];
    let program = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    Ok(setsockopt(member, AttachReusePortCbpf, &program)?)
}

/// As above: only Linux can.
#[cfg(not(target_os = "linux"))]
pub(super) fn steer(_: &UdpSocket, _: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Makes the ids of a shard's connections.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShardIds {
    shard: u8,
    shards: u8,
}

impl ShardIds {
    /// Ids for one of so many sockets.
    ///
    /// # Panics
    /// There is no such shard: a core has at most 40.
    pub(super) fn new(shard: usize, shards: usize) -> Self {
        assert!(shard < shards && shards <= 128, "shard {shard} of {shards}");
        Self {
            shard: shard as u8,
            shards: shards as u8,
        }
    }

    /// The byte nearest to this one that names the shard.
    fn name(self, byte: u8) -> u8 {
        let whole = byte - byte % self.shards;
        // Beyond the last byte, the shard's name stands one round lower.
        whole
            .checked_add(self.shard)
            .unwrap_or_else(|| whole - self.shards + self.shard)
    }
}

impl ConnectionIdGenerator for ShardIds {
    fn generate_cid(&mut self) -> ConnectionId {
        let mut id = [0; ID_BYTES];
        env::fill(&mut id);
        id[0] = self.name(id[0]);
        ConnectionId::new(&id)
    }

    fn cid_len(&self) -> usize {
        ID_BYTES
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_names_its_shard_whatever_is_random_in_it() {
        for shards in 1..=40usize {
            for shard in 0..shards {
                let ids = ShardIds::new(shard, shards);
                for byte in 0..=255 {
                    assert_eq!(usize::from(ids.name(byte)) % shards, shard);
                }
            }
        }
        let ids: std::collections::HashSet<_> = (0..100)
            .map(|_| ShardIds::new(2, 4).generate_cid().to_vec())
            .collect();
        assert_eq!(ids.len(), 100);
    }

    #[test]
    fn shards_share_a_port_and_one_shard_has_it_alone() {
        let at = "127.0.0.1:0".parse().expect("an address");
        let (sockets, _) = bind(at, 3).expect("a port");
        let at = sockets[0].local_addr().expect("bound");
        for socket in &sockets {
            assert_eq!(socket.local_addr().expect("bound"), at);
        }
        let (one, steering) = bind("127.0.0.1:0".parse().expect("an address"), 1).expect("a port");
        assert_eq!((one.len(), steering), (1, Steering::OneEndpoint));
        let at = one[0].local_addr().expect("bound");
        assert!(group(at, 1).is_err());
    }
}
