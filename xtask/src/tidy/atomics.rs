//! One door to atomics.
//!
//! Promises: in `core`, atomics are named in `core/src/sync.rs` (and its own modules) alone, its tests included, so that
//! every ordering is modelled (loom's models and threads may be named in test code, which starts
//! them); no other crate uses atomics of its own outside test code. What another crate must share
//! between threads it shares through core. Test code elsewhere may count with atomics: nothing
//! there needs proof.

use super::{Broken, File, House, Rule};

/// The door.
const DOOR: &str = "core/src/sync.rs";
/// What stands behind it.
const BEHIND: &str = "core/src/sync/";

/// Atomics through one door.
pub const RULE: Rule = Rule {
    name: "atomics",
    about: "atomics come through core/src/sync.rs",
    check,
};

fn check(file: &File<'_>, _: &House) -> Vec<Broken> {
    let in_core = file.path.starts_with("core/src/");
    let door = file.path == DOOR || file.path.starts_with(BEHIND);
    if door || (!in_core && (file.is_test() || file.is_bench())) {
        return Vec::new();
    }
    file.paths()
        .iter()
        .filter(|path| {
            let test = file.is_test() || path.in_test;
            let atomics = ["std", "core", "loom"]
                .iter()
                .any(|from| path.starts(&format!("{from}::sync::atomic")));
            let models = path.starts("loom") && !test;
            models || (atomics && (in_core || !test))
        })
        .map(|path| {
            Broken::at(
                path.line,
                format!("`{}`: atomics come through {DOOR}", path.name()),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::lines;
    use super::{DOOR, RULE};

    #[test]
    fn atomics_past_the_door_are_found() {
        for text in [
            "use std::sync::atomic::AtomicU64;",
            "use core::sync::atomic;",
            "use std::sync::{Arc, atomic::{AtomicU64, Ordering}};",
            "fn f() { std::sync::atomic::fence(x) }",
            "use std::sync; fn f() { sync::atomic::fence(x) }",
            "use loom::sync::Arc;",
            "#[cfg(test)] mod tests { use std::sync::atomic::AtomicU64; }",
            "#[cfg(test)] mod tests { use loom::sync::atomic::AtomicU64; }",
        ] {
            assert!(!lines(&RULE, "core/src/lane.rs", text).is_empty(), "{text}");
        }
        assert_eq!(
            lines(
                &RULE,
                "gateway/src/stats.rs",
                "use std::sync::atomic::AtomicU64;"
            ),
            [1]
        );
    }

    #[test]
    fn the_door_and_what_comes_through_it_pass() {
        let text = "use std::sync::atomic::AtomicU64;";
        assert_eq!(lines(&RULE, DOOR, text), [0; 0]);
        assert_eq!(
            lines(
                &RULE,
                "core/src/lane.rs",
                "use crate::sync::atomic::AtomicU64; // std::sync::atomic"
            ),
            [0; 0]
        );
        assert_eq!(
            lines(&RULE, "core/src/loom_tests.rs", "fn f() { loom::model(g) }"),
            [0; 0]
        );
        assert_eq!(
            lines(&RULE, "core/tests/loom.rs", "fn f() { loom::model(g) }"),
            [0; 0]
        );
        assert_eq!(lines(&RULE, "tests/tests/socketio.rs", text), [0; 0]);
        assert_eq!(
            lines(
                &RULE,
                "gateway/src/a.rs",
                "#[cfg(test)] mod tests { use std::sync::atomic::AtomicU64; }"
            ),
            [0; 0]
        );
    }
}
