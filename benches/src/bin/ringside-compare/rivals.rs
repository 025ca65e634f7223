//! Everybody under every kind of load.

use std::{fs, path::PathBuf};

use ringside_benches::compare::{Runs, Stored, everybody, points, report};

use crate::Programs;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    programs: Programs,
    /// Seconds to measure each point
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Repetitions, each with fresh servers
    #[arg(long, default_value_t = 3)]
    repetitions: usize,
    /// Only these points
    #[arg(long, value_delimiter = ',')]
    points: Vec<String>,
    /// Only these contenders
    #[arg(long, value_delimiter = ',')]
    contenders: Vec<String>,
    /// Where the result goes; DATE and COMMIT are filled in
    #[arg(long)]
    json: PathBuf,
    /// Where the page goes
    #[arg(long)]
    html: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<bool, String> {
    let places = args.programs.places(None)?;
    let chosen =
        |names: &[String], key: &str| names.is_empty() || names.iter().any(|name| name == key);
    let contenders: Vec<_> = everybody(&places)
        .into_iter()
        .filter(|it| chosen(&args.contenders, it.key))
        .collect();
    let points: Vec<_> = points()
        .into_iter()
        .filter(|it| chosen(&args.points, it.key))
        .collect();
    let mut stored = Stored::begin(&args.programs.root, args.seconds, args.repetitions);
    let load = places.ours.join("ringside-load");
    let mut runs = Runs::new(&load, args.seconds);
    let mut notes = Vec::new();
    for repetition in 1..=args.repetitions {
        for point in &points {
            for contender in contenders.iter().filter(|it| point.admits(it)) {
                match runs.run(point, contender) {
                    Ok(outcome) => println!(
                        "{repetition}/{} {:<13} {:<16} {:>9.0}/s  {:>8.3} us CPU  p99.9 {:>8.2} ms",
                        args.repetitions,
                        point.key,
                        contender.key,
                        outcome.delivered_per_s,
                        outcome.server.as_ref().map_or(0.0, |cost| cost.cpu_us),
                        outcome.latency.p999_ms,
                    ),
                    Err(error) => {
                        eprintln!("{} of {}: {error}", point.key, contender.key);
                        notes.push(format!("{} in \"{}\": {error}", contender.key, point.title));
                    }
                }
            }
        }
    }
    stored.points = runs.figures();
    stored.end();
    let json = PathBuf::from(
        args.json
            .display()
            .to_string()
            .replace("DATE", &stored.date)
            .replace("COMMIT", &stored.commit.replace('+', "-changed")),
    );
    stored.write(&json)?;
    fs::write(&args.html, report(&stored, &notes))
        .map_err(|error| format!("{}: {error}", args.html.display()))?;
    println!(
        "{} contenders; result: {}\npage: {}",
        contenders.len(),
        json.display(),
        args.html.display()
    );
    Ok(notes.is_empty())
}
