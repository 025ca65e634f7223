//! What is measured: a kind of load, and who takes part.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::Path,
};

use super::{Contender, Figure, Figures, launch::Running};
use crate::{
    crowd::{Limit, Most, Sample},
    load::Outcome,
};

/// One kind of load.
#[derive(Clone, Debug)]
pub struct Point {
    /// Its name in results; stable.
    pub key: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// Arguments of `ringside-load`, or of `ringside-swarm` where games are compared.
    args: Vec<&'static str>,
    /// Whether only Socket.IO servers can take part.
    socket_io_only: bool,
    /// Whether those take part that swallow broadcasts, and only those.
    swallowed: bool,
    /// The rate is half of what the contender can do, by this other point.
    half_of: Option<&'static str>,
    /// The games that take part; none where messages are measured.
    games: &'static [&'static str],
    /// It looks for a number of players, which takes long: in the first repetition only.
    pub once: bool,
}

/// The games that are compared with as many players each.
const ROOMS: &[&str] = &["rooms", "colyseus", "colyseus-views", "floor-rooms"];
/// Those of which it is told how many players they hold. With a view each Colyseus holds fewer.
const MOST: &[&str] = &["rooms", "colyseus", "glimmer", "colyseus-glimmer"];

/// Every kind of load, in the order of measuring.
pub fn points() -> Vec<Point> {
    let point = |key, title, args: &[&'static str]| Point {
        key,
        title,
        args: args.to_vec(),
        socket_io_only: false,
        swallowed: false,
        half_of: None,
        games: &[],
        once: false,
    };
    let game = |key, title, args: &[&'static str]| Point {
        games: ROOMS,
        ..point(key, title, args)
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
        game(
            "watch-400",
            "ARENA-N, 100 in view at 20 Hz: 400 clients who watch",
            &["--players", "400"],
        ),
        game(
            "watch-1500",
            "ARENA-N, 100 in view at 20 Hz: 1,500 clients who watch",
            &["--players", "1500"],
        ),
        game(
            "play-400",
            "ARENA-N, 100 in view at 20 Hz: 400 clients who send an input for each snapshot",
            &["--players", "400", "--play"],
        ),
        game(
            "play-1500",
            "ARENA-N, 100 in view at 20 Hz: 1,500 clients who send an input for each snapshot",
            &["--players", "1500", "--play"],
        ),
        game(
            "paced-400",
            "ARENA-N, 100 in view at 20 Hz: 400 clients who send an input 25 ms after each snapshot",
            &["--players", "400", "--play", "--paced"],
        ),
        game(
            "paced-1500",
            "ARENA-N, 100 in view at 20 Hz: 1,500 clients who send an input 25 ms after each snapshot",
            &["--players", "1500", "--play", "--paced"],
        ),
        Point {
            games: MOST,
            once: true,
            ..point(
                "most",
                "The most players who get 20 snapshots a second, 99 of 100 gaps within 75 ms",
                &["--players", "1500", "--play", "--most"],
            )
        },
    ]
}

impl Point {
    /// Whether games are compared, with players in them.
    pub fn is_of_games(&self) -> bool {
        !self.games.is_empty()
    }

    /// Whether a contender takes part.
    pub fn admits(&self, contender: &Contender) -> bool {
        if contender.game.is_some() || self.is_of_games() {
            return self.games.contains(&contender.key);
        }
        contender.swallows == self.swallowed && (contender.socket_io || !self.socket_io_only)
    }
}

/// The figures of one repetition, by name; names carry their unit.
pub type Values = BTreeMap<&'static str, f64>;

/// Runs points, and keeps every figure of every repetition.
pub struct Runs<'a> {
    /// Where `ringside-load` and `ringside-swarm` are.
    tools: &'a Path,
    seconds: f64,
    raw: BTreeMap<&'static str, BTreeMap<&'static str, Vec<Values>>>,
}

/// Seconds measured for each number of players that is tried.
const TRY_SECONDS: f64 = 5.0;

impl<'a> Runs<'a> {
    /// With generators from this folder, so many seconds each.
    pub fn new(tools: &'a Path, seconds: f64) -> Self {
        Self {
            tools,
            seconds,
            raw: BTreeMap::new(),
        }
    }

    /// One repetition of a point for a contender.
    ///
    /// # Errors
    /// The server does not start, or the generator has no outcome.
    pub fn run(&mut self, point: &Point, contender: &Contender) -> io::Result<&Values> {
        let mut args: Vec<String> = point.args.iter().map(|arg| (*arg).to_owned()).collect();
        let seconds = match point.key {
            "idle" => 0.5,
            _ if point.once => self.seconds.min(TRY_SECONDS),
            _ => self.seconds,
        };
        args.push(match contender.game {
            Some(_) => "--seconds".to_owned(),
            None => "--duration".to_owned(),
        });
        args.push(seconds.to_string());
        if let Some(half_of) = point.half_of {
            args.extend([
                "--rate".to_owned(),
                format!("{:.3}", self.half(half_of, contender)),
            ]);
        }
        let server = Running::start(&self.fitted(point, contender)?)?;
        let values = match contender.game {
            None => {
                of_messages(&server.load(&self.tools.join("ringside-load"), contender, &args)?)
            }
            Some(game) => {
                let swarm = self.tools.join("ringside-swarm");
                if point.once {
                    of_most(&server.play(&swarm, game, &args)?)
                } else {
                    of_sample(&server.play(&swarm, game, &args)?)
                }
            }
        };
        let all = self
            .raw
            .entry(point.key)
            .or_default()
            .entry(contender.key)
            .or_default();
        all.push(values);
        Ok(&all[all.len() - 1])
    }

    /// The contender with as much to show as was seen in GLIMMER, if that is what it is to show.
    fn fitted(&self, point: &Point, contender: &Contender) -> io::Result<Contender> {
        let mut fitted = contender.clone();
        for (word, name) in [("MOVING", "moving"), ("STANDING", "standing")] {
            let Some(at) = fitted.command.iter().position(|it| it == word) else {
                continue;
            };
            let glimmer = self.raw.get(point.key).and_then(|all| all.get("glimmer"));
            let seen = glimmer.and_then(|all| all.last()?.get(name));
            let seen = seen.ok_or_else(|| io::Error::other("it needs GLIMMER in the same run"))?;
            fitted.command[at] = format!("{seen:.0}");
        }
        Ok(fitted)
    }

    /// Half of the broadcasts a second that a contender managed, in turns with the generator.
    fn half(&self, point: &str, contender: &Contender) -> f64 {
        let all = self
            .raw
            .get(point)
            .and_then(|point| point.get(contender.key));
        let rates = all
            .into_iter()
            .flatten()
            .filter_map(|it| it.get("broadcasts_per_s"));
        let rate = Figure::of(rates.copied()).map_or(0.0, |figure| figure.median);
        (rate / 2.0).max(1.0)
    }

    /// All figures so far.
    pub fn figures(&self) -> BTreeMap<String, BTreeMap<String, Figures>> {
        let point = |(key, contenders): (&&str, &BTreeMap<&str, Vec<Values>>)| {
            let all = contenders
                .iter()
                .map(|(key, all)| ((*key).to_owned(), figures(all)));
            ((*key).to_owned(), all.collect())
        };
        self.raw.iter().map(point).collect()
    }
}

fn figures(all: &[Values]) -> Figures {
    let names: BTreeSet<&str> = all.iter().flat_map(Values::keys).copied().collect();
    let figure = |name: &str| Figure::of(all.iter().filter_map(|values| values.get(name).copied()));
    names
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), figure(name)?)))
        .collect()
}

fn of_messages(outcome: &Outcome) -> Values {
    let mut values = Values::from([
        ("p50_ms", outcome.latency.p50_ms),
        ("p99_ms", outcome.latency.p99_ms),
        ("p999_ms", outcome.latency.p999_ms),
        ("delivered_per_s", outcome.delivered_per_s),
        (
            "broadcasts_per_s",
            outcome.delivered_per_s / outcome.connections.max(1) as f64,
        ),
        ("generator_us", outcome.generator_us),
        ("lost", outcome.lost as f64),
        ("missing", outcome.missing as f64),
    ]);
    if let Some(cost) = &outcome.server {
        values.extend([
            ("cpu_us", cost.cpu_us),
            ("user_us", cost.user_us),
            ("per_s_core", 1e6 / cost.cpu_us.max(1e-6)),
            ("handshake_us", cost.handshake_us),
            ("bytes_per_connection", cost.bytes_per_connection),
            ("empty_mb", cost.empty_mb),
            ("busy", cost.busy),
        ]);
    }
    values
}

fn of_sample(sample: &Sample) -> Values {
    let mut values = Values::from([
        ("clients", sample.players as f64),
        ("lost", sample.lost as f64),
        ("unusable", sample.unusable as f64),
        ("snapshots_per_s", sample.snapshots_per_s),
        ("client_bytes_per_s", sample.bytes_per_s),
        ("snapshot_bytes", sample.bytes_per_snapshot),
        ("payload_bytes", sample.payload_per_snapshot),
        ("gap_p50_ms", sample.gap.p50_ms),
        ("gap_p99_ms", sample.gap.p99_ms),
        ("gap_max_ms", sample.gap.max_ms),
        ("late_share", sample.late_share),
        ("generator_busy", sample.generator_busy),
    ]);
    if let Some(seen) = sample.seen {
        values.extend([("moving", seen.0), ("standing", seen.1)]);
    }
    if let Some(cost) = &sample.server {
        values.extend([
            ("busy", cost.busy),
            ("client_cpu_us", cost.player_us),
            ("snapshot_cpu_us", cost.snapshot_us),
            ("snapshot_user_us", cost.user_us),
            ("clients_per_core", cost.players_per_core),
        ]);
    }
    values
}

fn of_most(most: &Most) -> Values {
    let mut values = most.held.as_ref().map(of_sample).unwrap_or_default();
    values.insert("players", most.players as f64);
    let own = most.limit == Limit::Generator;
    values.insert("generator_was_the_limit", f64::from(u8::from(own)));
    values
}
