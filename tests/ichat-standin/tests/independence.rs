//! The stand-in shares no code with what it tests.

use std::fs;
use std::path::Path;

#[test]
fn no_crate_of_ours_is_a_dependency() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let mut section = "";
    let mut dependencies = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
            let table = line.trim_matches(['[', ']']);
            if let Some((kind, name)) = table.rsplit_once('.') {
                assert!(!kind.ends_with("dependencies"), "write {name} on one line");
            }
        } else if section.contains("dependencies") && !line.is_empty() && !line.starts_with('#') {
            let name = line.split(['=', '.', ' ']).next().unwrap_or_default();
            dependencies.push(name.to_owned());
            assert!(!line.contains("path"), "a local crate: {line}");
            assert!(!line.contains("package"), "a renamed crate: {line}");
        }
    }
    assert_eq!(dependencies, ["if-addrs", "mdns-sd", "serde_json"]);

    // Nor does it reach into another folder's sources.
    for entry in fs::read_dir(root.join("src")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            !text.contains("../../"),
            "{} reaches outside",
            path.display()
        );
        for ours in [
            "audio",
            "call",
            "endpoint",
            "ice",
            "invitation",
            "rtp",
            "sip",
            "xmpp",
        ] {
            let name = format!("ichat_{ours}");
            assert!(!text.contains(&name), "{} names {name}", path.display());
        }
    }
}
