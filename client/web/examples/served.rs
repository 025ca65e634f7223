//! Prints a file as the gateway serves it: `cargo run -p ringside-web --example served -- socket.io.js`.

use std::io::Write as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let path = std::env::args()
        .nth(1)
        .unwrap_or_else(|| ringside_web::CLASSIC.to_owned());
    let Some(asset) = ringside_web::asset(&path) else {
        eprintln!("the client has no file {path}");
        return ExitCode::FAILURE;
    };
    match std::io::stdout().write_all(&asset.bytes) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
