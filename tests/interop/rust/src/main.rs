//! Crate `rust_socketio` 0.6, blocking and asynchronous, against the fixture `api`.
//!
//! Promises: each cell connects with auth, talks both ways in text and bytes, gets acks in text and bytes, is in rooms, hears of a
//! refusal, leaves and is left, and finds a restarted server again. Prints a line per cell and `N passed, N failed`. Usage:
//! `ringside-interop-rust FIXTURE`. Leaves out what this client cannot do, whatever the server (docs/protocol.md lists it).
//!
//! Each cell runs in a process of its own: the blocking client's thread never ends, and spins once it is disconnected.

mod cells;
mod peer;
mod server;

use std::{
    env,
    error::Error,
    process::{Command, ExitCode},
    sync::mpsc::sync_channel,
    thread,
    time::Duration,
};

use peer::Kind;
use rust_socketio::TransportType;

/// Whatever is waited for comes within it, also on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(15);

/// When a cell is given up.
const CELL: Duration = Duration::from_secs(60);

type Outcome = Result<(), Box<dyn Error>>;

const KINDS: [(&str, Kind); 2] = [
    ("blocking", Kind::Blocking),
    ("asynchronous", Kind::Asynchronous),
];
const CHOICES: [(&str, fn() -> TransportType); 3] = [
    ("polling", || TransportType::Polling),
    ("websocket", || TransportType::Websocket),
    ("upgrade", || TransportType::WebsocketUpgrade),
];
const NAMESPACES: [&str; 2] = ["/", "/custom"];
const CELLS: [(&str, fn(&cells::Cell) -> Outcome); 3] = [
    ("everything", cells::everything),
    ("refused", cells::refused),
    ("restarted", cells::restarted),
];

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    match &args[..] {
        [fixture] => all(fixture),
        [fixture, at] => match within_its_time(fixture.clone(), at) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        },
        _ => {
            eprintln!("usage: ringside-interop-rust FIXTURE");
            ExitCode::FAILURE
        }
    }
}

/// Runs a cell on a thread of its own, which ends with the process.
fn within_its_time(fixture: String, at: &str) -> Result<(), String> {
    let at = at
        .parse()
        .map_err(|_| format!("{at:?} is no cell's number"))?;
    let (sender, outcome) = sync_channel(1);
    thread::spawn(move || sender.send(one(&fixture, at).map_err(|error| error.to_string())));
    outcome
        .recv_timeout(CELL)
        .unwrap_or_else(|error| Err(format!("it came to no end: {error}")))
}

/// What the `at`th cell is: the kind of client, the transport, the namespace, what is done.
fn parts(at: usize) -> Option<[usize; 4]> {
    let (at, cell) = (at / CELLS.len(), at % CELLS.len());
    let (at, namespace) = (at / NAMESPACES.len(), at % NAMESPACES.len());
    let (kind, choice) = (at / CHOICES.len(), at % CHOICES.len());
    (kind < KINDS.len()).then_some([kind, choice, namespace, cell])
}

fn one(fixture: &str, at: usize) -> Outcome {
    let [kind, choice, namespace, cell] = parts(at).ok_or("no such cell")?;
    CELLS[cell].1(&cells::Cell {
        fixture,
        kind: KINDS[kind].1,
        transport: CHOICES[choice].1,
        namespace: NAMESPACES[namespace],
    })
}

fn all(fixture: &str) -> ExitCode {
    let (mut passed, mut failed) = (0, 0);
    for at in 0.. {
        let Some([kind, choice, namespace, cell]) = parts(at) else {
            break;
        };
        let name = format!(
            "{}, {}, {}: {}",
            KINDS[kind].0, CHOICES[choice].0, NAMESPACES[namespace], CELLS[cell].0
        );
        match alone(fixture, at) {
            Ok(()) => {
                passed += 1;
                println!("ok      {name}");
            }
            Err(error) => {
                failed += 1;
                println!("FAILED  {name}: {error}");
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs a cell in a process of its own.
fn alone(fixture: &str, at: usize) -> Outcome {
    let status = Command::new(env::current_exe()?)
        .args([fixture, &at.to_string()])
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(status.to_string().into())
    }
}
