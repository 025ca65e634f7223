//! Tests of the arena: what a tick does, and that light is conserved in any game.

use super::*;
use crate::bot::Bot;

fn idle() -> Controls {
    Controls::default()
}

fn fire() -> Controls {
    Controls {
        fire: true,
        ..idle()
    }
}

/// Two pucks, 300 pixels apart: 1 looks at 2.
fn duel() -> Arena {
    let mut arena = Arena::new(1, 10_000);
    arena.motes = Motes::new();
    for (id, x) in [(1, 0), (2, 300)] {
        arena.join(id, false);
        let puck = arena.pucks.get_mut(&id).unwrap();
        puck.motion =
            super::super::motion::Motion::at(SIDE / 2 + x * PIXEL, SIDE / 2 + 240 * PIXEL);
        puck.fresh = 0;
    }
    arena
}

fn light(arena: &Arena) -> u32 {
    let carried: u32 = arena
        .pucks
        .values()
        .map(|puck| puck.light + puck.score)
        .sum();
    carried
        + arena
            .motes
            .iter()
            .map(|(_, mote)| u32::from(mote.value))
            .sum::<u32>()
}

fn now(_: u16, _: u16, target: Target) -> Option<Target> {
    Some(target)
}

#[test]
fn the_first_zap_cracks_and_spills_half_the_second_shatters() {
    let mut arena = duel();
    arena.pucks.get_mut(&2).unwrap().light = 21;
    arena.motes = Motes::new();
    let hit = |arena: &mut Arena, tick| {
        let happened = arena.tick(tick, [(1, fire()), (2, idle())], now);
        happened.iter().find_map(|what| match *what {
            Happening::Hit {
                spilled, shattered, ..
            } => Some((spilled, shattered)),
            _ => None,
        })
    };
    assert_eq!(hit(&mut arena, 1), Some((11, false)));
    assert!(
        (2..31).all(|tick| hit(&mut arena, tick).is_none()),
        "the zap waits"
    );
    let before = light(&arena);
    let (_, shattered) = hit(&mut arena, 31).unwrap();
    assert!(
        shattered && light(&arena) >= before,
        "what it spilled lies about"
    );
    let two = &arena.pucks[&2];
    assert!(!two.is_here() && two.light == 0);
    assert_eq!(arena.pucks[&1].zaps, 1);
    let life = two.life;
    for tick in 32..32 + u32::from(AWAY_TICKS) {
        arena.tick(tick, [(1, idle()), (2, idle())], now);
    }
    let two = &arena.pucks[&2];
    assert!(two.is_here() && two.life == life + 1);
}

#[test]
fn a_zap_is_judged_by_what_its_zapper_saw() {
    let mut arena = duel();
    let elsewhere = |_, _, target: Target| {
        Some(Target {
            y: target.y + 200 * PIXEL,
            ..target
        })
    };
    arena.tick(1, [(1, fire()), (2, idle())], elsewhere);
    assert_eq!(arena.pucks[&2].cracked, 0);
    arena.pucks.get_mut(&1).unwrap().motion.zap_wait = 0;
    arena.pucks.get_mut(&2).unwrap().motion.y += 200 * PIXEL * 256;
    let where_it_was = |_, _, target: Target| {
        Some(Target {
            y: target.y - 200 * PIXEL,
            ..target
        })
    };
    arena.tick(2, [(1, fire()), (2, idle())], where_it_was);
    assert_eq!(arena.pucks[&2].cracked, CRACKED_TICKS);
}

#[test]
fn the_well_takes_light_and_tells_the_sum_once() {
    let mut arena = duel();
    let one = arena.pucks.get_mut(&1).unwrap();
    one.motion = super::super::motion::Motion::at(SIDE / 2, SIDE / 2);
    one.light = 5;
    let mut banked: Vec<Happening> = Vec::new();
    for tick in 1..=60 {
        arena.motes = Motes::new();
        let happened = arena.tick(tick, [(1, idle())], now);
        banked.extend(
            happened
                .iter()
                .filter(|what| matches!(what, Happening::Bank { .. })),
        );
    }
    let whole = Happening::Bank {
        who: 1,
        light: 5,
        total: 5,
    };
    assert_eq!(banked, [whole]);
}

#[test]
fn rounds_end_pause_and_begin_again_from_nothing() {
    let mut arena = Arena::new(5, 100);
    arena.join(1, false);
    arena.pucks.get_mut(&1).unwrap().score = 9;
    let mut seen: Vec<(u32, Happening)> = Vec::new();
    for tick in 1..=100 + BREAK_TICKS {
        seen.extend(
            arena
                .tick(tick, [(1, idle())], now)
                .iter()
                .filter(|w| matches!(w, Happening::Over | Happening::Begin))
                .map(|w| (tick, *w)),
        );
        assert_eq!(arena.pucks[&1].score > 0, tick < 100 + BREAK_TICKS);
    }
    assert_eq!(
        seen,
        [
            (100, Happening::Over),
            (100 + BREAK_TICKS, Happening::Begin)
        ]
    );
    assert_eq!(arena.round.number, 2);
}

#[test]
fn games_of_bots_bank_and_shatter_conserve_light_and_follow_from_their_seed() {
    let game = |seed: u32| {
        let mut arena = Arena::new(seed, 1_000_000);
        let mut bots: BTreeMap<u16, Bot> = (1..=24).map(|id| (id, Bot::new(id))).collect();
        bots.keys().for_each(|&id| arena.join(id, false));
        let (mut banks, mut shattered, mut hits) = (0, 0, 0);
        for tick in 1..=60 * 60 {
            let controls: Vec<_> = bots
                .iter_mut()
                .map(|(id, bot)| (*id, bot.think(*id, &arena, tick)))
                .collect();
            let before = light(&arena);
            let motes = arena.motes.len();
            for what in arena.tick(tick, controls, now) {
                match what {
                    Happening::Bank { .. } => banks += 1,
                    Happening::Hit {
                        shattered: true, ..
                    } => shattered += 1,
                    Happening::Hit { .. } => hits += 1,
                    _ => {}
                }
            }
            let sown = light(&arena) - before;
            assert!(
                sown <= 1,
                "seed {seed}, tick {tick}: {sown} units of light from nothing, {motes} motes"
            );
        }
        let state = serde_json::to_string(&arena.save()).unwrap();
        (state, banks, hits, shattered)
    };
    let (state, banks, hits, shattered) = game(3);
    assert!(
        banks > 20 && hits > 20 && shattered > 5,
        "a dull minute: {banks} banks, {hits} hits, {shattered} shattered"
    );
    assert_eq!(game(3).0, state);
    assert_ne!(game(4).0, state);
}

#[test]
fn a_saved_arena_goes_on_as_the_one_it_was() {
    let play = |arena: &mut Arena, ticks: std::ops::Range<u32>| {
        let mut bots: Vec<Bot> = (0..8).map(Bot::new).collect();
        for tick in ticks {
            let controls: Vec<_> = bots
                .iter_mut()
                .enumerate()
                .map(|(id, bot)| (id as u16, bot.think(id as u16, arena, tick)))
                .collect();
            arena.tick(tick, controls, now);
        }
    };
    let mut arena = Arena::new(9, 600);
    (0..8).for_each(|id| arena.join(id, false));
    play(&mut arena, 1..500);
    let saved = serde_json::to_string(&arena.save()).unwrap();
    let mut again = Arena::load(serde_json::from_str(&saved).unwrap());
    assert_eq!(serde_json::to_string(&again.save()).unwrap(), saved);
    play(&mut arena, 500..900);
    play(&mut again, 500..900);
    assert_eq!(again.pucks, arena.pucks);
}
