//! The configuration file: where it is, and what is wrong with it.

use std::path::Path;

use serde_json::json;

use super::check::{Check, Topic};
use crate::config::{Examined, examine};

/// Looks at the file that is named, or at that in the platform's folder.
pub(super) fn look(named: Option<&Path>) -> Check {
    let shown = |path: &Path| path.display().to_string();
    match examine(named) {
        Examined::Absent { path: Some(path) } => Check::ok(
            Topic::Configuration,
            format!("none at {}, and none is needed", shown(&path)),
        )
        .with("path", shown(&path))
        .with("found", false),
        Examined::Absent { path: None } => Check::ok(
            Topic::Configuration,
            "none: this system has no folder for it, and none is needed",
        )
        .with("path", json!(null))
        .with("found", false),
        Examined::Fine { path, keys } => {
            let what = if keys.is_empty() {
                "it is empty".to_owned()
            } else {
                format!("it sets {}", keys.join(", "))
            };
            Check::ok(Topic::Configuration, format!("{}: {what}", shown(&path)))
                .with("path", shown(&path))
                .with("found", true)
                .with("keys", keys)
        }
        Examined::Faulty { path, faults } => Check::problem(
            Topic::Configuration,
            format!("{}: {}", shown(&path), faults.join("; ")),
        )
        .advise(
            "mend the file: every long option is a key. What follows was looked at without it, and \
             the other commands refuse to start",
        )
        .with("path", shown(&path))
        .with("faults", faults),
    }
}
