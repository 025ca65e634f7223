//! `cargo xtask fuzz`: every fuzz target of `tests/fuzz` for a while.
//!
//! Promises: works with the stable toolchain and a C++ compiler alone, since coverage comes from
//! LLVM's own pass and libFuzzer from the crate that carries it; a crash leaves its input under
//! `target/fuzz/artifacts/TARGET/` and is shown. What was found worth keeping grows under
//! `target/fuzz/corpus/TARGET/`; seeds come from `tests/fuzz/corpus/TARGET/`, words from
//! `tests/fuzz/dictionaries/TARGET.dict`, where there are any. Leaves
//! out: sanitizers, which need a nightly.

use std::fs;
use std::process::{Command, ExitCode};
use std::time::Duration;

use crate::repo::Repo;
use crate::steps::runner::{self, Choice};
use crate::steps::{Cmd, Step};

/// Run the fuzz targets of tests/fuzz, each for a while.
///
/// Each starts from the inputs that earlier runs found worth keeping. A crash fails its target; the
/// input that caused it is kept under target/fuzz/artifacts/TARGET/. Ends with `N passed, N
/// failed`, where every target counts as one, and so does building them.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How long to run each target, in seconds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// The targets to run; all of them, if none is named.
    targets: Vec<String>,
}

/// Where the fuzz targets live, a workspace of its own.
const MANIFEST: &str = "tests/fuzz/Cargo.toml";

/// What tells libFuzzer which edges were taken and what was compared with what.
const COVERAGE_FLAGS: &str = "--cfg fuzzing -Cdebug-assertions=on -Cpasses=sancov-module -Ccodegen-units=1 \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";

/// The largest input tried, in bytes: some fragments beyond what any single message needs.
const INPUT_BYTES_MAX: u32 = 4096;

/// Runs the targets.
pub fn run(repo: &Repo, args: &Args) -> ExitCode {
    match steps(repo, args) {
        Ok(steps) => runner::run(repo, &steps, &Choice::default()),
        Err(trouble) => {
            eprintln!("{trouble}");
            println!("0 passed, 1 failed");
            ExitCode::FAILURE
        }
    }
}

fn steps(repo: &Repo, args: &Args) -> Result<Vec<Step>, String> {
    let manifest =
        fs::read_to_string(repo.path(MANIFEST)).map_err(|error| format!("{MANIFEST}: {error}"))?;
    let targets = targets(&manifest)?;
    if let Some(unknown) = args.targets.iter().find(|name| !targets.contains(name)) {
        return Err(format!(
            "there is no fuzz target `{unknown}`; there are: {}",
            targets.join(", ")
        ));
    }
    let host = host().ok_or("rustc does not tell its host. Mend: install Rust with rustup")?;
    let folder = repo.target().join("fuzz");

    // Naming the target keeps the flags from build scripts and procedural macros, which have no
    // fuzzer to link with.
    let build = Cmd::new(
        "cargo",
        [
            "build",
            "--release",
            "--bins",
            "--manifest-path",
            MANIFEST,
            "--target",
            &host,
        ],
    )
    .env("RUSTFLAGS", COVERAGE_FLAGS)
    .env("CARGO_TARGET_DIR", &folder);
    let mut steps = vec![Step::commands("fuzz-build", "", vec![build])];
    for name in targets {
        if !args.targets.is_empty() && !args.targets.contains(&name) {
            continue;
        }
        let corpus = folder.join("corpus").join(&name);
        let artifacts = folder.join("artifacts").join(&name);
        for needed in [&corpus, &artifacts] {
            fs::create_dir_all(needed).map_err(|error| format!("{}: {error}", needed.display()))?;
        }
        let mut fuzz = Cmd::new(
            folder.join(&host).join("release").join(&name),
            [
                format!("-max_total_time={}", args.seconds),
                format!("-max_len={INPUT_BYTES_MAX}"),
                "-timeout=10".to_owned(),
                "-print_final_stats=1".to_owned(),
                format!("-artifact_prefix={}/", artifacts.display()),
            ],
        );
        let words = repo
            .path("tests/fuzz/dictionaries")
            .join(format!("{name}.dict"));
        if words.is_file() {
            fuzz.args.push(format!("-dict={}", words.display()).into());
        }
        fuzz.args.push(corpus.into());
        let seeds = repo.path("tests/fuzz/corpus").join(&name);
        if seeds.is_dir() {
            fuzz.args.push(seeds.into());
        }
        // The name lives as long as the program: there are few, and the step's type wants
        // constants.
        let name: &'static str = name.leak();
        let deadline = Duration::from_secs(args.seconds + 120);
        steps.push(
            Step::commands(name, "", vec![fuzz])
                .after(&["fuzz-build"])
                .deadline(deadline),
        );
    }
    Ok(steps)
}

/// The names of the binaries that a manifest declares.
fn targets(manifest: &str) -> Result<Vec<String>, String> {
    let manifest: toml::Table = manifest
        .parse()
        .map_err(|error| format!("{MANIFEST}: {error}"))?;
    let bins = manifest
        .get("bin")
        .and_then(toml::Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let names: Vec<String> = bins
        .iter()
        .filter_map(|bin| Some(bin.get("name")?.as_str()?.to_owned()))
        .collect();
    if names.is_empty() {
        Err(format!("{MANIFEST} declares no [[bin]]"))
    } else {
        Ok(names)
    }
}

/// The triple that this machine's compiler builds for by default.
fn host() -> Option<String> {
    let output = Command::new("rustc").arg("-vV").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::{host, targets};

    #[test]
    fn every_binary_of_the_manifest_is_a_target() {
        let manifest =
            "[package]\nname = \"f\"\n[[bin]]\nname = \"frames\"\n[[bin]]\nname = \"packets\"\n";
        assert_eq!(
            targets(manifest),
            Ok(vec!["frames".to_owned(), "packets".to_owned()])
        );
        assert!(targets("[package]\nname = \"f\"\n").is_err());
    }

    #[test]
    fn the_host_is_a_triple() {
        assert!(host().is_some_and(|host| host.split('-').count() >= 3));
    }
}
