//! Input packets from a broken or hostile client: an answer to any bytes, and one input a tick
//! whatever they say.

use super::Source;
use ringside_netcode::Tick;
use ringside_netcode::bits::{BitReader, BitWriter};
use ringside_netcode::input::{
    Input, InputBuffer, InputPacket, InputPolicy, PACKET_INPUTS_MAX, Source as From, TickLeft,
    WireInput,
};
use std::time::Duration;

const TICK: Duration = Duration::from_millis(200);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Keys {
    held: u8,
    aim: u16,
    fire: bool,
}

impl Input for Keys {
    fn repeated(&self) -> Self {
        Keys {
            fire: false,
            ..*self
        }
    }
}

impl WireInput for Keys {
    fn write(&self, out: &mut BitWriter) {
        out.put(self.held.into(), 6);
        out.put(self.aim.into(), 10);
        out.put_bool(self.fire);
    }

    fn read(from: &mut BitReader<'_>) -> Option<Self> {
        let keys = Keys {
            held: from.get(6) as u8,
            aim: from.get(10) as u16,
            fire: from.get_bool(),
        };
        (keys.held < 48).then_some(keys)
    }
}

/// Packets, each as a byte of how many ticks pass before it, a byte of length, and its bytes.
pub fn run(data: &[u8]) {
    let mut source = Source(data);
    let mut tick = Tick::new(u32::MAX - 100);
    let mut buffer = InputBuffer::<Keys>::new(InputPolicy::default(), tick);
    let (mut offered, mut taken) = (0, 0);
    while source.more() {
        for _ in 0..source.byte() % 16 {
            let got = buffer.take(tick);
            if got.source != From::Received {
                assert!(!got.input.fire, "what happens once is not repeated");
            }
            taken += u64::from(got.source == From::Received);
            tick = tick.next();
        }
        let length = source.byte();
        let bytes = source.bytes(length.into());
        let Ok(packet) = InputPacket::<Keys>::read(bytes) else {
            continue;
        };
        assert!(packet.inputs.len() <= PACKET_INPUTS_MAX);
        let mut out = BitWriter::new();
        packet.write(&mut out);
        assert_eq!(InputPacket::read(&out.into_bytes()).as_ref(), Ok(&packet));
        for (seq, target, input) in packet.timed(tick) {
            offered += 1;
            // Refusals are weather; the counters tell of each.
            let left = TickLeft::of(Duration::from_millis(source.byte().into()), TICK);
            let _ = buffer.push(seq, target, *input, left);
        }
    }
    let counters = buffer.counters();
    assert_eq!(
        offered,
        counters.accepted + counters.late + counters.early + counters.duplicate
    );
    assert!(taken + counters.skipped <= counters.accepted);
}
