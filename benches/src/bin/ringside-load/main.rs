//! `ringside-load`: load for any WebSocket or Socket.IO server, from one thread.
//!
//! Shows progress with live percentiles, ends with a summary, and exits with 0 if every objective was
//! met, 1 if one was not, 2 if there was nothing to judge. The server must echo (`e`, or a message that
//! begins with `E`) and broadcast (`b` to `m`, or any other message): see the benches' README. Only
//! for servers of one's own: it sends as fast as it is told.

mod args;
mod objective;
mod summary;

use std::{fs, io::Write, process::ExitCode};

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use ringside_benches::load::{self, Outcome, Plan, Progress};
use rustix::process::{Resource, getrlimit, setrlimit};

fn main() -> ExitCode {
    let args = args::Args::parse();
    match run(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("ringside-load: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &args::Args) -> Result<bool, Box<dyn std::error::Error>> {
    let plan = args.plan()?;
    if let Some(core) = args.pin {
        let all = core_affinity::get_core_ids().unwrap_or_default();
        let core = all.into_iter().find(|it| it.id == core);
        if !core.is_some_and(core_affinity::set_for_current) {
            return Err("there is no such core to be pinned to".into());
        }
    }
    raise_descriptor_limit();
    let outcome = with_progress(plan.clone(), args.quiet)?;
    let verdicts: Vec<_> = args
        .objectives
        .iter()
        .map(|it| it.judge(&outcome))
        .collect();
    if let Some(path) = &args.json {
        let mut text = serde_json::to_string_pretty(&outcome)?;
        text.push('\n');
        match path.as_os_str().to_str() {
            Some("-") => std::io::stdout().write_all(text.as_bytes())?,
            _ => fs::write(path, text)?,
        }
    }
    if let Some(path) = &args.html {
        fs::write(path, summary::page(&plan, &outcome, &verdicts))?;
    }
    if !args.quiet {
        eprint!("{}", summary::text(&plan, &outcome, &verdicts));
    }
    Ok(verdicts.iter().all(|verdict| verdict.met))
}

fn with_progress(plan: Plan, quiet: bool) -> Result<Outcome, load::Failed> {
    if quiet {
        return load::run(plan, |_| {});
    }
    let style = |template: &str| {
        let style = ProgressStyle::with_template(template);
        style.unwrap_or_else(|_| ProgressStyle::default_bar())
    };
    let (all, warm_up, duration) = (plan.connections, plan.warm_up, plan.duration);
    let bar = ProgressBar::new(all as u64);
    bar.set_style(style("connecting {bar:30} {pos}/{len}"));
    let mut stage = 0;
    let outcome = load::run(plan, |progress| match progress {
        Progress::Connecting(made) => bar.set_position(made as u64),
        Progress::WarmingUp(at) => {
            if std::mem::replace(&mut stage, 1) != 1 {
                bar.set_style(style("warming up {bar:30} {pos}/{len} ms"));
                bar.set_length(warm_up.as_millis() as u64);
            }
            bar.set_position(at.as_millis() as u64);
        }
        Progress::Measuring(at, received, latency) => {
            if std::mem::replace(&mut stage, 2) != 2 {
                bar.set_style(style("measuring  {bar:30} {pos}/{len} ms  {msg}"));
                bar.set_length(duration.as_millis() as u64);
            }
            bar.set_position(at.as_millis() as u64);
            bar.set_message(format!(
                "{:.0}/s  p50 {:.2} ms  p99 {:.2} ms  p99.9 {:.2} ms",
                received as f64 / at.as_secs_f64(),
                latency.p50_ms,
                latency.p99_ms,
                latency.p999_ms
            ));
        }
    });
    bar.finish_and_clear();
    outcome
}

/// Raises the soft limit of descriptors to the hard one. If that is refused or too little, the first
/// connection without a descriptor says so.
fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}
