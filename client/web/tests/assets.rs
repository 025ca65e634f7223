//! What is served: complete, within the size promised, and scripts that a JavaScript engine accepts.
//!
//! Needs `node` (20 or later) on the PATH; its absence is a failure, not a skip.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use flate2::{Compression, write::GzEncoder};

/// The whole client without the game extras, each file compressed by itself as it travels, bytes.
/// The stock client is 12.9 kB minified (ESM), 14.8 kB (UMD).
const GZIPPED_BYTES_MAX: usize = 14_000;

/// What only pages that name WebTransport load, and its bound.
const LATER: &str = "webtransport.js";
const LATER_BYTES_MAX: usize = 2_500;

fn gzipped(bytes: &[u8]) -> usize {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap().len()
}

fn js_folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/js"))
}

fn files(folder: &Path, prefix: &str, into: &mut BTreeSet<String>) {
    for entry in folder.read_dir().unwrap().map(Result::unwrap) {
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            files(&entry.path(), &format!("{name}/"), into);
        } else {
            into.insert(name);
        }
    }
}

/// Runs `node` with a script on its standard input; its standard output.
fn node(args: &[&str], script: &[u8]) -> String {
    let mut child = Command::new("node")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("these tests need node on the PATH (apt-get install nodejs)");
    child.stdin.take().unwrap().write_all(script).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "node {args:?} failed");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_file_of_the_folder_is_embedded() {
    let mut on_disk = BTreeSet::from([ringside_web::CLASSIC.to_owned()]);
    files(js_folder(), "", &mut on_disk);
    let embedded: BTreeSet<String> = ringside_web::assets()
        .iter()
        .map(|a| a.path.to_owned())
        .collect();
    assert_eq!(embedded, on_disk);
}

#[test]
fn the_client_without_game_extras_is_small() {
    let modules = ringside_web::assets().iter().filter(|asset| {
        asset.path.ends_with(".js")
            && !asset.path.starts_with("game/")
            && asset.path != ringside_web::CLASSIC
            && asset.path != LATER
    });
    let sizes: Vec<(&str, usize)> = modules
        .map(|asset| (asset.path, gzipped(&asset.bytes)))
        .collect();
    let sum: usize = sizes.iter().map(|(_, size)| size).sum();
    println!("{sum} bytes gzipped: {sizes:?}");
    assert!(sum <= GZIPPED_BYTES_MAX, "{sum} bytes: {sizes:?}");
    let later = gzipped(&ringside_web::asset(LATER).unwrap().bytes);
    println!("{later} bytes gzipped: {LATER}");
    assert!(later <= LATER_BYTES_MAX, "{later} bytes: {LATER}");
}

#[test]
fn sources_keep_to_the_rules_of_the_line_transformations() {
    let mut on_disk = BTreeSet::new();
    files(js_folder(), "", &mut on_disk);
    for name in on_disk.iter().filter(|name| name.ends_with(".js")) {
        let text = std::fs::read_to_string(js_folder().join(name)).unwrap();
        assert!(
            text.starts_with("// "),
            "{name} does not open with what it is"
        );
        let lines = text.lines().count();
        assert!(lines <= 600, "{name} has {lines} lines");
        for (number, line) in text.lines().enumerate().map(|(at, line)| (at + 1, line)) {
            assert!(
                line.matches('`').count() % 2 == 0,
                "{name}:{number}: a template spans lines"
            );
            assert!(
                !line.ends_with('\\'),
                "{name}:{number}: a string spans lines"
            );
            if line.contains("/*") {
                assert!(
                    line.trim().starts_with("/*"),
                    "{name}:{number}: a block comment beside code"
                );
            }
            if line.contains("*/") {
                assert!(
                    line.trim().ends_with("*/"),
                    "{name}:{number}: code after a block comment"
                );
            }
        }
    }
}

#[test]
fn what_is_served_parses() {
    for asset in ringside_web::assets()
        .iter()
        .filter(|asset| asset.path.ends_with(".js"))
    {
        let kind = if asset.path == ringside_web::CLASSIC {
            "commonjs"
        } else {
            "module"
        };
        node(
            &["--check", &format!("--input-type={kind}"), "-"],
            &asset.bytes,
        );
    }
}

#[test]
fn the_classic_script_sets_the_global_io() {
    let mut script = ringside_web::asset(ringside_web::CLASSIC)
        .unwrap()
        .bytes
        .clone();
    script.extend_from_slice(
        b"const s = io('http://127.0.0.1:1/chat', { autoConnect: false });\n\
          console.log([typeof io, io.protocol, typeof io.Manager, typeof io.Socket, s.nsp, s.state].join());\n",
    );
    let said = node(&["--input-type=commonjs", "-"], &script);
    assert_eq!(
        said.trim(),
        "function,5,function,function,/chat,disconnected"
    );
}

#[test]
fn paths_outside_the_client_are_nothing() {
    for path in [
        "",
        "/ringside.js",
        "../js/ringside.js",
        "game",
        "game/",
        "src/lib.rs",
    ] {
        assert!(ringside_web::asset(path).is_none(), "{path}");
    }
}

#[test]
fn a_tag_follows_its_bytes() {
    let tags: BTreeSet<&str> = ringside_web::assets()
        .iter()
        .map(|asset| asset.etag.as_str())
        .collect();
    assert_eq!(tags.len(), ringside_web::assets().len());
    assert!(
        tags.iter()
            .all(|tag| tag.len() == 18 && tag.starts_with('"') && tag.ends_with('"'))
    );
}
