//! **Ringside core**: bytes to many readers on many cores.
//!
//! Publish once, reach every subscriber on every core, without a lock on the way and without waking a
//! task per delivery. The core knows no protocol: a [`Frame`] is bytes that somebody encoded once.
//!
//! ```text
//!  publisher A ──lane──┐                    ┌── conn ── socket
//!              ──lane──┼──> shard 0 (core 0)┼── conn ── socket     one write a socket a turn
//!  publisher B ──lane──┤                    └── conn ── socket
//!              ──lane──┴──> shard 1 (core 1)─── …
//!  any thread ──control queue──^
//! ```
//!
//! # Contract
//!
//! - **Order.** FIFO per publisher and shard, over all operations: publish, unicast, join, leave,
//!   disconnect. Two publishers may interleave differently on two shards. A thread uses one path: its
//!   [`Publisher`], or [`Core`]'s control queues; the two are not ordered against each other.
//! - **Loss.** Only what a [`Class`] allows, and all of it is counted ([`Stats`]). A `Reliable` frame is
//!   delivered, or its publisher gets an error, or its connection ends with a [`CloseReason`].
//! - **Bounds.** A lane holds 1,024 descriptors of 16 B, its overflow 16,384 operations of 40 B, a control
//!   queue 4,096; an outbox [`OutboxLimits`]. Nothing waits without a bound and nothing blocks.
//! - **Cost.** Publishing costs one allocation and a descriptor per shard with subscribers; a delivery
//!   allocates nothing. A slow connection's backlog is copied, so it never pins shared frames.
//! - **Errors** are sorted by whose move it is: see [`PublishError`], [`Busy`], [`SetupError`].
//!
//! # Example
//!
//! A thousand in-process readers, driven by hand; the tokio driver runs the same shards on sockets.
//!
//! ```
//! use ringside_core::{Class, Core, Frame, Millis, OutboxLimits, sim::SimSink};
//!
//! let (core, seeds) = Core::new(1)?;
//! let seed = seeds.into_iter().next().unwrap();
//! let mut shard = seed.grow(SimSink::default(), OutboxLimits::default());
//!
//! let arena = core.topic()?;
//! let readers: Vec<_> = (0..1000).map(|_| shard.open().unwrap()).collect();
//! for reader in &readers {
//!     shard.subscribe(&arena, *reader);
//! }
//!
//! let mut publisher = core.publisher()?;
//! publisher.publish(&arena, Class::Reliable, Frame::from_bytes(b"tick 1", 0))?;
//! publisher.flush();
//! shard.turn(Millis(0));
//!
//! assert!(readers.iter().all(|reader| shard.sink().conn(*reader).wire == b"tick 1"));
//! assert_eq!(core.stats().delivered, 1000);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[doc(hidden)]
pub mod bench_api;
mod class;
mod compose;
mod control;
mod core;
mod doorbell;
#[cfg(feature = "tokio")]
pub mod driver;
mod error;
mod frame;
mod ident;
mod lane;
#[cfg(all(test, loom))]
mod loom_tests;
mod op;
#[cfg(all(test, not(loom)))]
mod oracle_tests;
mod publisher;
mod shard;
pub mod sim;
mod sink;
mod spill;
mod stats;
mod sync;
mod topic;

pub use self::core::{Core, PUBLISHERS_MAX};
pub use class::{Class, Key};
pub use compose::{Compose, Outbox};
pub use error::{Busy, CloseReason, PublishError, SetupError};
pub use frame::{FRAME_BYTES_MAX, Frame, FrameBuilder, Message};
pub use ident::{CONNS_PER_SHARD_MAX, ConnId, Millis};
pub use op::AppMessage;
pub use publisher::Publisher;
pub use shard::{Destination, Host, OutboxLimits, Shard, ShardSeed, Work};
pub use sink::{Delivery, RUN_BYTES_MAX, Run, Sink, Wrote};
pub use stats::Stats;
pub use topic::{SHARDS_MAX, TOPICS_MAX, Topic, TopicId};
