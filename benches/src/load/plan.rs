//! What is to be done to a server.

use std::time::Duration;

use ringside_client::swarm::Settings;

/// What connections do once they are all there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// The first connection sends; everybody receives.
    Broadcast,
    /// Everybody sends, and receives its own.
    Echo,
    /// Nothing but heartbeats.
    Idle,
}

/// When messages are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// So many broadcasts, or echoes of all connections together, a second, at times fixed in advance.
    Rate(f64),
    /// As soon as fewer than this many are on their way: of broadcasts in all, of echoes for each
    /// connection.
    InFlight(u32),
}

/// A whole run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where to, and in which protocol.
    pub settings: Settings,
    /// How many connections.
    pub connections: usize,
    /// Connections that may be under way at once while ramping up.
    pub connecting: usize,
    /// What they do.
    pub work: Work,
    /// When.
    pub pace: Pace,
    /// Messages sent at once, in one write.
    pub burst: u32,
    /// Bytes of a message's text: at least `STAMP`, 17.
    pub payload: usize,
    /// The server swallows broadcasts: they count as delivered, and echoes tell when it is through.
    pub swallowed: bool,
    /// Broadcasts may be lost.
    pub volatile: bool,
    /// Quiet between the last connection and the first message.
    pub settle: Duration,
    /// Work that is not measured.
    pub warm_up: Duration,
    /// Work that is measured.
    pub duration: Duration,
    /// The server's process, if its cost is to be told.
    pub pid: Option<u32>,
}

/// Bytes at the start of each message that say when it was due: the `E` that raw servers echo by,
/// and sixteen digits.
pub const STAMP: usize = 17;
