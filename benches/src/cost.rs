//! What a server process costs, seen from outside.
//!
//! Run time comes from the scheduler (`/proc/PID/task/*/schedstat`, nanoseconds, all threads, kernel
//! work on their behalf included); its user share from sampling the CPU clock of each thread by a
//! software perf event, or, where that is refused, from the much coarser tick counts of
//! `/proc/PID/stat`, and [`UserShare::method`] says which; memory from the resident set. Promises:
//! the server is not stopped, traced or changed. Leaves out: systems other than Linux, where every
//! reading is an error; threads that end between two readings; kernel memory of sockets.

use std::{fs, io, time::Duration};

/// A process under observation.
#[derive(Clone, Copy, Debug)]
pub struct Server {
    pid: u32,
}

/// What it had cost at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// Time on a core, all threads together.
    pub run_time: Duration,
    /// Bytes resident.
    pub resident: u64,
    /// User and system time in the kernel's ticks.
    ticks: (u64, u64),
}

fn unreadable(path: &str) -> io::Error {
    io::Error::other(format!("{path} has another form than expected"))
}

/// The first number of a `schedstat`: nanoseconds on a core.
fn scheduled(path: &str) -> io::Result<u64> {
    let text = fs::read_to_string(path)?;
    let first = text
        .split_whitespace()
        .next()
        .and_then(|number| number.parse().ok());
    first.ok_or_else(|| unreadable(path))
}

/// How long the calling thread has run.
///
/// # Errors
/// This is not Linux.
pub fn own_run_time() -> io::Result<Duration> {
    scheduled("/proc/thread-self/schedstat").map(Duration::from_nanos)
}

impl Server {
    /// The process of this id.
    pub fn new(pid: u32) -> Self {
        Self { pid }
    }

    /// The ids of its threads.
    fn threads(self) -> io::Result<Vec<i32>> {
        let names = fs::read_dir(format!("/proc/{}/task", self.pid))?;
        Ok(names
            .flatten()
            .filter_map(|name| name.file_name().to_str()?.parse().ok())
            .collect())
    }

    /// What it has cost until now.
    ///
    /// # Errors
    /// There is no such process, or this is not Linux.
    pub fn read(self) -> io::Result<Reading> {
        let mut nanos = 0;
        for thread in self.threads()? {
            // One that ended since it was listed has no cost we could still read.
            nanos += scheduled(&format!("/proc/{}/task/{thread}/schedstat", self.pid)).unwrap_or(0);
        }
        let path = format!("/proc/{}/status", self.pid);
        let status = fs::read_to_string(&path)?;
        let resident = status
            .lines()
            .find_map(|line| {
                line.strip_prefix("VmRSS:")?
                    .split_whitespace()
                    .next()?
                    .parse::<u64>()
                    .ok()
            })
            .ok_or_else(|| unreadable(&path))?;
        let path = format!("/proc/{}/stat", self.pid);
        let stat = fs::read_to_string(&path)?;
        // The name, in brackets, may hold anything; behind it utime and stime are the 12th and 13th.
        let mut numbers = stat
            .rsplit_once(')')
            .map_or("", |(_, rest)| rest)
            .split_whitespace()
            .skip(11)
            .map_while(|number| number.parse().ok());
        let ticks = numbers
            .next()
            .zip(numbers.next())
            .ok_or_else(|| unreadable(&path))?;
        Ok(Reading {
            run_time: Duration::from_nanos(nanos),
            resident: resident * 1024,
            ticks,
        })
    }
}

/// How a user share was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// By sampling the CPU clock.
    Sampled,
    /// From tick counts: sampling was refused. Good to some percent over ten seconds at best.
    Ticks,
}

/// Watches in which mode a server's threads run.
pub struct UserShare {
    #[cfg(target_os = "linux")]
    samplers: Vec<perf_event::Sampler>,
    server: Server,
    start: Reading,
    user: u64,
    kernel: u64,
    refused: Option<String>,
}

/// Nanoseconds of run time between two samples: 2.5 kHz, and no multiple of any usual tick.
#[cfg(target_os = "linux")]
const PERIOD: u64 = 397_000;

/// Bytes of samples a thread may have before they are counted: 16 each, so four seconds' worth.
#[cfg(target_os = "linux")]
const RING: usize = 256 * 1024;

impl UserShare {
    /// Begins to watch all threads that there are now.
    ///
    /// # Errors
    /// There is no such process.
    pub fn start(server: Server) -> io::Result<Self> {
        let start = server.read()?;
        let mut share = Self {
            #[cfg(target_os = "linux")]
            samplers: Vec::new(),
            server,
            start,
            user: 0,
            kernel: 0,
            refused: None,
        };
        if let Err(error) = share.sample() {
            share.refused = Some(error.to_string());
        }
        Ok(share)
    }

    #[cfg(target_os = "linux")]
    fn sample(&mut self) -> io::Result<()> {
        use perf_event::{Builder, SampleFlag, events::Software};
        let mut samplers = Vec::new();
        for thread in self.server.threads()? {
            let counter = Builder::new(Software::CPU_CLOCK)
                .observe_pid(thread)
                .any_cpu()
                .include_kernel()
                .sample_period(PERIOD)
                .sample(SampleFlag::IP)
                .enabled(true)
                .build()?;
            samplers.push(counter.sampled(RING)?);
        }
        self.samplers = samplers;
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    fn sample(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Counts what was sampled since the last call: to be called every second or so, or samples are
    /// lost. (Lost ones are lost from both sides, so the share stays true.)
    pub fn count(&mut self) {
        #[cfg(target_os = "linux")]
        for sampler in &mut self.samplers {
            /// PERF_RECORD_SAMPLE, and the modes in the lowest bits of `misc`: perf_event_open(2).
            const SAMPLE: u32 = 9;
            const MODE: u16 = 7;
            while let Some(record) = sampler.next_record() {
                match (record.ty(), record.misc() & MODE) {
                    (SAMPLE, 2) => self.user += 1,
                    (SAMPLE, _) => self.kernel += 1,
                    _ => {}
                }
            }
        }
    }

    /// How the share is found.
    pub fn method(&self) -> Method {
        if self.refused.is_none() {
            Method::Sampled
        } else {
            Method::Ticks
        }
    }

    /// Why sampling was refused, if it was.
    pub fn refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }

    /// The samples counted.
    pub fn samples(&self) -> u64 {
        self.user + self.kernel
    }

    /// The share of its run time that the server spent in user mode, from 0 to 1, until `end`.
    pub fn share(&mut self, end: &Reading) -> f64 {
        self.count();
        let (user, kernel) = match self.method() {
            Method::Sampled => (self.user, self.kernel),
            Method::Ticks => (
                end.ticks.0.saturating_sub(self.start.ticks.0),
                end.ticks.1.saturating_sub(self.start.ticks.1),
            ),
        };
        user as f64 / (user + kernel).max(1) as f64
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::hint::black_box;

    use super::*;

    #[test]
    fn a_busy_process_is_seen_to_run_in_user_mode() {
        let this = Server::new(std::process::id());
        let mut share = UserShare::start(this).expect("we exist");
        let start = this.read().expect("we exist");
        let mut sum = 0u64;
        while this.read().expect("we exist").run_time - start.run_time < Duration::from_millis(50) {
            for number in 0..2_000_000u64 {
                sum = black_box(sum.wrapping_mul(31) ^ number);
            }
        }
        let end = this.read().expect("we exist");
        assert!(end.resident > 100_000);
        let share = share.share(&end);
        assert!((0.3..=1.0).contains(&share), "{share}");
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        // Above the largest id that Linux gives.
        assert!(Server::new(5_000_000).read().is_err());
    }
}
