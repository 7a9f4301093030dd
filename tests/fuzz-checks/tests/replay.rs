//! Replays the seed corpora and everything that fuzzing ever found.

use std::fs;
use std::path::{Path, PathBuf};

fn inputs(target: &str) -> Vec<PathBuf> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let mut files = Vec::new();
    for folder in ["corpus", "regressions"] {
        let Ok(entries) = fs::read_dir(fuzz.join(folder).join(target)) else {
            continue;
        };
        files.extend(entries.map(|entry| entry.expect("a readable folder").path()));
    }
    files.sort();
    files
}

fn replay(target: &str, check: fn(&[u8])) {
    let files = inputs(target);
    assert!(files.len() > 3, "the corpus of {target} is missing");
    for file in files {
        println!("{}", file.display());
        check(&fs::read(&file).expect("a readable file"));
    }
}

macro_rules! replays {
    ($($target:ident),* $(,)?) => {$(
        #[test]
        fn $target() {
            replay(stringify!($target), fuzz_checks::$target);
        }
    )*

        #[test]
        fn every_target_is_replayed() {
            let targets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/fuzz_targets");
            let mut found: Vec<String> = fs::read_dir(targets)
                .expect("the targets")
                .map(|entry| entry.expect("a readable folder").path())
                .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
                .collect();
            found.sort();
            let mut replayed = [$(stringify!($target)),*];
            replayed.sort_unstable();
            assert_eq!(found, replayed);
        }
    };
}

replays!(
    candidates,
    classify,
    hex,
    http,
    invitation,
    ipport_list,
    property_list,
    sip,
    snatmap,
    stanza,
    stun,
    typedstream,
);
