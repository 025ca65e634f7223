//! `cargo xtask test`: the one test command, of the README and of CI.
//!
//! Promises: with Rust, Node and (as root on Debian) apt it installs the rest itself; from a clean
//! clone on two cores it takes at most 25 minutes, warm at most 8. To keep that, whatever runs is
//! built once: `build` makes every library, binary and test in the `test` profile with the features
//! of the whole workspace, and all later steps use that. Anything longer belongs to `verify`.

use std::ffi::OsString;
use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use crate::repo::Repo;
use crate::steps::count::Runner;
use crate::steps::need::{Need, find, python_of};
use crate::steps::runner::{self, Choice};
use crate::steps::{Cmd, Step};

/// Test everything that a change can break, within minutes.
///
/// That is: the guards of the house, formatting, lints, unit, integration and documentation tests, the
/// documentation's links, the browser client, stock Socket.IO clients, and the arena in a browser.
///
/// Installs what it needs where it can (Debian packages as root, `npm ci` in the test folders);
/// what cannot be installed fails its step with the command that mends it. Output of each step:
/// target/xtask/STEP.log. The last line is `N passed, N failed`; the line before it names whatever
/// was left out.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    choice: Choice,
}

/// Runs the steps of `test`.
pub fn run(repo: &Repo, args: &Args) -> ExitCode {
    runner::run(repo, &steps(repo), &args.choice)
}

/// The JavaScript tests take seconds; a hanging one must not take the budget.
pub(super) const NODE_DEADLINE: Duration = Duration::from_secs(5 * 60);

/// A browser without a GPU draws slowly, and a round takes its time.
pub(super) const BROWSER_DEADLINE: Duration = Duration::from_secs(10 * 60);

/// The steps, in order: what fails fastest first, and what builds before what runs.
pub fn steps(repo: &Repo) -> Vec<Step> {
    let program = |name: &str| repo.target().join("debug").join(name);
    let interop = |about: &str| node_tests(repo, "tests/interop").env("RINGSIDE_FIXTURE", about);
    vec![
        Step::inside("tidy", "the guards of the house (see `cargo xtask tidy --help`)", super::tidy::check),
        Step::commands(
            "fmt",
            "cargo fmt --all --check",
            vec![Cmd::new("cargo", ["fmt", "--all", "--check"])],
        ),
        Step::commands(
            "clippy",
            "clippy over every target, warnings denied",
            vec![cargo("clippy --workspace --all-targets -- -D warnings")],
        ),
        Step::commands(
            "build",
            "every library, binary and test, once, in the test profile",
            vec![cargo("build --workspace --lib --bins --tests --examples --profile test")],
        ),
        rust_tests(repo),
        Step::commands(
            "doc",
            "documentation tests",
            vec![cargo("test --workspace --doc --no-fail-fast").counted_by(Runner::CargoTest)],
        )
        .after(&["build"]),
        Step::commands(
            "docs",
            "rustdoc over the workspace, warnings denied",
            vec![cargo("doc --workspace --no-deps").env("RUSTDOCFLAGS", "-D warnings")],
        ),
        Step::commands(
            "web",
            "the browser client under Node; one script, told alike by stock client, ours and the Rust client",
            vec![with_programs(repo, node_tests(repo, "client/web/test"))],
        )
            .after(&["build"])
            .needs(Need::Node)
            .needs_npm_if_any(repo, "client/web/test")
            .deadline(NODE_DEADLINE),
        Step::commands(
            "web-browser",
            "the browser client in headless Chromium: the same script, and every stage of the connection",
            vec![with_programs(
                repo,
                node_files(repo, "client/web/test", &["chromium.browser.mjs", "everywhere.browser.mjs"]),
            )],
        )
        .after(&["build"])
        .needs(Need::CHROMIUM)
        .needs(Need::Node)
        .needs(Need::Npm("client/web/test"))
        .deadline(NODE_DEADLINE),
        Step::commands(
            "interop",
            "stock socket.io-client 2, 3 and 4 over each choice of transports; the reference server proves the tests first",
            vec![
                interop("reference.mjs"),
                node_tests(repo, "tests/interop").env("RINGSIDE_FIXTURE", program("fixture")),
            ],
        )
        .after(&["build"])
        .needs(Need::Node)
        .needs(Need::Npm("tests/interop"))
        .deadline(NODE_DEADLINE),
        Step::commands(
            "webtransport",
            "the stock client over WebTransport in headless Chromium: alone, after polling, and among all three",
            vec![
                node_files(repo, "tests/interop", &["webtransport.browser.mjs"])
                    .env("RINGSIDE_FIXTURE", program("fixture")),
            ],
        )
        .after(&["build"])
        .needs(Need::CHROMIUM)
        .needs(Need::package("openssl"))
        .needs(Need::Node)
        .needs(Need::Npm("tests/interop"))
        .deadline(NODE_DEADLINE),
        Step::commands(
            "python",
            "PyPI python-socketio, blocking and asyncio, over each choice of transports",
            vec![
                Cmd::new(python_of(repo, "tests/interop/python"), [OsString::from("matrix.py"), program("fixture").into()])
                    .dir(repo.path("tests/interop/python"))
                    .counted_by(Runner::Plain),
            ],
        )
        .after(&["build"])
        .needs(Need::Python("tests/interop/python"))
        .deadline(NODE_DEADLINE),
        rust_client(repo),
        Step::commands(
            "browser",
            "the arena: pages in headless Chromium play a short round, and players without a screen on a bad network",
            vec![node_tests(repo, "tests/browser").env("RINGSIDE_GAME", program("game-demo"))],
        )
        .after(&["build"])
        .needs(Need::CHROMIUM)
        .needs(Need::Node)
        .needs(Need::Npm("tests/browser"))
        .deadline(BROWSER_DEADLINE),
    ]
}

/// The crate's own lockfile and target folder: its client brings reqwest and OpenSSL, which nothing else here wants.
fn rust_client(repo: &Repo) -> Step {
    let target = repo.target().join("interop-rust");
    let mut build =
        cargo("build --locked --manifest-path tests/interop/rust/Cargo.toml --target-dir");
    build.args.push(target.clone().into());
    let run = Cmd::new(
        target.join("debug/ringside-interop-rust"),
        [repo.target().join("debug/fixture")],
    );
    Step::commands(
        "rust-client",
        "crate rust_socketio 0.6, blocking and asynchronous, over each choice of transports",
        vec![build, run.counted_by(Runner::Plain)],
    )
    .after(&["build"])
    .needs(Need::package("pkg-config"))
    .needs(Need::Debian {
        program: "/usr/include/openssl/ssl.h",
        package: "libssl-dev",
        instead: Some("OPENSSL_DIR"),
    })
}

impl Step {
    /// Needs the npm packages of a folder that may do without any.
    fn needs_npm_if_any(self, repo: &Repo, folder: &'static str) -> Self {
        if repo.path(folder).join("package.json").is_file() {
            self.needs(Need::Npm(folder))
        } else {
            self
        }
    }
}

fn rust_tests(repo: &Repo) -> Step {
    // Both use what `build` made. Nextest runs each test in a process of its own and names one that
    // hangs.
    let command = if find("cargo-nextest").is_some() {
        cargo("nextest run --workspace --no-fail-fast --config-file xtask/nextest.toml")
            .counted_by(Runner::Nextest)
    } else {
        cargo("test --workspace --lib --bins --tests --no-fail-fast").counted_by(Runner::CargoTest)
    };
    Step::commands("rust", "unit and integration tests in Rust", vec![command])
        .after(&["build"])
        .needs_npm_if_any(repo, "tests/differential")
}

fn cargo(line: &str) -> Cmd {
    Cmd::new("cargo", line.split(' '))
}

/// `node --test` over the `*.test.mjs` of a folder. They are named one by one, because what Node
/// finds by itself differs between its versions.
pub(super) fn node_tests(repo: &Repo, folder: &str) -> Cmd {
    let dir = repo.path(folder);
    let mut names: Vec<_> = fs::read_dir(&dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name())
        .filter(|name| name.to_string_lossy().ends_with(".test.mjs"))
        .collect();
    names.sort();
    // Without a name Node would search on its own; a folder without tests shall fail instead.
    let names = if names.is_empty() {
        vec!["no-test-here.test.mjs".into()]
    } else {
        names
    };
    node(repo, folder, names)
}

/// `node --test` over these files of a folder.
pub(super) fn node_files(repo: &Repo, folder: &str, names: &[&str]) -> Cmd {
    node(repo, folder, names.iter().map(Into::into).collect())
}

fn node(repo: &Repo, folder: &str, names: Vec<OsString>) -> Cmd {
    let flags = ["--test", "--test-reporter=spec"].map(Into::into);
    Cmd::new("node", flags.into_iter().chain(names))
        .dir(repo.path(folder))
        .counted_by(Runner::Node)
}

/// Tells the browser client's tests where the gateway's fixture and the Rust client's transcript are.
pub(super) fn with_programs(repo: &Repo, command: Cmd) -> Cmd {
    let program = |name: &str| repo.target().join("debug").join(name);
    command
        .env("RINGSIDE_FIXTURE", program("fixture"))
        .env("RINGSIDE_TRANSCRIPT", program("transcript"))
}

#[cfg(test)]
mod tests {
    use super::{Repo, steps};

    #[test]
    fn names_are_unique_and_each_step_comes_after_what_it_builds_on() {
        let steps = steps(&Repo::here());
        for (at, step) in steps.iter().enumerate() {
            assert!(
                steps[..at].iter().all(|earlier| earlier.name != step.name),
                "{}",
                step.name
            );
            for name in step.after {
                assert!(
                    steps[..at].iter().any(|earlier| earlier.name == *name),
                    "{} needs {name}",
                    step.name
                );
            }
        }
    }
}
