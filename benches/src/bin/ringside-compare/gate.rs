//! The gate: what is guarded, measured now and beside the stored result.
//!
//! Instruction counts and ratios were measured before (by `cargo xtask bench`) and are only read here;
//! user time a delivery is measured here, in turns with the stored program if it could be built.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use ringside_benches::compare::{
    ACROSS_THREADS, Figure, MORE_IS_BETTER, Runs, Stored, compare, everybody, points,
};
use serde_json::Value;

use crate::Programs;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    programs: Programs,
    /// Seconds to measure each point
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Repetitions, each with fresh servers
    #[arg(long, default_value_t = 5)]
    repetitions: usize,
    /// Where instruction counts were written
    #[arg(long)]
    instructions: PathBuf,
    /// Where ratios were written
    #[arg(long)]
    ratios: PathBuf,
    /// The stored result to compare with; none: only store
    #[arg(long)]
    baseline: Option<PathBuf>,
    /// The program of the stored result's commit
    #[arg(long)]
    baseline_fixture: Option<PathBuf>,
    /// Where the result goes; DATE and COMMIT are filled in
    #[arg(long)]
    json: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<bool, String> {
    let mut stored = Stored::begin(&args.programs.root, args.seconds, args.repetitions);
    stored.instructions = instructions(&args.instructions);
    stored.ratios = ratios(&args.ratios)?;
    let paired = user_time(args, &mut stored)?;
    stored.end();
    let json = args.json.display().to_string();
    let json = json
        .replace("DATE", &stored.date)
        .replace("COMMIT", &stored.commit.replace('+', "-changed"));
    stored.write(Path::new(&json))?;
    println!("result: {json}");
    let Some(baseline) = &args.baseline else {
        println!("there is no stored result to compare with");
        return Ok(true);
    };
    let before = Stored::read(baseline)?;
    let all = compare(&stored, &before, &paired);
    println!(
        "\nbeside {} of {} ({}):",
        before.commit,
        before.date,
        baseline.display()
    );
    println!("{:<72} {:>14} {:>14}", "", "stored", "now");
    for comparison in &all {
        println!("{}", comparison.line());
    }
    let slower = all.iter().filter(|it| it.fails()).count();
    let measured = all
        .iter()
        .filter(|it| it.now.is_some() && it.before.is_some())
        .count();
    println!(
        "\n{} figures compared, {slower} slower; load average {:.1} to {:.1}",
        measured, stored.load.0, stored.load.1
    );
    if measured == 0 {
        return Err("nothing was measured that could be compared".to_owned());
    }
    Ok(slower == 0)
}

/// Measures the points whose broadcasts are swallowed; gives, by point, the median over repetitions of
/// our user time by the stored program's.
fn user_time(args: &Args, stored: &mut Stored) -> Result<BTreeMap<String, f64>, String> {
    let older = args
        .baseline_fixture
        .clone()
        .filter(|program| program.is_file());
    // The floor stands in where there is no older program to take turns with.
    let unneeded = older.as_ref().map(|_| "floor-null");
    let places = args.programs.places(older)?;
    let contenders: Vec<_> = everybody(&places)
        .into_iter()
        .filter(|it| Some(it.key) != unneeded)
        .collect();
    let mut runs = Runs::new(&places.ours, args.seconds);
    let mut factors: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for _ in 0..args.repetitions {
        for point in points().iter().filter(|it| it.key.starts_with("null")) {
            let mut user = BTreeMap::new();
            for contender in contenders.iter().filter(|it| point.admits(it)) {
                let values = runs
                    .run(point, contender)
                    .map_err(|error| error.to_string())?;
                let user_us = values.get("user_us").copied();
                user.insert(contender.key, user_us.unwrap_or(f64::NAN));
            }
            if let (Some(ours), Some(theirs)) =
                (user.get("ringside-null"), user.get("baseline-null"))
            {
                factors
                    .entry(point.key.to_owned())
                    .or_default()
                    .push(ours / theirs);
            }
        }
    }
    stored.points = runs.figures();
    let medians = factors
        .into_iter()
        .filter_map(|(point, all)| Some((point, Figure::of(all)?.median)));
    Ok(medians.collect())
}

/// Every `summary.json` below a folder: instructions by benchmark.
fn instructions(folder: &Path) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|name| name == "summary.json") {
                found.extend(instructions_of(&path));
            }
        }
    }
    found
}

fn instructions_of(path: &Path) -> Option<(String, u64)> {
    let summary: Value = serde_json::from_str(&fs::read_to_string(path).ok()?).ok()?;
    let name = format!(
        "{} {}",
        summary["module_path"].as_str()?,
        summary["id"].as_str().unwrap_or_default()
    );
    let count = summary.pointer("/profiles/0/data/parts/0/metrics/Ir/values/new")?;
    Some((name.trim().to_owned(), count.as_u64()?))
}

/// Lines of `{"what": …, "ratio": …, "more_is_better": …, "across_threads": …}`; none if nobody wrote any.
fn ratios(path: &Path) -> Result<BTreeMap<String, f64>, String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let entry: Value =
            serde_json::from_str(line).map_err(|error| format!("{}: {error}", path.display()))?;
        let (Some(what), Some(ratio)) = (entry["what"].as_str(), entry["ratio"].as_f64()) else {
            continue;
        };
        let mark = |field: &str, mark| if entry[field] == true { mark } else { "" };
        let across = mark("across_threads", ACROSS_THREADS);
        let better = mark("more_is_better", MORE_IS_BETTER);
        // Measured again, the better of both counts: only what is slower twice has got slower.
        let is_better = |old: f64| (ratio > old) == (entry["more_is_better"] == true);
        let best = found.entry(format!("{what}{across}{better}"));
        best.and_modify(|old| *old = if is_better(*old) { ratio } else { *old })
            .or_insert(ratio);
    }
    Ok(found)
}
