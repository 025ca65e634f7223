//! `cargo xtask conformance`: the gateway's WebSocket against Autobahn's cases.
//!
//! Promises: the suite is installed by itself under `target/conformance/` and is the same each time;
//! the server is the fixture `ws-echo`, built from this tree; a case that was asked for and did not
//! run is a failure. Autobahn is still Python 2 code, so a CPython 2.7 must be there: by name, by
//! pyenv, or in `RINGSIDE_PYTHON2`. Leaves out: judging what the suite itself calls informational.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::repo::Repo;
use crate::steps::{Cmd, child};

/// Test the WebSocket against the Autobahn suite.
///
/// Without an argument the core cases: framing, pings, reserved bits, opcodes, fragmentation, UTF-8,
/// close handling (1 to 7), the first case of each group about limits (9) and auto-fragmentation
/// (10): 255 cases in about 20 seconds. Name cases to run others, such as `9.*` or `12.1.1`; with cases of
/// groups 12 and 13 the server compresses.
///
/// Fails when a case fails, or is missing in the report. Prints each case that is not plainly OK, the
/// counts, and `N passed, N failed`. The suite's own pages: target/conformance/reports/index.html.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The cases to run, as the suite names them; `*` stands for all that follow.
    cases: Vec<String>,
    /// Seconds the suite may take. It writes no report at all when it is ended.
    #[arg(long, default_value_t = 600)]
    deadline: u64,
}

/// The cases that a commit can afford.
const CORE: &[&str] = &[
    "1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.1.1", "9.2.1", "9.3.1", "9.4.1", "9.5.1",
    "9.6.1", "9.7.1", "9.8.1", "10.*",
];

/// How many cases [`CORE`] is.
const CORE_CASES: usize = 255;

/// The suite, and what makes it a home of its own. Later releases of virtualenv make none for 2.7.
const SUITE: &str = "autobahntestsuite==25.10.1";
const VIRTUALENV: &str = "virtualenv==20.15.1";

/// Downloading and unpacking some twenty packages.
const INSTALL_DEADLINE: Duration = Duration::from_secs(10 * 60);

/// Runs the suite.
pub fn run(repo: &Repo, args: &Args) -> ExitCode {
    match conform(repo, args) {
        Ok(verdicts) => {
            let (passed, failed) = verdicts.tally();
            print!("{}", verdicts.text());
            println!("{passed} passed, {failed} failed");
            if failed == 0 && passed > 0 {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(trouble) => {
            eprintln!("{trouble}");
            println!("0 passed, 1 failed");
            ExitCode::FAILURE
        }
    }
}

fn conform(repo: &Repo, args: &Args) -> Result<Verdicts, String> {
    let home = repo.target().join("conformance");
    let reports = home.join("reports");
    let wrong = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    fs::create_dir_all(&home).map_err(|error| wrong(&home, error))?;
    let log = home.join("conformance.log");
    fs::write(&log, "").map_err(|error| wrong(&log, error))?;
    let tools = Tools {
        repo,
        home: &home,
        log: &log,
    };

    tools.run(
        Cmd::new(
            "cargo",
            ["build", "-q", "-p", "ringside-tests", "--bin", "fixture"],
        ),
        INSTALL_DEADLINE,
    )?;
    let wstest = tools.install()?;
    let cases: Vec<&str> = if args.cases.is_empty() {
        CORE.to_vec()
    } else {
        args.cases.iter().map(String::as_str).collect()
    };
    // Groups 12 and 13 are about compression, which is off by default.
    let deflate = cases
        .iter()
        .any(|case| case.starts_with("12.") || case.starts_with("13."));
    let server = Server::start(&repo.target().join("debug/fixture"), deflate)?;

    // An old report must not stand for this run.
    if reports.exists() {
        fs::remove_dir_all(&reports).map_err(|error| wrong(&reports, error))?;
    }
    let spec = json!({
        "outdir": &reports,
        "servers": [{ "agent": "ringside", "url": server.url }],
        "cases": cases,
        "exclude-cases": [],
        "exclude-agent-cases": {},
    });
    let spec_file = home.join("spec.json");
    fs::write(&spec_file, spec.to_string()).map_err(|error| wrong(&spec_file, error))?;
    let suite = Cmd::new(
        wstest,
        ["-m".into(), "fuzzingclient".into(), "-s".into(), spec_file],
    );
    tools.run(suite, Duration::from_secs(args.deadline))?;
    drop(server);

    let index = reports.join("index.json");
    let text = fs::read_to_string(&index).map_err(|error| wrong(&index, error))?;
    let expected = if args.cases.is_empty() { CORE_CASES } else { 1 };
    Verdicts::read(&text, expected)
}

/// How the suite is installed and run.
struct Tools<'a> {
    repo: &'a Repo,
    home: &'a Path,
    log: &'a Path,
}

impl Tools<'_> {
    fn run(&self, cmd: Cmd, deadline: Duration) -> Result<(), String> {
        let ended = child::run(self.repo, &cmd, self.log, deadline, false)
            .map_err(|error| error.to_string())?;
        if ended.well {
            return Ok(());
        }
        let last: Vec<&str> = ended.output.lines().rev().take(40).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        Err(format!("$ {}\n{}", cmd.line(), last.join("\n")))
    }

    /// The suite's program; installed unless it is there.
    fn install(&self) -> Result<PathBuf, String> {
        let venv = self.home.join("venv");
        let wstest = venv.join("bin/wstest");
        let stamp = self.home.join("installed");
        if wstest.is_file() && fs::read_to_string(&stamp).is_ok_and(|what| what == SUITE) {
            return Ok(wstest);
        }
        let python = python2()?;
        let packages = self.home.join("py2");
        let install = |program: &Path, args: &[&str]| {
            let fixed = ["-m", "pip", "install", "-q", "--disable-pip-version-check"];
            let args: Vec<_> = fixed.iter().chain(args).copied().collect();
            self.run(Cmd::new(program, args), INSTALL_DEADLINE)
        };
        let folder = packages.display().to_string();
        install(&python, &["--upgrade", "--target", &folder, VIRTUALENV])?;
        let make = Cmd::new(&python, ["-m", "virtualenv", "-q"]).env("PYTHONPATH", &packages);
        let mut make = make;
        make.args.push(venv.clone().into());
        self.run(make, INSTALL_DEADLINE)?;
        install(&venv.join("bin/python"), &[SUITE])?;
        fs::write(&stamp, SUITE).map_err(|error| format!("{}: {error}", stamp.display()))?;
        Ok(wstest)
    }
}

/// A CPython 2.7: the interpreter itself, not a shim that depends on the environment.
fn python2() -> Result<PathBuf, String> {
    if let Some(named) = std::env::var_os("RINGSIDE_PYTHON2") {
        return resolve(Command::new(named))
            .ok_or_else(|| "RINGSIDE_PYTHON2 is no CPython 2.7".to_owned());
    }
    for name in ["python2.7", "python2"] {
        if let Some(found) = resolve(Command::new(name)) {
            return Ok(found);
        }
    }
    let versions = Command::new("pyenv").args(["versions", "--bare"]).output();
    let versions = versions.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    for version in versions.unwrap_or_default().lines() {
        if version.trim().starts_with("2.7") {
            let mut shim = Command::new("python2");
            shim.env("PYENV_VERSION", version.trim());
            if let Some(found) = resolve(shim) {
                return Ok(found);
            }
        }
    }
    Err(
        "a CPython 2.7 is missing, which Autobahn needs. Mend: pyenv install 2.7.18, or name one \
         in RINGSIDE_PYTHON2"
            .to_owned(),
    )
}

/// Where the interpreter is that a command starts, if it is a 2.7.
fn resolve(mut python: Command) -> Option<PathBuf> {
    let ask = "import sys; print('%d.%d %s' % (sys.version_info[:2] + (sys.executable,)))";
    let output = python
        .args(["-c", ask])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let text = String::from_utf8(output.ok()?.stdout).ok()?;
    text.trim().strip_prefix("2.7 ").map(PathBuf::from)
}

/// The echo server, for as long as this lives.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(program: &Path, deflate: bool) -> Result<Self, String> {
        let mut child = Command::new(program)
            .args(["ws-echo", "--port", "0"])
            .args(deflate.then_some("--deflate"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            // Ends at the latest when the program does; an empty line is then no address.
            let _ = BufReader::new(out).read_line(&mut line);
        }
        let mut server = Self {
            child,
            url: String::new(),
        };
        let address = line.trim().strip_prefix("listening on http://");
        let address = address.ok_or("the fixture `ws-echo` does not start")?;
        server.url = format!("ws://{address}");
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Gone already: all the better.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the suite found.
struct Verdicts {
    /// Case, behaviour, behaviour at the close.
    cases: Vec<(String, String, String)>,
    expected: usize,
}

impl Verdicts {
    fn read(index: &str, expected: usize) -> Result<Self, String> {
        let index: Value =
            serde_json::from_str(index).map_err(|error| format!("index.json: {error}"))?;
        let none = Map::new();
        let cases = index["ringside"].as_object().unwrap_or(&none);
        let word = |value: &Value| value.as_str().unwrap_or("absent").to_owned();
        let mut cases: Vec<_> = cases
            .iter()
            .map(|(case, it)| {
                (
                    case.clone(),
                    word(&it["behavior"]),
                    word(&it["behaviorClose"]),
                )
            })
            .collect();
        let numbers = |case: &str| -> Vec<u32> {
            case.split('.')
                .map(|part| part.parse().unwrap_or(0))
                .collect()
        };
        cases.sort_by_key(|(case, ..)| numbers(case));
        Ok(Self { cases, expected })
    }

    fn count(&self, behaviour: &str) -> usize {
        let same = |(_, it, _): &&(String, String, String)| it == behaviour;
        self.cases.iter().filter(same).count()
    }

    /// Passed and failed. What the server does not implement is neither.
    fn tally(&self) -> (usize, usize) {
        let accepted = ["OK", "NON-STRICT", "INFORMATIONAL"];
        let neither = self.count("UNIMPLEMENTED");
        let good = |it: &str| accepted.contains(&it);
        let passed = self
            .cases
            .iter()
            .filter(|(_, it, close)| good(it) && good(close))
            .count();
        let missing = self.expected.saturating_sub(self.cases.len());
        (passed, self.cases.len() - passed - neither + missing)
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (case, it, close) in &self.cases {
            if it != "OK" || close != "OK" {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "{case:<8} {it}, close {close}");
            }
        }
        for behaviour in [
            "OK",
            "NON-STRICT",
            "INFORMATIONAL",
            "UNIMPLEMENTED",
            "FAILED",
        ] {
            let _ = write!(text, "{behaviour} {}, ", self.count(behaviour));
        }
        let _ = writeln!(
            text,
            "of {} cases; at least {} were expected",
            self.cases.len(),
            self.expected
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use super::Verdicts;

    fn verdicts(cases: &[(&str, &str, &str)], expected: usize) -> Verdicts {
        let cases: Vec<String> = cases
            .iter()
            .map(|(case, it, close)| {
                format!(r#""{case}": {{"behavior": "{it}", "behaviorClose": "{close}"}}"#)
            })
            .collect();
        let index = format!(r#"{{"ringside": {{{}}}}}"#, cases.join(","));
        Verdicts::read(&index, expected).expect("a report")
    }

    #[test]
    fn only_good_behaviour_to_the_end_passes() {
        let found = verdicts(
            &[
                ("1.1.1", "OK", "OK"),
                ("1.1.10", "FAILED", "OK"),
                ("1.1.2", "OK", "WRONG CODE"),
                ("6.4.1", "NON-STRICT", "OK"),
                ("7.1.6", "INFORMATIONAL", "INFORMATIONAL"),
                ("12.1.1", "UNIMPLEMENTED", "OK"),
            ],
            6,
        );
        assert_eq!(found.tally(), (3, 2));
        let text = found.text();
        assert!(
            text.starts_with("1.1.2    OK, close WRONG CODE\n1.1.10"),
            "{text}"
        );
        assert!(text.contains("FAILED 1, of 6 cases"), "{text}");
    }

    #[test]
    fn a_case_that_did_not_run_is_a_failure() {
        assert_eq!(verdicts(&[("1.1.1", "OK", "OK")], 3).tally(), (1, 2));
        assert_eq!(verdicts(&[], 1).tally(), (0, 1));
        assert!(Verdicts::read("", 1).is_err());
    }
}
