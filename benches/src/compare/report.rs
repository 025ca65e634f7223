//! The page of `cargo xtask rivals`: every score as a plot and all figures as tables.

use std::fmt::Write;

use super::{Figure, Stored, points, rooms};
use crate::page::{self, bars, escape, number, table};

/// A figure by which servers are compared.
pub(super) struct Score {
    point: &'static str,
    figure: &'static str,
    /// For a column.
    pub(super) short: &'static str,
    title: &'static str,
    pub(super) unit: &'static str,
    less_is_better: bool,
}

const fn score(
    point: &'static str,
    figure: &'static str,
    short: &'static str,
    title: &'static str,
    unit: &'static str,
) -> Score {
    Score {
        point,
        figure,
        short,
        title,
        unit,
        less_is_better: true,
    }
}

/// The scores, in the order of the columns.
pub(super) const SCORES: &[Score] = &[
    Score {
        less_is_better: false,
        ..score(
            "broadcast-1",
            "per_s_core",
            "deliveries/s/core",
            "Deliveries a second and core, one message in flight",
            "a second",
        )
    },
    score(
        "broadcast-1",
        "cpu_us",
        "CPU µs a delivery",
        "CPU a delivery, one message in flight",
        "µs",
    ),
    score(
        "broadcast-1",
        "user_us",
        "of it user µs",
        "User time a delivery, one message in flight",
        "µs",
    ),
    score(
        "broadcast-8",
        "cpu_us",
        "CPU µs, 8 at once",
        "CPU a delivery, eight messages at once",
        "µs",
    ),
    score(
        "half-rate",
        "p999_ms",
        "p99.9 ms",
        "99.9th percentile at half of each one's own rate",
        "ms",
    ),
    score(
        "idle",
        "bytes_per_connection",
        "bytes a connection",
        "Memory of an idle connection, of 5,000",
        "bytes",
    ),
    score(
        "idle",
        "handshake_us",
        "CPU µs a handshake",
        "CPU a connection made",
        "µs",
    ),
    score(
        "echo",
        "cpu_us",
        "CPU µs an echo",
        "CPU an echo, 1,000 connections",
        "µs",
    ),
    score(
        "echo",
        "p99_ms",
        "echo p99 ms",
        "99th percentile of an echo at saturation",
        "ms",
    ),
    score(
        "polling",
        "cpu_us",
        "CPU µs, long-polling",
        "CPU a message by long-polling, 500 clients",
        "µs",
    ),
];

impl Score {
    /// One of games, which have no column.
    pub(super) const fn of_games(
        point: &'static str,
        figure: &'static str,
        title: &'static str,
        unit: &'static str,
        less_is_better: bool,
    ) -> Self {
        Self {
            less_is_better,
            ..score(point, figure, "", title, unit)
        }
    }

    pub(super) fn of(&self, stored: &Stored, contender: &str) -> Option<f64> {
        stored.median(self.point, contender, self.figure)
    }

    /// What stands over its plot.
    pub(super) fn heading(&self) -> String {
        let better = if self.less_is_better { "less" } else { "more" };
        format!("{}: {better} is better", self.title)
    }

    /// The best first.
    pub(super) fn sort(&self, rows: &mut [(String, f64)]) {
        rows.sort_by(|a, b| a.1.total_cmp(&b.1));
        if !self.less_is_better {
            rows.reverse();
        }
    }
}

/// Those who are shown, best known first after us.
pub(super) fn named() -> [(&'static str, &'static str); 8] {
    [
        ("ringside", "*Ringside (Socket.IO)"),
        ("ringside-ws", "*Ringside (plain WebSocket)"),
        ("socketioxide", "socketioxide (Socket.IO)"),
        ("socket.io", "Node socket.io (Socket.IO)"),
        ("bun", "Bun, server.publish"),
        ("ws", "Node ws"),
        ("tungstenite", "tokio-tungstenite, 4 KiB"),
        ("floor", "send() floor (no server)"),
    ]
}

/// The whole page. `notes`: what could not take part, and why.
pub fn report(stored: &Stored, notes: &[String]) -> String {
    let Stored {
        date,
        commit,
        machine,
        seconds,
        repetitions,
        load,
        ..
    } = stored;
    let mut body = format!(
        "<p>Commit {}, {date}. {} with {} cores and {} GB, Linux {}. {repetitions} repetitions of {seconds} s a point, each \
         with a fresh server process; contenders take turns within a repetition; medians are shown, and in the tables \
         also the least and the most. Server on core 0, generator on core 1, loopback. Load average of the machine from \
         other work: {:.1} at the beginning, {:.1} at the end.</p>",
        escape(commit),
        escape(&machine.cpu),
        machine.cores,
        machine.memory_gb,
        escape(&machine.kernel),
        load.0,
        load.1
    );
    body.push_str(
        "<p>CPU is the server's run time as its scheduler counts it, the kernel's work included; the user share is sampled \
         at 2.5 kHz. Below 15 % a difference in CPU means nothing: most of it is the kernel's send(). Ringside, socketioxide \
         and socket.io speak Socket.IO, whose frames are nine bytes longer; the others speak plain WebSocket. The floor is a \
         bare loop without sessions, topics or backpressure. Loopback makes the sender pay for the receiver's work, so a \
         network card would show smaller figures for all.</p>",
    );
    for note in notes {
        let _ = write!(body, "<p>Left out: {}</p>", escape(note));
    }
    for score in SCORES {
        let mut rows: Vec<(String, f64)> = named()
            .iter()
            .filter_map(|(key, title)| Some(((*title).to_owned(), score.of(stored, key)?)))
            .collect();
        if rows.is_empty() {
            continue;
        }
        score.sort(&mut rows);
        body.push_str(&bars(&score.heading(), score.unit, &rows));
    }
    for point in points().iter().filter(|point| !point.is_of_games()) {
        let Some(contenders) = stored.points.get(point.key) else {
            continue;
        };
        let _ = write!(body, "<h2>{}</h2>", escape(point.title));
        let figures: [(&str, &str); 8] = [
            ("cpu_us", "CPU µs"),
            ("user_us", "user µs"),
            ("p50_ms", "p50 ms"),
            ("p99_ms", "p99 ms"),
            ("p999_ms", "p99.9 ms"),
            ("bytes_per_connection", "bytes a connection"),
            ("handshake_us", "handshake µs"),
            ("generator_us", "generator µs"),
        ];
        let heads: Vec<&str> = std::iter::once("")
            .chain(figures.map(|(_, head)| head))
            .collect();
        let rows = contenders.iter().map(|(key, all)| {
            let title = named()
                .iter()
                .find(|(known, _)| known == key)
                .map_or(key.as_str(), |(_, title)| title);
            let own = if key.starts_with("ringside") && !title.starts_with('*') {
                "*"
            } else {
                ""
            };
            let mut row = vec![format!("{own}{title}")];
            row.extend(figures.iter().map(|(name, _)| cell(all.get(*name))));
            row
        });
        body.push_str(&table(&heads, rows));
    }
    body.push_str(&rooms::page(stored));
    page::html("Ringside and its rivals", &body)
}

/// A figure in a table: its median, and the least and the most.
pub(super) fn cell(figure: Option<&Figure>) -> String {
    figure.map_or("–".to_owned(), |figure| {
        format!(
            "{} ({}–{})",
            number(figure.median),
            number(figure.min),
            number(figure.max)
        )
    })
}
