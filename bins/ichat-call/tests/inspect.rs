//! `ichat-call inspect`, run as a program on captures and on bad input.
//!
//! The trees are held against `tests/vectors/*.txt`; with `UPDATE_SNAPSHOTS=1` in the environment
//! those files are written anew.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot run its program fails loudly"
)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn vector(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors")
        .join(name)
}

fn run(arguments: &[&str], input: &[u8]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_ichat-call"))
        .arg("inspect")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that refuses its arguments may be gone before it reads.
    let _ = program.stdin.take().unwrap().write_all(input);
    program.wait_with_output().unwrap()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap()
}

/// The tree of a vector, which must be the one that is kept beside it.
fn tree_is_kept(name: &str) {
    let output = run(&[vector(name).to_str().unwrap()], b"");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let tree = text(&output.stdout);
    let kept = vector(&format!("{name}.txt"));
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&kept, &tree).unwrap();
    }
    let expected = std::fs::read_to_string(&kept).unwrap();
    assert!(tree == expected, "{} differs; now:\n{tree}", kept.display());
}

#[test]
fn address_lists_are_explained() {
    for name in [
        "ipport-mapped-and-local.hex",
        "ipport-guard.hex",
        "ipport-gateway-ipv6.hex",
        "ipport-odd.hex",
    ] {
        tree_is_kept(name);
    }
}

#[test]
fn the_captured_invitation_is_explained_without_a_mark() {
    tree_is_kept("invitation-2010.hex");
    let kept = std::fs::read_to_string(vector("invitation-2010.hex.txt")).unwrap();
    assert!(
        !kept.contains('!'),
        "nothing of the capture differs from the capture"
    );
}

#[test]
fn archives_and_candidates_are_explained() {
    tree_is_kept("vcicedata-powerpc.typedstream");
    tree_is_kept("unknown-class.typedstream");
    tree_is_kept("sip-ice.candidates");
}

#[test]
fn an_invitation_that_is_cut_shows_what_is_there_and_ends_with_1() {
    let output = run(
        &[vector("invitation-2010.prefix.hex").to_str().unwrap()],
        b"",
    );
    assert_eq!(output.status.code(), Some(1));
    let message = text(&output.stderr);
    assert_eq!(message.lines().count(), 1, "{message}");
    assert!(
        message.contains("at octet 100: expected 523 octets, found 350"),
        "{message}"
    );
    let tree = text(&output.stdout);
    for seen in [
        "473648504",
        "VCOrderIsFinal",
        "350 of 523 octets",
        "192.168.1.132:16402",
        "en1~",
    ] {
        assert!(tree.contains(seen), "{seen}: {tree}");
    }
    let kept = vector("invitation-2010.prefix.hex.txt");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&kept, &tree).unwrap();
    }
    assert_eq!(tree, std::fs::read_to_string(kept).unwrap());
    let path = vector("invitation-2010.prefix.hex");
    let output = run(&[path.to_str().unwrap(), "--json"], b"");
    assert_eq!(output.status.code(), Some(1));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(
        json["fault"].as_str().unwrap().contains("350"),
        "{}",
        json["fault"]
    );
}

/// What `compose` makes of a JSON text.
fn composed(json: &[u8], arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_ichat-call"))
        .arg("compose")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = program.stdin.take().unwrap().write_all(json);
    program.wait_with_output().unwrap()
}

#[test]
fn what_was_inspected_is_composed_to_the_same_octets() {
    for name in [
        "invitation-2010.hex",
        "invitation-2010.prefix.hex",
        "vcicedata-intel.typedstream",
        "vcicedata-powerpc.typedstream",
        "unknown-class.typedstream",
        "sip-ice.candidates",
        "ipport-guard.hex",
        "gateway-2009-request.xml",
        "viceroy-1.4.1-invite.sip",
    ] {
        let original = std::fs::read(vector(name)).unwrap();
        let json = run(&[vector(name).to_str().unwrap(), "--json"], b"").stdout;
        let raw = composed(&json, &["--raw"]);
        assert_eq!(raw.status.code(), Some(0), "{}", text(&raw.stderr));
        let is_hex = name.ends_with(".hex");
        let expected = if is_hex {
            hex::decode(text(&original).trim()).unwrap()
        } else {
            original.clone()
        };
        assert!(raw.stdout == expected, "{name}");
        if is_hex {
            let shown = composed(&json, &[]);
            assert_eq!(text(&shown.stdout).trim(), text(&original).trim(), "{name}");
        }
    }
}

#[test]
fn a_changed_json_is_composed_anew() {
    let path = vector("invitation-2010.hex");
    let json = run(&[path.to_str().unwrap(), "--json"], b"").stdout;
    let mut json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    json["content"]["VCSessionID"] = 0x7654_3210.into();
    let output = composed(json.to_string().as_bytes(), &[]);
    let tree = text(&run(&[], &output.stdout).stdout);
    assert!(tree.contains("0x76543210, in 4 octets"), "{tree}");
    // Nothing but the id has changed.
    let before = std::fs::read_to_string(&path).unwrap();
    let after = text(&output.stdout);
    assert_eq!(after.trim(), before.trim().replace("1c3b4d78", "76543210"));
}

#[test]
fn what_cannot_be_composed_is_told_in_one_line() {
    for (json, expected) in [
        ("", "found no JSON"),
        ("[1]", "the key kind is missing"),
        (
            r#"{"kind":"sip"}"#,
            "expected content or raw, found neither",
        ),
        (r#"{"kind":"sip","raw":"0g"}"#, "raw: no hex at offset 1"),
        (
            r#"{"kind":"candidates","content":[{}]}"#,
            "content.1: the key",
        ),
        (
            r#"{"kind":"sip","content":1}"#,
            "has no content that can be written",
        ),
    ] {
        let output = composed(json.as_bytes(), &[]);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{json}: {message}");
        assert_eq!(message.lines().count(), 1, "{message}");
        assert!(message.contains(expected), "{json}: {message}");
    }
    let missing = composed(b"", &["no-such-file.json"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("no-such-file.json"));
}

#[test]
fn the_gateways_ring_and_answer_are_explained() {
    tree_is_kept("gateway-2009-request.xml");
    tree_is_kept("gateway-2009-response.xml");
}

#[test]
fn what_a_real_ichat_says_about_itself_is_explained() {
    tree_is_kept("ichat3-presence.xml");
    tree_is_kept("ichat3-disco-info.xml");
    tree_is_kept("ichat3-error.xml");
}

#[test]
fn the_invite_of_a_real_mac_is_explained_without_a_mark() {
    tree_is_kept("viceroy-1.4.1-invite.sip");
    let kept = std::fs::read_to_string(vector("viceroy-1.4.1-invite.sip.txt")).unwrap();
    assert!(
        !kept.contains('!'),
        "nothing of the capture differs from the capture"
    );
}

#[test]
fn the_gateways_invite_is_marked_where_it_differs_from_the_macs() {
    tree_is_kept("gateway-2009-invite.sip");
}

#[test]
fn standard_input_the_text_itself_and_a_file_are_alike() {
    let path = vector("ipport-guard.hex");
    let list = std::fs::read_to_string(&path).unwrap();
    let from_file = run(&[path.to_str().unwrap()], b"").stdout;
    assert!(!from_file.is_empty());
    assert_eq!(run(&[list.trim()], b"").stdout, from_file);
    assert_eq!(run(&["-"], list.as_bytes()).stdout, from_file);
    assert_eq!(run(&[], list.as_bytes()).stdout, from_file);
    let upper = run(&[], list.to_uppercase().as_bytes());
    assert!(text(&upper.stdout).contains("! upper-case digits"));
}

#[test]
fn json_is_one_value_with_the_octets_in_it() {
    let path = vector("viceroy-1.4.1-invite.sip");
    let output = run(&[path.to_str().unwrap(), "--json"], b"");
    assert_eq!(output.status.code(), Some(0));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "kind", "title", "page", "form", "length", "raw", "notes", "fault", "content", "fields"
        ]
    );
    assert_eq!(json["kind"], "sip");
    assert_eq!(
        hex::decode(json["raw"].as_str().unwrap()).unwrap(),
        std::fs::read(path).unwrap()
    );
    let first = json["fields"][0].as_object().unwrap();
    let keys: Vec<&String> = first.keys().collect();
    assert_eq!(
        keys,
        [
            "name", "offset", "length", "value", "meaning", "grade", "raw", "notes", "children"
        ]
    );
    let fields = json["fields"].as_array().unwrap();
    let via = fields.iter().find(|field| field["name"] == "Via").unwrap();
    let place = |key: &str| usize::try_from(via[key].as_u64().unwrap()).unwrap();
    let (offset, length) = (place("offset"), place("length"));
    let octets = hex::decode(json["raw"].as_str().unwrap()).unwrap();
    let line = octets.get(offset..offset + length).unwrap();
    assert_eq!(
        text(line),
        format!("Via: {}", via["value"].as_str().unwrap())
    );
}

#[test]
fn a_pipe_gets_no_colours() {
    let output = run(&[vector("gateway-2009-request.xml").to_str().unwrap()], b"");
    assert!(!output.stdout.contains(&0x1b));
}

#[test]
fn bad_input_is_one_line_and_a_status() {
    let long = vec![b'0'; 1024 * 1024 + 1];
    let deep = "<a>".repeat(100_000);
    let folder = env!("CARGO_MANIFEST_DIR");
    let cases: [(&[&str], &[u8], i32, &str); 7] = [
        (
            &["no-such-file.xml"],
            b"",
            1,
            "found \"no-such-file.xml\", which is no existing file either",
        ),
        (&[folder], b"", 1, "expected a file, found the directory"),
        (&[], b"", 1, "found nothing"),
        (
            &[],
            &long,
            1,
            "standard input is too long: expected at most 1048576 octets, found more",
        ),
        (
            &[],
            deep.as_bytes(),
            1,
            "at offset 192: expected at most 64 elements inside each other",
        ),
        (
            &[],
            b"<iq><query>",
            1,
            "at offset 11: expected the end of <query>, which begins at offset 4",
        ),
        (&["d4c3b2a102000400"], b"", 2, "is not built yet"),
    ];
    for (arguments, input, status, expected) in cases {
        let output = run(arguments, input);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{message}");
        assert!(message.contains(expected), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn with_json_a_failure_is_an_object_too() {
    let output = run(&["--json", "d4c3b2a102000400"], b"");
    assert_eq!(output.status.code(), Some(2));
    let error: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (error["event"].as_str(), error["code"].as_str()),
        (Some("error"), Some("not-yet"))
    );
}
