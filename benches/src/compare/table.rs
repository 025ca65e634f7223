//! The table of the README, made from a stored result.

use std::fmt::Write;

use super::{
    Stored,
    report::{SCORES, named},
};
use crate::page::number;

/// Markdown: rows are servers, columns figures, and below it where they come from.
pub fn performance(stored: &Stored) -> String {
    let mut out = String::from("| |");
    for score in SCORES {
        let _ = write!(out, " {} |", score.short);
    }
    out.push_str("\n|---|");
    out.push_str(&"---:|".repeat(SCORES.len()));
    out.push('\n');
    for (key, title) in named() {
        let cells: Vec<_> = SCORES.iter().map(|score| score.of(stored, key)).collect();
        if cells.iter().all(Option::is_none) {
            continue;
        }
        let bold = title.starts_with('*');
        let mark = if bold { "**" } else { "" };
        let _ = write!(out, "| {mark}{}{mark} |", title.trim_start_matches('*'));
        for cell in cells {
            let _ = match cell {
                Some(value) => write!(out, " {mark}{}{mark} |", number(value)),
                None => write!(out, " – |"),
            };
        }
        out.push('\n');
    }
    let Stored {
        repetitions,
        seconds,
        ..
    } = stored;
    let _ = write!(
        out,
        "\nMedians of {repetitions} runs of {seconds} s with fresh servers in turns, one core for the server and one for the \
         generator, over loopback; {} from \
         other work. Socket.IO where it says so, plain WebSocket elsewhere. Made by `cargo xtask rivals` and \
         `cargo xtask bench --table`; method and limits: [benches/README.md](benches/README.md).\n",
        stored.origin()
    );
    out
}
