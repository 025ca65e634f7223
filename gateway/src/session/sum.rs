//! What an idle session is made of: the rows of ARCHITECTURE.md's sum that are this crate's own, against
//! the types themselves. The whole sum is measured by `tests/tests/gateway_memory.rs`.

use ringside_core::ConnId;

use super::Session;
use crate::socketio::{Handshake, SOCKET_BYTES};

/// Counts of an `Arc`.
const COUNTS: usize = 16;

/// The rows of the table: what, and how many bytes.
fn rows() -> Vec<(&'static str, usize)> {
    let page = include_str!("../../../ARCHITECTURE.md");
    let (_, section) = page
        .split_once("## What an idle session costs")
        .expect("a section with the sum");
    let table = section.lines().skip_while(|line| !line.starts_with("|---"));
    table
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let mut cells = line.split('|').map(|cell| cell.trim().trim_matches('*'));
            let what = cells.nth(1).expect("what it is");
            (
                what,
                cells.next().expect("a figure").parse().expect("a number"),
            )
        })
        .collect()
}

#[test]
fn the_rows_add_up_and_ours_are_true() {
    let rows = rows();
    let (last, all) = rows.split_last().expect("rows");
    let sum: usize = all.iter().map(|(_, bytes)| bytes).sum();
    assert_eq!(*last, ("sum", sum));
    let ours = [
        ("session", size_of::<(ConnId, Session)>()),
        ("socket of a namespace", COUNTS + SOCKET_BYTES),
        ("handshake", COUNTS + size_of::<Handshake>()),
    ];
    let stated = |what: &str| all.iter().find(|(it, _)| it.starts_with(what));
    // Compilers lay things out a little differently.
    let is_true = |what, bytes: usize| {
        stated(what).is_some_and(|(_, stated)| stated.abs_diff(bytes) <= bytes / 8)
    };
    let wrong: Vec<_> = ours.iter().filter(|it| !is_true(it.0, it.1)).collect();
    assert!(wrong.is_empty(), "in truth: {wrong:?}");
}
