//! Replays the committed corpora of the fuzz targets: what once was found stays found.

use std::fs;
use std::path::Path;

#[path = "../../fuzz/src/targets/mod.rs"]
mod targets;

#[test]
fn every_input_of_every_corpus_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    for (name, run) in targets::ALL {
        let mut inputs = 0;
        for entry in
            fs::read_dir(folder.join("corpus").join(name)).expect("each target has a corpus")
        {
            let path = entry.expect("the corpus is readable").path();
            let input = fs::read(&path).expect("the input is readable");
            println!("{}", path.display());
            run(&input);
            inputs += 1;
        }
        assert!(inputs >= 2, "{name} has seeds");
        assert!(
            folder
                .join("dictionaries")
                .join(format!("{name}.dict"))
                .is_file(),
            "{name} has a dictionary"
        );
        assert!(
            folder.join("bin").join(format!("{name}.rs")).is_file(),
            "{name} has a program"
        );
    }
    assert!(targets::ALL.len() >= 10);
}
