//! Results as they are stored: figures with their spread, where, when and of what.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::Command,
    thread::available_parallelism,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

/// A figure over all repetitions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The median.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The most.
    pub max: f64,
}

impl Figure {
    /// Of some values; nothing of none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        Some(Self {
            median: f64::midpoint(low, high),
            min,
            max,
        })
    }
}

/// Figures by name; names carry their unit.
pub type Figures = BTreeMap<String, Figure>;

/// Where it was measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name.
    pub cpu: String,
    /// How many cores.
    pub cores: usize,
    /// Gigabytes of memory.
    pub memory_gb: f64,
    /// The kernel's release.
    pub kernel: String,
}

impl Machine {
    /// This one.
    pub fn this() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split_once(':'))
                .map(|(_, value)| value.trim().to_owned())
        };
        let memory = field(&read("/proc/meminfo"), "MemTotal");
        let kilobytes = memory.and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
        Self {
            cpu: field(&read("/proc/cpuinfo"), "model name").unwrap_or_default(),
            cores: available_parallelism().map_or(0, std::num::NonZero::get),
            memory_gb: (kilobytes.unwrap_or(0.0) / 1e5).round() / 10.0,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        }
    }
}

/// One stored result.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    /// The day, as `2026-11-22`.
    pub date: String,
    /// The commit that was measured; `+` behind it: with changes.
    pub commit: String,
    /// Where.
    pub machine: Machine,
    /// Seconds each point was measured for, and how many times.
    pub seconds: f64,
    /// Repetitions, each with fresh servers, contenders in turns.
    pub repetitions: usize,
    /// Load averages of the machine when it began and when it ended.
    pub load: (f64, f64),
    /// Figures by point and contender.
    #[serde(default)]
    pub points: BTreeMap<String, BTreeMap<String, Figures>>,
    /// Instructions by benchmark.
    #[serde(default)]
    pub instructions: BTreeMap<String, u64>,
    /// Ratios of contenders within one process, by what they are.
    #[serde(default)]
    pub ratios: BTreeMap<String, f64>,
}

impl Stored {
    /// Of what it is, when and where it was measured, for people.
    pub(super) fn origin(&self) -> String {
        let Self {
            date,
            commit,
            machine,
            load,
            ..
        } = self;
        format!(
            "commit `{commit}`, {date}, {} ({} cores, Linux {}), load average {:.1} to {:.1}",
            machine.cpu, machine.cores, machine.kernel, load.0, load.1
        )
    }

    /// An empty result of now, here, of the tree at `root`.
    pub fn begin(root: &Path, seconds: f64, repetitions: usize) -> Self {
        let load = load();
        Self {
            date: civil_date(SystemTime::now()),
            commit: commit(root),
            machine: Machine::this(),
            seconds,
            repetitions,
            load: (load, load),
            ..Self::default()
        }
    }

    /// Notes the load at the end.
    pub fn end(&mut self) {
        self.load.1 = load();
    }

    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with the file, with its name.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text =
            fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Writes it, into a folder that is made if need be.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), String> {
        let text = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
        folder
            .and_then(|()| fs::write(path, text + "\n"))
            .map_err(|error| format!("{}: {error}", path.display()))
    }

    /// The median of a figure.
    pub fn median(&self, point: &str, contender: &str, figure: &str) -> Option<f64> {
        Some(self.points.get(point)?.get(contender)?.get(figure)?.median)
    }
}

fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|first| first.parse().ok())
        .unwrap_or(0.0)
}

/// The commit's short name, with `+` if tracked files have changed since.
fn commit(root: &Path) -> String {
    let git = |args: &[&str]| {
        let output = Command::new("git")
            .current_dir(root)
            .args(args)
            .output()
            .ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(name) = git(&["rev-parse", "--short=12", "HEAD"]) else {
        return "unknown".to_owned();
    };
    let changed =
        git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|it| !it.is_empty());
    if changed { name + "+" } else { name }
}

/// The day in Greenwich.
pub fn civil_date(time: SystemTime) -> String {
    let days = time
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs() / 86_400) as i64;
    // The Gregorian calendar repeats every 146,097 days; years are counted from March, so that the
    // leap day is the last one.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, year) = if month < 10 {
        (month + 3, year)
    } else {
        (month - 9, year + 1)
    };
    format!("{:04}-{month:02}-{day:02}", year + era * 400)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn days_have_their_dates() {
        for (days, date) in [
            (0, "1970-01-01"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (20_780, "2026-11-23"),
        ] {
            assert_eq!(
                civil_date(UNIX_EPOCH + Duration::from_secs(days * 86_400 + 5)),
                date
            );
        }
    }

    #[test]
    fn a_figure_is_the_middle_and_the_ends() {
        assert_eq!(
            Figure::of([3.0, 1.0, 2.0]),
            Some(Figure {
                median: 2.0,
                min: 1.0,
                max: 3.0
            })
        );
        assert_eq!(Figure::of([1.0, 2.0]).map(|it| it.median), Some(1.5));
        assert_eq!(Figure::of([]), None);
    }
}
