//! Tests wait for conditions, and none hides.
//!
//! Promises: test code never sleeps (a sleep is either too short on a loaded machine or too long on
//! every other; wait for a condition with a deadline, or advance a simulated clock); no test is
//! ignored, skipped or singled out, in Rust, in documentation or in JavaScript. Benchmarks may
//! sleep: time is what they are about.

use super::{Broken, File, House, Rule, source};

/// Anywhere in a path, these sleep.
const SLEEPS: &[&str] = &[
    "thread::sleep",
    "thread::sleep_ms",
    "time::sleep",
    "time::sleep_until",
    "thread::park_timeout",
];

/// No sleeping in tests.
pub const SLEEPING: Rule = Rule {
    name: "sleeping",
    about: "tests wait for a condition with a deadline; they never sleep",
    check: sleeping,
};

/// No hidden tests.
pub const HIDDEN: Rule = Rule {
    name: "hidden-tests",
    about: "no test is ignored, skipped or singled out",
    check: hidden,
};

fn sleeping(file: &File<'_>, _: &House) -> Vec<Broken> {
    if file.is_bench() {
        return Vec::new();
    }
    let message = "tests wait for a condition with a deadline; they never sleep";
    if is_javascript(file) {
        // `new Promise((r) => setTimeout(r, 100))`, however it is spaced. A helper that polls under
        // a deadline has no other way to wait, so only the tests themselves are looked at.
        return numbered(file)
            .filter(|_| file.path.ends_with(".test.mjs"))
            .filter(|(_, line)| {
                let dense: String = line.chars().filter(|c| !c.is_whitespace()).collect();
                dense.contains("=>setTimeout(") || dense.contains("timers/promises")
            })
            .map(|(at, _)| Broken::at(at, message))
            .collect();
    }
    file.paths()
        .iter()
        .filter(|path| {
            (file.is_test() || path.in_test) && SLEEPS.iter().any(|pattern| path.has(pattern))
        })
        .map(|path| Broken::at(path.line, format!("`{}`: {message}", path.name())))
        .collect()
}

fn hidden(file: &File<'_>, _: &House) -> Vec<Broken> {
    let message = "every test runs, or is removed";
    if is_javascript(file) {
        let marks = [
            ".skip(",
            ".only(",
            ".todo(",
            "skip: true",
            "only: true",
            "todo: true",
        ];
        return numbered(file)
            .filter(|_| file.path.ends_with(".test.mjs"))
            .filter(|(_, line)| marks.iter().any(|mark| line.contains(mark)))
            .map(|(at, _)| Broken::at(at, message))
            .collect();
    }
    let tokens = file.tokens();
    let ignored = (0..tokens.len())
        .filter_map(|at| source::Attribute::at(tokens, at))
        .flat_map(|attribute| attribute.inside(tokens))
        .filter(|token| token.text == "ignore")
        .map(|token| Broken::at(token.line, message));
    let fences = numbered(file)
        .filter(|_| file.extension() == "rs")
        .filter(|(_, line)| {
            let line = line.trim_start();
            let prose = line
                .strip_prefix("///")
                .or_else(|| line.strip_prefix("//!"));
            prose
                .and_then(|prose| prose.trim_start().strip_prefix("```"))
                .is_some_and(|info| info.contains("ignore"))
        })
        .map(|(at, _)| Broken::at(at, "a documentation test is run, or marked `text`"));
    let mut broken: Vec<Broken> = ignored.chain(fences).collect();
    broken.sort_by_key(|broken| broken.line);
    broken
}

fn is_javascript(file: &File<'_>) -> bool {
    matches!(file.extension(), "js" | "mjs")
}

fn numbered<'a>(file: &File<'a>) -> impl Iterator<Item = (usize, &'a str)> {
    file.text
        .lines()
        .enumerate()
        .map(|(at, line)| (at + 1, line))
}

#[cfg(test)]
mod tests {
    use super::super::tests::lines;
    use super::{HIDDEN, SLEEPING};

    #[test]
    fn a_sleeping_test_is_found() {
        let text =
            "use std::thread;\nfn f() { thread::sleep(d) }\nfn g() { tokio::time::sleep(d).await }";
        assert_eq!(lines(&SLEEPING, "tests/tests/a.rs", text), [2, 3]);
        assert_eq!(
            lines(
                &SLEEPING,
                "core/tests/a.rs",
                "use tokio::time::{sleep, timeout};"
            ),
            [1]
        );
        let text = "use std::thread::sleep;\n#[cfg(test)]\nmod tests { use super::*; fn f() { sleep(d) } }";
        assert_eq!(lines(&SLEEPING, "rooms/src/a.rs", text), [3]);
        let text = "await new Promise( (r) => setTimeout(r, 100));";
        assert_eq!(lines(&SLEEPING, "tests/interop/a.test.mjs", text), [1]);
    }

    #[test]
    fn waiting_with_a_deadline_and_sleeping_elsewhere_pass() {
        let text = "fn f() { tokio::time::timeout(d, x).await; tokio::time::advance(d).await }";
        assert_eq!(lines(&SLEEPING, "tests/tests/a.rs", text), [0; 0]);
        let text = "fn driver() { std::thread::sleep(until_next_tick) }";
        assert_eq!(lines(&SLEEPING, "rooms/src/driver.rs", text), [0; 0]);
        assert_eq!(lines(&SLEEPING, "benches/src/load.rs", text), [0; 0]);
        let text = "const timer = setTimeout(() => fail(new Error()), 10);";
        assert_eq!(lines(&SLEEPING, "tests/interop/a.test.mjs", text), [0; 0]);
    }

    #[test]
    fn a_hidden_test_is_found() {
        let text = "#[test]\n#[ignore]\nfn a() {}\n#[test]\n#[ignore = \"slow\"]\nfn b() {}\n#[cfg_attr(miri, ignore)]\nfn c() {}";
        assert_eq!(lines(&HIDDEN, "core/src/a.rs", text), [2, 5, 7]);
        assert_eq!(
            lines(&HIDDEN, "core/src/a.rs", "/// ```ignore\n/// x\n/// ```"),
            [1]
        );
        assert_eq!(
            lines(
                &HIDDEN,
                "tests/interop/a.test.mjs",
                "test.skip(\"a\")\ntest(\"b\", { skip: true })"
            ),
            [1, 2]
        );
    }

    #[test]
    fn honest_tests_pass() {
        let text = "#[test]\nfn ignore() { let ignore = \"#[ignore]\"; } // #[ignore]\n/// ```text\n/// ```no_run";
        assert_eq!(lines(&HIDDEN, "core/src/a.rs", text), [0; 0]);
        assert_eq!(
            lines(
                &HIDDEN,
                "tests/interop/a.test.mjs",
                "stream.skip(1)".replace(".skip(", ".skipped(").as_str()
            ),
            [0; 0]
        );
    }
}
