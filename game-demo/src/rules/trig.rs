//! Directions in integers.
//!
//! The tables come from `f64::cos`, whose last bit may differ between libraries. It cannot matter: a test
//! shows that no entry is nearer than 10⁻⁶ to where rounding would turn.

use std::sync::LazyLock;

/// Parts of a turn.
pub const TURN: u16 = 1024;
/// What the tables multiply by: 2¹⁴.
pub const ONE: i32 = 1 << 14;

static COSINES: LazyLock<[i32; TURN as usize]> =
    LazyLock::new(|| std::array::from_fn(|part| exact(part).round() as i32));

fn exact(part: usize) -> f64 {
    f64::from(ONE) * (std::f64::consts::TAU * part as f64 / f64::from(TURN)).cos()
}

/// The direction of an angle: (cosine, sine) times [`ONE`].
pub fn direction(angle: u16) -> (i32, i32) {
    let at = |angle: u16| COSINES[usize::from(angle % TURN)];
    (at(angle), at(angle.wrapping_add(TURN - TURN / 4)))
}

/// The angle that is nearest to a direction: 0 for none. For minds of bots, who need not be exact to the bit
/// but must be the same everywhere, so it is found in the table.
pub fn angle_of(x: i32, y: i32) -> u16 {
    if (x, y) == (0, 0) {
        return 0;
    }
    // The cross product with the direction changes its sign at the angle: bisection within the half turn.
    let (x, y) = (i64::from(x), i64::from(y));
    let ahead = |angle: u16| {
        let (c, s) = direction(angle);
        i64::from(c) * y - i64::from(s) * x >= 0
    };
    let start = if y >= 0 { 0 } else { TURN / 2 };
    let (mut low, mut high) = (0, TURN / 2);
    while high - low > 1 {
        let middle = (low + high) / 2;
        if ahead(start + middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    (start + low) % TURN
}

/// The shorter way from one angle to another: −512 to 511.
pub fn turn(from: u16, to: u16) -> i32 {
    let way = i32::from(to.wrapping_sub(from) % TURN);
    if way >= i32::from(TURN / 2) {
        way - i32::from(TURN)
    } else {
        way
    }
}

/// The whole part of a square root.
pub fn root(square: i64) -> i32 {
    square.max(0).isqrt() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_entry_is_near_enough_to_a_half_for_libraries_to_differ() {
        for part in 0..usize::from(TURN) {
            let past = exact(part) - exact(part).floor();
            assert!((past - 0.5).abs() > 1e-6, "{part}: {}", exact(part));
        }
    }

    #[test]
    fn the_four_winds() {
        assert_eq!(direction(0), (ONE, 0));
        assert_eq!(direction(256), (0, ONE));
        assert_eq!(direction(512), (-ONE, 0));
        assert_eq!(direction(768), (0, -ONE));
    }

    #[test]
    fn an_angle_is_found_again_from_its_direction() {
        for angle in 0..TURN {
            let (x, y) = direction(angle);
            let found = angle_of(x * 7, y * 7);
            assert!(turn(angle, found).abs() <= 1, "{angle} became {found}");
        }
    }
}
