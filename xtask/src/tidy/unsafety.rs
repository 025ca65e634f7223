//! Where unsafe code may live.
//!
//! Promises: `proto` and `netcode` forbid it for good; elsewhere it stands only in files that
//! ARCHITECTURE.md lists under `## Where unsafe lives`, as bullet lines with the path in backticks;
//! and that list is neither stale nor wider than the design allows (core, and test code that needs
//! an allocator of its own). Leaves out: the proof beside each block, which clippy demands.

use super::{Broken, File, House, Rule};

/// The file that lists where unsafe code lives.
pub const MAP: &str = "ARCHITECTURE.md";

/// The heading over the list.
const HEADING: &str = "## Where unsafe lives";

/// Crate roots that must forbid unsafe code.
const FORBID: &[&str] = &["proto/src/lib.rs", "netcode/src/lib.rs"];

/// `proto` and `netcode` forbid unsafe code.
pub const FORBIDDEN: Rule = Rule {
    name: "forbid-unsafe",
    about: "proto and netcode say #![forbid(unsafe_code)]",
    check: forbidden,
};

/// Unsafe code only where the map says.
pub const LISTED: Rule = Rule {
    name: "unsafe-list",
    about: "unsafe code only in core, in the files that ARCHITECTURE.md lists",
    check: listed_only,
};

fn forbidden(file: &File<'_>, house: &House) -> Vec<Broken> {
    // The workspace's manifest stands for the tree: a crate root that moved would escape.
    if file.path == "Cargo.toml" {
        let moved = FORBID.iter().filter(|root| !house.paths.contains(**root));
        return moved
            .map(|root| {
                Broken::at(
                    1,
                    format!("{root} is gone: name the new crate root in the tidy rule"),
                )
            })
            .collect();
    }
    if !FORBID.contains(&file.path) {
        return Vec::new();
    }
    let wanted = ["#", "!", "[", "forbid", "(", "unsafe_code", ")", "]"];
    let forbids = file
        .tokens()
        .windows(wanted.len())
        .any(|run| run.iter().map(|token| token.text).eq(wanted));
    if forbids {
        Vec::new()
    } else {
        vec![Broken::at(
            1,
            "this crate root must say #![forbid(unsafe_code)]",
        )]
    }
}

fn listed_only(file: &File<'_>, house: &House) -> Vec<Broken> {
    if file.path == MAP {
        return house
            .unsafe_files
            .iter()
            .filter_map(|(line, path)| wrong_entry(*line, path, house))
            .collect();
    }
    let uses: Vec<usize> = file
        .tokens()
        .iter()
        .filter(|token| token.text == "unsafe")
        .map(|token| token.line)
        .collect();
    let listed = house.unsafe_files.iter().any(|(_, path)| path == file.path);
    match (listed, uses.is_empty()) {
        (true, true) => vec![Broken::at(
            1,
            format!("{MAP} lists this file, but it has no unsafe code: remove it there"),
        )],
        (true, false) => Vec::new(),
        // One finding a file: what must change is the list, or the file as a whole.
        (false, _) => uses.first().map_or_else(Vec::new, |&line| {
            let places = uses.len();
            let message = format!(
                "unsafe code ({places} places) outside the files that {MAP} lists under `{HEADING}`"
            );
            vec![Broken::at(line, message)]
        }),
    }
}

fn wrong_entry(line: usize, path: &str, house: &House) -> Option<Broken> {
    if !house.paths.contains(path) {
        return Some(Broken::at(
            line,
            format!("`{path}` is listed under `{HEADING}` but does not exist"),
        ));
    }
    let file = File::new(path, "");
    let may = path.starts_with("core/") || file.is_test() || file.is_bench();
    (!may).then(|| {
        Broken::at(
            line,
            format!("`{path}`: unsafe code lives only in core (and in test code)"),
        )
    })
}

/// The paths listed in the map, with their lines.
pub fn listed(map: &str) -> Vec<(usize, String)> {
    map.lines()
        .enumerate()
        .skip_while(|(_, line)| line.trim_end() != HEADING)
        .skip(1)
        .take_while(|(_, line)| !line.starts_with("## ") && !line.starts_with("# "))
        .filter(|(_, line)| line.starts_with("- ") || line.starts_with("* "))
        .filter_map(|(at, line)| Some((at + 1, line.split('`').nth(1)?.to_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::House;
    use super::super::tests::{lines, lines_in};
    use super::{FORBIDDEN, LISTED, MAP, listed};

    const TEXT: &str = "# Map\n## Where unsafe lives\nFew files.\n- `core/src/ring.rs`: the ring (`x`)\n- `gateway/src/a.rs`\n- `core/src/gone.rs`\n## Else\n- `core/src/no.rs`\n";

    fn house() -> House {
        let paths = ["core/src/ring.rs", "gateway/src/a.rs", "core/src/no.rs"]
            .map(String::from)
            .into();
        House {
            paths,
            unsafe_files: listed(TEXT),
        }
    }

    #[test]
    fn the_list_is_the_bullets_of_its_section() {
        let names: Vec<_> = listed(TEXT)
            .into_iter()
            .map(|(line, path)| format!("{line} {path}"))
            .collect();
        assert_eq!(
            names,
            [
                "4 core/src/ring.rs",
                "5 gateway/src/a.rs",
                "6 core/src/gone.rs"
            ]
        );
    }

    #[test]
    fn unsafe_code_outside_the_list_is_found() {
        assert_eq!(
            lines_in(
                &house(),
                &LISTED,
                "core/src/no.rs",
                "//! x\nunsafe fn f() {}\n"
            ),
            [2]
        );
        assert_eq!(
            lines(&LISTED, "core/src/ring.rs", "fn f() { unsafe { g() } }"),
            [1]
        );
        assert_eq!(
            lines(&LISTED, "rooms/src/x.rs", "#[unsafe(no_mangle)]\nfn f() {}"),
            [1]
        );
    }

    #[test]
    fn unsafe_code_on_the_list_and_talk_of_it_pass() {
        assert_eq!(
            lines_in(&house(), &LISTED, "core/src/ring.rs", "unsafe fn f() {}"),
            [0; 0]
        );
        let talk = "//! unsafe\n#![deny(unsafe_op_in_unsafe_fn)] // unsafe\nlet a = \"unsafe\";";
        assert_eq!(lines(&LISTED, "rooms/src/x.rs", talk), [0; 0]);
    }

    #[test]
    fn a_stale_or_too_wide_list_is_found() {
        assert_eq!(lines_in(&house(), &LISTED, MAP, TEXT), [5, 6]);
        assert_eq!(
            lines_in(&house(), &LISTED, "core/src/ring.rs", "fn f() {}"),
            [1]
        );
    }

    #[test]
    fn a_leaf_that_does_not_forbid_unsafe_code_is_found() {
        assert_eq!(
            lines(
                &FORBIDDEN,
                "proto/src/lib.rs",
                "//! #![forbid(unsafe_code)]\n"
            ),
            [1]
        );
        assert_eq!(
            lines(&FORBIDDEN, "netcode/src/lib.rs", "#![deny(unsafe_code)]\n"),
            [1]
        );
        assert_eq!(
            lines(
                &FORBIDDEN,
                "proto/src/lib.rs",
                "//! x\n#![forbid(unsafe_code)]\n"
            ),
            [0; 0]
        );
        assert_eq!(lines(&FORBIDDEN, "Cargo.toml", ""), [1, 1]);
    }
}
