//! `cargo xtask verify`: everything of `test`, and everything longer.
//!
//! To add a step, append it in [`steps`] with its own deadline. Promises: the same report as
//! `test`, over both lists.

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use super::test;
use crate::repo::Repo;
use crate::steps::count::Runner;
use crate::steps::need::{Need, crate_bin};
use crate::steps::runner::{self, Choice};
use crate::steps::{Cmd, Step};

/// Test everything, however long it takes.
///
/// That is: all of `cargo xtask test`, then stock clients behind nginx and haproxy, a thousand hostile
/// peers, models of the core and its stress tests under the thread sanitizer, the codecs against other
/// people's, their coverage, a million snapshots, two million simulated rooms, a rival's encoder beside
/// ours, Autobahn's cases, a network that loses packets, and fuzzing. Takes the same options as `test` and
/// reports in the same way. Run it before a release, and before a change that touches more than one folder
/// is called done.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    choice: Choice,
}

/// Runs the steps of `verify`.
pub fn run(repo: &Repo, args: &Args) -> ExitCode {
    runner::run(repo, &steps(repo), &args.choice)
}

/// The steps of `test`, then the longer ones.
fn steps(repo: &Repo) -> Vec<Step> {
    let mut steps = test::steps(repo);
    steps.push(
        Step::commands(
            "proxies",
            "stock clients through nginx and haproxy",
            vec![
                test::node_tests(repo, "tests/proxies")
                    .env("RINGSIDE_FIXTURE", repo.target().join("debug/fixture")),
            ],
        )
        .after(&["build"])
        .needs(Need::package("nginx"))
        .needs(Need::package("haproxy"))
        .needs(Need::Node)
        .needs(Need::Npm("tests/proxies"))
        .deadline(test::NODE_DEADLINE),
    );
    steps.push(
        Step::commands(
            "firefox",
            "the browser client in headless Firefox: the script of every client, against both servers",
            vec![
                test::with_programs(
                    repo,
                    test::node_files(repo, "client/web/test", &["everywhere.browser.mjs"]),
                )
                .env("RINGSIDE_BROWSERS", "firefox-esr"),
            ],
        )
        .after(&["build"])
        .needs(Need::package("firefox-esr"))
        .needs(Need::Node)
        .needs(Need::Npm("client/web/test"))
        .deadline(test::NODE_DEADLINE),
    );
    steps.push(
        Step::commands(
            "webtransport-firefox",
            "the stock client over WebTransport in headless Firefox",
            vec![
                test::node_files(repo, "tests/interop", &["webtransport.browser.mjs"])
                    .env("RINGSIDE_FIXTURE", repo.target().join("debug/fixture"))
                    .env("RINGSIDE_BROWSERS", "firefox-esr"),
            ],
        )
        .after(&["build"])
        .needs(Need::package("firefox-esr"))
        .needs(Need::Node)
        .needs(Need::Npm("tests/interop"))
        .deadline(test::NODE_DEADLINE),
    );
    steps.push(
        Step::commands(
            "round",
            "the arena's tests with a whole round of three minutes",
            vec![
                test::node_tests(repo, "tests/browser")
                    .env("RINGSIDE_GAME", repo.target().join("debug/game-demo"))
                    .env("RINGSIDE_ROUND", "3m"),
            ],
        )
        .after(&["build"])
        .needs(Need::CHROMIUM)
        .needs(Need::Node)
        .needs(Need::Npm("tests/browser"))
        .deadline(test::BROWSER_DEADLINE * 2),
    );
    steps.push(
        Step::commands(
            "twins",
            "a million steps of a puck, computed by the server and by the page",
            vec![
                Cmd::new("cargo", "test -p game-demo --test motion_twins".split(' '))
                    .env("RINGSIDE_MOTION_STEPS", "1000000")
                    .counted_by(Runner::CargoTest),
            ],
        )
        .after(&["build"])
        .needs(Need::Node),
    );
    // One at a time: some of them measure the memory and the time of the process they share.
    let hostile = "test -p ringside-tests --test gateway_hostile --test gateway_bystanders --test gateway_quic_hostile -- --test-threads=1";
    steps.push(
        Step::commands(
            "hostile",
            "a thousand hostile peers at once, and what bystanders notice of them",
            vec![
                Cmd::new("cargo", hostile.split(' '))
                    .env("RINGSIDE_ATTACKERS", "1000")
                    .counted_by(Runner::CargoTest),
            ],
        )
        .after(&["build"]),
    );
    let leaks = "test -p ringside-tests --test gateway_leaks --test gateway_heap -- --nocapture";
    steps.push(
        Step::commands(
            "leaks",
            "a hundred thousand clients that come and go, a tenth of them torn off, leave nothing behind",
            vec![
                Cmd::new("cargo", leaks.split(' '))
                    .env("RINGSIDE_CONNECTS", "100000")
                    .counted_by(Runner::CargoTest),
            ],
        )
        .after(&["build"])
        .deadline(Duration::from_secs(60 * 60)),
    );
    steps.push(Step::commands(
        "seeds",
        "the slowdowns that the gate of the benches is tried with still compile",
        vec![Cmd::new("cargo", SEEDS.split(' ')).env("RUSTFLAGS", SEEDS_FLAGS)],
    ));
    steps.push(Step::commands(
        "loom",
        "models of everything in core that two threads touch, seeded bugs included",
        vec![
            Cmd::new("cargo", LOOM.split(' '))
                .env("RUSTFLAGS", "--cfg loom")
                .counted_by(Runner::CargoTest),
        ],
    ));
    steps.push(
        Step::commands(
            "differential",
            "a hundred thousand random packets through our codecs and through other people's",
            vec![
                Cmd::new("cargo", DIFFERENTIAL.split(' '))
                    .env("RINGSIDE_PACKETS", "100000")
                    .counted_by(Runner::CargoTest),
            ],
        )
        .after(&["build"])
        .needs(Need::Node)
        .needs(Need::Npm("tests/differential")),
    );
    steps.push(
        Step::commands(
            "coverage",
            "how many lines of proto its own tests reach: at least 95 of 100",
            vec![
                Cmd::new(
                    crate_bin(repo, TARPAULIN.0, TARPAULIN.1).join(TARPAULIN.0),
                    COVERAGE.split(' '),
                )
                // What is inlined has no lines left to count.
                .env("CARGO_PROFILE_TEST_OPT_LEVEL", "0"),
            ],
        )
        .needs(Need::Crate {
            name: TARPAULIN.0,
            version: TARPAULIN.1,
        }),
    );
    let suppressions = repo.path("core/tests/tsan.txt");
    steps.push(Step::commands(
        "tsan",
        "core's stress tests under the thread sanitizer",
        vec![
            Cmd::new("cargo", TSAN.split(' '))
                .env("RUSTC_BOOTSTRAP", "1")
                .env("RUSTFLAGS", TSAN_FLAGS)
                .env(
                    "TSAN_OPTIONS",
                    format!("suppressions={}", suppressions.display()),
                )
                .counted_by(Runner::CargoTest),
        ],
    ));
    steps.push(
        Step::commands(
            "netcode",
            "a million random frames through both decoders, and longer random sessions and weather",
            vec![
                Cmd::new("cargo", NETCODE.split(' '))
                    .env("RINGSIDE_JS_FRAMES", "1000000")
                    .env("RINGSIDE_WEATHER_SEEDS", "20")
                    .env("PROPTEST_CASES", "5000")
                    .counted_by(Runner::CargoTest),
            ],
        )
        .needs(Need::Node),
    );
    steps.push(Step::commands(
        "rooms",
        "two thousand seeds of a thousand simulated rooms each; a thousand rooms on one thread",
        vec![
            Cmd::new("cargo", ROOMS.split(' '))
                .env("RINGSIDE_SEEDS", "2000")
                .counted_by(Runner::CargoTest),
            Cmd::new("cargo", SMALL_ROOMS.split(' '))
                .env("RINGSIDE_SMALL_ROOMS", "1000")
                .counted_by(Runner::CargoTest),
        ],
    ));
    steps.push(
        Step::commands(
            "snapshot-rival",
            "snapshots of ARENA-N beside Colyseus' schema encoder, in turns",
            vec![
                Cmd::new("cargo", ARENA_N.split(' ')),
                Cmd::new(
                    "node",
                    ["bench.mjs", "3"]
                        .map(OsString::from)
                        .into_iter()
                        .chain([repo.target().join("release/examples/arena_n").into()]),
                )
                .dir(repo.path("benches/rivals/colyseus-schema")),
            ],
        )
        .needs(Need::Node)
        .needs(Need::Npm("benches/rivals/colyseus-schema")),
    );
    steps.push(Step::commands(
        "conformance",
        "Autobahn's core cases against the bare WebSocket route, and a sample of those about compression",
        vec![
            Cmd::new("cargo", ["xtask", "conformance"]).counted_by(Runner::Plain),
            Cmd::new("cargo", ["xtask", "conformance"].iter().chain(COMPRESSION))
                .counted_by(Runner::Plain),
        ],
    ));
    steps.push(
        Step::commands(
            "loss",
            "snapshots over datagrams beside a WebSocket's, through a network that drops every twentieth packet",
            vec![Cmd::new("cargo", ["xtask", "loss"]).counted_by(Runner::Plain)],
        )
        .after(&["build"])
        .deadline(Duration::from_secs(30 * 60)),
    );
    steps.push(
        Step::commands(
            "fuzz",
            "every fuzz target for a minute",
            vec![Cmd::new("cargo", ["xtask", "fuzz", "--seconds", "60"]).counted_by(Runner::Plain)],
        )
        .deadline(Duration::from_secs(60 * 60)),
    );
    steps
}

/// The rooms' simulation.
const ROOMS: &str = "test -p ringside-rooms --lib -- a_thousand_rooms";
/// The measurement of many small rooms.
const SMALL_ROOMS: &str =
    "test -p ringside-tests --test rooms_server -- --nocapture many_small_rooms";

/// Every comparison with Node's parsers and with tungstenite.
const DIFFERENTIAL: &str = "test -p ringside-tests --test proto_reference";
/// Counts lines; it reads the compiler's counters itself, so nothing of LLVM must be installed.
const TARPAULIN: (&str, &str) = ("cargo-tarpaulin", "0.37.5");
/// Only `proto`'s own unit and integration tests, and only its own lines.
const COVERAGE: &str = "tarpaulin --engine llvm -p ringside-proto --lib --tests --include-files proto/src/* --skip-clean --target-dir target/coverage --out Stdout --fail-under 95";
/// Everything of netcode that has a long form; the environment says how long.
const NETCODE: &str = "test -p ringside-netcode --tests";
/// The program that measures ARENA-N.
const ARENA_N: &str = "build -p ringside-netcode --release --example arena_n";
/// One of each kind of message and of offer; all of them take a quarter of an hour.
const COMPRESSION: &[&str] = &[
    "12.1.*", "12.2.1", "12.3.1", "12.4.1", "12.5.1", "13.1.*", "13.2.1", "13.4.1", "13.6.1",
    "13.7.1",
];

/// Its own target folder: the flags would throw the usual build away.
const LOOM: &str =
    "test -p ringside-core --no-default-features --release --lib loom --target-dir target/loom";
/// As for loom.
const SEEDS: &str = "check -p ringside-gateway --target-dir target/seeds";
/// All three at once.
const SEEDS_FLAGS: &str = r#"--cfg ringside_seeded_slowdown="copy" --cfg ringside_seeded_slowdown="encode" --cfg ringside_seeded_slowdown="allocation""#;
/// As for loom.
const TSAN: &str = "test -p ringside-core --target x86_64-unknown-linux-gnu --target-dir target/tsan --test stress --no-default-features";
/// The sanitizer on a stable compiler; the lock and the fence it can follow stand in.
const TSAN_FLAGS: &str = "--cfg tsan -Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer";
