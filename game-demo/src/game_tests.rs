//! Tests of the game in a room: bots play, it is saved and goes on, nobody sees too far, colours leave gold alone.

use ringside_rooms::{Nobody, Room, RoomOptions, ringside_netcode::tick::Step};

use super::*;

fn options(bots: u16) -> RoomOptions {
    RoomOptions {
        bots,
        empty_for: None,
        ..RoomOptions::default()
    }
}

fn play(room: &mut Room<Glimmer>, ticks: u32) {
    for _ in 0..ticks {
        let tick = room.next_tick();
        let step = Step {
            tick,
            skipped: 0,
            snapshot: tick.get().is_multiple_of(3),
            late: std::time::Duration::ZERO,
        };
        let now = std::time::Duration::from_secs(1) * tick.get() / HZ;
        room.step(step, now, &mut Nobody);
    }
}

#[test]
fn bots_play_in_a_room_as_they_do_without() {
    let mut room = Room::new(Glimmer::new(7, 10_800), "TESTED", options(24), 7);
    play(&mut room, 30 * HZ);
    let arena = room.game().arena();
    assert_eq!(arena.pucks.len(), 24);
    let banked: u32 = arena.pucks.values().map(|puck| puck.score).sum();
    assert!(banked > 20, "{banked} banked in half a minute");
    assert_eq!(room.intake().missing, 0, "a bot's input is always in time");
}

#[test]
fn a_saved_room_goes_on_with_the_same_pucks() {
    let mut room = Room::new(Glimmer::new(9, 10_800), "TESTED", options(10), 9);
    play(&mut room, 10 * HZ);
    let saved = room.game().save().unwrap();
    let again = Glimmer::load(&saved).unwrap();
    assert_eq!(again.arena().pucks, room.game().arena().pucks);
    assert_eq!(again.save().unwrap(), saved);
    assert_eq!(Glimmer::load(b"{}").unwrap_err(), LoadError::Damaged);
}

#[test]
fn nobody_is_told_of_what_is_out_of_sight() {
    let mut game = Glimmer::new(1, 10_800);
    for id in [1, 2] {
        game.arena.join(id, true);
        game.seat(PlayerId(id), id, 0);
    }
    let place = |game: &mut Glimmer, id: u16, x: i32, y: i32| {
        game.arena.pucks.get_mut(&id).unwrap().motion =
            crate::rules::motion::Motion::at(x * PIXEL, y * PIXEL);
        let cell = game.map.puck_grid.cell_of(x * PIXEL, y * PIXEL);
        game.seats.get_mut(&PlayerId(id)).unwrap().cell = cell;
        cell
    };
    place(&mut game, 1, 300, 300);
    let far = place(&mut game, 2, 3_700, 3_700);
    let mut view = View::new();
    game.interest(Subscriber::Player(PlayerId(1)), &mut view);
    assert!(!view.contains(far));
    // Half the arena's squares at most, and what concerns all.
    assert!(
        view.cells().len() < 2 * 20 + 4,
        "{} cells",
        view.cells().len()
    );
    let near = place(&mut game, 2, 900, 300);
    game.interest(Subscriber::Player(PlayerId(1)), &mut view);
    assert!(view.contains(near) && view.contains(game.map.stage_cell()));
}

#[test]
fn colours_differ_and_leave_gold_to_the_light() {
    let hues: Vec<u8> = (1..=24).map(hue).collect();
    assert!(hues.iter().all(|hue| !(20..48).contains(hue)), "{hues:?}");
    for pair in hues.windows(2) {
        assert!(pair[0].abs_diff(pair[1]) > 20, "{pair:?} are alike");
    }
}
