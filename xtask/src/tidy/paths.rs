//! The paths that Rust code names: `use` trees spread out, and what is written in place put
//! together with them.
//!
//! Promises: `use std::sync::{Arc, atomic::AtomicU64 as A}` is known as
//! `std::sync::atomic::AtomicU64`, and a later `A::new` as `std::sync::atomic::AtomicU64::new`,
//! however it is wrapped over lines. Leaves out: scopes (an import counts for its whole file),
//! globs' contents, and names that macros make.

use std::collections::HashMap;

use super::source::Token;

/// A path in the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathUse<'a> {
    /// Its parts, the first one resolved through the file's imports.
    pub segments: Vec<&'a str>,
    /// The line where it starts.
    pub line: usize,
    /// It stands in test code.
    pub in_test: bool,
    /// It is called with nothing between the brackets.
    pub called_empty: bool,
}

impl PathUse<'_> {
    /// Whether `pattern` (`Instant::now`, `std::sync::atomic`) is a run of this path's parts.
    pub fn has(&self, pattern: &str) -> bool {
        let wanted: Vec<&str> = pattern.split("::").collect();
        self.segments.windows(wanted.len()).any(|run| run == wanted)
    }

    /// Whether the path begins with `pattern`.
    pub fn starts(&self, pattern: &str) -> bool {
        let wanted: Vec<&str> = pattern.split("::").collect();
        self.segments.starts_with(&wanted)
    }

    /// The path as one writes it.
    pub fn name(&self) -> String {
        self.segments.join("::")
    }
}

/// Every path of a file, in order of appearance.
pub fn paths<'a>(tokens: &[Token<'a>]) -> Vec<PathUse<'a>> {
    let mut imports: HashMap<&'a str, Vec<&'a str>> = HashMap::new();
    let mut found = Vec::new();
    let mut in_use = vec![false; tokens.len()];
    for at in 0..tokens.len() {
        if tokens[at].text == "use" && is_item(tokens, at) {
            let mut tree = UseTree {
                tokens,
                at: at + 1,
                leaves: Vec::new(),
            };
            tree.branch(&[]);
            for flag in &mut in_use[at..tree.at.min(tokens.len())] {
                *flag = true;
            }
            for (alias, path) in tree.leaves {
                imports.insert(alias, path.segments.clone());
                found.push(path);
            }
        }
    }
    let mut at = 0;
    while at < tokens.len() {
        if in_use[at] || !starts_path(tokens, at) {
            at += 1;
            continue;
        }
        let (mut path, end) = written(tokens, at);
        let known = imports.get(path.segments[0]);
        // A single word is a path only if it was imported and is called.
        let called = tokens.get(end).is_some_and(|token| token.text == "(");
        if path.segments.len() > 1 || (known.is_some() && called) {
            if let Some(known) = known {
                path.segments.splice(0..1, known.iter().copied());
            }
            found.push(path);
        }
        at = end;
    }
    found.sort_by_key(|path| path.line);
    found
}

/// `use` as an item, not as in `impl Trait + use<'a>`.
fn is_item(tokens: &[Token<'_>], at: usize) -> bool {
    tokens
        .get(at + 1)
        .is_some_and(|next| next.is_word() || next.text == "::" || next.text == "{")
}

fn starts_path(tokens: &[Token<'_>], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).map_or("", |index| tokens[index].text);
    // After `::` a word goes on with a path, unless nothing precedes the `::` (`::std::…`).
    let goes_on = before(1) == "::" && at >= 2 && (tokens[at - 2].is_word() || before(2) == ">");
    tokens[at].is_word() && before(1) != "." && !goes_on
}

/// The path written at `at`, and the index after it. Generic arguments between its parts are passed
/// over.
fn written<'a>(tokens: &[Token<'a>], at: usize) -> (PathUse<'a>, usize) {
    let text = |index: usize| tokens.get(index).map_or("", |token| token.text);
    let mut segments = vec![tokens[at].text];
    let mut end = at + 1;
    while text(end) == "::" {
        if text(end + 1) == "<" {
            end = after_angles(tokens, end + 1);
        } else if tokens.get(end + 1).is_some_and(Token::is_word) {
            segments.push(tokens[end + 1].text);
            end += 2;
        } else {
            break;
        }
    }
    let called_empty = text(end) == "(" && text(end + 1) == ")";
    let Token { line, in_test, .. } = tokens[at];
    (
        PathUse {
            segments,
            line,
            in_test,
            called_empty,
        },
        end,
    )
}

/// The index after the angle brackets that open at `open`.
fn after_angles(tokens: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0_i32;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text {
            "<" => depth += 1,
            // The arrow of a function type closes nothing.
            ">" if tokens[at - 1].text == "-" => {}
            ">" => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            ";" => return at,
            _ => {}
        }
    }
    tokens.len()
}

/// Spreads one `use` item into its leaves, each with the name that it brings in.
struct UseTree<'t, 'a> {
    tokens: &'t [Token<'a>],
    at: usize,
    leaves: Vec<(&'a str, PathUse<'a>)>,
}

impl<'a> UseTree<'_, 'a> {
    fn text(&self) -> &'a str {
        self.tokens.get(self.at).map_or(";", |token| token.text)
    }

    /// One branch: names, then a leaf, a glob or a group. Always advances or stops at `,`, `}` or
    /// `;`.
    fn branch(&mut self, above: &[&'a str]) {
        let mut segments = above.to_vec();
        let Some(start) = self.tokens.get(self.at).copied() else {
            return;
        };
        loop {
            match self.text() {
                "::" => self.at += 1,
                "{" => return self.group(&segments),
                "," | "}" | ";" => break,
                "as" => {
                    self.at += 1;
                    let alias = self.text();
                    self.at += 1;
                    return self.leaf(alias, segments, start);
                }
                text => {
                    segments.push(text);
                    self.at += 1;
                }
            }
        }
        // After a group's last comma there may be nothing.
        if segments.len() == above.len() {
            return;
        }
        // `self` in a group names what encloses the group.
        if segments.len() > 1 && segments.last() == Some(&"self") {
            segments.pop();
        }
        if let Some(&alias) = segments.last() {
            self.leaf(alias, segments, start);
        }
    }

    fn group(&mut self, above: &[&'a str]) {
        loop {
            self.at += 1;
            self.branch(above);
            if self.text() != "," {
                break;
            }
        }
        if self.text() == "}" {
            self.at += 1;
        }
    }

    fn leaf(&mut self, alias: &'a str, segments: Vec<&'a str>, start: Token<'a>) {
        let Token { line, in_test, .. } = start;
        self.leaves.push((
            alias,
            PathUse {
                segments,
                line,
                in_test,
                called_empty: false,
            },
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::tokens;
    use super::paths;

    fn names(text: &str) -> Vec<String> {
        paths(&tokens(text))
            .iter()
            .map(super::PathUse::name)
            .collect()
    }

    #[test]
    fn use_trees_are_spread() {
        let text = "use std::{sync::{Arc, atomic::{self, AtomicU64 as A}}, time::*};";
        assert_eq!(
            names(text),
            [
                "std::sync::Arc",
                "std::sync::atomic",
                "std::sync::atomic::AtomicU64",
                "std::time::*"
            ]
        );
        assert_eq!(
            names("pub(crate) use ::std::{a,\n b,};"),
            ["std::a", "std::b"]
        );
    }

    #[test]
    fn written_paths_are_resolved_through_imports() {
        let text = "use std::time::Instant as Clock; use std::thread; use x::sleep;
            fn f() { Clock::now(); thread::\n sleep(d); sleep(1); x.sleep(2); let sleep = 3; }";
        assert_eq!(
            names(text)[3..],
            ["std::time::Instant::now", "std::thread::sleep", "x::sleep"]
        );
    }

    #[test]
    fn generic_arguments_do_not_hide_a_path() {
        let found = paths(&tokens(
            "let (a, b) = mpsc::channel::<Vec<fn() -> u8>>(); Vec::<u8>::with_capacity(1);",
        ));
        assert_eq!(found[0].name(), "mpsc::channel");
        assert!(found[0].called_empty);
        assert_eq!(found[1].name(), "Vec::with_capacity");
        assert!(!found[1].called_empty);
    }

    #[test]
    fn patterns_match_whole_parts() {
        let found = paths(&tokens("ringside_core::sync::atomic::fence(x)"));
        assert!(found[0].has("sync::atomic") && !found[0].has("core::sync"));
        assert!(found[0].starts("ringside_core::sync") && !found[0].starts("sync"));
    }

    #[test]
    fn unfinished_text_does_not_panic() {
        for text in [
            "use",
            "use a::{",
            "use a as",
            "a::<",
            "use {,}",
            "a::",
            "use a::{b",
            "use ;",
        ] {
            names(text);
        }
    }
}
