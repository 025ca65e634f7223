//! Everybody under every kind of load.

use std::{fs, path::PathBuf};

use ringside_benches::compare::{Runs, Stored, Values, everybody, points, report};

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
    /// Add to the result of an earlier run on the same day and commit, instead of replacing it
    #[arg(long)]
    merge: bool,
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
    let json = PathBuf::from(
        args.json
            .display()
            .to_string()
            .replace("DATE", &stored.date)
            .replace("COMMIT", &stored.commit.replace('+', "-changed")),
    );
    let earlier = match args.merge && json.is_file() {
        true => Some(Stored::read(&json)?),
        false => None,
    };
    if let Some(earlier) = &earlier
        && earlier.seconds != args.seconds
    {
        return Err(format!(
            "{} has points of {} s each; what is added to it must be measured as long",
            json.display(),
            earlier.seconds
        ));
    }
    let mut runs = Runs::new(&places.ours, args.seconds);
    let mut notes = Vec::new();
    for repetition in 1..=args.repetitions {
        for point in points.iter().filter(|it| repetition == 1 || !it.once) {
            for contender in contenders.iter().filter(|it| point.admits(it)) {
                match runs.run(point, contender) {
                    Ok(values) => println!(
                        "{repetition}/{} {:<13} {:<16} {}",
                        args.repetitions,
                        point.key,
                        contender.key,
                        told(values),
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
    if let Some(earlier) = earlier {
        // What looks for a number of players runs once, however often the rest is repeated.
        stored.repetitions = stored.repetitions.max(earlier.repetitions);
        stored.load.0 = earlier.load.0;
        for (point, contenders) in earlier.points {
            let measured = stored.points.entry(point).or_default();
            for (contender, figures) in contenders {
                measured.entry(contender).or_insert(figures);
            }
        }
    }
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

/// The few figures of a run that tell how it went.
fn told(values: &Values) -> String {
    let shown: [(&str, &str); 9] = [
        ("players", "players"),
        ("delivered_per_s", "/s"),
        ("cpu_us", "us CPU"),
        ("p999_ms", "ms p99.9"),
        ("client_cpu_us", "us CPU a client and second"),
        ("snapshot_bytes", "B a snapshot"),
        ("snapshots_per_s", "snapshots/s"),
        ("gap_p99_ms", "ms p99 gap"),
        ("generator_busy", "of the generator's core"),
    ];
    let known = shown.iter().filter_map(|(name, unit)| {
        let value = values.get(name)?;
        Some(format!("{value:.2} {unit}"))
    });
    known.collect::<Vec<_>>().join("  ")
}
