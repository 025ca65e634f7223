//! The fixture in a process of its own.

use std::{
    error::Error,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

/// A server; it ends when this is dropped.
pub(crate) struct Server {
    process: Child,
    pub(crate) url: String,
}

impl Server {
    /// `fixture api` on a free port, or on this one.
    pub(crate) fn start(fixture: &str, port: &str) -> Result<Self, Box<dyn Error>> {
        let mut process = Command::new(fixture)
            .args(["api", "--port", port])
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = process.stdout.take().ok_or("no standard output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let url = line.trim().strip_prefix("listening on ").map(str::to_owned);
        let mut server = Self {
            process,
            url: String::new(),
        };
        server.url = url.ok_or_else(|| format!("the fixture says {line:?}"))?;
        Ok(server)
    }

    pub(crate) fn port(&self) -> &str {
        self.url.rsplit(':').next().unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
