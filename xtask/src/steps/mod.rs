//! A chore as a list of named steps, and the runner that walks it.
//!
//! A [`Step`] says what it is called, what must have succeeded before it, what the machine needs
//! for it, what to do and how to count the outcome. [`runner`] carries a list out and reports;
//! [`need`] installs; [`child`] runs one program under a deadline; [`count`] reads test counts out
//! of what the runners print. Leaves out: running steps at the same time. Cargo already uses every
//! core, and two of its runs would wait for one lock.

pub mod child;
pub mod count;
pub mod need;
pub mod runner;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::repo::Repo;
use count::{Runner, Tally};
use need::Need;

/// A step that runs longer hangs. The longest, a first build on two cores, takes about ten minutes.
const STEP_DEADLINE: Duration = Duration::from_secs(20 * 60);

/// One step of a chore.
pub struct Step {
    /// What `--only` and `--without` call it.
    pub name: &'static str,
    /// One line for `--list`.
    pub about: &'static str,
    /// Steps without whose success this one cannot run.
    pub after: &'static [&'static str],
    /// What must be there first; installed where possible.
    pub needs: Vec<Need>,
    /// The work.
    pub work: Work,
    /// When to give up on each command.
    pub deadline: Duration,
}

/// What a step does.
pub enum Work {
    /// Programs, one after the other; every one is run even if an earlier one failed.
    Commands(Vec<Cmd>),
    /// A function of this program, which returns its count and what to print on failure.
    Inside(fn(&Repo) -> (Tally, String)),
}

impl Step {
    /// A step that runs programs.
    pub fn commands(name: &'static str, about: &'static str, commands: Vec<Cmd>) -> Self {
        Self::new(name, about, Work::Commands(commands))
    }

    /// A step that runs a function of this program.
    pub fn inside(
        name: &'static str,
        about: &'static str,
        check: fn(&Repo) -> (Tally, String),
    ) -> Self {
        Self::new(name, about, Work::Inside(check))
    }

    fn new(name: &'static str, about: &'static str, work: Work) -> Self {
        Self {
            name,
            about,
            after: &[],
            needs: Vec::new(),
            work,
            deadline: STEP_DEADLINE,
        }
    }

    /// Names the steps that must have succeeded before.
    pub fn after(mut self, steps: &'static [&'static str]) -> Self {
        self.after = steps;
        self
    }

    /// Adds something that the machine must have.
    pub fn needs(mut self, need: Need) -> Self {
        self.needs.push(need);
        self
    }

    /// Replaces the deadline of each command.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }
}

/// A program to run, and how to read its outcome.
#[derive(Debug, Clone)]
pub struct Cmd {
    /// The program's name or path.
    pub program: OsString,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Where to run it; `None` is the root of the repository.
    pub dir: Option<PathBuf>,
    /// Variables added to the environment.
    pub env: Vec<(&'static str, OsString)>,
    /// Whose output it prints.
    pub runner: Runner,
}

impl Cmd {
    /// `program` with `args`, in the root of the repository; success is its exit code alone.
    pub fn new<A: Into<OsString>>(
        program: impl Into<OsString>,
        args: impl IntoIterator<Item = A>,
    ) -> Self {
        Self {
            program: program.into(),
            args: args.into_iter().map(Into::into).collect(),
            dir: None,
            env: Vec::new(),
            runner: Runner::ExitCode,
        }
    }

    /// Runs in `dir`.
    pub fn dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }

    /// Adds a variable to the environment.
    pub fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.env.push((name, value.into()));
        self
    }

    /// Reads test counts out of what the program prints.
    pub fn counted_by(mut self, runner: Runner) -> Self {
        self.runner = runner;
        self
    }

    /// As one would type it.
    pub fn line(&self) -> String {
        let mut words: Vec<String> = self
            .env
            .iter()
            .map(|(name, value)| format!("{name}={}", value.display()))
            .collect();
        words.push(self.program.display().to_string());
        words.extend(self.args.iter().map(|arg| arg.display().to_string()));
        words.join(" ")
    }
}
