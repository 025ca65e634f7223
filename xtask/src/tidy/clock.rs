//! Time and randomness are arguments.
//!
//! Promises: `proto` and `netcode` read no clock and draw no random number; `gateway` and `rooms`
//! do so only in their `env.rs`, so that the whole system runs on simulated time from a seed. That
//! includes `elapsed()`, which reads the clock too, and hasher seeds. Test code may: it has to
//! start somewhere. Leaves out: other crates, and timers that the runtime can simulate.

use super::{Broken, File, House, Rule};

/// Source folders under the rule, each with the file that is its door to the world, if it has one.
const UNDER: &[(&str, Option<&str>)] = &[
    ("proto/src/", None),
    ("netcode/src/", None),
    ("netcode/derive/src/", None),
    ("gateway/src/", Some("gateway/src/env.rs")),
    ("rooms/src/", Some("rooms/src/env.rs")),
];

/// Anywhere in a path, these read a clock or a source of randomness.
const ANYWHERE: &[&str] = &[
    "Instant::now",
    "Instant::elapsed",
    "SystemTime::now",
    "SystemTime::elapsed",
    "RandomState",
];

/// Crates that are sources of randomness.
const CRATES: &[&str] = &["fastrand", "getrandom", "rand"];

/// Clock and randomness through one door.
pub const RULE: Rule = Rule {
    name: "clock",
    about: "clock and randomness: never in proto and netcode, only in env.rs in gateway and rooms",
    check,
};

fn check(file: &File<'_>, _: &House) -> Vec<Broken> {
    let Some((_, door)) = UNDER
        .iter()
        .find(|(folder, _)| file.path.starts_with(folder))
    else {
        return Vec::new();
    };
    if *door == Some(file.path) || file.is_test() {
        return Vec::new();
    }
    let instead = door.map_or("take it as an argument".to_owned(), |door| {
        format!("it comes in through {door}")
    });
    let mut broken: Vec<Broken> = file
        .paths()
        .iter()
        .filter(|path| !path.in_test)
        .filter(|path| {
            ANYWHERE.iter().any(|pattern| path.has(pattern))
                || CRATES.iter().any(|name| path.starts(name))
        })
        .map(|path| Broken::at(path.line, format!("`{}`: {instead}", path.name())))
        .collect();
    // A method call names no path: `. elapsed ( )`.
    for run in file.tokens().windows(4) {
        if !run[0].in_test
            && run
                .iter()
                .map(|token| token.text)
                .eq([".", "elapsed", "(", ")"])
        {
            broken.push(Broken::at(
                run[1].line,
                format!("`.elapsed()` reads the clock: {instead}"),
            ));
        }
    }
    broken.sort_by_key(|broken| broken.line);
    broken
}

#[cfg(test)]
mod tests {
    use super::super::tests::lines;
    use super::RULE;

    #[test]
    fn a_clock_or_a_die_is_found() {
        for text in [
            "fn f() { std::time::Instant::now() }",
            "use std::time::Instant as I; fn f() { I::now() }",
            "use tokio::time::Instant; let f = Instant::now;",
            "fn f() { SystemTime::now() }",
            "fn f() { start.elapsed() }",
            "use rand::Rng;",
            "fn f() { getrandom::fill(&mut b) }",
            "use std::collections::hash_map::RandomState;",
        ] {
            for path in [
                "proto/src/ws/a.rs",
                "netcode/src/a.rs",
                "gateway/src/a.rs",
                "rooms/src/a.rs",
            ] {
                assert!(!lines(&RULE, path, text).is_empty(), "{path}: {text}");
            }
        }
    }

    #[test]
    fn the_door_tests_and_other_crates_pass() {
        let text = "fn f() { Instant::now() }";
        for path in [
            "gateway/src/env.rs",
            "rooms/src/env.rs",
            "proto/tests/a.rs",
            "game-demo/src/main.rs",
            "gateway/src/a/tests.rs",
        ] {
            assert_eq!(lines(&RULE, path, text), [0; 0], "{path}");
        }
        let fine =
            "use std::time::{Duration, Instant}; fn f(now: Instant) { self.elapsed; rand(); }
            #[cfg(test)] mod tests { fn g() { Instant::now() } }
            // Instant::now()";
        assert_eq!(lines(&RULE, "proto/src/a.rs", fine), [0; 0]);
        // A door is for its own crate.
        assert_eq!(lines(&RULE, "proto/src/env.rs", text), [1]);
    }
}
