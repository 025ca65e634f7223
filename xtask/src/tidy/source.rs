//! Rust source as tokens: what is code, and what only looks like it.
//!
//! Promises: comments, strings and characters yield no words, so that a rule about code never trips
//! over prose; every token knows its line and whether it stands in test code (an item under
//! `#[test]` or `#[cfg(test)]`). Leaves out: macros' expansion and types. A lexer is enough for the
//! guards, and needs no parser that must follow the language.

/// One token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    /// Its text; a literal's is `""`.
    pub text: &'a str,
    /// Its line, from 1.
    pub line: usize,
    /// It belongs to an item that is compiled for tests only.
    pub in_test: bool,
}

impl Token<'_> {
    /// A name or keyword.
    pub fn is_word(&self) -> bool {
        self.text
            .starts_with(|c: char| c == '_' || c.is_alphabetic())
    }
}

/// The tokens of a file.
pub fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut lexer = Lexer {
        text,
        at: 0,
        line: 1,
        tokens: Vec::new(),
    };
    while lexer.step() {}
    let mut tokens = lexer.tokens;
    mark_tests(&mut tokens);
    tokens
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    tokens: Vec<Token<'a>>,
}

impl<'a> Lexer<'a> {
    /// Consumes one token, comment or space; false at the end.
    fn step(&mut self) -> bool {
        let text = self.text;
        let rest = &text[self.at..];
        let Some(first) = rest.chars().next() else {
            return false;
        };
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(length) = string(rest) {
            return self.take(length, "\"\"");
        } else if first == '\'' {
            match character(rest) {
                Some(length) => return self.take(length, "\"\""),
                // A lifetime: the tick, then its name, together no word.
                None => return self.take(1 + word(&rest[1..]), "'"),
            }
        } else if first == '_' || first.is_alphabetic() {
            let raw = if rest.starts_with("r#") { 2 } else { 0 };
            let length = raw + word(&rest[raw..]);
            return self.take(length, &rest[raw..length]);
        } else if first.is_ascii_digit() {
            return self.take(word(rest), "0");
        } else if rest.starts_with("::") {
            return self.take(2, "::");
        } else if first.is_whitespace() {
            first.len_utf8()
        } else {
            return self.take(first.len_utf8(), &rest[..first.len_utf8()]);
        };
        self.skip(length);
        true
    }

    fn take(&mut self, length: usize, text: &'a str) -> bool {
        self.tokens.push(Token {
            text,
            line: self.line,
            in_test: false,
        });
        self.skip(length);
        true
    }

    fn skip(&mut self, length: usize) {
        let end = (self.at + length).min(self.text.len());
        self.line += self.text[self.at..end].matches('\n').count();
        self.at = end;
    }
}

/// Length in bytes of the word at the start.
fn word(rest: &str) -> usize {
    rest.find(|c: char| c != '_' && !c.is_alphanumeric())
        .unwrap_or(rest.len())
}

/// Length of the block comment at the start; they nest.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0_u32;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// Length of the string at the start: plain, byte or C, each perhaps raw.
fn string(rest: &str) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
        let after = rest
            .strip_prefix(prefix)
            .map(|after| after.trim_start_matches('#'));
        after.is_some_and(|after| after.starts_with('"'))
    })?;
    let after = &rest[prefix.len()..];
    let hashes = after.len() - after.trim_start_matches('#').len();
    if prefix.ends_with('r') {
        let close = format!("\"{}", "#".repeat(hashes));
        let body = prefix.len() + hashes + 1;
        return Some(
            rest[body..]
                .find(&close)
                .map_or(rest.len(), |end| body + end + close.len()),
        );
    }
    // A `#` before a plain string is an attribute's or a macro's, and a token of its own.
    if hashes > 0 {
        return None;
    }
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(prefix.len() + 1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(at + 1),
            _ => {}
        }
    }
    Some(rest.len())
}

/// Length of the character literal at the start; `None` if it is a lifetime.
fn character(rest: &str) -> Option<usize> {
    let mut chars = rest.char_indices().skip(1);
    let (_, first) = chars.next()?;
    if first == '\\' {
        // The character after the backslash cannot be the end.
        chars.next()?;
        return chars.find(|(_, c)| *c == '\'').map(|(at, _)| at + 1);
    }
    chars
        .next()
        .filter(|(_, c)| *c == '\'')
        .map(|(at, _)| at + 1)
}

/// Marks the items under a test attribute, from the attribute to the item's end.
fn mark_tests(tokens: &mut [Token<'_>]) {
    let mut at = 0;
    while at < tokens.len() {
        let Some(attribute) = Attribute::at(tokens, at) else {
            at += 1;
            continue;
        };
        if !attribute.is_for_tests(tokens) {
            at = attribute.end;
            continue;
        }
        let end = if attribute.inner {
            tokens.len()
        } else {
            item_end(tokens, attribute.end)
        };
        for token in &mut tokens[at..end] {
            token.in_test = true;
        }
        at = end;
    }
}

/// An attribute: the indices of its first token inside the brackets and of the first after them.
pub struct Attribute {
    /// `#![…]`, which is about what encloses it.
    pub inner: bool,
    /// Index of the first token inside the brackets.
    pub start: usize,
    /// Index after the closing bracket.
    pub end: usize,
}

impl Attribute {
    /// The attribute whose `#` is at `at`.
    pub fn at(tokens: &[Token<'_>], at: usize) -> Option<Self> {
        let text = |index: usize| tokens.get(index).map(|token| token.text);
        if text(at) != Some("#") {
            return None;
        }
        let inner = text(at + 1) == Some("!");
        let open = at + 1 + usize::from(inner);
        if text(open) != Some("[") {
            return None;
        }
        Some(Self {
            inner,
            start: open + 1,
            end: closing(tokens, open)? + 1,
        })
    }

    /// The tokens inside the brackets.
    pub fn inside<'t, 'a>(&self, tokens: &'t [Token<'a>]) -> &'t [Token<'a>] {
        &tokens[self.start..self.end - 1]
    }

    /// `test`, `x::test`, or a `cfg` that holds in tests only.
    fn is_for_tests(&self, tokens: &[Token<'_>]) -> bool {
        let inside = self.inside(tokens);
        let has = |word: &str| inside.iter().any(|token| token.text == word);
        if inside.first().is_some_and(|first| first.text == "cfg") {
            // `any(test, …)` also holds elsewhere; `not(test)` never holds in tests.
            let negated = inside
                .windows(3)
                .any(|w| [w[0].text, w[1].text, w[2].text] == ["not", "(", "test"]);
            return has("test") && !has("any") && !negated;
        }
        // The name of the attribute ends where its arguments begin.
        let name_end = inside
            .iter()
            .position(|token| token.text == "(")
            .unwrap_or(inside.len());
        inside[..name_end]
            .last()
            .is_some_and(|last| last.text == "test")
    }
}

/// Index of the bracket that closes the one at `open`.
fn closing(tokens: &[Token<'_>], open: usize) -> Option<usize> {
    let mut depth = 0_i32;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// Index after the item that starts at `start`: its closing brace, or a semicolon outside all
/// brackets.
fn item_end(tokens: &[Token<'_>], start: usize) -> usize {
    let mut at = start;
    while at < tokens.len() {
        match tokens[at].text {
            ";" => return at + 1,
            "{" => return closing(tokens, at).map_or(tokens.len(), |end| end + 1),
            "(" | "[" => at = closing(tokens, at).unwrap_or(tokens.len()),
            _ => {}
        }
        at += 1;
    }
    tokens.len()
}

#[cfg(test)]
mod tests {
    use super::tokens;

    fn words(text: &str) -> Vec<&str> {
        tokens(text)
            .into_iter()
            .filter(|token| token.is_word())
            .map(|token| token.text)
            .collect()
    }

    #[test]
    fn prose_and_strings_hold_no_words() {
        let text = r##"
            //! unsafe in prose
            /* unsafe /* nested unsafe */ still unsafe */
            let a = "unsafe \" unsafe"; let b = r#"unsafe " unsafe"#; let c = b"unsafe"; let d = br"unsafe\";
            let e = 'u'; let f = '\''; let g: &'unsafe_life str = c"unsafe"; let h = '"'; let i = '\u{1F}';
            r#match
        "##;
        assert_eq!(
            words(text),
            [
                "let", "a", "let", "b", "let", "c", "let", "d", "let", "e", "let", "f", "let", "g",
                "str", "let", "h", "let", "i", "match"
            ]
        );
    }

    #[test]
    fn lines_are_counted_through_comments_and_strings() {
        let text = "a\n/* \n */ b\n\"\n\" c\nr\"\n\n\" d";
        let lines: Vec<_> = tokens(text)
            .iter()
            .filter(|t| t.is_word())
            .map(|t| (t.text, t.line))
            .collect();
        assert_eq!(lines, [("a", 1), ("b", 3), ("c", 5), ("d", 8)]);
    }

    #[test]
    fn test_items_are_known_to_their_end() {
        let text = "fn a() {}
            #[cfg(test)] mod tests { fn b() { c({}) } }
            fn d() {}
            #[tokio::test(flavor = \"x\")] #[other] async fn e(x: [u8; 2]) { f }
            #[cfg(not(test))] fn g() {}
            #[cfg(any(test, feature = \"x\"))] fn h() {}
            #[cfg(all(test, not(loom)))] use i;
            fn j() {}";
        let in_test: Vec<_> = tokens(text)
            .iter()
            .filter(|t| t.text.len() == 1 && t.is_word() && t.text != "x" && t.in_test)
            .map(|t| t.text)
            .collect();
        assert_eq!(in_test, ["b", "c", "e", "f", "i"]);
    }

    #[test]
    fn an_inner_attribute_covers_the_file() {
        assert!(
            tokens("#![cfg(test)]\nfn a() {}")
                .iter()
                .all(|token| token.in_test)
        );
    }

    #[test]
    fn unfinished_text_does_not_panic() {
        for text in [
            "\"",
            "r#\"",
            "/*",
            "'",
            "'\\",
            "#[cfg(test",
            "b\"",
            "::",
            "#[cfg(test)]",
            "r#",
            "é'é'",
        ] {
            tokens(text);
        }
    }
}
