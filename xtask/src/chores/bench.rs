//! `cargo xtask bench`: the gate that a change which makes something slower does not pass.
//!
//! Three kinds of figures, each with the noise it has: instruction counts (none, within 1 %), ratios of
//! contenders within one process (20 %), user time a delivery with broadcasts swallowed, in turns with
//! the program of the stored result's commit (15 %). Times that fail are measured a second time.
//! Promises: a figure that got worse by more is named with its old and new value, and the exit code
//! tells; what could not be measured is named with its mend. Leaves out: total CPU and latency, which no
//! gate can judge on a machine that does other things; `cargo xtask rivals` shows them.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use super::rivals::{build_ours, build_rivals, program, programs};
use crate::repo::Repo;
use crate::steps::need::{Need, crate_bin};
use crate::steps::runner::{self, Choice};
use crate::steps::{Cmd, Step};

/// Measure what is guarded, store it, and compare it with the stored baseline.
///
/// Fails with a table of what got slower and by how much. The result goes to
/// benches/results/DATE-COMMIT.json; the baseline is the file that benches/results/BASELINE names, and
/// `--accept` makes the new result the baseline. `--quick`, for everyday use, takes under four minutes
/// once everything is built, and stores nothing. `--table FILE` fills the README's tables from a
/// result of `cargo xtask rivals`, those it has figures for, and measures nothing.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Shorter measurements; the result is not stored
    #[arg(long)]
    quick: bool,
    /// Make the result the baseline, if nothing failed to be measured
    #[arg(long, conflicts_with = "quick")]
    accept: bool,
    /// Fill the README's tables from this result, and do nothing else
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,
    #[command(flatten)]
    choice: Choice,
}

/// The benches of instructions and of ratios, by their names in `benches/Cargo.toml`.
const INSTRUCTIONS: &str = "_instructions";

/// Compiling every bench takes most of it.
const DEADLINE: Duration = Duration::from_secs(40 * 60);

/// Which of the stored results is the baseline.
const BASELINE: &str = "benches/results/BASELINE";

/// Runs what counts instructions; its version must be that of the crate.
const RUNNER: &str = "gungraun-runner";
const RUNNER_VERSION: &str = "0.20.0";

/// Runs the steps of `bench`.
pub fn run(repo: &Repo, args: &Args) -> ExitCode {
    if let Some(result) = &args.table {
        return table(repo, result);
    }
    let results = repo.path("benches/results");
    let work = repo.target().join("bench");
    for folder in [&results, &work] {
        if let Err(error) = fs::create_dir_all(folder) {
            eprintln!("{}: {error}", folder.display());
            return ExitCode::FAILURE;
        }
    }
    // What an earlier run measured must not stand in for what this one could not.
    let _ = fs::remove_file(work.join("ratios.jsonl"));
    let _ = fs::remove_dir_all(work.join("gungraun"));
    let mut steps = steps(repo, args);
    let mut code = runner::run(repo, &steps, &args.choice);
    show_comparison(repo);
    if code != ExitCode::SUCCESS && !args.accept && only_times_failed(&comparison(repo)) {
        eprintln!("\nMeasured once more: only what is slower twice has got slower.");
        steps.retain(|step| step.name != "instructions");
        code = runner::run(repo, &steps, &args.choice);
        show_comparison(repo);
    }
    if args.accept && work.join("result.json").is_file() {
        return accept(repo);
    }
    code
}

/// What the gate compared last, whether anything failed or not.
fn comparison(repo: &Repo) -> String {
    let log = fs::read_to_string(repo.target().join("xtask/gate.log")).unwrap_or_default();
    let last = log.rsplit("$ ").next().unwrap_or_default();
    let table = last.find("beside ").map(|at| last[at..].trim_end());
    table.unwrap_or_default().to_owned()
}

fn show_comparison(repo: &Repo) {
    let table = comparison(repo);
    if !table.is_empty() {
        eprintln!("\n{table}");
    }
}

/// Whether all that got slower are times, not counts: another program's moment of work may be the reason.
fn only_times_failed(table: &str) -> bool {
    let slower: Vec<_> = table
        .lines()
        .filter(|line| line.contains("SLOWER"))
        .collect();
    !slower.is_empty() && !slower.iter().any(|line| line.starts_with("instructions:"))
}

/// Names of the benches, read from the manifest.
fn benches(repo: &Repo) -> Vec<String> {
    let text = fs::read_to_string(repo.path("benches/Cargo.toml")).unwrap_or_default();
    let manifest: toml::Table = text.parse().unwrap_or_default();
    let all = manifest
        .get("bench")
        .and_then(toml::Value::as_array)
        .map(Vec::as_slice);
    let names = all.unwrap_or_default().iter();
    names
        .filter_map(|bench| Some(bench.get("name")?.as_str()?.to_owned()))
        .collect()
}

fn steps(repo: &Repo, args: &Args) -> Vec<Step> {
    let work = repo.target().join("bench");
    let bench = |names: &[String], rest: &[&str]| {
        let mut words: Vec<String> = ["bench", "-p", "ringside-benches"]
            .map(str::to_owned)
            .into();
        words.extend(
            names
                .iter()
                .flat_map(|name| ["--bench".to_owned(), name.clone()]),
        );
        words.extend(rest.iter().map(|word| (*word).to_owned()));
        Cmd::new("cargo", words)
    };
    let (instructions, others): (Vec<_>, Vec<_>) = benches(repo)
        .into_iter()
        .partition(|name| name.ends_with(INSTRUCTIONS));
    let guarded: Vec<_> = others
        .into_iter()
        .filter(|name| {
            let text = fs::read_to_string(repo.path(&format!("benches/benches/{name}.rs")));
            text.is_ok_and(|text| text.contains("play_all"))
        })
        .collect();
    let counted = bench(&instructions, &[])
        .env("GUNGRAUN_SAVE_SUMMARY", "json")
        .env("GUNGRAUN_HOME", work.join("gungraun"))
        .env("PATH", with_tools(repo));
    let rounds = if args.quick { "11" } else { "15" };
    let played = bench(&guarded, &["--", "--rounds", rounds])
        .env("RINGSIDE_RATIOS", work.join("ratios.jsonl"));
    let mut steps = vec![
        Step::commands(
            "baseline",
            "the server of the stored result's commit",
            baseline_build(repo),
        )
        .deadline(DEADLINE),
        Step::commands(
            "instructions",
            "instruction counts of the hot paths",
            vec![counted],
        )
        .needs(Need::package("valgrind"))
        .needs(Need::Crate {
            name: RUNNER,
            version: RUNNER_VERSION,
        })
        .deadline(DEADLINE),
        Step::commands("ratios", "contenders within one process", vec![played]).deadline(DEADLINE),
    ];
    // Last, so that what is measured is what was just built.
    steps.extend([build_rivals(repo), build_ours(&[])]);
    steps.retain(|step| !matches!(&step.work, crate::steps::Work::Commands(all) if all.is_empty()));
    let mut gate = Cmd::new(program(repo, "ringside-compare"), ["gate"]);
    gate.args.extend(programs(repo));
    let (seconds, repetitions) = if args.quick { ("1.5", "5") } else { ("4", "7") };
    let json = if args.quick || args.accept {
        work.join("result.json")
    } else {
        repo.path("benches/results/DATE-COMMIT.json")
    };
    for (name, value) in [
        ("--seconds", Some(seconds.into())),
        ("--repetitions", Some(repetitions.into())),
        ("--instructions", Some(work.join("gungraun"))),
        ("--ratios", Some(work.join("ratios.jsonl"))),
        ("--baseline", baseline(repo)),
        (
            "--baseline-fixture",
            Some(baseline_fixture(repo)).filter(|_| baseline(repo).is_some()),
        ),
        ("--json", Some(json)),
    ] {
        if let Some(value) = value {
            gate.args.extend([name.into(), value.into()]);
        }
    }
    steps.push(
        Step::commands(
            "gate",
            "user time a delivery, and everything beside the stored result",
            vec![gate],
        )
        .after(&["ours", "rivals"])
        .deadline(DEADLINE),
    );
    steps
}

/// The stored result to compare with.
fn baseline(repo: &Repo) -> Option<PathBuf> {
    let name = fs::read_to_string(repo.path(BASELINE)).ok()?;
    let path = repo.path("benches/results").join(name.trim());
    path.is_file().then_some(path)
}

/// The commit the stored result is of, if this clone has it.
fn baseline_commit(repo: &Repo) -> Option<String> {
    let text = fs::read_to_string(baseline(repo)?).ok()?;
    let line = text
        .lines()
        .find(|line| line.trim_start().starts_with("\"commit\":"))?;
    let commit = line.split('"').nth(3)?.trim_end_matches('+').to_owned();
    let known = Command::new("git")
        .current_dir(repo.path(""))
        .args(["cat-file", "-e", &format!("{commit}^{{commit}}")])
        .stderr(Stdio::null())
        .status();
    known.is_ok_and(|status| status.success()).then_some(commit)
}

fn baseline_fixture(repo: &Repo) -> PathBuf {
    let commit = baseline_commit(repo).unwrap_or_default();
    repo.target()
        .join("bench/baseline")
        .join(commit)
        .join("fixture")
}

/// Builds the server of the stored result's commit, once. Nothing to do without such a commit.
fn baseline_build(repo: &Repo) -> Vec<Cmd> {
    let Some(commit) = baseline_commit(repo) else {
        return Vec::new();
    };
    let fixture = baseline_fixture(repo);
    if fixture.is_file() {
        return Vec::new();
    }
    let tree = repo.target().join("bench/tree");
    let text = |path: &PathBuf| path.display().to_string();
    let built = repo.target().join("bench/build");
    vec![
        Cmd::new("rm", ["-rf".to_owned(), text(&tree)]),
        Cmd::new("git", ["worktree", "prune"]),
        Cmd::new(
            "git",
            [
                "worktree".to_owned(),
                "add".to_owned(),
                "--detach".to_owned(),
                "--force".to_owned(),
                text(&tree),
                commit,
            ],
        ),
        Cmd::new(
            "cargo",
            [
                "build",
                "--release",
                "--locked",
                "-p",
                "ringside-tests",
                "--bin",
                "fixture",
            ],
        )
        .dir(&tree)
        .env("RUSTFLAGS", flags_without_seeds())
        .env("CARGO_TARGET_DIR", &built),
        Cmd::new(
            "mkdir",
            ["-p".to_owned(), text(&fixture.with_file_name(""))],
        ),
        Cmd::new("cp", [text(&built.join("release/fixture")), text(&fixture)]),
        Cmd::new(
            "git",
            [
                "worktree".to_owned(),
                "remove".to_owned(),
                "--force".to_owned(),
                text(&tree),
            ],
        ),
    ]
}

/// The flags of this build, for programs that are compared with it: whole, unless a slowdown is seeded.
pub(super) fn flags_without_seeds() -> String {
    let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    if flags.contains("ringside_seeded_slowdown") {
        String::new()
    } else {
        flags
    }
}

/// The search path, with the runner of instruction counts first.
fn with_tools(repo: &Repo) -> std::ffi::OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut all = vec![crate_bin(repo, RUNNER, RUNNER_VERSION)];
    all.extend(std::env::split_paths(&path));
    std::env::join_paths(all).unwrap_or(path)
}

/// Makes the result the baseline, under its own date and commit.
fn accept(repo: &Repo) -> ExitCode {
    let result = repo.target().join("bench/result.json");
    let text = fs::read_to_string(&result).unwrap_or_default();
    let field = |name: &str| {
        let mark = format!("\"{name}\":");
        let line = text
            .lines()
            .find(|line| line.trim_start().starts_with(&mark));
        line.and_then(|line| line.split('"').nth(3))
            .unwrap_or("unknown")
            .replace('+', "-changed")
    };
    let name = format!("{}-{}.json", field("date"), field("commit"));
    let stored = fs::copy(&result, repo.path("benches/results").join(&name))
        .and_then(|_| fs::write(repo.path(BASELINE), format!("{name}\n")));
    match stored {
        Ok(()) => {
            println!("the baseline is now benches/results/{name}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("benches/results: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The README's tables: their marks, what `ringside-compare table` makes them with, and a point that a result has
/// which can fill them.
const TABLES: [(&str, Option<&str>, &str); 2] = [
    ("performance", None, "\"broadcast-1\""),
    ("rooms", Some("--rooms"), "\"watch-400\""),
];

/// Fills the README's tables.
fn table(repo: &Repo, result: &PathBuf) -> ExitCode {
    let made = |option: Option<&str>| -> Result<String, String> {
        let run = "run --quiet --release -p ringside-benches --bin ringside-compare -- table";
        let output = Command::new("cargo")
            .current_dir(repo.path(""))
            .args(run.split(' '))
            .arg(result)
            .args(option)
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| error.to_string())?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err("the table could not be made".to_owned()),
        }
    };
    let filled = || -> Result<usize, String> {
        let told = |path: &std::path::Path, error| format!("{}: {error}", path.display());
        let measured = fs::read_to_string(result).map_err(|error| told(result, error))?;
        let path = repo.path("README.md");
        let mut readme = fs::read_to_string(&path).map_err(|error| told(&path, error))?;
        let mut tables = 0;
        for (name, option, point) in TABLES {
            if measured.contains(point) {
                readme = fill(&readme, name, &made(option)?)?;
                tables += 1;
            }
        }
        fs::write(&path, readme).map_err(|error| told(&path, error))?;
        Ok(tables)
    };
    match filled() {
        Ok(0) => {
            eprintln!(
                "{} has figures for none of the README's tables",
                result.display()
            );
            ExitCode::FAILURE
        }
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Puts a table between the marks of this name.
fn fill(readme: &str, name: &str, table: &str) -> Result<String, String> {
    let (begin, end) = (format!("<!-- {name} -->"), format!("<!-- /{name} -->"));
    let start = readme
        .find(&begin)
        .ok_or_else(|| format!("README.md lacks {begin}"))?
        + begin.len();
    let stop = readme[start..]
        .find(&end)
        .ok_or_else(|| format!("README.md lacks {end}"))?
        + start;
    Ok(format!(
        "{}\n\n{}\n\n{}",
        &readme[..start],
        table.trim(),
        &readme[stop..]
    ))
}

#[cfg(test)]
mod tests {
    use super::{Args, Choice, Repo, fill, only_times_failed, steps};

    #[test]
    fn the_table_replaces_what_stood_between_the_marks_and_nothing_else() {
        let readme = "a\n<!-- performance -->\nold\n<!-- /performance -->\nb\n";
        let filled = fill(readme, "performance", "new\n").expect("marks are there");
        assert_eq!(
            filled,
            "a\n<!-- performance -->\n\nnew\n\n<!-- /performance -->\nb\n"
        );
        assert_eq!(
            fill(&filled, "performance", "new").expect("marks are there"),
            filled
        );
        assert!(fill("no marks", "performance", "new").is_err());
    }

    #[test]
    fn only_times_are_measured_again() {
        assert!(only_times_failed(
            "beside x\nratio: a 1 2  SLOWER by 9 %\ninstructions: b 1 1  the same"
        ));
        assert!(!only_times_failed(
            "ratio: a 1 2  SLOWER\ninstructions: b 1 2  SLOWER by 9 %"
        ));
        assert!(!only_times_failed("ratio: a 1 1  the same"));
    }

    #[test]
    fn the_gate_comes_last_and_everything_guarded_before_it() {
        let args = Args {
            quick: true,
            accept: false,
            table: None,
            choice: Choice::default(),
        };
        let steps = steps(&Repo::here(), &args);
        let names: Vec<_> = steps.iter().map(|step| step.name).collect();
        assert_eq!(names.last(), Some(&"gate"));
        assert!(names.contains(&"instructions") && names.contains(&"ratios"));
    }
}
