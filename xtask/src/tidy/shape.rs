//! The shape of a file: it says what it is, and it ends before the reader tires.
//!
//! Promises: every Rust file opens with `//!` and every JavaScript file with a comment, in words;
//! no file of code is longer than [`LINES_MAX`] lines. Leaves out: whether the words are true.

use super::{Broken, File, House, Rule};

/// One topic fits; two do not.
const LINES_MAX: usize = 600;

/// Every file says what it is.
pub const OPENING: Rule = Rule {
    name: "opening",
    about: "every Rust file opens with //!, every JavaScript file with a comment",
    check: opening,
};

/// No file is too long.
pub const LENGTH: Rule = Rule {
    name: "length",
    about: "no file of code is over 600 lines",
    check: length,
};

fn opening(file: &File<'_>, _: &House) -> Vec<Broken> {
    let (marks, what): (&[&str], _) = match file.extension() {
        "rs" => (&["//!"], "`//!`"),
        "js" | "mjs" => (&["//", "/*"], "a comment"),
        _ => return Vec::new(),
    };
    let first = file
        .text
        .lines()
        .find(|line| !line.starts_with("#!/"))
        .unwrap_or_default();
    let words = marks.iter().find_map(|mark| first.strip_prefix(mark));
    if words.is_some_and(|words| words.chars().any(char::is_alphabetic)) {
        return Vec::new();
    }
    vec![Broken::at(
        1,
        format!("the file opens with {what} that says what it is and promises"),
    )]
}

fn length(file: &File<'_>, _: &House) -> Vec<Broken> {
    let lines = file.text.lines().count();
    let code = matches!(
        file.extension(),
        "rs" | "js" | "mjs" | "html" | "css" | "py" | "sh"
    );
    if !code || lines <= LINES_MAX {
        return Vec::new();
    }
    vec![Broken::at(
        LINES_MAX + 1,
        format!("{lines} lines; split it by topic, at most {LINES_MAX} each"),
    )]
}

#[cfg(test)]
mod tests {
    use super::super::tests::lines;
    use super::{LENGTH, LINES_MAX, OPENING};

    #[test]
    fn a_file_that_does_not_say_what_it_is_is_found() {
        for text in [
            "",
            "fn main() {}",
            "// a\n",
            "//!\nfn f() {}",
            "\n//! late",
            "#![forbid(unsafe_code)]\n//! late",
        ] {
            assert_eq!(lines(&OPENING, "core/src/a.rs", text), [1], "{text:?}");
        }
        assert_eq!(
            lines(&OPENING, "client/web/a.js", "import x from \"x\";"),
            [1]
        );
    }

    #[test]
    fn a_file_that_says_what_it_is_passes() {
        assert_eq!(lines(&OPENING, "core/src/a.rs", "//! Lanes.\n"), [0; 0]);
        assert_eq!(
            lines(&OPENING, "client/web/a.js", "/* The client. */"),
            [0; 0]
        );
        assert_eq!(
            lines(&OPENING, "tests/a.mjs", "#!/usr/bin/env node\n// A tool."),
            [0; 0]
        );
        assert_eq!(lines(&OPENING, "README.md", "# Ringside"), [0; 0]);
    }

    #[test]
    fn a_long_file_is_found_at_the_first_line_too_many() {
        assert_eq!(
            lines(&LENGTH, "core/src/a.rs", &"x\n".repeat(LINES_MAX + 1)),
            [LINES_MAX + 1]
        );
        assert_eq!(
            lines(&LENGTH, "core/src/a.rs", &"x\n".repeat(LINES_MAX)),
            [0; 0]
        );
        assert_eq!(
            lines(&LENGTH, "Cargo.lock", &"x\n".repeat(LINES_MAX * 9)),
            [0; 0]
        );
    }
}
