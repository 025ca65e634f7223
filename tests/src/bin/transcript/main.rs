//! `transcript URL TRANSPORTS`: the script of `client/web/test/transcript.mjs`, told by the Rust client.
//!
//! Each line is a step and what came of it, word for word as the browser client and the stock client
//! tell it, so that the three can be compared. Promises: no ids, times or ports in the lines; a step that
//! hangs is an error. Leaves out: servers (the fixture, or `fixture.mjs`).

mod connections;
mod events;
mod payloads;
mod script;

use std::{error::Error, process::ExitCode, time::Duration};

use ringside_client::{Auth, Transport};
use script::Script;

/// How long all of it may take: two seconds are usual.
const ALL: Duration = Duration::from_secs(60);

type Done = Result<(), Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [url, transports] = &args[..] else {
        eprintln!(
            "usage: transcript URL TRANSPORTS, such as http://localhost:3000 polling,websocket"
        );
        return ExitCode::FAILURE;
    };
    let run = tokio::time::timeout(ALL, run(url, transports)).await;
    match run.unwrap_or_else(|_| Err(format!("hangs after that, for {ALL:?}").into())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("transcript: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(url: &str, transports: &str) -> Done {
    let known = |name| Transport::from_name(name).ok_or("no such transport");
    let transports = transports.split(',').map(known).collect::<Result<_, _>>()?;
    let auth = Auth::value(&serde_json::json!({"token": "abc"}))?;
    let mut script = Script::start(url, transports, auth)?;
    events::begin(&mut script).await?;
    payloads::run(&mut script).await?;
    events::listeners(&mut script).await?;
    connections::namespaces(&mut script).await?;
    connections::lives(&mut script).await
}
