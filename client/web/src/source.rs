//! Two small transformations of the client's modules, possible because the modules keep to rules.
//!
//! [`served`] removes whole-line comments and indentation. [`classic`] puts the modules into one
//! function, in the order of their imports, and names the result `io`. Both work by lines and
//! understand no JavaScript beyond the rules here, which a test holds the sources to:
//!
//! - no string or template spans lines (else [`served`] could touch its inside);
//! - a block comment begins and ends its lines;
//! - an import is one line, `import { a, b } from "./file.js";`, without `as`;
//! - exports are `export` before a declaration, or one line `export { ... };` or
//!   `export default name;` in the entry;
//! - no two modules declare the same name at the top level.
//!
//! They leave out everything a bundler does: no renaming, no tree shaking, no minifying.

use std::collections::BTreeSet;
use std::fmt;

/// Why the modules have no classic form. Each names the file and what stands there.
#[derive(Debug, PartialEq, Eq)]
pub enum ClassicError {
    /// An import that is not of the one form allowed, or of a file that is not there.
    Import(String),
    /// A name declared by two modules.
    Twice(String),
}

impl fmt::Display for ClassicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Import(line) => write!(f, "not an import the classic form can follow: {line}"),
            Self::Twice(name) => write!(f, "two modules declare `{name}`"),
        }
    }
}

impl std::error::Error for ClassicError {}

/// The text without whole-line comments and indentation. Lines stay where they are.
#[must_use]
pub fn served(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut in_comment = false;
    for line in source.lines() {
        let line = line.trim();
        let begins = line.starts_with("/*");
        if !(in_comment || begins || line.starts_with("//")) {
            out.push_str(line);
        }
        in_comment = (in_comment || begins) && !line.ends_with("*/");
        out.push('\n');
    }
    out
}

/// One classic script out of `(path, text)` modules, beginning at `entry`, that sets `io`.
///
/// # Errors
/// When a module breaks one of the rules above.
pub fn classic(modules: &[(&str, &str)], entry: &str) -> Result<String, ClassicError> {
    let mut bundle = Bundle {
        modules,
        done: BTreeSet::new(),
        names: BTreeSet::new(),
        out: String::new(),
    };
    bundle
        .out
        .push_str("var io = (function () {\n\"use strict\";\n");
    bundle.add(entry)?;
    bundle.out.push_str("return io;\n})();\n");
    Ok(bundle.out)
}

struct Bundle<'a> {
    modules: &'a [(&'a str, &'a str)],
    done: BTreeSet<&'a str>,
    names: BTreeSet<&'a str>,
    out: String,
}

impl<'a> Bundle<'a> {
    /// Adds a module after the modules it imports; each once.
    fn add(&mut self, path: &str) -> Result<(), ClassicError> {
        let found = self.modules.iter().find(|(each, _)| *each == path);
        let Some(&(path, text)) = found else {
            return Err(ClassicError::Import(path.to_owned()));
        };
        if !self.done.insert(path) {
            return Ok(());
        }
        for line in text.lines().filter(|line| line.starts_with("import")) {
            let target = imported(line).ok_or_else(|| ClassicError::Import(line.to_owned()))?;
            self.add(target)?;
        }
        for line in text.lines() {
            let line = line.strip_prefix("export ").unwrap_or(line);
            if let Some(name) = declared(line)
                && !self.names.insert(name)
            {
                return Err(ClassicError::Twice(name.to_owned()));
            }
            if !["import", "default ", "{ "]
                .iter()
                .any(|word| line.starts_with(word))
            {
                self.out.push_str(line);
            }
            self.out.push('\n');
        }
        Ok(())
    }
}

/// The file of `import { a, b } from "./file.js";`.
fn imported(line: &str) -> Option<&str> {
    let (names, from) = line.strip_prefix("import { ")?.split_once(" } from \"./")?;
    let plain = |name: &str| !name.is_empty() && !name.contains(' ');
    names.split(", ").all(plain).then_some(())?;
    from.strip_suffix("\";")
}

/// The name that an unindented line declares.
fn declared(line: &str) -> Option<&str> {
    let words = [
        "const ",
        "let ",
        "var ",
        "class ",
        "function ",
        "async function ",
    ];
    let rest = words.iter().find_map(|word| line.strip_prefix(word))?;
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'))?;
    Some(&rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_indentation_go_and_lines_stay() {
        let source = "// head\n/**\n * doc\n */\nfn(\n  a, // kept\n);\n/* one */\nend();\n";
        assert_eq!(served(source), "\n\n\n\nfn(\na, // kept\n);\n\nend();\n");
    }

    #[test]
    fn modules_join_in_the_order_of_their_imports() {
        let modules = [
            (
                "a.js",
                "import { b } from \"./b.js\";\nexport const io = b;\nexport default io;\n",
            ),
            ("b.js", "export const b = 1;\n"),
        ];
        let text = classic(&modules, "a.js").unwrap();
        assert_eq!(
            text,
            "var io = (function () {\n\"use strict\";\nconst b = 1;\n\nconst io = b;\n\nreturn io;\n})();\n"
        );
    }

    #[test]
    fn what_the_rules_forbid_is_an_error() {
        let renamed = [
            ("a.js", "import { b as c } from \"./b.js\";\n"),
            ("b.js", ""),
        ];
        assert!(matches!(
            classic(&renamed, "a.js"),
            Err(ClassicError::Import(_))
        ));
        let missing = [("a.js", "import { b } from \"./b.js\";\n")];
        assert_eq!(
            classic(&missing, "a.js"),
            Err(ClassicError::Import("b.js".into()))
        );
        let twice = [
            ("a.js", "import { b } from \"./b.js\";\nfunction b() {}\n"),
            ("b.js", "export class b {}\n"),
        ];
        assert_eq!(
            classic(&twice, "a.js"),
            Err(ClassicError::Twice("b".into()))
        );
    }
}
