//! The outcome for people: as text, and as one page that needs nothing beside it.

use ringside_benches::{
    load::{Outcome, Pace, Plan},
    page::{self, Line, Plot},
};

use crate::objective::Verdict;

/// Name and value of each figure.
fn figures(outcome: &Outcome) -> Vec<(String, String)> {
    let latency = &outcome.latency;
    let mut rows = vec![
        (
            "connections".to_owned(),
            format!(
                "{} in {:.2} s ({:.0}/s), {} lost",
                outcome.connections, outcome.ramp_s, outcome.connects_per_s, outcome.lost
            ),
        ),
        (
            "delivered".to_owned(),
            format!(
                "{} in {:.1} s: {:.0}/s, {} missing",
                outcome.delivered, outcome.measured_s, outcome.delivered_per_s, outcome.missing
            ),
        ),
        (
            "latency (ms)".to_owned(),
            format!(
                "p50 {:.2}  p90 {:.2}  p99 {:.2}  p99.9 {:.2}  max {:.2}",
                latency.p50_ms, latency.p90_ms, latency.p99_ms, latency.p999_ms, latency.max_ms
            ),
        ),
    ];
    if let Some(cost) = &outcome.server {
        rows.push((
            "server, a delivery".to_owned(),
            format!(
                "{:.3} us of CPU, {:.4} us of it user time ({})",
                cost.cpu_us, cost.user_us, cost.user_method
            ),
        ));
        rows.push((
            "server, a connection".to_owned(),
            format!(
                "{:.0} bytes resident, {:.1} us of CPU to make; empty {:.1} MB",
                cost.bytes_per_connection, cost.handshake_us, cost.empty_mb
            ),
        ));
        rows.push((
            "server, a core".to_owned(),
            format!("{:.0} % busy", cost.busy * 100.0),
        ));
    }
    rows.push((
        "generator".to_owned(),
        format!(
            "{:.2} us a message received, {:.1} % of a core, {:.0} bytes a connection; machine load {:.1}",
            outcome.generator_us,
            outcome.generator_busy * 100.0,
            outcome.generator_bytes_per_connection,
            outcome.machine_load
        ),
    ));
    rows
}

fn pace(plan: &Plan) -> String {
    match plan.pace {
        Pace::Rate(rate) => format!("{rate} a second"),
        Pace::InFlight(most) => format!("{most} on the way at once"),
    }
}

fn counted_from(plan: &Plan) -> &'static str {
    match plan.pace {
        Pace::Rate(_) => "Latency counts from when a message was due.",
        Pace::InFlight(_) => {
            "A closed loop: latency is what a patient client sees; it hides stalls."
        }
    }
}

pub(crate) fn text(plan: &Plan, outcome: &Outcome, verdicts: &[Verdict]) -> String {
    let mut text = String::new();
    for (name, value) in figures(outcome) {
        text.push_str(&format!("{name:<22}{value}\n"));
    }
    for reason in &outcome.reasons {
        text.push_str(&format!("lost: {reason}\n"));
    }
    text.push_str(&format!("{}\n", counted_from(plan)));
    for verdict in verdicts {
        let word = if verdict.met { "met" } else { "NOT MET" };
        let figure = verdict
            .figure
            .map_or("not measured".to_owned(), |figure| format!("{figure:.3}"));
        text.push_str(&format!(
            "{word:<8}{} (it is {figure})\n",
            verdict.objective
        ));
    }
    text
}

pub(crate) fn page(plan: &Plan, outcome: &Outcome, verdicts: &[Verdict]) -> String {
    let mut body = format!(
        "<p>{} connections to {} ({:?}), {}, {} bytes, bursts of {}. {}</p>",
        plan.connections,
        page::escape(&plan.settings.host),
        plan.settings.protocol,
        pace(plan),
        plan.payload,
        plan.burst,
        counted_from(plan)
    );
    body.push_str(&page::table(
        &["figure", "value"],
        figures(outcome)
            .into_iter()
            .map(|(name, value)| vec![name, value]),
    ));
    if !verdicts.is_empty() {
        let rows = verdicts.iter().map(|verdict| {
            let figure = verdict
                .figure
                .map_or("not measured".to_owned(), |figure| format!("{figure:.3}"));
            vec![
                verdict.objective.clone(),
                figure,
                if verdict.met { "met" } else { "not met" }.to_owned(),
            ]
        });
        body.push_str(&page::table(&["objective", "figure", "verdict"], rows));
    }
    let nines = outcome
        .distribution
        .iter()
        .map(|(quantile, ms)| (-(1.0 - quantile).log10(), *ms));
    body.push_str(
        &Plot::new(
            "Latency by percentile",
            "nines (1 is 90 %, 2 is 99 %, 3 is 99.9 %)",
            "ms",
        )
        .line(Line::new("latency", nines))
        .svg(),
    );
    let each = |value: fn(&ringside_benches::load::Second) -> f64| {
        outcome
            .seconds
            .iter()
            .enumerate()
            .map(move |(at, second)| (at as f64 + 1.0, value(second)))
    };
    body.push_str(
        &Plot::new("Latency over time", "second", "ms")
            .line(Line::new("p50", each(|second| second.latency.p50_ms)))
            .line(Line::new("p99", each(|second| second.latency.p99_ms)))
            .line(Line::new("p99.9", each(|second| second.latency.p999_ms)))
            .svg(),
    );
    body.push_str(
        &Plot::new("Messages received a second", "second", "messages")
            .line(Line::new("received", each(|second| second.received as f64)))
            .svg(),
    );
    page::html("ringside-load", &body)
}
