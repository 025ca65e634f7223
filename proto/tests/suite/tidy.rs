//! What the crate promises of itself: no `unsafe`, no clock, no randomness, no I/O, no other crate
//! of the workspace, a first line in every file and no file too long to read.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder is readable") {
        let path = entry.expect("the entry is readable").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn all(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join(folder),
        &mut found,
    );
    assert!(found.len() > 5, "{folder} has sources");
    found
        .into_iter()
        .map(|path| (path.clone(), fs::read_to_string(path).expect("UTF-8")))
        .collect()
}

#[test]
fn the_library_knows_no_clock_no_chance_and_no_socket() {
    let forbidden = [
        "unsafe ",
        "unsafe{",
        "Instant",
        "SystemTime",
        "rand::",
        "getrandom",
        "RandomState",
        "HashMap",
        "std::net",
        "std::fs",
        "std::thread",
        "std::sync",
        "std::env",
        "tokio",
        "async ",
        ".await",
    ];
    for (path, text) in all("src") {
        for line in text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
        {
            for word in forbidden {
                assert!(
                    !line.contains(word),
                    "{}: {word} in {line:?}",
                    path.display()
                );
            }
        }
    }
    let lib = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs"));
    assert!(lib.expect("lib.rs").contains("#![forbid(unsafe_code)]"));
}

#[test]
fn every_file_says_what_it_is_and_stays_short() {
    for folder in ["src", "tests"] {
        for (path, text) in all(folder) {
            assert!(text.starts_with("//!"), "{} opens with //!", path.display());
            assert!(
                text.lines().count() <= 600,
                "{} has at most 600 lines",
                path.display()
            );
        }
    }
}

#[test]
fn the_crate_depends_on_no_other_of_the_workspace() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let manifest = fs::read_to_string(manifest).expect("Cargo.toml");
    let dependencies = manifest
        .split_once("[dependencies]")
        .expect("dependencies")
        .1;
    assert!(!dependencies.contains("ringside-"));
}
