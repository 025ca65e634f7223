//! A kind of game: how its rooms are made, restored and played back, how many open at the start, and what browsers
//! need to know of it.
//!
//! Leaves out: which kinds a server has (`builder.rs`), and the rooms (`directory/`).

use std::{sync::Arc, time::Duration};

use ringside_netcode::{
    javascript,
    schema::{Kind as FieldKind, Replicate},
};

use crate::{
    driver::Hosted,
    game::{Game, LoadError},
    room::{Room, RoomOptions},
};

type Make = dyn Fn(&str, u64) -> Box<dyn Hosted> + Send + Sync;
type Play = dyn Fn(&str, &[u8]) -> Result<Box<dyn Hosted>, LoadError> + Send + Sync;
type Load = dyn Fn(&[u8], Duration) -> Result<Box<dyn Hosted>, LoadError> + Send + Sync;

/// A kind of game: how its rooms are made and run.
pub struct Kind {
    pub(crate) name: String,
    pub(crate) options: RoomOptions,
    pub(crate) group: usize,
    pub(crate) make: Box<Make>,
    pub(crate) load: Box<Load>,
    pub(crate) play: Box<Play>,
    /// Rooms to open at the start.
    pub(super) open: usize,
}

impl Kind {
    pub(super) fn new<G: Game>(
        name: &str,
        options: RoomOptions,
        make: impl Fn(u64) -> G + Send + Sync + 'static,
    ) -> Self {
        let (made, loaded, played) = (options.clone(), options.clone(), options.clone());
        let make = Arc::new(make);
        let shown = make.clone();
        Self {
            name: name.to_owned(),
            group: usize::from(options.seats),
            options,
            make: Box::new(move |code, seed| {
                Box::new(Room::new(make(seed), code, made.clone(), seed))
            }),
            load: Box::new(move |bytes, now| {
                Ok(Box::new(Room::<G>::load(bytes, loaded.clone(), now)?))
            }),
            play: Box::new(move |code, bytes| {
                let room = Room::playing(shown(0), code, played.clone(), bytes)?;
                Ok(Box::new(room))
            }),
            open: 0,
        }
    }

    /// How many players a queue waits for before it opens a room for them; never more than a room seats, which is the
    /// default.
    pub fn group(&mut self, players: usize) -> &mut Self {
        self.group = players.min(self.options.seats.into()).max(1);
        self
    }

    /// Public rooms to open at the start, unless some were saved.
    pub fn open(&mut self, rooms: usize) -> &mut Self {
        self.open = rooms;
        self
    }
}

/// The decoder of a game's snapshots, with the fields of its inputs.
pub(super) fn schema_module<G: Game>(game: &G) -> String {
    let mut module = javascript::generate(game.layers()).javascript;
    module.push_str("\n/** The fields of an input, in wire order. */\nexport const INPUT = [\n");
    for field in <G::Input as Replicate>::SCHEMA.fields {
        let kind = match field.kind {
            FieldKind::Unsigned => "'unsigned'".to_owned(),
            FieldKind::Wrapping => "'wrapping'".to_owned(),
            FieldKind::Signed => "'signed'".to_owned(),
            FieldKind::Bool => "'bool'".to_owned(),
            FieldKind::Ranged { min, max } => format!("'ranged', min: {min:?}, max: {max:?}"),
        };
        module.push_str(&format!(
            "  {{ name: '{}', bits: {}, kind: {kind} }},\n",
            field.name, field.bits
        ));
    }
    module.push_str("];\n");
    module
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::test_world::Pebble;

    #[test]
    fn a_queue_waits_for_no_more_than_a_room_seats() {
        let options = RoomOptions {
            seats: 4,
            ..RoomOptions::default()
        };
        let mut kind = Kind::new("pebble", options, |_| Pebble::new());
        for (asked, players) in [(2, 2), (4, 4), (9, 4), (0, 1)] {
            assert_eq!(kind.group(asked).group, players);
        }
    }
}
