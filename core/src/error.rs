//! What can go wrong, sorted by whose move it is.
//!
//! [`PublishError`] and [`Busy`]: we ran out of room, try later. [`SetupError`]: the program asks
//! for more than it configured. [`CloseReason`]: why a connection ended.

use std::fmt;

/// An operation of a [`Publisher`](crate::Publisher) that did not take effect, on any shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublishError {
    /// This shard has stopped draining: its lane and its overflow are full. Nothing was sent to
    /// any shard. Flush and try again later, or treat the shard as lost.
    ShardStalled {
        /// The shard that does not drain.
        shard: usize,
    },
    /// The connection names a shard that this core does not have.
    NoSuchShard {
        /// The shard asked for.
        shard: usize,
    },
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShardStalled { shard } => {
                write!(
                    f,
                    "shard {shard} has stopped draining; nothing was published"
                )
            }
            Self::NoSuchShard { shard } => write!(f, "this core has no shard {shard}"),
        }
    }
}

impl std::error::Error for PublishError {}

/// The control queue of a shard is full; nothing took effect. Try again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy {
    /// The shard whose queue is full.
    pub shard: usize,
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the control queue of shard {} is full; try again later",
            self.shard
        )
    }
}

impl std::error::Error for Busy {}

/// The program asks for more than the core was configured for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetupError {
    /// Zero shards, or more than [`SHARDS_MAX`](crate::SHARDS_MAX).
    ShardCount {
        /// The count asked for.
        asked: usize,
    },
    /// All [`PUBLISHERS_MAX`](crate::PUBLISHERS_MAX) publishers are taken.
    TooManyPublishers,
    /// All [`TOPICS_MAX`](crate::TOPICS_MAX) topics are alive.
    TooManyTopics,
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShardCount { asked } => {
                write!(
                    f,
                    "a core has 1 to {} shards, not {asked}",
                    crate::SHARDS_MAX
                )
            }
            Self::TooManyPublishers => write!(
                f,
                "all {} publishers are registered; drop one, or share one through a queue",
                crate::PUBLISHERS_MAX
            ),
            Self::TooManyTopics => {
                write!(
                    f,
                    "all {} topics are alive; drop the handles of unused ones",
                    crate::TOPICS_MAX
                )
            }
        }
    }
}

impl std::error::Error for SetupError {}

/// Why a connection ended, as the core sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer went away, or its socket failed.
    Gone,
    /// The peer read too slowly: its outbox reached a bound.
    SlowConsumer,
    /// Somebody asked for it; the number is the asker's own code.
    Requested(u16),
    /// Asked to end after its backlog, the peer did not read that in time.
    LingerExpired,
}
