//! The programs under test: where they are, built if they must be.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// `ichat-call`; the variable `ICHAT_CALL_BIN` names another one.
pub fn ichat_call() -> PathBuf {
    named("ICHAT_CALL_BIN", "ichat-call")
}

/// `ichat-standin`; the variable `ICHAT_STANDIN_BIN` names another one.
pub fn ichat_standin() -> PathBuf {
    named("ICHAT_STANDIN_BIN", "ichat-standin")
}

/// A program of this package, which is built with its tests.
pub(crate) fn beside(name: &str) -> PathBuf {
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    profile().join(name)
}

fn named(variable: &str, name: &str) -> PathBuf {
    match std::env::var_os(variable) {
        Some(path) => PathBuf::from(path),
        None => folder().join(format!("{name}{}", std::env::consts::EXE_SUFFIX)),
    }
}

/// `target/<profile>`, with both programs in it, at least as new as their sources.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = profile();
        if !is_up_to_date(&folder) {
            build(&folder);
        }
        folder
    })
}

fn profile() -> PathBuf {
    let test = std::env::current_exe().expect("a running program has a path");
    test.parent()
        .and_then(Path::parent)
        .expect("a test program is in target/<profile>/deps")
        .to_owned()
}

fn is_up_to_date(folder: &Path) -> bool {
    let oldest = ["ichat-call", "ichat-standin"]
        .map(|name| modified(&folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))))
        .into_iter()
        .min()
        .flatten();
    let newest = ["bins", "crates", "tests/ichat-standin"]
        .map(|source| newest_source(&workspace().join(source)))
        .into_iter()
        .max()
        .flatten();
    oldest.is_some() && oldest >= newest
}

fn newest_source(folder: &Path) -> Option<SystemTime> {
    let entries = std::fs::read_dir(folder).ok()?;
    entries
        .flatten()
        .filter_map(|entry| {
            let path = entry.path();
            let name = entry.file_name();
            match path.is_dir() {
                // What is not compiled into the programs.
                true if name == "tests" || name == "examples" || name == "benches" => None,
                true => newest_source(&path),
                false
                    if path
                        .extension()
                        .is_some_and(|end| end == "rs" || end == "toml") =>
                {
                    modified(&path)
                }
                false => None,
            }
        })
        .max()
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().ok()?.modified().ok()
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ is in the workspace")
}

/// The same build as `cargo test --workspace`, so that nothing is compiled twice.
fn build(folder: &Path) {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "--quiet", "--workspace", "--bins", "--target-dir"])
        .arg(folder.parent().expect("a profile is in the target folder"))
        .current_dir(workspace());
    if folder
        .file_name()
        .is_some_and(|profile| profile == "release")
    {
        command.arg("--release");
    }
    let output = command.output().expect("cargo runs");
    assert!(
        output.status.success(),
        "the programs under test cannot be built:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
