//! What is measured: a kind of load, and who takes part.

use std::{collections::BTreeMap, io, path::Path};

use super::{Contender, Figure, Figures, launch::Running};
use crate::load::Outcome;

/// One kind of load.
#[derive(Clone, Debug)]
pub struct Point {
    /// Its name in results; stable.
    pub key: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// Arguments of `ringside-load`.
    args: Vec<&'static str>,
    /// Whether only Socket.IO servers can take part.
    socket_io_only: bool,
    /// Whether those take part that swallow broadcasts, and only those.
    swallowed: bool,
    /// The rate is half of what the contender can do, by this other point.
    half_of: Option<&'static str>,
}

/// Every kind of load, in the order of measuring.
pub fn points() -> Vec<Point> {
    let point = |key, title, args: &[&'static str]| Point {
        key,
        title,
        args: args.to_vec(),
        socket_io_only: false,
        swallowed: false,
        half_of: None,
    };
    vec![
        point(
            "broadcast-1",
            "Broadcast of 32 B to 1,000, one message in flight",
            &[],
        ),
        point(
            "broadcast-8",
            "Broadcast of 32 B to 1,000, eight messages at once",
            &["--burst", "8"],
        ),
        point(
            "broadcast-16",
            "Broadcast of 32 B to 1,000, sixteen messages at once",
            &["--burst", "16"],
        ),
        Point {
            half_of: Some("broadcast-1"),
            ..point(
                "half-rate",
                "Broadcast of 32 B to 1,000 at half of what each can do",
                &[],
            )
        },
        Point {
            swallowed: true,
            ..point("null-1", "Broadcasts swallowed, one at a time", &[])
        },
        Point {
            swallowed: true,
            ..point(
                "null-8",
                "Broadcasts swallowed, eight at once",
                &["--burst", "8"],
            )
        },
        point(
            "echo",
            "Echo of 64 B, 1,000 connections, one in flight each",
            &["--work", "echo", "--payload", "64"],
        ),
        point(
            "idle",
            "5,000 idle connections",
            &["--work", "idle", "--connections", "5000"],
        ),
        Point {
            socket_io_only: true,
            ..point(
                "polling",
                "Broadcast of 32 B to 500 long-polling clients",
                &["--protocol", "polling", "--connections", "500"],
            )
        },
    ]
}

impl Point {
    /// Whether a contender takes part.
    pub fn admits(&self, contender: &Contender) -> bool {
        contender.swallows == self.swallowed && (contender.socket_io || !self.socket_io_only)
    }
}

/// Runs points, and keeps every figure of every repetition.
pub struct Runs<'a> {
    load: &'a Path,
    seconds: f64,
    raw: BTreeMap<&'static str, BTreeMap<&'static str, Vec<Outcome>>>,
}

impl<'a> Runs<'a> {
    /// With this generator, so many seconds each.
    pub fn new(load: &'a Path, seconds: f64) -> Self {
        Self {
            load,
            seconds,
            raw: BTreeMap::new(),
        }
    }

    /// One repetition of a point for a contender.
    ///
    /// # Errors
    /// The server does not start, or the generator has no outcome.
    pub fn run(&mut self, point: &Point, contender: &Contender) -> io::Result<&Outcome> {
        let mut args: Vec<String> = point.args.iter().map(|arg| (*arg).to_owned()).collect();
        let seconds = if point.key == "idle" {
            0.5
        } else {
            self.seconds
        };
        args.extend(["--duration".to_owned(), seconds.to_string()]);
        if let Some(half_of) = point.half_of {
            args.extend([
                "--rate".to_owned(),
                format!("{:.3}", self.half(half_of, contender)),
            ]);
        }
        let server = Running::start(contender)?;
        let outcome = server.load(self.load, contender, &args)?;
        let all = self
            .raw
            .entry(point.key)
            .or_default()
            .entry(contender.key)
            .or_default();
        all.push(outcome);
        Ok(&all[all.len() - 1])
    }

    /// Half of the broadcasts a second that a contender managed, in turns with the generator.
    fn half(&self, point: &str, contender: &Contender) -> f64 {
        let outcomes = self
            .raw
            .get(point)
            .and_then(|point| point.get(contender.key));
        let per_second = outcomes.map_or(0.0, |outcomes| {
            let rates = outcomes
                .iter()
                .map(|it| it.delivered_per_s / it.connections.max(1) as f64);
            Figure::of(rates).map_or(0.0, |figure| figure.median)
        });
        (per_second / 2.0).max(1.0)
    }

    /// All figures so far.
    pub fn figures(&self) -> BTreeMap<String, BTreeMap<String, Figures>> {
        let point = |(key, contenders): (&&str, &BTreeMap<&str, Vec<Outcome>>)| {
            let all = contenders
                .iter()
                .map(|(key, all)| ((*key).to_owned(), figures(all)));
            ((*key).to_owned(), all.collect())
        };
        self.raw.iter().map(point).collect()
    }
}

fn figures(all: &[Outcome]) -> Figures {
    let server = |value: fn(&crate::load::Cost) -> f64| {
        Figure::of(
            all.iter()
                .filter_map(|outcome| outcome.server.as_ref())
                .map(value),
        )
    };
    let of = |value: fn(&Outcome) -> f64| Figure::of(all.iter().map(value));
    let named = [
        ("cpu_us", server(|cost| cost.cpu_us)),
        ("user_us", server(|cost| cost.user_us)),
        ("per_s_core", server(|cost| 1e6 / cost.cpu_us.max(1e-6))),
        ("handshake_us", server(|cost| cost.handshake_us)),
        (
            "bytes_per_connection",
            server(|cost| cost.bytes_per_connection),
        ),
        ("empty_mb", server(|cost| cost.empty_mb)),
        ("busy", server(|cost| cost.busy)),
        ("p50_ms", of(|outcome| outcome.latency.p50_ms)),
        ("p99_ms", of(|outcome| outcome.latency.p99_ms)),
        ("p999_ms", of(|outcome| outcome.latency.p999_ms)),
        ("delivered_per_s", of(|outcome| outcome.delivered_per_s)),
        ("generator_us", of(|outcome| outcome.generator_us)),
        ("lost", of(|outcome| outcome.lost as f64)),
        ("missing", of(|outcome| outcome.missing as f64)),
    ];
    named
        .into_iter()
        .filter_map(|(name, figure)| Some((name.to_owned(), figure?)))
        .collect()
}
