//! The page's step against the server's: random controls, both must give the same motion to the bit; and a few
//! motions written down, so that neither changes unnoticed.
//!
//! `RINGSIDE_MOTION_STEPS` sets how many steps; the default keeps an ordinary run short.

use std::{env, fs, path::Path, process::Command};

use game_demo::rules::{
    SIDE,
    motes::free_place,
    motion::{Controls, Motion, RADIUS},
    random::Random,
    trig::direction,
};

const STEPS: u32 = 60_000;
/// Steps of one life: long enough to cross the arena and meet its walls.
const LIFE: u32 = 600;

fn any_controls(random: &mut Random, last: Controls) -> Controls {
    if random.below(8) > 0 {
        // Mostly what was held, with a moving hand.
        return Controls {
            aim: (u32::from(last.aim) + random.below(9)) as u16 % 1024,
            dash: random.below(120) == 0,
            ..last
        };
    }
    Controls {
        heading: random.below(64) as u8,
        thrust: random.below(5) > 0,
        aim: random.below(1024) as u16,
        dash: random.below(6) == 0,
        fire: random.below(2) == 0,
    }
}

fn put(out: &mut Vec<u8>, motion: &Motion, zaps: bool) {
    for number in [motion.x, motion.y, motion.vx, motion.vy] {
        out.extend(number.to_le_bytes());
    }
    out.extend([
        motion.dash,
        motion.dash_wait,
        motion.zap_wait,
        u8::from(zaps),
    ]);
}

#[test]
fn the_page_moves_a_puck_as_the_server_does() {
    let steps = env::var("RINGSIDE_MOTION_STEPS").map_or(STEPS, |n| {
        n.parse().expect("RINGSIDE_MOTION_STEPS is a number")
    });
    let mut random = Random::new(20_261_125);
    let mut file = Vec::with_capacity(4096 + steps as usize * 24);
    for angle in 0..1024 {
        file.extend(direction(angle).0.to_le_bytes());
    }
    let (mut motion, mut controls) = (Motion::default(), Controls::default());
    let mut bounces = 0;
    for step in 0..steps {
        controls = any_controls(&mut random, controls);
        let fresh = step % LIFE == 0;
        let bits = [controls.thrust, controls.dash, controls.fire, fresh];
        let bits = bits
            .iter()
            .enumerate()
            .map(|(n, bit)| u8::from(*bit) << n)
            .sum();
        file.extend([controls.heading, bits]);
        file.extend(controls.aim.to_le_bytes());
        if fresh {
            let (x, y) = free_place(&mut random, RADIUS);
            motion = Motion::at(x, y);
            file.extend(x.to_le_bytes());
            file.extend(y.to_le_bytes());
        }
        let before = motion;
        let zaps = motion.step(&controls);
        let turned = |a: i32, b: i32| i32::from(a > 0 && b < 0 || a < 0 && b > 0);
        bounces += turned(before.vx, motion.vx) + turned(before.vy, motion.vy);
        put(&mut file, &motion, zaps);
    }
    assert!(
        bounces > steps as i32 / 200,
        "only {bounces} bounces: the walls are hardly tested"
    );
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let data = dir.join("motion.bin");
    fs::write(&data, &file).unwrap();
    let runner = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/twin.mjs");
    let ran = Command::new("node")
        .arg(runner)
        .arg(&data)
        .output()
        .expect("node is there: see README");
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    assert_eq!(said.trim(), format!("{{\"steps\":{steps}}}"));
}

#[test]
fn motions_as_they_were_written_down() {
    let mut motion = Motion::at(SIDE / 2, SIDE / 2);
    let mut trace = Vec::new();
    for tick in 0..240u16 {
        let controls = Controls {
            heading: (tick / 5 % 64) as u8,
            thrust: tick % 50 < 40,
            aim: tick * 7 % 1024,
            dash: tick == 30 || tick == 215,
            fire: tick % 3 == 0,
        };
        motion.step(&controls);
        if tick % 60 == 59 {
            trace.push((motion.x, motion.y, motion.vx, motion.vy, motion.zap_wait));
        }
    }
    assert_eq!(trace, WRITTEN);
}

/// Of the test above: a change here is a change of the game that every page and every replay feels.
const WRITTEN: [(i32, i32, i32, i32, u8); 4] = [
    (10_963_010, 9_909_133, 34_554, 29_230, 16),
    (11_920_369, 10_316_428, -4_658, -8_641, 16),
    (10_772_224, 10_236_792, -31_688, -4_109, 16),
    (8_675_677, 7_827_262, -20_638, -47_176, 22),
];
