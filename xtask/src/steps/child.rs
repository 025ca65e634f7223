//! One program under a deadline, its output kept in a file.
//!
//! Promises: no standard input; standard output and error land in one log in the order they were
//! written; a program that outlives its deadline is ended together with all that it started.
//! Cargo's variables that describe this very program are kept from it, so that a nested cargo
//! behaves as if typed by hand. Leaves out: a process group of its own; Ctrl-C is meant to reach
//! everything.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::Cmd;
use crate::repo::Repo;

/// How often to look whether the program has ended.
const POLL: Duration = Duration::from_millis(50);

/// How a program ended.
pub struct Ended {
    /// It exited with 0 in time.
    pub well: bool,
    /// What it printed.
    pub output: String,
}

/// Runs `cmd`, appending to the file at `log`; with `follow`, its output is also shown as it comes.
///
/// # Errors
/// The log cannot be written, or the program cannot be started.
pub fn run(
    repo: &Repo,
    cmd: &Cmd,
    log: &Path,
    deadline: Duration,
    follow: bool,
) -> io::Result<Ended> {
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .read(true)
        .open(log)?;
    writeln!(file, "$ {}", cmd.line())?;
    let start = file.seek(SeekFrom::End(0))?;

    let mut command = Command::new(&cmd.program);
    command
        .args(&cmd.args)
        .current_dir(cmd.dir.clone().unwrap_or_else(|| repo.path("")))
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file.try_clone()?)
        .env("CARGO_TERM_COLOR", "never")
        .env("NO_COLOR", "1");
    for (name, _) in std::env::vars_os() {
        if names_this_program(&name.to_string_lossy()) {
            command.env_remove(name);
        }
    }
    command.envs(cmd.env.iter().map(|(name, value)| (name, value)));

    let mut child = command.spawn().map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("{} cannot be started: {error}", cmd.program.display()),
        )
    })?;
    let give_up = Instant::now() + deadline;
    let mut shown = start;
    let mut well = None;
    while well.is_none() {
        if let Some(status) = child.try_wait()? {
            if !status.success() {
                writeln!(file, "({status})")?;
            }
            well = Some(status.success());
        } else if Instant::now() >= give_up {
            end_family(child.id());
            child.kill()?;
            child.wait()?;
            writeln!(
                file,
                "(ended: it took longer than {} s)",
                deadline.as_secs()
            )?;
            well = Some(false);
        } else {
            thread::sleep(POLL);
        }
        if follow {
            shown += show_from(log, shown)?;
        }
    }

    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    file.read_to_end(&mut bytes)?;
    let output = String::from_utf8_lossy(&bytes).into_owned();
    Ok(Ended {
        well: well.unwrap_or(false),
        output,
    })
}

/// Cargo describes the package it runs in these; a nested cargo would take them for its own.
fn names_this_program(variable: &str) -> bool {
    [
        "CARGO_PKG_",
        "CARGO_MANIFEST_",
        "CARGO_BIN_NAME",
        "CARGO_CRATE_NAME",
        "CARGO_PRIMARY_PACKAGE",
    ]
    .iter()
    .any(|prefix| variable.starts_with(prefix))
}

/// Copies what the log gained since `from` to standard error; returns how many bytes that was.
fn show_from(log: &Path, from: u64) -> io::Result<u64> {
    let mut file = fs::File::open(log)?;
    file.seek(SeekFrom::Start(from))?;
    io::copy(&mut file, &mut io::stderr())
}

/// Ends every descendant of `ancestor`. Where there is no `/proc`, only the program itself is
/// ended.
fn end_family(ancestor: u32) {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        // `pid (name) state parent …`; the name may hold brackets and spaces itself.
        let parent = stat
            .rsplit_once(')')
            .and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
        parents.extend(parent.map(|parent: u32| (pid, parent)));
    }
    let mut family = vec![ancestor];
    let mut next = 0;
    while let Some(&member) = family.get(next) {
        family.extend(
            parents
                .iter()
                .filter(|(_, parent)| *parent == member)
                .map(|(pid, _)| *pid),
        );
        next += 1;
    }
    let pids = family.iter().skip(1).map(u32::to_string);
    // Failure means that they are gone already.
    let _ = Command::new("kill")
        .arg("-KILL")
        .args(pids)
        .stderr(Stdio::null())
        .status();
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, Instant};

    use super::{Cmd, run};
    use crate::repo::Repo;

    fn shell(name: &str, script: &str, deadline: Duration) -> super::Ended {
        let repo = Repo::here();
        let folder = repo.target().join("xtask/tests");
        fs::create_dir_all(&folder).expect("the target folder is writable");
        let log = folder.join(format!("{name}.log"));
        let _ = fs::remove_file(&log);
        run(
            &repo,
            &Cmd::new("sh", ["-c", script]),
            &log,
            deadline,
            false,
        )
        .expect("sh starts")
    }

    #[test]
    fn output_and_exit_code_are_kept() {
        let ended = shell(
            "kept",
            "echo out; echo err >&2; exit 3",
            Duration::from_secs(60),
        );
        assert!(!ended.well);
        assert!(ended.output.starts_with("out\nerr\n"), "{}", ended.output);
        assert!(
            shell(
                "well",
                "test -z \"$CARGO_PKG_NAME\"",
                Duration::from_secs(60)
            )
            .well
        );
    }

    #[test]
    fn there_is_no_standard_input_to_wait_for() {
        assert!(shell("stdin", "cat", Duration::from_secs(60)).well);
    }

    #[test]
    fn a_program_that_hangs_is_ended_with_its_children() {
        let start = Instant::now();
        let script = "sh -c 'echo child $$; exec sleep 600' & wait";
        let ended = shell("hangs", script, Duration::from_millis(500));
        assert!(!ended.well);
        assert!(start.elapsed() < Duration::from_secs(60));
        assert!(ended.output.contains("took longer"), "{}", ended.output);
        let child = ended
            .output
            .split_whitespace()
            .nth(1)
            .expect("the child told its id");
        // Killed is not yet gone: the kernel takes its time.
        while alive(child) {
            assert!(
                start.elapsed() < Duration::from_secs(60),
                "{child} is still there"
            );
            std::thread::yield_now();
        }
    }

    fn alive(pid: &str) -> bool {
        fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
    }
}
