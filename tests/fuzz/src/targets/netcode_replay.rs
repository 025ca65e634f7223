//! Replay files that were damaged or made up: an error or a replay, and every seek ends.

use ringside_netcode::arena_n::Mover;
use ringside_netcode::replay::Replay;
use ringside_netcode::snapshot::Layers;

/// Ticks to seek in the first four bytes, four apart; then the file, its header made right.
pub fn run(data: &[u8]) {
    let Some((seeks, file)) = data.split_first_chunk::<4>() else {
        return;
    };
    let mut layers = Layers::new();
    let layer = layers.add::<Mover>(2);
    let mut file = file.to_vec();
    // Most inputs would otherwise end at the hash.
    if let Some(header) = file.get_mut(..9) {
        header[..5].copy_from_slice(b"RSRP\x01");
        header[5..].copy_from_slice(&layers.hash().to_le_bytes());
    }
    let Ok(mut replay) = Replay::open(layers, &file) else {
        return;
    };
    let (first, last) = replay.span();
    assert!(!first.is_newer(last));
    for seek in seeks {
        let wanted = first + u32::from(*seek) * 4;
        match replay.seek(wanted) {
            Ok(shown) => {
                assert_eq!(replay.decoder().tick(), Some(shown));
                assert!(shown == first || !shown.is_newer(wanted));
                assert!(replay.decoder().entities(layer).count() <= file.len() * 8 / 60);
            }
            Err(_) => return,
        }
    }
    while let Ok(Some(_)) = replay.advance() {}
}
