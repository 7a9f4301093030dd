//! `ichat-call inspect`: what the captures say, and what is wrong with what is none.

use std::path::{Path, PathBuf};

use scenarios::ichat_call::{output_of, output_with_input};
use serde_json::Value;

/// Two records of an iChat 3: a mapped address and a local one, with garbage behind the first.
const LIST: &str = concat!(
    "00000000656e31000000000000000000000000000a00010248616c6c6f2077656c74202140120000",
    "00000000656e3000000000000000000000000000c0a8018400000000000000000000000040120000",
);

fn vector(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors")
        .join(name)
}

/// The tree, and the JSON of the same.
fn inspected(input: &str) -> (String, Value) {
    let tree = output_of(&["inspect", input]);
    tree.assert_status(0);
    let json = output_of(&["inspect", input, "--json"]);
    json.assert_status(0);
    let value = serde_json::from_str(&json.output)
        .unwrap_or_else(|error| panic!("one JSON value: {error}\n{}", json.output));
    (tree.output, value)
}

/// Whether a text stands anywhere in a JSON value.
fn mentions(value: &Value, text: &str) -> bool {
    value.to_string().contains(text)
}

#[test]
fn an_address_list_shows_its_addresses() {
    let (tree, json) = inspected(LIST);
    for word in ["10.0.1.2", "192.168.1.132", "16402", "en1", "en0"] {
        assert!(tree.contains(word), "no {word} in\n{tree}");
    }
    assert!(mentions(&json, "192.168.1.132"), "{json}");
}

#[test]
fn a_legacy_request_shows_its_parts() {
    let path = vector("gateway-2009-request.xml");
    let (tree, json) = inspected(&path.to_string_lossy());
    for word in [
        "apple:iq:vc:request",
        "127.0.0.1",
        "15080",
        "eth0",
        "isAudioOnly",
    ] {
        assert!(tree.contains(word), "no {word} in\n{tree}");
    }
    assert!(mentions(&json, "15080"), "{json}");
    let text = std::fs::read_to_string(vector("gateway-2009-response.xml")).expect("a vector");
    let (tree, _) = inspected(text.trim());
    assert!(tree.contains("apple:iq:vc:response"), "{tree}");
}

#[test]
fn the_invite_of_a_real_mac_shows_its_headers_and_its_offer() {
    let path = vector("viceroy-1.4.1-invite.sip");
    let (tree, json) = inspected(&path.to_string_lossy());
    for word in [
        "INVITE",
        "Viceroy 1.4.1",
        "1021",
        "16402",
        "X-AAC_ELD",
        "PCMU",
        "1261706994",
    ] {
        assert!(tree.contains(word), "no {word} in\n{tree}");
    }
    assert!(mentions(&json, "Viceroy 1.4.1"), "{json}");
}

#[test]
fn standard_input_is_read_too() {
    let output = output_with_input(&["inspect", "-"], &vector("viceroy-1.4.1-invite.sip"));
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("Viceroy 1.4.1"));
}

#[test]
fn what_is_none_of_it_is_told_in_one_line_and_never_a_panic() {
    let noise = scenarios::scratch::Scratch::new("inspect");
    let noise_path = noise.write("noise", scenarios::ulaw::noise(10_000, 3));
    let empty = noise.write("empty", "");
    let deep = noise.write("deep", "<a>".repeat(50_000));
    let long = noise.write("long", "0".repeat(2_000_000));
    for input in [&noise_path, &empty, &deep, &long].map(|path| path.to_string_lossy().into_owned())
    {
        let we = output_of(&["inspect", &input]);
        assert!(matches!(we.status, 1 | 2), "{input}\n{}", we.transcript);
        assert_eq!(
            we.errors.trim().lines().count(),
            1,
            "{input}\n{}",
            we.errors
        );
    }
    for input in ["hello", "00", &LIST[..79], "<iq", "INVITE"] {
        let we = output_of(&["inspect", input]);
        assert!(matches!(we.status, 1 | 2), "{input}\n{}", we.transcript);
        assert_eq!(
            we.errors.trim().lines().count(),
            1,
            "{input}\n{}",
            we.errors
        );
    }
}

#[test]
fn the_drawing_of_the_captured_invitation_is_what_the_program_draws() {
    let vectors =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/ichat-invitation/tests/vectors");
    let captured = vectors.join("invitation-2010.hex");
    let drawn = output_of(&["inspect", "--dump", &captured.to_string_lossy()]);
    drawn.assert_status(0);
    let page = include_str!("../../docs/protocol/invitation.md");
    let shown = page
        .rsplit("```text\n")
        .next()
        .and_then(|rest| rest.split("```").next());
    assert_eq!(
        shown,
        Some(drawn.output.as_str()),
        "docs/protocol/invitation.md"
    );
}
