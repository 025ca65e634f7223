//! The guards of the house: rules that the compiler does not know, each a function from a file to
//! findings.
//!
//! A [`Rule`] looks at one [`File`], a path and its text, beside what the [`House`] as a whole says
//! (which files exist, which may hold unsafe code). Promises: rules are pure, so each is tested on
//! text that breaks it and on text that keeps it; the tree itself is checked by `cargo xtask tidy`
//! and by an ordinary test in this file. Exceptions are listed in one place with their reasons, and
//! one that is no longer needed is a finding too. Leaves out: what clippy, rustc and rustfmt check.

mod atomics;
mod channels;
mod clock;
mod dependencies;
pub mod exceptions;
mod npm;
mod paths;
mod shape;
mod source;
mod unsafety;
mod waiting;
mod words;

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::fmt;

use crate::repo::TextFile;
use paths::PathUse;
use source::Token;

/// A guard.
pub struct Rule {
    /// Its name in findings and exceptions.
    pub name: &'static str,
    /// One line for `--list`.
    pub about: &'static str,
    /// Looks at a file.
    check: fn(&File<'_>, &House) -> Vec<Broken>,
}

/// Every guard.
pub const RULES: &[Rule] = &[
    dependencies::CRATES,
    dependencies::LEAVES,
    unsafety::FORBIDDEN,
    unsafety::LISTED,
    atomics::RULE,
    clock::RULE,
    channels::RULE,
    waiting::SLEEPING,
    waiting::HIDDEN,
    shape::OPENING,
    shape::LENGTH,
    words::RULE,
    npm::RULE,
];

/// A file under inspection.
pub struct File<'a> {
    /// Relative to the root, parts separated by `/`.
    pub path: &'a str,
    /// The whole text.
    pub text: &'a str,
    tokens: OnceCell<Vec<Token<'a>>>,
    paths: OnceCell<Vec<PathUse<'a>>>,
}

impl<'a> File<'a> {
    /// A file with this path and text.
    pub fn new(path: &'a str, text: &'a str) -> Self {
        Self {
            path,
            text,
            tokens: OnceCell::new(),
            paths: OnceCell::new(),
        }
    }

    /// The part of the name after the last dot.
    pub fn extension(&self) -> &'a str {
        self.path
            .rsplit_once('.')
            .map_or("", |(_, extension)| extension)
    }

    /// Its tokens; none if it is not Rust.
    fn tokens(&self) -> &[Token<'a>] {
        self.tokens.get_or_init(|| match self.extension() {
            "rs" => source::tokens(self.text),
            _ => Vec::new(),
        })
    }

    /// The paths that its code names; none if it is not Rust.
    fn paths(&self) -> &[PathUse<'a>] {
        self.paths.get_or_init(|| paths::paths(self.tokens()))
    }

    /// Whether the whole file is test code, by where it stands: `tests/` anywhere,
    /// `src/x/tests.rs`, `src/x_tests.rs`.
    fn is_test(&self) -> bool {
        let mut parts = self.path.split('/').rev();
        let name = parts.next().unwrap_or_default();
        name == "tests.rs" || name.ends_with("_tests.rs") || parts.any(|folder| folder == "tests")
    }

    /// Whether the file is a benchmark.
    fn is_bench(&self) -> bool {
        self.path.split('/').any(|part| part == "benches")
    }
}

/// What the rules know of the repository as a whole.
#[derive(Debug, Default)]
pub struct House {
    /// Every text file's path.
    paths: BTreeSet<String>,
    /// The files that ARCHITECTURE.md names under `## Where unsafe lives`, with the line.
    unsafe_files: Vec<(usize, String)>,
}

impl House {
    fn of(files: &[TextFile]) -> Self {
        let paths = files.iter().map(|file| file.path.clone()).collect();
        let map = files.iter().find(|file| file.path == unsafety::MAP);
        let unsafe_files = map
            .map(|map| unsafety::listed(&map.text))
            .unwrap_or_default();
        Self {
            paths,
            unsafe_files,
        }
    }
}

/// A place where a rule is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The line, from 1.
    line: usize,
    /// What is wrong and what to do instead.
    message: String,
}

impl Broken {
    fn at(line: usize, message: impl Into<String>) -> Self {
        Self {
            line,
            message: message.into(),
        }
    }
}

/// A broken rule in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// The rule's name.
    pub rule: &'static str,
    /// What is wrong and what to do instead.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}: {}: {}",
            self.path, self.line, self.rule, self.message
        )
    }
}

/// Applies every rule to every file, less the exceptions.
pub fn run(files: &[TextFile]) -> Vec<Finding> {
    let house = House::of(files);
    let mut findings = Vec::new();
    for file in files {
        let file = File::new(&file.path, &file.text);
        for rule in RULES {
            let mut broken = (rule.check)(&file, &house);
            // One finding a line says enough.
            broken.dedup_by_key(|broken| broken.line);
            findings.extend(broken.into_iter().map(|Broken { line, message }| Finding {
                path: file.path.to_owned(),
                line,
                rule: rule.name,
                message,
            }));
        }
    }
    exceptions::apply(findings, exceptions::ALL)
}

#[cfg(test)]
mod tests {
    use super::{Broken, File, House, RULES, Rule, run};
    use crate::repo::Repo;

    /// The lines of `text` where `rule` is broken, if it stood at `path`.
    pub fn lines(rule: &Rule, path: &str, text: &str) -> Vec<usize> {
        lines_in(&House::default(), rule, path, text)
    }

    /// The same in a given house.
    pub fn lines_in(house: &House, rule: &Rule, path: &str, text: &str) -> Vec<usize> {
        (rule.check)(&File::new(path, text), house)
            .iter()
            .map(|Broken { line, .. }| *line)
            .collect()
    }

    #[test]
    fn the_tree_is_tidy() {
        let files = Repo::here().text_files().expect("the tree is readable");
        let findings: Vec<String> = run(&files).iter().map(ToString::to_string).collect();
        assert!(findings.is_empty(), "\n{}", findings.join("\n"));
    }

    #[test]
    fn rules_have_names_of_their_own() {
        for (at, rule) in RULES.iter().enumerate() {
            assert!(
                RULES[..at].iter().all(|other| other.name != rule.name),
                "{}",
                rule.name
            );
        }
    }
}
