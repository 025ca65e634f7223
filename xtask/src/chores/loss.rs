//! `cargo xtask loss`: snapshots over datagrams beside snapshots over a WebSocket, through a network that loses packets.
//!
//! ```text
//!   namespace A: game-demo ──veth──────veth── namespace B: glimmer-swarm
//!                   └ nftables: drop 5 % of what comes in ┘ (in both)
//! ```
//! Promises: both runs go through the same rule; the rule's own counter shows that it dropped; the namespaces are gone
//! afterwards, unless this program was killed. Packets are not joined on the way (no segmentation offload), so that
//! one packet is one chance. Leaves out: delay, for which many kernels have no module.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitCode, Stdio},
    time::Duration,
};

use serde_json::Value;

use crate::{
    repo::Repo,
    steps::{Cmd, child, need::Need},
};

/// Compare snapshot gaps over datagrams and over WebSocket while the network loses packets.
///
/// Makes two network namespaces (as root, with iproute2 and nftables), lets nftables drop packets between them, and has
/// headless players join GLIMMER from the one to the other: over WebSocket, then over QUIC datagrams, in turns. A gap is the
/// time between two snapshots as a player read them. Prints each run and the medians of the rounds.
///
/// Fails when the p99 of gaps over datagrams is more than --bar of that over WebSocket; the p99.9 is told beside it. Without
/// delay TCP learns from the next snapshot that one is missing, and has sent it again within two intervals; where that is lost
/// too it waits longer. A datagram that is lost is not sent again, but where some are seen to be, each goes twice: then both
/// have to be lost for a gap of two intervals. So a half is one interval beside two, and there is little beyond it: about one
/// gap in 100 over WebSocket is longer than two, and its p99 was 100 to 120 ms from run to run. More --rounds say more;
/// without any loss the p99 of gaps is 50.3 to 50.5 ms already.
/// Ends with `N passed, N failed`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Players, each with a connection of its own.
    #[arg(long, default_value_t = 20)]
    players: u32,
    /// Seconds that each run measures.
    #[arg(long, default_value_t = 30)]
    seconds: u32,
    /// Runs over each transport.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Packets dropped of a hundred, in each direction.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=50))]
    percent: u32,
    /// Folder with game-demo and glimmer-swarm; default: they are built, optimised.
    #[arg(long, value_name = "FOLDER")]
    programs: Option<PathBuf>,
    /// What the gap over datagrams may be, as a share of that over WebSocket.
    #[arg(long, default_value_t = 0.5)]
    bar: f64,
}

/// Addresses for documentation (RFC 5737): nobody's, and seen by nobody outside.
const SERVER: &str = "192.0.2.1";
const CLIENTS: &str = "192.0.2.2";
/// A first build with whole-program optimisation on two cores.
const BUILD_DEADLINE: Duration = Duration::from_secs(20 * 60);
/// What a run takes beyond its measurement: ramp, warm-up, and a busy machine.
const RUN_SLACK: Duration = Duration::from_secs(60);
const COMMAND_DEADLINE: Duration = Duration::from_secs(30);

/// Runs the comparison.
pub fn run(repo: &Repo, args: &Args) -> ExitCode {
    let (passed, told) = match compare(repo, args) {
        Ok(verdict) => verdict,
        Err(trouble) => (false, trouble),
    };
    println!("{told}");
    println!("{} passed, {} failed", u8::from(passed), u8::from(!passed));
    if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn compare(repo: &Repo, args: &Args) -> Result<(bool, String), String> {
    let home = repo.target().join("loss");
    fs::create_dir_all(&home).map_err(|error| format!("{}: {error}", home.display()))?;
    let log = home.join("loss.log");
    fs::write(&log, "").map_err(|error| format!("{}: {error}", log.display()))?;
    for (program, package) in [("ip", "iproute2"), ("nft", "nftables")] {
        let need = Need::Debian {
            program,
            package,
            instead: None,
        };
        need.meet(repo, &log)?;
    }
    let tools = Tools { repo, log: &log };
    let programs = match &args.programs {
        Some(folder) => folder.clone(),
        None => {
            let build = "build --profile bench -p game-demo -p ringside-benches --bin game-demo --bin glimmer-swarm";
            tools.run(Cmd::new("cargo", build.split(' ')), BUILD_DEADLINE)?;
            repo.target().join("release")
        }
    };

    let net = Net::make(&tools, args.percent)?;
    let server = Server::start(&net, &programs.join("game-demo"), args.players)?;
    let mut runs: [Vec<Run>; 2] = Default::default();
    for round in 0..args.rounds.max(1) {
        for (over, runs) in ["websocket", "quic"].into_iter().zip(&mut runs) {
            let before = net.dropped(&tools)?;
            let run = server.play(&net, &programs.join("glimmer-swarm"), over, args, &tools)?;
            let dropped = net.dropped(&tools)? - before;
            println!(
                "{round} {over:>9}: gaps p50 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms, max {:.0} ms; {:.1} snapshots and {:.0} bytes a second, copies included; {} missing baselines; {} ended; {dropped} packets dropped",
                run.p50, run.p99, run.p999, run.max, run.rate, run.bytes, run.missing, run.ended
            );
            if dropped == 0 && args.percent > 0 {
                return Err("the rule dropped nothing: then this shows nothing".to_owned());
            }
            runs.push(run);
        }
    }
    let medians = |part: fn(&Run) -> f64| {
        let [websocket, datagrams] = &runs;
        [datagrams, websocket].map(|runs| median(runs.iter().map(part).collect()))
    };
    let [datagrams, websocket] = medians(|run| run.p99);
    let [worst, worst_websocket] = medians(|run| run.p999);
    let ratio = datagrams / websocket;
    let told = format!(
        "snapshot gaps with {} % loss each way, {} players, over datagrams and over WebSocket: p99 {datagrams:.1} and {websocket:.1} ms, {ratio:.3} of it (at most {}); p99.9 {worst:.1} and {worst_websocket:.1} ms, {:.2} of it",
        args.percent,
        args.players,
        args.bar,
        worst / worst_websocket
    );
    Ok((ratio <= args.bar, told))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

struct Tools<'a> {
    repo: &'a Repo,
    log: &'a Path,
}

impl Tools<'_> {
    /// Runs a command; gives what it printed.
    fn run(&self, cmd: Cmd, deadline: Duration) -> Result<String, String> {
        let ended = child::run(self.repo, &cmd, self.log, deadline, false)
            .map_err(|error| format!("{}: {error}", cmd.line()))?;
        if ended.well {
            return Ok(ended.output);
        }
        Err(format!("$ {}\n{}", cmd.line(), ended.output.trim_end()))
    }

    fn sh(&self, line: &str) -> Result<String, String> {
        let mut words = line.split(' ');
        let program = words.next().unwrap_or_default();
        self.run(Cmd::new(program, words), COMMAND_DEADLINE)
    }
}

/// Two namespaces with a lossy cable between them, for as long as this lives.
struct Net {
    server: String,
    clients: String,
}

impl Net {
    fn make(tools: &Tools<'_>, percent: u32) -> Result<Self, String> {
        // Names of this run alone: another may be going on.
        let id = std::process::id();
        let net = Self {
            server: format!("ringside-a-{id}"),
            clients: format!("ringside-b-{id}"),
        };
        let root = |error| format!("{error}\n(network namespaces are root's to make)");
        tools
            .sh(&format!("ip netns add {}", net.server))
            .map_err(root)?;
        tools
            .sh(&format!("ip netns add {}", net.clients))
            .map_err(root)?;
        tools.sh(&format!(
            "ip link add veth0 netns {} type veth peer name veth0 netns {}",
            net.server, net.clients
        ))?;
        for (name, address) in [(&net.server, SERVER), (&net.clients, CLIENTS)] {
            for line in [
                format!("ip -n {name} addr add {address}/30 dev veth0"),
                // One packet, one chance.
                format!("ip -n {name} link set veth0 gso_max_segs 1"),
                format!("ip -n {name} link set lo up"),
                format!("ip -n {name} link set veth0 up"),
            ] {
                tools.sh(&line)?;
            }
            let rules = format!(
                "table inet loss {{\n  chain in {{\n    type filter hook input priority 0; policy accept;\n    \
                 iifname veth0 numgen random mod 100 < {percent} counter drop\n  }}\n}}\n"
            );
            let file = tools.log.with_file_name("loss.nft");
            fs::File::create(&file)
                .and_then(|mut it| it.write_all(rules.as_bytes()))
                .map_err(|error| format!("{}: {error}", file.display()))?;
            tools.sh(&format!("ip netns exec {name} nft -f {}", file.display()))?;
        }
        Ok(net)
    }

    /// Packets that the rules have dropped so far.
    fn dropped(&self, tools: &Tools<'_>) -> Result<u64, String> {
        let mut sum = 0;
        for name in [&self.server, &self.clients] {
            let rules = tools.sh(&format!("ip netns exec {name} nft list table inet loss"))?;
            let counted = rules.split("counter packets ").nth(1).unwrap_or_default();
            let number = counted.split(' ').next().unwrap_or_default();
            sum += number
                .parse::<u64>()
                .map_err(|_| format!("nft tells no counter:\n{rules}"))?;
        }
        Ok(sum)
    }

    /// A program within a namespace.
    fn within(name: &str, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", name])
            .arg(program)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        command
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for name in [&self.server, &self.clients] {
            // What is not there need not go.
            let _ = Command::new("ip")
                .args(["netns", "del", name])
                .stderr(Stdio::null())
                .status();
        }
    }
}

/// The game, for as long as this lives.
struct Server {
    child: Child,
    /// Kept, so that the game can go on printing.
    _out: BufReader<ChildStdout>,
    url: String,
    hash: String,
}

impl Server {
    fn start(net: &Net, program: &Path, players: u32) -> Result<Self, String> {
        let seats = players.to_string();
        let mut child = Net::within(&net.server, program)
            .args(["--host", SERVER, "--port", "3000", "--bots", "0"])
            .args(["--seats", &seats])
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let out = child.stdout.take().ok_or("no output to read")?;
        let mut server = Self {
            child,
            _out: BufReader::new(out),
            url: String::new(),
            hash: String::new(),
        };
        // It prints both before it waits; its end ends the reading.
        let mut line = String::new();
        while server.url.is_empty() || server.hash.is_empty() {
            line.clear();
            let read = server._out.read_line(&mut line);
            if !matches!(read, Ok(1..)) {
                return Err("the game ended before it told its address".to_owned());
            }
            if let Some(at) = line.find("http://") {
                server.url = line[at..].trim().to_owned();
            }
            if let Some((_, hash)) = line.split_once("SHA-256 ") {
                server.hash = hash.trim().to_owned();
            }
        }
        Ok(server)
    }

    fn play(
        &self,
        net: &Net,
        program: &Path,
        over: &str,
        args: &Args,
        tools: &Tools<'_>,
    ) -> Result<Run, String> {
        let line = format!(
            "netns exec {} {} {} --players {} --seconds {} --over {over} --cert-hash {}",
            net.clients,
            program.display(),
            self.url,
            args.players,
            args.seconds,
            self.hash
        );
        let deadline = Duration::from_secs(args.seconds.into()) + RUN_SLACK;
        let said = tools.run(Cmd::new("ip", line.split(' ')), deadline)?;
        let json = said.lines().find(|line| line.starts_with('{'));
        let told: Value = json
            .and_then(|json| serde_json::from_str(json).ok())
            .ok_or_else(|| format!("glimmer-swarm told no figures:\n{said}"))?;
        let number = |name: &str| told[name].as_f64().unwrap_or(f64::NAN);
        let run = Run {
            p50: number("gapMsP50"),
            p99: number("gapMsP99"),
            p999: number("gapMsP999"),
            max: number("gapMsMax"),
            rate: number("snapshotsPerPlayerSecond"),
            bytes: number("bytesPerPlayerSecond"),
            missing: number("missingBaselines"),
            ended: number("ended"),
        };
        // A silent swarm has no gaps.
        if run.rate > 1.0 {
            Ok(run)
        } else {
            Err(format!("hardly a snapshot arrived:\n{said}"))
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Gone already: all the better.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Run {
    p50: f64,
    p99: f64,
    p999: f64,
    max: f64,
    rate: f64,
    bytes: f64,
    missing: f64,
    ended: f64,
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_the_one_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert!(median(Vec::new()).is_nan());
    }
}
