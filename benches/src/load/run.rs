//! The course of a run.

use std::{
    fmt, fs, io,
    time::{Duration, Instant},
};

use ringside_client::swarm::Swarm;

use super::{Cost, Latency, Outcome, Pace, Plan, Second, work::Worker};
use crate::cost::{Method, Reading, Server, UserShare, own_run_time};

/// How long to wait for the last connections, and for the last messages.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often progress is told and samples are counted.
const LOOK: Duration = Duration::from_millis(200);

/// Why a run gave no outcome.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failed {
    /// Some or all connections could not be made; how many could, and the first reasons.
    Connecting(usize, Vec<String>),
    /// The server's process cannot be read.
    Server(io::Error),
    /// Our own system refuses something.
    Io(io::Error),
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting(made, reasons) => {
                write!(f, "only {made} connections could be made")?;
                reasons
                    .iter()
                    .try_for_each(|reason| write!(f, "\n  {reason}"))
            }
            Self::Server(error) => write!(f, "the server's process cannot be read: {error}"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Failed {}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What is told while a run goes on.
#[derive(Clone, Copy, Debug)]
pub enum Progress {
    /// So many connections of all.
    Connecting(usize),
    /// So far into the warm-up.
    WarmingUp(Duration),
    /// So far into the measurement, with what was received and how long it took.
    Measuring(Duration, u64, Latency),
}

/// Does what the plan says; `tell` hears of progress five times a second.
///
/// # Errors
/// See [`Failed`]. Connections that are lost later are part of the outcome.
pub fn run(plan: Plan, mut tell: impl FnMut(Progress)) -> Result<Outcome, Failed> {
    let server = plan.pid.map(Server::new);
    let read = || server.map(Server::read).transpose().map_err(Failed::Server);
    let mut swarm = Swarm::new(plan.settings.clone())?;
    let mut worker = Worker::new(plan);
    let plan = worker.plan.clone();
    let mut outcome = Outcome::default();

    let empty = read()?;
    let own = Server::new(std::process::id());
    let own_empty = own.read().ok();
    let start = Instant::now();
    ramp(&mut swarm, &mut worker, &mut tell)?;
    outcome.ramp_s = start.elapsed().as_secs_f64();
    outcome.connections = worker.joined.len();
    outcome.connects_per_s = outcome.connections as f64 / outcome.ramp_s;
    turn_until(
        &mut swarm,
        &mut worker,
        Instant::now() + plan.settle,
        |_, _| {},
    )?;
    let connected = read()?;
    if let (Some(empty), Ok(connected)) = (own_empty, own.read()) {
        let grown = connected.resident.saturating_sub(empty.resident) as f64;
        outcome.generator_bytes_per_connection = grown / outcome.connections.max(1) as f64;
    }

    worker.begin(&mut swarm);
    let start = Instant::now();
    turn_until(&mut swarm, &mut worker, start + plan.warm_up, |_, _| {
        tell(Progress::WarmingUp(start.elapsed()));
    })?;

    worker.forget();
    let mut share = server
        .map(UserShare::start)
        .transpose()
        .map_err(Failed::Server)?;
    let before = (
        read()?,
        own_run_time().unwrap_or_default(),
        worker.sent,
        worker.received,
    );
    let start = Instant::now();
    let mut second = Second::default();
    turn_until(
        &mut swarm,
        &mut worker,
        start + plan.duration,
        |worker, _| {
            if let Some(share) = &mut share {
                share.count();
            }
            let (so_far, received) = (start.elapsed(), worker.received - before.3);
            tell(Progress::Measuring(
                so_far,
                received,
                Latency::of(&worker.whole),
            ));
            if so_far.as_secs() > outcome.seconds.len() as u64 {
                second.received =
                    received - outcome.seconds.iter().map(|s| s.received).sum::<u64>();
                second.latency = Latency::of(&worker.second);
                outcome.seconds.push(second);
                worker.second.reset();
            }
        },
    )?;
    let measured = start.elapsed();
    let after = (
        read()?,
        own_run_time().unwrap_or_default(),
        worker.sent,
        worker.received,
    );

    outcome.measured_s = measured.as_secs_f64();
    outcome.sent = after.2 - before.2;
    outcome.delivered = after.3 - before.3;
    outcome.delivered_per_s = outcome.delivered as f64 / outcome.measured_s;
    let own = (after.1 - before.1).as_secs_f64();
    outcome.generator_us = own * 1e6 / outcome.delivered.max(1) as f64;
    outcome.generator_busy = own / outcome.measured_s;

    // What is still on its way counts for latency, if it was due in time.
    worker.end();
    let give_up = Instant::now() + PATIENCE;
    while matches!(plan.pace, Pace::Rate(_))
        && worker.received < worker.due
        && Instant::now() < give_up
    {
        swarm.turn(Some(LOOK), &mut worker)?;
    }
    outcome.missing = worker.due.saturating_sub(worker.received);
    if matches!(plan.pace, Pace::InFlight(_)) {
        outcome.missing = 0;
    }
    outcome.latency = Latency::of(&worker.whole);
    outcome.distribution = distribution(&worker);
    outcome.lost = worker.lost;
    outcome.reasons = std::mem::take(&mut worker.reasons);
    outcome.machine_load = machine_load();
    if let (Some(empty), Some(connected), (Some(before), ..), (Some(after), ..), Some(share)) =
        (empty, connected, before, after, &mut share)
    {
        let readings = [empty, connected, before, after];
        outcome.server = Some(cost(&outcome, readings, share));
    }
    Ok(outcome)
}

fn ramp(
    swarm: &mut Swarm,
    worker: &mut Worker,
    tell: &mut impl FnMut(Progress),
) -> Result<(), Failed> {
    let (all, at_once) = (worker.plan.connections, worker.plan.connecting.max(1));
    let mut begun = 0;
    let mut stuck_at = Instant::now() + PATIENCE;
    let mut look = Instant::now();
    while worker.settled() < all {
        while begun < all && begun - worker.settled() < at_once {
            match swarm.connect() {
                Ok(_) => begun += 1,
                Err(error) => {
                    let reasons = vec![format!("{error} (raise `ulimit -n`?)")];
                    return Err(Failed::Connecting(worker.joined.len(), reasons));
                }
            }
        }
        let before = worker.settled();
        swarm.turn(Some(LOOK), worker)?;
        let now = Instant::now();
        if worker.settled() > before {
            stuck_at = now + PATIENCE;
        } else if now > stuck_at {
            worker
                .reasons
                .push("the server stopped answering".to_owned());
            break;
        }
        if now >= look {
            look = now + LOOK;
            tell(Progress::Connecting(worker.joined.len()));
        }
    }
    if worker.joined.len() < all {
        let reasons = std::mem::take(&mut worker.reasons);
        return Err(Failed::Connecting(worker.joined.len(), reasons));
    }
    Ok(())
}

/// Turns the swarm until then, with a look now and then.
fn turn_until(
    swarm: &mut Swarm,
    worker: &mut Worker,
    until: Instant,
    mut look: impl FnMut(&mut Worker, &mut Swarm),
) -> io::Result<()> {
    let mut look_at = Instant::now() + LOOK;
    loop {
        let now = Instant::now();
        if now >= look_at {
            look_at += LOOK;
            look(worker, swarm);
        }
        if now >= until {
            return Ok(());
        }
        let wait = worker.send(swarm).min(until - now).min(LOOK);
        // The system waits in whole milliseconds and rounds up; the rest is spun away, so that what
        // is due is sent when it is due.
        let wait = Duration::from_millis(wait.as_millis() as u64);
        swarm.turn(Some(wait), worker)?;
    }
}

fn cost(outcome: &Outcome, readings: [Reading; 4], share: &mut UserShare) -> Cost {
    let [empty, connected, before, after] = readings;
    let micros = |from: &Reading, to: &Reading| {
        to.run_time.saturating_sub(from.run_time).as_secs_f64() * 1e6
    };
    let run_time = micros(&before, &after);
    let (delivered, connections) = (
        outcome.delivered.max(1) as f64,
        outcome.connections.max(1) as f64,
    );
    let user_share = share.share(&after);
    Cost {
        cpu_us: run_time / delivered,
        user_us: run_time * user_share / delivered,
        user_method: match share.method() {
            Method::Sampled => "sampled".to_owned(),
            Method::Ticks => format!(
                "ticks: sampling was refused ({})",
                share.refused().unwrap_or_default()
            ),
        },
        samples: share.samples(),
        busy: run_time / 1e6 / outcome.measured_s,
        handshake_us: micros(&empty, &connected) / connections,
        bytes_per_connection: connected.resident.saturating_sub(empty.resident) as f64
            / connections,
        empty_mb: empty.resident as f64 / 1e6,
    }
}

/// The quantiles a plot needs: evenly spaced on a scale of nines.
fn distribution(worker: &Worker) -> Vec<(f64, f64)> {
    (0..=40)
        .map(|step| 1.0 - 10f64.powf(-f64::from(step) / 10.0))
        .map(|quantile| {
            (
                quantile,
                worker.whole.value_at_quantile(quantile) as f64 / 1e3,
            )
        })
        .collect()
}

fn machine_load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|first| first.parse().ok())
        .unwrap_or(f64::NAN)
}
