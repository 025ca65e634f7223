//! The Node process of `tests/differential`: requests in, answers out, in one batch.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("differential")
}

/// Installs the packages that the lock file names, if nobody has yet.
pub fn install() {
    if folder().join("node_modules/socket.io-parser").is_dir() {
        return;
    }
    let status = Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund", "--silent"])
        .current_dir(folder())
        .status()
        .expect("npm is needed for this test: install Node.js 20 or later");
    assert!(status.success(), "npm ci failed in tests/differential");
}

/// Sends all requests and gives the answers in their order.
pub fn ask(requests: &[Value]) -> Vec<Value> {
    let mut node = Command::new("node")
        .arg("peer.cjs")
        .current_dir(folder())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node is needed for this test: install Node.js 20 or later");
    let mut input = node.stdin.take().expect("a pipe");
    let lines: Vec<String> = requests
        .iter()
        .map(|request| format!("{request}\n"))
        .collect();
    // Both pipes are bounded, so one thread writes while the other reads.
    let writer = std::thread::spawn(move || {
        lines
            .iter()
            .try_for_each(|line| input.write_all(line.as_bytes()))
            .expect("the peer reads")
    });
    let output = BufReader::new(node.stdout.take().expect("a pipe"));
    let answers: Vec<Value> = output
        .lines()
        .map(|line| serde_json::from_str(&line.expect("UTF-8")).expect("the peer answers JSON"))
        .collect();
    writer.join().expect("the writer ends");
    assert!(node.wait().expect("the peer ends").success());
    assert_eq!(answers.len(), requests.len(), "one answer a request");
    answers
}
