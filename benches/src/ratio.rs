//! Ratios: contenders run in turns, round after round, so that a busy machine disturbs all alike; each
//! round gives a ratio, and their median is what counts (printed with the middle half of them).
//!
//! Such a ratio holds where absolute times move by half from run to run. What
//! it cannot show: anything about another machine, and, across cores, more than the first digit. Rounds in
//! which others had our cores are left out there ([`wall_time_on`]). Every contender is also offered to
//! criterion, for its history.

use std::{
    cell::Cell,
    io::Write as _,
    time::{Duration, Instant},
};

use criterion::Criterion;
use rustix::time::{ClockId, clock_gettime};

/// Does `n` operations and says how long they took, setting up not included.
type Run<'a> = Box<dyn FnMut(u64) -> Duration + 'a>;

struct Contender<'a> {
    name: &'static str,
    run: Run<'a>,
    /// Nanoseconds a unit, one per round; none where it was disturbed.
    rounds: Vec<Option<f64>>,
}

/// What is expected of two contenders.
struct Goal {
    what: &'static str,
    /// Names: the cost of the first divided by that of the second.
    of: (&'static str, &'static str),
    bound: Bound,
}

/// A ratio's bound.
#[derive(Clone, Copy)]
pub enum Bound {
    /// At least this many times.
    AtLeast(f64),
    /// At most this many times.
    AtMost(f64),
    /// Only to be known.
    None,
}

/// What the contenders of a match ask of the system's scheduler, which decides how steady its ratios are
/// from one run to the next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Threads {
    /// Nothing: one thread.
    One,
    /// That several threads run at once: good for the first digit.
    Many,
    /// That threads sleep and are woken: what comes out says as much of the scheduler as of us.
    Woken,
}

/// Contenders for the same work.
pub struct Match<'a> {
    title: String,
    /// What the figures are of: a delivery, a message.
    unit: &'static str,
    /// Units in one operation.
    units: f64,
    /// Operations in one round.
    operations: u64,
    contenders: Vec<Contender<'a>>,
    goals: Vec<Goal>,
    threads: Threads,
}

impl<'a> Match<'a> {
    /// A match over rounds of `operations`, each of which is `units` of `unit`.
    pub fn new(title: impl Into<String>, unit: &'static str, units: u64, operations: u64) -> Self {
        Self {
            title: title.into(),
            unit,
            units: units as f64,
            operations,
            contenders: Vec::new(),
            goals: Vec::new(),
            threads: Threads::One,
        }
    }

    /// Says that the contenders run on several threads at once, and measure with [`wall_time_on`]. Their
    /// ratios are guarded by a factor of two only, and where enough rounds were undisturbed.
    pub fn across_threads(mut self) -> Self {
        self.threads = Threads::Many;
        self
    }

    /// Says that the contenders' threads sleep and are woken. Their ratios are shown and not guarded:
    /// while others use the cores, they move tenfold.
    pub fn woken(mut self) -> Self {
        self.threads = Threads::Woken;
        self
    }

    /// Adds a contender.
    pub fn enter(mut self, name: &'static str, run: impl FnMut(u64) -> Duration + 'a) -> Self {
        self.contenders.push(Contender {
            name,
            run: Box::new(run),
            rounds: Vec::new(),
        });
        self
    }

    /// Adds an expectation: the cost of `of` divided by the cost of `by`.
    pub fn expect(
        mut self,
        what: &'static str,
        of: &'static str,
        by: &'static str,
        bound: Bound,
    ) -> Self {
        self.goals.push(Goal {
            what,
            of: (of, by),
            bound,
        });
        self
    }

    /// Runs the rounds, prints the table, and returns whether every bound was kept. With `criterion`,
    /// its groups come first.
    pub fn play(mut self, rounds: usize, criterion: Option<&mut Criterion>) -> bool {
        if let Some(criterion) = criterion {
            let mut group = criterion.benchmark_group(&self.title);
            group.sample_size(20);
            group.warm_up_time(Duration::from_millis(200));
            group.measurement_time(Duration::from_secs(1));
            for contender in &mut self.contenders {
                let run = &mut contender.run;
                group.bench_function(contender.name, |b| b.iter_custom(&mut *run));
            }
            group.finish();
        }
        // On a busy machine more rounds are needed for as many that nobody disturbed.
        let most = match self.threads {
            Threads::Many => 4 * rounds,
            Threads::One | Threads::Woken => rounds,
        };
        for round in 0..=most {
            if round > rounds && self.fewest() >= rounds {
                break;
            }
            for contender in &mut self.contenders {
                DISTURBED.set(false);
                let took = (contender.run)(self.operations).as_nanos() as f64;
                let cost = took / (self.operations as f64 * self.units);
                // The first round warms up.
                if round > 0 {
                    contender.rounds.push((!DISTURBED.get()).then_some(cost));
                }
            }
        }
        self.table()
    }

    /// Undisturbed rounds of the goal that has the fewest.
    fn fewest(&self) -> usize {
        let counts = self.goals.iter().map(|goal| self.ratios(goal).len());
        counts.min().unwrap_or(usize::MAX)
    }

    /// A goal's ratio, in every round in which neither was disturbed, sorted.
    fn ratios(&self, goal: &Goal) -> Vec<f64> {
        let rounds = |name: &str| {
            let found = self
                .contenders
                .iter()
                .find(|contender| contender.name == name);
            &found.expect("a contender of this name").rounds
        };
        let pairs = rounds(goal.of.0).iter().zip(rounds(goal.of.1));
        let ratios = pairs.filter_map(|(of, by)| Some((*of)? / (*by)?));
        let mut ratios: Vec<f64> = ratios.collect();
        ratios.sort_by(f64::total_cmp);
        ratios
    }

    fn table(&mut self) -> bool {
        let ratios: Vec<_> = self.goals.iter().map(|goal| self.ratios(goal)).collect();
        println!("\n{} (ns a {}; median, best, worst)", self.title, self.unit);
        for contender in &mut self.contenders {
            let mut rounds: Vec<f64> = contender.rounds.iter().copied().flatten().collect();
            rounds.sort_by(f64::total_cmp);
            let (Some(best), Some(worst)) = (rounds.first(), rounds.last()) else {
                println!("  {:<46} disturbed in every round", contender.name);
                continue;
            };
            let median = rounds[rounds.len() / 2];
            println!(
                "  {:<46} {median:>10.2} {best:>10.2} {worst:>10.2}",
                contender.name
            );
        }
        let mut kept = true;
        for (goal, ratios) in self.goals.iter().zip(&ratios) {
            if ratios.len() < ROUNDS_MIN {
                println!(
                    "  {:<52} not to be told: {} rounds were undisturbed",
                    goal.what,
                    ratios.len()
                );
                continue;
            }
            let (median, quarter) = (ratios[ratios.len() / 2], ratios.len() / 4);
            let (low, high) = (ratios[quarter], ratios[ratios.len() - 1 - quarter]);
            let (bound, holds) = match goal.bound {
                Bound::AtLeast(bound) => (format!(">= {bound}"), median >= bound),
                Bound::AtMost(bound) => (format!("<= {bound}"), median <= bound),
                Bound::None => (String::from("-"), true),
            };
            let verdict = if holds { "" } else { "  MISSED" };
            if self.threads != Threads::Woken {
                store(&self.title, goal, median, holds, self.threads);
            }
            println!(
                "  {:<52} {median:>8.2}x ({low:.2}-{high:.2})  {bound}{verdict}",
                goal.what
            );
            kept &= holds;
        }
        kept
    }
}

/// Appends a ratio, as a line of JSON, to the file that `RINGSIDE_RATIOS` names, if it names one. A ratio
/// without a bound guards nothing and is not stored.
fn store(title: &str, goal: &Goal, ratio: f64, kept: bool, threads: Threads) {
    let (bound, more_is_better) = match goal.bound {
        Bound::AtLeast(bound) => (bound, true),
        Bound::AtMost(bound) => (bound, false),
        Bound::None => return,
    };
    let Some(path) = std::env::var_os("RINGSIDE_RATIOS") else {
        return;
    };
    let what = format!("{title}: {}", goal.what);
    let line = serde_json::json!({
        "what": what, "ratio": ratio, "bound": bound, "more_is_better": more_is_better, "kept": kept,
        "across_threads": threads == Threads::Many,
    });
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path);
    let written = file.and_then(|mut file| writeln!(file, "{line}"));
    if let Err(error) = written {
        eprintln!("{}: {error}", path.display());
    }
}

/// Plays matches as the command line asks: `--criterion` adds criterion's groups, `--rounds N` sets how
/// many rounds, any other word keeps only matches whose title contains it.
pub fn play_all(matches: Vec<Match<'_>>) {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let mut criterion = words
        .iter()
        .any(|word| word == "--criterion")
        .then(Criterion::default);
    let given = words.iter().position(|word| word == "--rounds");
    let rounds = given.and_then(|at| words.get(at + 1)?.parse().ok());
    let wanted: Vec<&String> = words
        .iter()
        .filter(|word| !word.starts_with("--") && word.parse::<usize>().is_err())
        .collect();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load: {}", load.trim());
    let mut kept = true;
    for game in matches {
        if wanted.is_empty() || wanted.iter().any(|word| game.title.contains(word.as_str())) {
            kept &= game.play(rounds.unwrap_or(ROUNDS), criterion.as_mut());
        }
    }
    println!(
        "\n{}",
        if kept {
            "every bound kept"
        } else {
            "bounds missed"
        }
    );
}

/// Rounds unless the command line says otherwise: odd, so that the median is one of them.
const ROUNDS: usize = 31;

/// Undisturbed rounds that a ratio needs.
const ROUNDS_MIN: usize = 5;

thread_local! {
    /// Whether others had our cores during the current round.
    static DISTURBED: Cell<bool> = const { Cell::new(false) };
}

/// Share of their cores' time that busy threads get on an idle machine, starting and stopping included.
const UNDISTURBED: f64 = 0.85;

/// Wall time of `work`, which keeps so many cores busy from its beginning to its end. If this process
/// got much less CPU time than that, somebody else had those cores, and the round says nothing.
pub fn wall_time_on(cores: usize, work: impl FnOnce()) -> Duration {
    let mut took = Duration::ZERO;
    let used = process_time(|| {
        let begin = Instant::now();
        work();
        took = begin.elapsed();
    });
    if used.as_secs_f64() < UNDISTURBED * cores as f64 * took.as_secs_f64() {
        DISTURBED.set(true);
    }
    took
}

/// CPU time used by `work`, of this thread.
pub fn thread_time(work: impl FnOnce()) -> Duration {
    time(ClockId::ThreadCPUTime, work)
}

/// CPU time used during `work` by all threads of the process: for whoever hands work to others.
pub fn process_time(work: impl FnOnce()) -> Duration {
    time(ClockId::ProcessCPUTime, work)
}

fn time(clock: ClockId, work: impl FnOnce()) -> Duration {
    let now = || {
        let at = clock_gettime(clock);
        Duration::new(at.tv_sec as u64, at.tv_nsec as u32)
    };
    let before = now();
    work();
    now() - before
}
