//! Admission: how many connections one address may have, and open a second.
//!
//! Promises: a peer over its share is refused with 429 before a session exists, and others do not
//! notice. Addresses are counted by IPv4 address or IPv6 /64, because a peer owns a whole /64.
//! Behind a proxy the peer's address is what a *named* proxy says it is; from anybody else
//! `X-Forwarded-For` is just text. Loopback is exempt unless asked for: tests and local proxies live there.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard},
};

use http::HeaderMap;
use ringside_proto::time::Millis;

use crate::env::HashState;

/// How much one address may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressLimits {
    /// Sessions at once. Default 256: a school behind one address.
    pub sessions: u32,
    /// New sessions a second, with a burst of as many as [`sessions`](Self::sessions). Default 20.
    pub sessions_per_second: u32,
    /// Whether 127.0.0.0/8 and ::1 count too. Default no.
    pub count_loopback: bool,
}

impl Default for AddressLimits {
    fn default() -> Self {
        Self {
            sessions: 256,
            sessions_per_second: 20,
            count_loopback: false,
        }
    }
}

/// Addresses remembered at once. 100,000 × about 56 B = 6 MB; beyond it those without sessions are
/// forgotten, which costs them at most one burst more.
const ADDRESSES_MAX: usize = 100_000;

#[derive(Default)]
pub(crate) struct Admission {
    addresses: Mutex<HashMap<IpAddr, Account, HashState>>,
    limits: AddressLimits,
    proxies: Vec<IpAddr>,
}

#[derive(Clone, Copy, Default)]
struct Account {
    sessions: u32,
    /// When the whole burst is available again ("theoretical arrival time" of GCRA), in milliseconds.
    full_at: u64,
    /// The latest moment at which it asked, by any shard's clock.
    last: u64,
}

impl Admission {
    pub(crate) fn new(limits: AddressLimits, proxies: Vec<IpAddr>) -> Self {
        Self {
            addresses: Mutex::default(),
            limits,
            proxies,
        }
    }

    /// Whose request this is: the peer, or whom a named proxy speaks for.
    pub(crate) fn speaker(&self, peer: SocketAddr, headers: &HeaderMap) -> SocketAddr {
        let mut speaker = peer;
        let forwarded = headers.get_all("x-forwarded-for").iter().rev();
        let hops = forwarded
            .filter_map(|value| value.to_str().ok())
            .flat_map(|v| v.rsplit(','));
        for hop in hops {
            if !self.proxies.contains(&speaker.ip()) {
                break;
            }
            match hop.trim().parse::<IpAddr>() {
                Ok(ip) => speaker = SocketAddr::new(ip, 0),
                Err(_) => break,
            }
        }
        speaker
    }

    /// Whether the client of a named proxy speaks TLS with it, if the proxy says so.
    pub(crate) fn is_secure_by_proxy(&self, peer: SocketAddr, headers: &HeaderMap) -> Option<bool> {
        let said = headers.get_all("x-forwarded-proto").iter().next_back()?;
        let said = said.to_str().ok()?.rsplit(',').next()?.trim();
        let is_tls = ["https", "wss"]
            .iter()
            .any(|it| said.eq_ignore_ascii_case(it));
        self.proxies.contains(&peer.ip()).then_some(is_tls)
    }

    /// Admits one session, for as long as the guard lives; `None` when the address has its share.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr, now: Millis) -> Option<Admitted> {
        // Whoever a mount cannot name is everybody, and has no share.
        let is_exempt = address.to_canonical().is_loopback() && !self.limits.count_loopback;
        if is_exempt || address.is_unspecified() {
            return Some(Admitted(None));
        }
        let key = network(address);
        let mut addresses = self.lock();
        if addresses.len() >= ADDRESSES_MAX && !addresses.contains_key(&key) {
            addresses.retain(|_, account| account.sessions > 0);
        }
        let account = addresses.entry(key).or_default();
        // Shards' clocks are a moment apart: for an address, time does not go back.
        let now = Millis(account.last.max(now.0));
        let interval = 1_000 / u64::from(self.limits.sessions_per_second.max(1));
        let full_at = account.full_at.max(now.0) + interval;
        let burst = interval * u64::from(self.limits.sessions);
        if account.sessions >= self.limits.sessions || full_at > now.0 + burst {
            return None;
        }
        *account = Account {
            sessions: account.sessions + 1,
            full_at,
            last: now.0,
        };
        Some(Admitted(Some((self.clone(), key))))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Account, HashState>> {
        self.addresses
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// The part of an address that one peer owns.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => {
            let prefix = ip.to_bits() >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from_bits(prefix))
        }
        v4 => v4,
    }
}

/// A session that counts for its address.
pub(crate) struct Admitted(Option<(Arc<Admission>, IpAddr)>);

impl Drop for Admitted {
    fn drop(&mut self) {
        let Some((admission, key)) = &self.0 else {
            return;
        };
        let mut addresses = admission.lock();
        if let Some(account) = addresses.get_mut(key) {
            account.sessions = account.sessions.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn admission(sessions: u32, per_second: u32) -> Arc<Admission> {
        let limits = AddressLimits {
            sessions,
            sessions_per_second: per_second,
            count_loopback: false,
        };
        Arc::new(Admission::new(limits, vec!["10.0.0.1".parse().unwrap()]))
    }

    #[test]
    fn an_address_has_so_many_sessions_and_no_more() {
        let (admission, peer) = (admission(3, 1000), "192.0.2.7".parse().unwrap());
        let mut held: Vec<_> = (0..3)
            .map(|_| admission.admit(peer, Millis(0)).unwrap())
            .collect();
        assert!(admission.admit(peer, Millis(0)).is_none());
        assert!(
            admission
                .admit("192.0.2.8".parse().unwrap(), Millis(0))
                .is_some()
        );
        held.pop();
        assert!(admission.admit(peer, Millis(1)).is_some());
    }

    #[test]
    fn new_sessions_come_at_a_rate_after_the_burst() {
        let (admission, peer) = (admission(4, 10), "192.0.2.7".parse().unwrap());
        let open = |at| admission.admit(peer, Millis(at)).is_some();
        // Each is closed at once, so that only the rate limits.
        assert_eq!((0..10).filter(|_| open(0)).count(), 4);
        assert!(!open(99));
        assert!(open(100) && !open(100));
    }

    #[test]
    fn a_shard_whose_clock_is_behind_refuses_nobody_for_that() {
        let (admission, peer) = (admission(2, 1000), "192.0.2.7".parse().unwrap());
        let first = admission.admit(peer, Millis(100));
        let second = admission.admit(peer, Millis(98));
        assert!(first.is_some() && second.is_some());
    }

    #[test]
    fn a_network_of_ipv6_is_one_peer_and_loopback_is_none() {
        let admission = admission(1, 1000);
        let open = |ip: &str| admission.admit(ip.parse().unwrap(), Millis(0));
        let held = open("2001:db8::1");
        assert!(held.is_some() && open("2001:db8::ffff:2").is_none());
        assert!(open("2001:db8:0:1::1").is_some());
        let many: Vec<_> = (0..9).map(|_| open("127.0.0.1")).collect();
        assert!(many.iter().all(Option::is_some));
    }

    #[test]
    fn only_a_named_proxy_speaks_for_others() {
        let admission = admission(1, 1);
        let mut headers = HeaderMap::new();
        headers.insert(
            "x-forwarded-for",
            "6.6.6.6, 198.51.100.9, 10.0.0.1".parse().unwrap(),
        );
        let speaker = |peer: &str| {
            admission
                .speaker(peer.parse().unwrap(), &headers)
                .ip()
                .to_string()
        };
        assert_eq!(speaker("192.0.2.1:5"), "192.0.2.1");
        // The last hop is itself a named proxy; the one before it is not, so it is the peer.
        assert_eq!(speaker("10.0.0.1:5"), "198.51.100.9");
        let secure = |peer: &str, said: &'static str| {
            let headers = HeaderMap::from_iter([(
                HeaderName::from_static("x-forwarded-proto"),
                HeaderValue::from_static(said),
            )]);
            admission.is_secure_by_proxy(peer.parse().unwrap(), &headers)
        };
        assert_eq!(secure("192.0.2.1:5", "https"), None);
        assert_eq!(secure("10.0.0.1:5", "https"), Some(true));
        assert_eq!(secure("10.0.0.1:5", "https, http"), Some(false));
    }
}
