//! What came of a run, as it is stored and shown.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Percentiles in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// The median.
    pub p50_ms: f64,
    /// 90 %.
    pub p90_ms: f64,
    /// 99 %.
    pub p99_ms: f64,
    /// 99.9 %.
    pub p999_ms: f64,
    /// The worst.
    pub max_ms: f64,
}

impl Latency {
    pub(crate) fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
        Self {
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p99_ms: at(0.99),
            p999_ms: at(0.999),
            max_ms: histogram.max() as f64 / 1e3,
        }
    }
}

/// One second of the measurement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Second {
    /// Messages received.
    pub received: u64,
    /// Of those messages.
    pub latency: Latency,
}

/// What the server spent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Time on a core for each message delivered, in microseconds.
    pub cpu_us: f64,
    /// The part of it in user mode.
    pub user_us: f64,
    /// How the user share was found: `sampled`, or `ticks` and why.
    pub user_method: String,
    /// Samples behind it.
    pub samples: u64,
    /// Share of one core that the server used while it was measured.
    pub busy: f64,
    /// Time on a core for each connection made, in microseconds.
    pub handshake_us: f64,
    /// Bytes resident for each connection, after connecting and before the first message.
    pub bytes_per_connection: f64,
    /// Megabytes resident before the first connection.
    pub empty_mb: f64,
}

/// A run's result.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Connections that were made.
    pub connections: usize,
    /// Connections that failed or ended before the end.
    pub lost: usize,
    /// The first few reasons.
    pub reasons: Vec<String>,
    /// Seconds until all connections were there.
    pub ramp_s: f64,
    /// Connections made a second.
    pub connects_per_s: f64,
    /// Seconds measured.
    pub measured_s: f64,
    /// Messages sent.
    pub sent: u64,
    /// Messages received, or counted as such where the server swallows them.
    pub delivered: u64,
    /// Messages that were due and had not arrived when patience ended.
    pub missing: u64,
    /// Messages received a second.
    pub delivered_per_s: f64,
    /// How long messages took. From when they were due, if there was a rate.
    pub latency: Latency,
    /// The course of it.
    pub seconds: Vec<Second>,
    /// The whole distribution: milliseconds at a quantile.
    pub distribution: Vec<(f64, f64)>,
    /// The server's cost, if its process was named.
    pub server: Option<Cost>,
    /// Our own time on a core for each message received, in microseconds.
    pub generator_us: f64,
    /// Share of one core we used ourselves. Near 1 the figures are ours, not the server's.
    pub generator_busy: f64,
    /// Bytes resident here for each connection, after connecting and before the first message.
    #[serde(default)]
    pub generator_bytes_per_connection: f64,
    /// Load average of the machine at the end.
    pub machine_load: f64,
}
