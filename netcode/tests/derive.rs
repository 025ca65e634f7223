//! The derive: every kind of field, its description, and both conversions.

use proptest::prelude::*;
use ringside_netcode::Replicate;
use ringside_netcode::schema::{Kind, Predict, Scope};

#[derive(Clone, Debug, Default, PartialEq, Replicate)]
struct Everything {
    flag: bool,
    #[rep(bits = 3)]
    small: u8,
    #[rep(bits = 10, wrap)]
    heading: u16,
    whole: u32,
    #[rep(bits = 5)]
    tilt: i8,
    #[rep(predict = linear)]
    fall: i32,
    #[rep(bits = 12, min = -2.0, max = 2.0)]
    spin: f32,
    #[rep(once)]
    team: u8,
    #[rep(owner, bits = 9)]
    cooldown: u16,
    #[rep(skip)]
    secret: u64,
}

#[test]
fn the_schema_says_what_the_attributes_say() {
    let fields = Everything::SCHEMA.fields;
    assert_eq!(Everything::SCHEMA.name, "Everything");
    assert!(Everything::SCHEMA.is_valid());
    let names: Vec<&str> = fields.iter().map(|f| f.name).collect();
    let expected = [
        "flag", "small", "heading", "whole", "tilt", "fall", "spin", "team", "cooldown",
    ];
    assert_eq!(names, expected);
    let bits: Vec<u8> = fields.iter().map(|f| f.bits).collect();
    assert_eq!(bits, [1, 3, 10, 32, 5, 32, 12, 8, 9]);
    assert_eq!(fields[0].kind, Kind::Bool);
    assert_eq!(fields[2].kind, Kind::Wrapping);
    assert_eq!(fields[4].kind, Kind::Signed);
    assert_eq!(fields[5].predict, Predict::Linear);
    assert_eq!(
        fields[6].kind,
        Kind::Ranged {
            min: -2.0,
            max: 2.0
        }
    );
    assert_eq!(fields[7].scope, Scope::Once);
    assert_eq!(fields[8].scope, Scope::Owner);
}

proptest! {
    #[test]
    fn values_that_fit_come_back(
        flag: bool, small in 0u8..8, heading in 0u16..1024, whole: u32, tilt in -16i8..16,
        fall: i32, team: u8, cooldown in 0u16..512, secret: u64, step in 0u32..4096,
    ) {
        let spin = (-2.0 + f64::from(step) * (4.0 / 4095.0)) as f32;
        let value = Everything {
            flag, small, heading, whole, tilt, fall, spin, team, cooldown, secret,
        };
        let mut row = [0; 9];
        value.store(&mut row);
        prop_assert_eq!(Everything::load(&row), Everything { secret: 0, ..value });
    }

    #[test]
    fn values_that_do_not_fit_are_clamped_or_wrapped(
        small: u8, heading: u16, tilt: i8, spin: f32, cooldown: u16,
    ) {
        let value = Everything { small, heading, tilt, spin, cooldown, ..Everything::default() };
        let mut row = [0; 9];
        value.store(&mut row);
        for (raw, field) in row.iter().zip(Everything::SCHEMA.fields) {
            prop_assert!(*raw <= field.mask());
        }
        let got = Everything::load(&row);
        prop_assert_eq!(got.small, small.min(7));
        prop_assert_eq!(got.heading, heading % 1024);
        prop_assert_eq!(got.tilt, tilt.clamp(-16, 15));
        prop_assert!((-2.0..=2.0).contains(&got.spin));
    }
}
