//! One server, started and ended; one run of the generator against it.

use std::{
    fs,
    io::{self, BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde::de::DeserializeOwned;

use super::Contender;
use crate::load::Outcome;

/// Cores of the server and of the generator.
const CORES: [&str; 2] = ["0", "1"];

/// How far measured processes are raised above others, as a nice value of their scheduling group.
/// Refused without privileges, which only makes figures noisier.
const RAISED: &str = "-12";

/// A server that runs; ended when dropped.
pub(super) struct Running {
    child: Child,
    /// `127.0.0.1:PORT`.
    pub(super) address: String,
}

/// A command pinned to a core, in a session of its own, so that it can be raised alone; it ends when
/// this process ends, however that happens.
fn pinned(core: &str, program: &str) -> Command {
    let mut command = Command::new("setsid");
    command.args([
        "setpriv",
        "--pdeathsig",
        "KILL",
        "taskset",
        "-c",
        core,
        program,
    ]);
    command
}

/// How the line begins that a server prints once it listens: the rivals, and GLIMMER.
const READY: [&str; 2] = ["listening on ", "GLIMMER is at "];

/// How long a process may take to begin its session.
const SESSION: Duration = Duration::from_secs(2);

/// Raises a process above others, once it is in a session of its own: before, that would raise ours.
fn raise(pid: u32) {
    let give_up = Instant::now() + SESSION;
    while Instant::now() < give_up {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // Behind the name in brackets: state, parent, group, session.
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        if rest.split_whitespace().nth(3) == Some(pid.to_string().as_str()) {
            // Refused, or no such file: see `RAISED`.
            let _ = fs::write(format!("/proc/{pid}/autogroup"), RAISED);
            return;
        }
        std::thread::yield_now();
    }
}

impl Running {
    /// Starts it and waits for the line that tells its address.
    pub(super) fn start(contender: &Contender) -> io::Result<Self> {
        let port = free_port()?.to_string();
        let mut words = contender.command.iter();
        let program = words.next().map_or("", String::as_str);
        let mut child = pinned(CORES[0], program)
            .args(words.map(|word| if word == "PORT" { &port } else { word }))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()?;
        let output = child.stdout.take();
        let mut running = Self {
            child,
            address: format!("127.0.0.1:{port}"),
        };
        raise(running.child.id());
        let mut line = String::new();
        if let Some(output) = output {
            BufReader::new(output).read_line(&mut line)?;
        }
        if !READY.iter().any(|ready| line.starts_with(ready)) {
            let status = running.child.wait()?;
            return Err(io::Error::other(format!(
                "{} did not start ({status})",
                contender.key
            )));
        }
        Ok(running)
    }

    /// Loads it with messages. `args` are those of `ringside-load` but for address, process and cores.
    pub(super) fn load(
        &self,
        load: &Path,
        contender: &Contender,
        args: &[String],
    ) -> io::Result<Outcome> {
        let scheme = if contender.socket_io { "http" } else { "ws" };
        let url = format!("{scheme}://{}", self.address);
        let mut words: Vec<&str> = vec![&url, "--quiet", "--json", "-"];
        if contender.swallows {
            words.push("--swallowed");
        }
        self.generate(load, &words, args)
    }

    /// Loads it with players. `args` are those of `ringside-swarm` but for the same, and what it answers
    /// depends on them.
    pub(super) fn play<T: DeserializeOwned>(
        &self,
        swarm: &Path,
        game: &str,
        args: &[String],
    ) -> io::Result<T> {
        self.generate(swarm, &[game, &format!("http://{}", self.address)], args)
    }

    fn generate<T: DeserializeOwned>(
        &self,
        program: &Path,
        words: &[&str],
        args: &[String],
    ) -> io::Result<T> {
        let child = pinned(CORES[1], &program.display().to_string())
            .args(words)
            .args(["--pin", CORES[1], "--pid"])
            .arg(self.child.id().to_string())
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        raise(child.id());
        let output = child.wait_with_output()?;
        serde_json::from_slice(&output.stdout).map_err(|_| {
            let said = String::from_utf8_lossy(&output.stderr);
            io::Error::other(said.trim().to_owned())
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port nobody listens on now.
fn free_port() -> io::Result<u16> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    Ok(listener.local_addr()?.port())
}
