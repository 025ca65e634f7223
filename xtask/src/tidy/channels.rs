//! Every queue has a bound.
//!
//! Promises: no unbounded channel and no unbounded lock-free queue of the crates that offer one, in
//! any Rust file. Leaves out: `VecDeque` and `Vec`, whose bounds reviews and tests look after.

use super::{Broken, File, House, Rule};

/// Anywhere in a path, these make a queue without a bound.
const ANYWHERE: &[&str] = &[
    "unbounded_channel",
    "UnboundedSender",
    "UnboundedReceiver",
    "channel::unbounded",
    "mpsc::unbounded",
    "flume::unbounded",
    "SegQueue",
];

/// No unbounded channel.
pub const RULE: Rule = Rule {
    name: "channels",
    about: "no unbounded channel",
    check,
};

fn check(file: &File<'_>, _: &House) -> Vec<Broken> {
    file.paths()
        .iter()
        .filter(|path| {
            // Of the channels called `mpsc::channel`, the standard library's takes no capacity.
            let endless = path.starts("std::sync::mpsc::channel")
                || (path.has("mpsc::channel") && path.called_empty);
            let bare = path.called_empty && path.segments.last() == Some(&"unbounded");
            endless || bare || ANYWHERE.iter().any(|pattern| path.has(pattern))
        })
        .map(|path| {
            Broken::at(
                path.line,
                format!(
                    "`{}` has no bound: use one with a capacity, and give its reason",
                    path.name()
                ),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::lines;
    use super::RULE;

    #[test]
    fn a_channel_without_a_bound_is_found() {
        for text in [
            "use tokio::sync::mpsc; fn f() { mpsc::unbounded_channel::<u8>(); }",
            "use tokio::sync::mpsc::{unbounded_channel, Receiver};",
            "use std::sync::mpsc; fn f() { let (a, b) = mpsc::channel(); }",
            "use std::sync::mpsc::channel;",
            "use std::sync::mpsc; fn f() { mpsc::channel::<Vec<u8>>() }",
            "fn f() { crossbeam_channel::unbounded() }",
            "use crossbeam_queue::SegQueue;",
            "use futures::channel::mpsc::unbounded;",
            "fn f(x: tokio::sync::mpsc::UnboundedSender<u8>) {}",
        ] {
            assert!(!lines(&RULE, "gateway/src/a.rs", text).is_empty(), "{text}");
        }
    }

    #[test]
    fn bounded_channels_pass() {
        for text in [
            "use tokio::sync::mpsc; fn f() { mpsc::channel::<u8>(16) }",
            "use std::sync::mpsc::{self, sync_channel}; fn f() { mpsc::sync_channel(1) }",
            "use tokio::sync::oneshot; fn f() { oneshot::channel::<u8>() }",
            "use crossbeam_queue::ArrayQueue; // unbounded_channel",
            "fn unbounded(x: &str) -> &str { \"unbounded()\" }",
        ] {
            assert_eq!(lines(&RULE, "gateway/src/a.rs", text), [0; 0], "{text}");
        }
    }
}
