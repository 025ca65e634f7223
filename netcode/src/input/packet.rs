//! The packet by which a client sends its inputs and acknowledges snapshots.
//!
//! ```text
//! ack?:1 [tick:16 bits?:1 [bits:32]] | view:16 | count:4
//!   count > 0: seq:16 target:16 | newest input | (count-1) x { same:1 | input }, newer to older
//! ```
//!
//! `tick` is the newest snapshot received; bit `n` of `bits` acknowledges `tick - 1 - n` (datagram
//! transports, where some may be missing). Inputs are for consecutive ticks and have consecutive
//! sequence numbers, so one of each is enough. Reading accepts any bytes without panic and
//! allocates for at most eight inputs.

use super::Input;
use crate::Tick;
use crate::bits::{BitReader, BitWriter};
use std::collections::VecDeque;

/// Most inputs in a packet. At 30 packets of 2 new inputs a second this repeats each input in
/// four packets: three lost in a row lose nothing.
pub const PACKET_INPUTS_MAX: usize = 8;

/// An input with a wire form.
pub trait WireInput: Input + PartialEq {
    /// Appends the input's bits.
    fn write(&self, out: &mut BitWriter);
    /// Reads what `write` wrote, or `None` when the bits mean nothing. Reads past the end give
    /// zeros and are noticed by the caller.
    fn read(from: &mut BitReader<'_>) -> Option<Self>;
}

/// The moment a player's screen showed, in sixteenths of a tick; wraps after 4,096 ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ViewTick(pub u16);

impl ViewTick {
    /// The view `sixteenths` after `tick`.
    pub fn new(tick: Tick, sixteenths: u8) -> Self {
        ViewTick((tick.wire() << 4).wrapping_add(u16::from(sixteenths)))
    }

    /// Sixteenths of a tick from this view to `now`; exact for distances below 2,048 ticks.
    pub fn behind(self, now: Tick) -> i16 {
        (now.wire() << 4).wrapping_sub(self.0) as i16
    }
}

/// Why a packet could not be read: the peer is broken or hostile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PacketError {
    /// The bytes ended early.
    Truncated,
    /// More inputs than [`PACKET_INPUTS_MAX`].
    TooMany(u8),
    /// An input's bits mean nothing.
    Input,
    /// Bytes are left over after the last input.
    Trailing(usize),
}

impl core::fmt::Display for PacketError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Truncated => f.write_str("the input packet ended early"),
            Self::TooMany(n) => write!(f, "{n} inputs in one packet, at most {PACKET_INPUTS_MAX}"),
            Self::Input => f.write_str("an input's bits mean nothing"),
            Self::Trailing(n) => write!(f, "{n} bytes after the last input"),
        }
    }
}

impl core::error::Error for PacketError {}

/// What a client tells the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InputPacket<I> {
    /// Newest snapshot received (low 16 bits of its tick), if any.
    pub ack: Option<u16>,
    /// Which of the 32 snapshot ticks before `ack` arrived too; only on datagram transports.
    pub ack_bits: Option<u32>,
    /// The moment the screen showed.
    pub view: ViewTick,
    /// Sequence of the newest input; zero when there is none.
    pub newest_seq: u16,
    /// Tick of the newest input (low 16 bits); zero when there is none.
    pub newest_target: u16,
    /// Inputs, newest first; entry `n` has sequence `newest_seq - n`, target `newest_target - n`.
    pub inputs: Vec<I>,
}

impl<I: WireInput> InputPacket<I> {
    /// Appends the packet. Inputs beyond [`PACKET_INPUTS_MAX`] are left out; `ack_bits` without
    /// `ack` as well.
    pub fn write(&self, out: &mut BitWriter) {
        out.put_bool(self.ack.is_some());
        if let Some(ack) = self.ack {
            out.put(u32::from(ack), 16);
            out.put_bool(self.ack_bits.is_some());
            if let Some(bits) = self.ack_bits {
                out.put(bits, 32);
            }
        }
        out.put(u32::from(self.view.0), 16);
        let inputs = &self.inputs[..self.inputs.len().min(PACKET_INPUTS_MAX)];
        out.put(inputs.len() as u32, 4);
        let Some(newest) = inputs.first() else { return };
        out.put(u32::from(self.newest_seq), 16);
        out.put(u32::from(self.newest_target), 16);
        newest.write(out);
        for pair in inputs.windows(2) {
            let same = pair[0] == pair[1];
            out.put_bool(same);
            if !same {
                pair[1].write(out);
            }
        }
    }

    /// Reads a packet that fills `bytes` up to the padding of its last byte.
    pub fn read(bytes: &[u8]) -> Result<Self, PacketError> {
        let mut packet = Self::default();
        packet.read_again(bytes)?;
        Ok(packet)
    }

    /// [`read`](Self::read) into the memory of a packet that has been dealt with, for who reads many. After an error what
    /// it holds means nothing.
    pub fn read_again(&mut self, bytes: &[u8]) -> Result<(), PacketError> {
        let mut from = BitReader::new(bytes);
        (self.ack, self.ack_bits) = (None, None);
        if from.get_bool() {
            let ack = from.get(17);
            self.ack = Some(ack as u16);
            self.ack_bits = (ack >> 16 != 0).then(|| from.get(32));
        }
        let view_and_count = from.get(20);
        self.view = ViewTick(view_and_count as u16);
        let count = (view_and_count >> 16) as usize;
        if count > PACKET_INPUTS_MAX {
            return Err(PacketError::TooMany(count as u8));
        }
        let newest = if count > 0 { from.get(32) } else { 0 };
        (self.newest_seq, self.newest_target) = (newest as u16, (newest >> 16) as u16);
        self.inputs.clear();
        self.inputs.reserve(count);
        while self.inputs.len() < count {
            let same = self.inputs.last().filter(|_| from.get_bool());
            let input = match same {
                Some(last) => last.clone(),
                None => I::read(&mut from).ok_or(PacketError::Input)?,
            };
            self.inputs.push(input);
        }
        match from.finish() {
            Ok([]) => Ok(()),
            Ok(rest) => Err(PacketError::Trailing(rest.len())),
            Err(_) => Err(PacketError::Truncated),
        }
    }

    /// The inputs with their sequence numbers and target ticks, oldest first. `near` is the
    /// server's present tick, from which the targets' high bits come.
    pub fn timed(&self, near: Tick) -> impl Iterator<Item = (u16, Tick, &I)> {
        let newest = Tick::from_wire(self.newest_target, near);
        let numbered = self.inputs.iter().enumerate();
        numbered.rev().map(move |(n, input)| {
            (
                self.newest_seq.wrapping_sub(n as u16),
                newest - n as u32,
                input,
            )
        })
    }
}

/// The client's side: inputs that are not acknowledged yet.
#[derive(Clone, Debug)]
pub struct InputSender<I> {
    /// Oldest first, at most [`PACKET_INPUTS_MAX`], for consecutive ticks.
    pending: VecDeque<I>,
    newest_seq: u16,
    newest_target: Tick,
    /// Inputs in `pending` that no packet has carried.
    unsent: usize,
}

impl<I: WireInput> InputSender<I> {
    /// A sender with nothing to send. The first input gets sequence 1.
    pub fn new() -> Self {
        InputSender {
            pending: VecDeque::with_capacity(PACKET_INPUTS_MAX),
            newest_seq: 0,
            newest_target: Tick::ZERO,
            unsent: 0,
        }
    }

    /// Adds the input for `target` and returns its sequence number. When `target` does not follow
    /// the last one (the clock was adjusted), older inputs are no longer repeated.
    pub fn push(&mut self, target: Tick, input: I) -> u16 {
        if target != self.newest_target.next() {
            self.pending.clear();
            self.unsent = 0;
        }
        if self.pending.len() == PACKET_INPUTS_MAX {
            self.pending.pop_front();
        }
        self.pending.push_back(input);
        self.unsent = (self.unsent + 1).min(PACKET_INPUTS_MAX);
        self.newest_target = target;
        self.newest_seq = self.newest_seq.wrapping_add(1);
        self.newest_seq
    }

    /// The server has executed inputs up to `seq`: they need not be repeated.
    pub fn acknowledge(&mut self, seq: u16) {
        let newer = self.newest_seq.wrapping_sub(seq) as i16;
        if newer >= 0 {
            let keep = (newer as usize).min(self.pending.len());
            self.pending.drain(..self.pending.len() - keep);
            self.unsent = self.unsent.min(keep);
        }
    }

    /// The packet to send now. With `redundant` (datagrams) it repeats what is unacknowledged;
    /// without (ordered transports) it carries only what is new.
    pub fn packet(&mut self, ack: Option<u16>, view: ViewTick, redundant: bool) -> InputPacket<I> {
        let count = if redundant {
            self.pending.len()
        } else {
            self.unsent
        };
        self.unsent = 0;
        InputPacket {
            ack,
            ack_bits: None,
            view,
            newest_seq: if count > 0 { self.newest_seq } else { 0 },
            newest_target: if count > 0 {
                self.newest_target.wire()
            } else {
                0
            },
            inputs: self.pending.iter().rev().take(count).cloned().collect(),
        }
    }
}

impl<I: WireInput> Default for InputSender<I> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    struct Keys(u8);

    impl Input for Keys {
        fn repeated(&self) -> Self {
            *self
        }
    }

    impl WireInput for Keys {
        fn write(&self, out: &mut BitWriter) {
            out.put(u32::from(self.0), 6);
        }
        fn read(from: &mut BitReader<'_>) -> Option<Self> {
            Some(Keys(from.get(6) as u8)).filter(|k| k.0 != 63)
        }
    }

    fn written(packet: &InputPacket<Keys>) -> Vec<u8> {
        let mut out = BitWriter::new();
        packet.write(&mut out);
        out.into_bytes()
    }

    #[test]
    fn an_idle_packet_is_small() {
        let mut sender = InputSender::<Keys>::new();
        for n in 0..20 {
            sender.push(Tick::new(n), Keys(9));
        }
        let packet = sender.packet(Some(4), ViewTick(7), true);
        assert_eq!(packet.inputs.len(), PACKET_INPUTS_MAX);
        assert_eq!(written(&packet).len(), 11);
    }

    #[test]
    fn redundancy_survives_three_lost_packets_in_a_row() {
        let mut sender = InputSender::<Keys>::new();
        let mut seen = Vec::new();
        for n in 0..60u32 {
            sender.push(Tick::new(n), Keys((n % 60) as u8));
            if n % 2 == 1 {
                let packet = sender.packet(None, ViewTick(0), true);
                if (n / 2) % 4 == 3 {
                    for (_, tick, input) in packet.timed(Tick::ZERO) {
                        if seen.last().is_none_or(|&(t, _)| tick.is_newer(t)) {
                            seen.push((tick, *input));
                        }
                    }
                }
            }
        }
        assert_eq!(seen.len(), 56);
        assert!(
            seen.iter()
                .enumerate()
                .all(|(n, s)| *s == (Tick::new(n as u32), Keys(n as u8)))
        );
    }

    #[test]
    fn acknowledged_inputs_are_not_repeated() {
        let mut sender = InputSender::<Keys>::new();
        for n in 0..4 {
            sender.push(Tick::new(n), Keys(n as u8));
        }
        sender.acknowledge(3);
        assert_eq!(sender.packet(None, ViewTick(0), true).inputs, [Keys(3)]);
        assert_eq!(sender.packet(None, ViewTick(0), false).inputs, []);
    }

    proptest! {
        #[test]
        fn packets_round_trip(
            ack: Option<u16>, bits: Option<u32>, view: u16, seq: u16, target: u16,
            inputs in prop::collection::vec(0u8..63, 0..=8),
        ) {
            let some = !inputs.is_empty();
            let packet = InputPacket {
                ack,
                ack_bits: ack.and(bits),
                view: ViewTick(view),
                newest_seq: if some { seq } else { 0 },
                newest_target: if some { target } else { 0 },
                inputs: inputs.into_iter().map(Keys).collect(),
            };
            prop_assert_eq!(InputPacket::read(&written(&packet)), Ok(packet));
        }

        /// Whatever a packet held before, it is read as a new one is.
        #[test]
        fn any_bytes_are_an_answer(
            many in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..32), 1..8),
        ) {
            let mut again = InputPacket::<Keys>::default();
            for bytes in many {
                let read = InputPacket::<Keys>::read(&bytes);
                let result = again.read_again(&bytes);
                prop_assert_eq!(result.map(|()| again.clone()), read.clone());
                prop_assert!(read.is_err() || again.inputs.len() <= PACKET_INPUTS_MAX);
            }
        }
    }
}
