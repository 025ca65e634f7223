//! Snapshot frames from a broken or hostile server: an answer to any bytes, no change unless the
//! frame is used, and never more entities than the bytes could carry.

use ringside_netcode::Replicate;
use ringside_netcode::arena_n::Mover;
use ringside_netcode::snapshot::{Decoder, LayerId, Layers};

/// A type with every kind of field that movers lack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Replicate)]
struct Odd {
    flag: bool,
    #[rep(predict = linear)]
    wide: u32,
    #[rep(bits = 5)]
    tilt: i8,
    #[rep(bits = 12, min = -2.0, max = 2.0)]
    spin: f32,
    #[rep(owner, bits = 9)]
    cooldown: u16,
}

const CELLS: u16 = 2;
/// Least bits of an entity that enters, one of its id included: those of the smaller type.
const ENTITY_BITS_MIN: usize = 51;

/// Frames, each as two bytes of length (little-endian) and that many bytes.
pub fn run(mut data: &[u8]) {
    let mut layers = Layers::new();
    let movers = layers.add::<Mover>(CELLS);
    let odd = layers.add::<Odd>(CELLS);
    let mut decoder = Decoder::new(layers);
    let mut bytes_seen = 0;
    while let Some((length, rest)) = data.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
        let (frame, rest) = rest.split_at(length);
        data = rest;
        bytes_seen += frame.len();
        let before = held(&decoder, movers, odd);
        match decoder.read(frame) {
            Ok(info) => {
                assert_eq!(decoder.tick(), Some(info.tick));
                let (newest, _) = decoder.acknowledgement().expect("a frame was used");
                assert_eq!(newest, info.tick.wire());
            }
            Err(error) => {
                assert_eq!(held(&decoder, movers, odd), before, "{error}");
            }
        }
        let count = decoder.entities(movers).count() + decoder.entities(odd).count();
        assert!(count <= bytes_seen * 8 / ENTITY_BITS_MIN);
    }
}

/// Everything a client would look at.
fn held(
    decoder: &Decoder,
    movers: LayerId<Mover>,
    odd: LayerId<Odd>,
) -> impl PartialEq + std::fmt::Debug + use<> {
    let cells: Vec<_> = decoder.cells().collect();
    let movers: Vec<_> = decoder
        .entities(movers)
        .map(|e| (e.cell, e.index, e.tick, e.value))
        .collect();
    let odd: Vec<_> = decoder
        .entities(odd)
        .map(|e| (e.cell, e.index, e.tick, e.value))
        .collect();
    (decoder.tick(), cells, movers, odd)
}
