//! No word about one person's machine.
//!
//! Promises: no file names an absolute path under a home, a work or a temporary folder: such a path
//! is wrong on every other machine. Programs' standard places (`/usr`, `/etc`, `/proc`) are no such
//! paths. Looks at text, comments included.

use super::{Broken, File, House, Rule};

/// Beginnings of such paths. Each is written in two pieces, so that this file keeps its own rule.
const PLACES: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/tm", "p/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Use", "rs/"),
    concat!("\\Use", "rs\\"),
];

/// No paths of a machine.
pub const RULE: Rule = Rule {
    name: "machine-paths",
    about: "no absolute path under a home, work or temporary folder",
    check,
};

fn check(file: &File<'_>, _: &House) -> Vec<Broken> {
    let mut broken = Vec::new();
    for (at, line) in file.text.lines().enumerate() {
        for place in PLACES {
            // Inside a longer path or address (`game/home/`) it is something else.
            let starts_there = line.match_indices(place).any(|(start, _)| {
                !line[..start].ends_with(|c: char| c.is_alphanumeric() || ".-_~}*)".contains(c))
            });
            if starts_there {
                broken.push(Broken::at(
                    at + 1,
                    format!("`{place}…` is a path of one machine"),
                ));
            }
        }
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::super::tests::lines;
    use super::{PLACES, RULE};

    #[test]
    fn a_path_of_a_machine_is_found_wherever_it_stands() {
        for place in PLACES {
            assert_eq!(
                lines(&RULE, "a.md", &format!("fine\nsee {place}x")),
                [2],
                "{place}"
            );
            assert_eq!(
                lines(&RULE, "a.rs", &format!("let x = \"{place}x\";")),
                [1],
                "{place}"
            );
        }
    }

    #[test]
    fn relative_paths_and_standard_places_pass() {
        let relative = format!(
            "./game{0}x ../a{0} https://example.org{0} {{root}}{0}",
            PLACES[3]
        );
        assert_eq!(lines(&RULE, "a.md", &relative), [0; 0]);
        assert_eq!(
            lines(&RULE, "a.md", "/usr/bin/chromium /proc/self target/tmp"),
            [0; 0]
        );
    }
}
