//! Netcode for authoritative game servers: fixed ticks, per-tick inputs, bit-packed delta
//! snapshots, interest, bandwidth budgets, rewinding and replay.
//!
//! Everything here is a value: time comes in as an argument (a [`core::time::Duration`] since an
//! epoch of the caller's choice), bytes come in and go out as slices, and the same calls give the
//! same results on every machine. The crate has no sockets, no clock, no threads, no random
//! source and no `unsafe`.
//!
//! What it leaves out: the loop that sleeps until the next deadline, sessions and transports.
//! Those belong to the layers above, which hand bytes and time to the values here.
//!
//! # Who calls what
//!
//! | when | server | client |
//! |---|---|---|
//! | at the start | the same [`Layers`](snapshot::Layers) on both ends; compare [`Layers::hash`](snapshot::Layers::hash) | [`Decoder::restart`](snapshot::Decoder::restart) at the server's tick |
//! | a message arrives | [`InputPacket::read`](input::InputPacket::read), [`Viewer::acknowledge`](snapshot::Viewer::acknowledge), [`InputBuffer::push`](input::InputBuffer::push) for each input | [`Decoder::read`](snapshot::Decoder::read), [`InputSender::acknowledge`](input::InputSender::acknowledge) |
//! | a step is due ([`FixedStep::poll`](tick::FixedStep::poll)) | [`InputBuffer::take`](input::InputBuffer::take) for each player, the game, [`History::record`](history::History::record) | [`InputSender::push`](input::InputSender::push), [`InputSender::packet`](input::InputSender::packet) |
//! | the step's [`snapshot`](tick::Step::snapshot) is set | [`World::capture`](snapshot::World::capture), [`Viewer::frame`](snapshot::Viewer::frame) for each client, then [`World::take_frames`](snapshot::World::take_frames), which goes to the threads that write | |
//! | something makes no sense | count it; [`Viewer::request_keyframe`](snapshot::Viewer::request_keyframe) when the client asks | on [`MissingBaseline`](snapshot::FrameError::MissingBaseline) or [`Malformed`](snapshot::FrameError::Malformed) ask for a keyframe |
//!
//! Units: ticks are [`Tick`]s, of which the low 16 bits travel; views are sixteenths of a tick,
//! input depths quarters of one; budgets are bytes a second, envelopes included; sizes are bytes.
//! Nothing that a peer sends panics; whose move an error is, its type says.
//!
//! # Example
//!
//! One step of a server with one client, and the client.
//!
//! ```
//! use core::time::Duration;
//! use ringside_netcode::bits::{BitReader, BitWriter};
//! use ringside_netcode::input::{Input, InputBuffer, InputPacket, InputSender, TickLeft, ViewTick, WireInput};
//! use ringside_netcode::interest::{Grid, GridConfig, View};
//! use ringside_netcode::snapshot::*;
//! use ringside_netcode::tick::{Act, FixedStep, StepConfig};
//! use ringside_netcode::{Replicate, Tick};
//!
//! /// What everybody sees of a puck; `cooldown` is its owner's business alone.
//! #[derive(Clone, Copy, Debug, Default, PartialEq, Replicate)]
//! struct Puck {
//!     #[rep(predict = linear)]
//!     x: u16,
//!     #[rep(predict = linear)]
//!     y: u16,
//!     #[rep(bits = 7)]
//!     hp: u8,
//!     #[rep(once)]
//!     colour: u8,
//!     #[rep(owner)]
//!     cooldown: u16,
//! }
//!
//! #[derive(Clone, Copy, Debug, Default, PartialEq)]
//! struct Keys {
//!     right: bool,
//!     fire: bool,
//! }
//!
//! impl Input for Keys {
//!     fn repeated(&self) -> Self {
//!         Keys { fire: false, ..*self } // a lost packet must not fire twice
//!     }
//! }
//!
//! impl WireInput for Keys {
//!     fn write(&self, out: &mut BitWriter) {
//!         out.put_bool(self.right);
//!         out.put_bool(self.fire);
//!     }
//!     fn read(from: &mut BitReader<'_>) -> Option<Self> {
//!         Some(Keys { right: from.get_bool(), fire: from.get_bool() })
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Both ends: an arena of 8 x 8 cells.
//! let shape = GridConfig { origin: (0, 0), cell: 8192, columns: 8, rows: 8, margin: 800 };
//! let mut layers = Layers::new();
//! let pucks = layers.add::<Puck>(shape.cells());
//! let grid = Grid::new(shape, &layers, pucks);
//!
//! // The server: a world, its pace, and what it keeps of each client.
//! let mut world = World::new(layers.clone());
//! let mut pace = FixedStep::new(StepConfig::default(), Tick::ZERO, Duration::ZERO)?;
//! let mut inputs = InputBuffer::<Keys>::new(Default::default(), Tick::ZERO);
//! let mut viewer = Viewer::new(ViewerConfig {
//!     budget: Some((32_000, 42)), // bytes a second, each message with 42 bytes of headers
//!     ..ViewerConfig::default()
//! });
//! let mut view = View::new();
//! let (id, mut puck) = (EntityId::new(0, 0), Puck { x: 4000, hp: 100, ..Puck::default() });
//!
//! // The client sends what its player does at the coming tick.
//! let mut decoder = Decoder::new(layers);
//! let mut sender = InputSender::<Keys>::new();
//! sender.push(Tick::ZERO, Keys { right: true, fire: false });
//! let mut upstream = BitWriter::new();
//! sender.packet(None, ViewTick::default(), true).write(&mut upstream);
//!
//! // A message arrives at the server.
//! let now = Duration::ZERO;
//! let packet = InputPacket::<Keys>::read(&upstream.into_bytes())?;
//! if let Some(newest) = packet.ack {
//!     viewer.acknowledge(newest, packet.ack_bits.unwrap_or(0), now);
//! }
//! let left = TickLeft::of(pace.deadline().saturating_sub(now), pace.period());
//! for (seq, tick, keys) in packet.timed(pace.next_tick()) {
//!     let _ = inputs.push(seq, tick, *keys, left); // late, early and twice are weather, and counted
//! }
//!
//! // A step is due.
//! let Act::Run(step) = pace.poll(now) else { panic!("the first step is due at once") };
//! let taken = inputs.take(step.tick);
//! puck.x += if taken.input.right { 40 } else { 0 };
//! if step.snapshot {
//!     let mut capture = world.capture(step.tick);
//!     capture.add(pucks, id, grid.cell_of(puck.x.into(), puck.y.into()), &puck);
//!     capture.commit();
//!     grid.look(&mut view, puck.x.into(), puck.y.into(), 12_000, 2_000);
//!     let request = FrameRequest {
//!         now,
//!         view: &view,
//!         feedback: Some(Feedback {
//!             last_input_seq: taken.last_seq,
//!             input_depth: inputs.depth_quarters(),
//!         }),
//!         owner: Some(Owner::of(pucks, id)),
//!     };
//!     // `Err` means: nothing now, and the next frame covers it.
//!     if let Ok(frame) = viewer.frame(&mut world, &request) {
//!         let frames = world.take_frames();
//!         let message = frames.pieces(frame).collect::<Vec<_>>().concat();
//!         world.recycle(frames);
//!
//!         // The client shows it.
//!         let info = decoder.read(&message)?;
//!         if let Some(seq) = info.feedback.and_then(|feedback| feedback.last_input_seq) {
//!             sender.acknowledge(seq);
//!         }
//!         let mine = decoder.entity(pucks, 0).map(|entity| entity.value);
//!         assert_eq!(mine, Some(Puck { x: 4040, ..puck }));
//!         assert!(decoder.acknowledgement().is_some()); // goes into the next input packet
//!     }
//! }
//! pace.finish(now);
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

pub mod arena_n;
pub mod bits;
pub mod budget;
pub mod flow;
pub mod history;
pub mod input;
pub mod interest;
pub mod javascript;
pub mod link;
mod losses;
mod nanos;
pub mod replay;
pub mod schema;
pub mod snapshot;
pub mod tick;

/// Derives [`Replicate`]: see [the macro's page](derive@ringside_netcode_derive::Replicate).
pub use ringside_netcode_derive::Replicate;
pub use schema::Replicate;
pub use tick::Tick;

// The derive names this crate as its users do.
extern crate self as ringside_netcode;
