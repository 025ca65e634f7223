//! Makes a certificate for development, and prints the hash by which browsers accept it.

use std::{fs, io, path::PathBuf, process::ExitCode};

use clap::Parser;
use ringside_gateway::{DevCertError, DevCertificate};

/// Make a certificate for development, which browsers accept over WebTransport by its hash.
///
/// It is ECDSA P-256, for localhost, 127.0.0.1 and ::1, and valid for 14 days at most: browsers accept no other by
/// hash. Pages over https:// would still warn of it; serve them from http://localhost or http://127.0.0.1 meanwhile.
#[derive(Parser)]
#[command(
    name = "gen-cert",
    version,
    after_help = "Give the files to the server (--cert dev-cert.pem --key dev-key.pem) and the hash to the page:\n  \
    io(url, { transports: [\"webtransport\"], serverCertificateHashes: [HASH] })\n\
    A running server takes up new files by itself; the hash is another one then."
)]
struct Cli {
    /// More names and addresses that clients reach the server by
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Folder for dev-cert.pem and dev-key.pem, which are replaced
    #[arg(long, short, value_name = "FOLDER", default_value = ".")]
    out: PathBuf,
    /// How long it is valid
    #[arg(long, value_name = "N", default_value_t = 14)]
    days: u32,
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gen-cert: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<(), Box<dyn std::error::Error>> {
    let made: Result<_, DevCertError> = DevCertificate::new(&cli.names, cli.days);
    let made = made?;
    fs::create_dir_all(&cli.out).map_err(|error| named(&cli.out, &error))?;
    let (cert, key) = (cli.out.join("dev-cert.pem"), cli.out.join("dev-key.pem"));
    write(&key, &made.key, 0o600)?;
    write(&cert, &made.cert, 0o644)?;
    println!("{}: valid for {} days", cert.display(), cli.days);
    println!("{}: its private key", key.display());
    println!("SHA-256 {}", made.hash_hex());
    println!("base64  {}", made.hash_base64());
    println!("\nFor Ringside's browser client, or any page's own WebTransport:");
    println!("  serverCertificateHashes: [\"{}\"]", made.hash_base64());
    println!("  {}", made.javascript());
    Ok(())
}

/// Writes a file that only those may read who shall, from its first moment on.
fn write(path: &PathBuf, text: &str, mode: u32) -> Result<(), String> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    // Replaced rather than written over: an older file may be readable by more.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(named(path, &error)),
        _ => {}
    }
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .map_err(|error| named(path, &error))?;
    file.write_all(text.as_bytes())
        .map_err(|error| named(path, &error))
}

fn named(path: &std::path::Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}
