//! This machine's address in its network.

use std::net::{IpAddr, UdpSocket};

/// The address that the system would send from. Nothing is sent: connecting a UDP socket only asks for the route.
/// `None` without a network.
pub(crate) fn address() -> Option<IpAddr> {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).ok()?;
    // An address of the documentation's range: any that is elsewhere does.
    socket.connect(("192.0.2.1", 9)).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
}
