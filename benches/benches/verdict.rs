//! The end of `cargo bench`: which ratios were kept and which missed, and what was left out.
//!
//! Reads what the other benches noted in the file that `RINGSIDE_RATIOS` names, then empties it.

use std::{collections::BTreeMap, env, fs};

use ringside_benches::need::{Missing, missing};
use serde_json::Value;

fn main() {
    let path = env::var_os("RINGSIDE_RATIOS").unwrap_or_default();
    let text = fs::read_to_string(&path).unwrap_or_default();
    // It was only for this; the next run starts from nothing.
    let _ = fs::remove_file(&path);
    // A bench that was run again since has noted its ratio again: the last one counts.
    let mut ratios = BTreeMap::new();
    for line in text.lines() {
        if let Ok(entry) = serde_json::from_str::<Value>(line) {
            ratios.insert(entry["what"].as_str().unwrap_or_default().to_owned(), entry);
        }
    }
    let missed = |entry: &&Value| entry["kept"] == false;
    println!(
        "\nSummary: {} ratios with a bound, {} missed",
        ratios.len(),
        ratios.values().filter(missed).count()
    );
    for (what, entry) in &ratios {
        let ratio = entry["ratio"].as_f64().unwrap_or(f64::NAN);
        let sign = if entry["more_is_better"] == true {
            ">="
        } else {
            "<="
        };
        let verdict = if missed(&entry) { "MISSED" } else { "kept" };
        println!(
            "  {verdict:<7}{ratio:>8.2}x {sign} {:<6} {what}",
            entry["bound"].to_string()
        );
    }
    for Missing {
        program,
        what,
        mend,
    } in missing()
    {
        println!("Left out: {what}, since {program} is missing. Mend: {mend}");
    }
    println!(
        "Whether something got slower: cargo xtask bench --quick. Beside other servers: cargo xtask rivals."
    );
}
