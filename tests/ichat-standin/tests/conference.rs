//! Two stand-ins ring each other with invitations through a real Prosody, and find a path.

mod common;

use common::{Prosody, Standin, assert_octets_agree};
use serde_json::Value;

const US: [&str; 9] = ["u0", "u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8"];
const MACS: [&str; 9] = ["m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8"];

fn server() -> Option<Prosody> {
    Prosody::start(&[US, MACS].concat())
}

/// A caller and a callee for each case, all at once.
fn calls(server: &Prosody, cases: &[(&str, &str)]) -> Vec<(Standin, Standin)> {
    let mut pairs = Vec::new();
    for (index, (caller, callee)) in cases.iter().enumerate() {
        let mut answering = server.standin("answer", MACS[index], callee);
        answering.wait("online");
        let arguments = format!(
            "--peer {}@im.test --duration 1.5 --no-wait-for-rtp {caller}",
            MACS[index]
        );
        pairs.push((server.standin("call", US[index], &arguments), answering));
    }
    pairs
}

fn assert_talked(caller: &Value, callee: &Value, dialect: &str) {
    assert_eq!(caller["ended"], "hangup", "{caller:#}");
    assert_eq!(callee["ended"], "remote-hangup", "{callee:#}");
    for verdict in [caller, callee] {
        assert_eq!(verdict["dialect"], dialect, "{verdict:#}");
    }
}

fn number(verdict: &Value, key: &str) -> u64 {
    verdict[key].as_u64().unwrap()
}

#[test]
fn an_invitation_its_answer_and_a_path_make_a_call() {
    let Some(server) = server() else { return };
    let c = "--dialect conference";
    let cases = [
        (c, c),
        ("--dialect conference --powerpc", c),
        (
            c,
            "--dialect conference --powerpc --conference-in-connect-data",
        ),
        (
            c,
            "--dialect conference --no-cookie --dead-candidate --garbage",
        ),
        (
            "--dialect conference --extra-attributes --dead-candidate",
            c,
        ),
        (
            "--dialect conference --tamper-guard",
            "--dialect conference --tamper-guard",
        ),
        ("--dialect conference --video-call", c),
        (
            "--dialect conference --bind ::1",
            "--dialect conference --bind ::1",
        ),
        // It rings in its own form, whatever the other shows.
        (c, ""),
    ];
    for (mut caller, mut callee) in calls(&server, &cases) {
        let (caller_saw, callee_saw) = (caller.good_verdict(), callee.good_verdict());
        assert_talked(&caller_saw, &callee_saw, "conference");
        for verdict in [&caller_saw, &callee_saw] {
            assert_eq!(verdict["path_kind"], "checked", "{verdict:#}");
            assert!(number(verdict, "checks_succeeded") >= 1, "{verdict:#}");
            assert!(number(verdict, "checks_answered") >= 1, "{verdict:#}");
            assert!(verdict["path_ms"].as_f64().unwrap() < 2000.0, "{verdict:#}");
        }
        assert_octets_agree(&caller, &callee, 1);
    }
}

#[test]
fn candidates_are_read_as_they_were_meant() {
    let Some(server) = server() else { return };
    let flags = "--dialect conference --tamper-guard --powerpc --dead-candidate";
    let mut pairs = calls(&server, &[("--dialect conference", flags)]);
    let (caller, callee) = &mut pairs[0];
    let port = callee.port();
    let verdict = caller.good_verdict();
    callee.good_verdict();
    let candidates = verdict["candidates"].as_array().unwrap();
    assert_eq!(candidates.len(), 2, "{verdict:#}");
    assert_eq!(candidates[0]["address"], "127.0.0.1:9");
    assert_eq!(candidates[1]["address"], format!("127.0.0.1:{port}"));
    assert_eq!(verdict["path"], candidates[1]["address"]);
    for candidate in candidates {
        assert_eq!(candidate["tampered"], true);
        assert_eq!(candidate["processor"], "powerpc");
        assert_eq!(candidate["kind"], 1);
    }
}

#[test]
fn whatever_form_is_used_is_answered_in_kind() {
    let Some(server) = server() else { return };
    let cases = [
        ("", "--dialect conference"),
        ("--both-forms", ""),
        ("--both-forms", "--dialect conference"),
        ("--dialect conference", "--refuse-form legacy"),
    ];
    let dialects = ["legacy", "legacy", "conference", "conference"];
    let pairs = calls(&server, &cases);
    for ((mut caller, mut callee), dialect) in pairs.into_iter().zip(dialects) {
        let (caller_saw, callee_saw) = (caller.good_verdict(), callee.good_verdict());
        assert_talked(&caller_saw, &callee_saw, dialect);
        let kind = match dialect {
            "legacy" => "direct",
            _ => "checked",
        };
        assert_eq!(callee_saw["path_kind"], kind, "{callee_saw:#}");
        assert_octets_agree(&caller, &callee, 1);
    }
    let mut callee = server.standin("answer", "m4", "--refuse-form legacy --timeout 3");
    callee.wait("online");
    let mut caller = server.standin("call", "u4", "--peer m4@im.test");
    let error = caller.wait("request-error");
    assert_eq!(error["condition"], "feature-not-implemented");
    assert_eq!(caller.good_verdict()["ended"], "unreachable");
    // It waits on.
    callee.wait("refused-form");
    assert_eq!(callee.good_verdict()["ended"], "no-call");
}

#[test]
fn a_conference_ring_ends_in_all_the_ways_of_a_legacy_one() {
    let Some(server) = server() else { return };
    let cases = [
        ("", "--decline", "declined", "declined"),
        ("", "--busy", "busy", "busy"),
        ("--timeout 2", "--no-answer", "no-answer", "cancelled"),
        (
            "--cancel-after 600",
            "--no-answer",
            "cancelled",
            "cancelled",
        ),
        ("", "--no-record --lifetime 6", "failed", ""),
        ("", "--no-hex --lifetime 6", "failed", ""),
        ("--broken-tail", "", "failed", "failed"),
    ];
    let words: Vec<(String, String)> = cases
        .iter()
        .map(|(caller, callee, ..)| {
            let dialect = "--dialect conference";
            (format!("{dialect} {caller}"), format!("{dialect} {callee}"))
        })
        .collect();
    let words: Vec<(&str, &str)> = words
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    let pairs = calls(&server, &words);
    for ((mut caller, mut callee), (_, _, ours, theirs)) in pairs.into_iter().zip(cases) {
        let verdict = caller.verdict();
        assert_eq!(verdict["ended"], ours, "{verdict:#}");
        if !theirs.is_empty() {
            assert_eq!(callee.verdict()["ended"], theirs);
        }
    }
}

#[test]
fn late_candidates_early_checks_and_losses_still_make_a_call() {
    let Some(server) = server() else { return };
    let c = "--dialect conference";
    let cases = [
        (c, "--dialect conference --late-candidate 700"),
        ("--dialect conference --late-candidate 700", c),
        (c, "--dialect conference --counter-proposal"),
        (c, "--dialect conference --early-checks"),
        (
            "--dialect conference --early-checks",
            "--dialect conference --early-checks --answer-after 800",
        ),
        (c, "--dialect conference --drop-percent 30"),
    ];
    let mut seen = Vec::new();
    for (mut caller, mut callee) in calls(&server, &cases) {
        let (caller_saw, callee_saw) = (caller.good_verdict(), callee.good_verdict());
        assert_talked(&caller_saw, &callee_saw, "conference");
        assert_octets_agree(&caller, &callee, 1);
        let time = |event: Value| event["t"].as_f64().unwrap();
        let before = time(callee.wait("path")) < time(callee.wait("accepted"));
        seen.push((caller_saw, callee_saw, before));
    }
    // The late candidate was waited for, in a stanza of its own. (The times of the two sides
    // begin with a stanza between them.)
    assert!(
        seen[0].0["path_ms"].as_f64().unwrap() >= 400.0,
        "{:#}",
        seen[0].0
    );
    assert_eq!(seen[0].0["counter_proposals"], 1);
    assert_eq!(seen[1].1["counter_proposals"], 1);
    assert_eq!(seen[2].0["candidates"].as_array().unwrap().len(), 2);
    // Whoever checks early has the path before it accepts, if the other checks back.
    let before: Vec<bool> = seen.iter().map(|(.., before)| *before).collect();
    assert_eq!(before, [false, false, false, false, true, false]);
}

#[test]
fn without_checks_there_is_no_call_unless_the_listed_addresses_will_do() {
    let Some(server) = server() else { return };
    let ignoring = "--dialect conference --ignore-checks";
    let cases = [
        (
            "--dialect conference --direct 1",
            "--dialect conference --ignore-checks --direct",
        ),
        (
            "--dialect conference --ignore-checks --direct",
            "--dialect conference --direct",
        ),
        ("--dialect conference", ignoring),
    ];
    let mut pairs = calls(&server, &cases);
    let (mut caller, mut callee) = pairs.pop().unwrap();
    for (mut caller, mut callee) in pairs {
        let (caller_saw, callee_saw) = (caller.good_verdict(), callee.good_verdict());
        assert_talked(&caller_saw, &callee_saw, "conference");
        for verdict in [&caller_saw, &callee_saw] {
            assert_eq!(verdict["path_kind"], "direct", "{verdict:#}");
            assert_eq!(verdict["path_ms"], Value::Null);
        }
        assert_octets_agree(&caller, &callee, 1);
    }
    let verdict = caller.good_verdict();
    assert_eq!(
        (&verdict["ended"], &verdict["connected"]),
        (&"no-path".into(), &false.into())
    );
    assert_eq!(number(&verdict, "checks_sent"), 17);
    assert_eq!(callee.good_verdict()["ended"], "no-path");
}

/// Each is held to what an endpoint must do; what only an iChat may do is left out.
#[test]
fn the_stand_in_s_own_form_is_what_it_asks_of_others() {
    let Some(server) = server() else { return };
    let mut callee = server.strict("answer", "m0", "--dialect conference");
    callee.wait("online");
    let arguments =
        "--dialect conference --peer m0@im.test --duration 1.5 --no-wait-for-rtp --no-video-offer";
    let mut caller = server.strict("call", "u0", arguments);
    for verdict in [caller.verdict(), callee.verdict()] {
        assert_eq!(verdict["connected"], true, "{verdict:#}");
        for fault in verdict["faults"].as_array().unwrap() {
            let fault = fault.as_str().unwrap();
            let ichats = fault.contains("rport") || fault.contains("Viceroy");
            assert!(ichats, "{verdict:#}");
        }
    }
}

#[test]
fn flags_that_must_be_found_are_found() {
    let Some(server) = server() else { return };
    let cases = [
        ("--no-cookie", "where the cookie"),
        ("--extra-attributes", "instead of 0006 and 8001"),
        ("--tamper-guard", "the guard is not B inverted"),
        ("--garbage", "the 12 octets after IPv4 are not zero"),
        ("--upper-hex", "upper-case hex"),
        ("--conference-in-connect-data", "children"),
    ];
    let mut pairs = Vec::new();
    for (index, (flag, word)) in cases.into_iter().enumerate() {
        let arguments = format!("--dialect conference {flag}");
        let mut callee = server.standin("answer", MACS[index], &arguments);
        callee.wait("online");
        let arguments = format!(
            "--dialect conference --peer {}@im.test --duration 1 --no-wait-for-rtp",
            MACS[index]
        );
        pairs.push((server.strict("call", US[index], &arguments), callee, word));
    }
    for (mut caller, mut callee, word) in pairs {
        let verdict = caller.verdict();
        assert!(
            verdict["faults"].to_string().contains(word),
            "{word}: {verdict:#}"
        );
        assert_eq!(verdict["connected"], true, "{verdict:#}");
        callee.verdict();
    }
}

#[test]
fn when_both_ring_each_other_with_invitations_there_is_one_call() {
    let Some(server) = Prosody::start(&["anna", "zoe"]) else {
        return;
    };
    let flags = "--dialect conference --duration 1.5";
    let mut zoe = server.standin("call", "zoe", &format!("--peer anna@im.test {flags}"));
    let arguments = format!("--peer zoe@im.test --no-wait-for-rtp {flags}");
    let mut anna = server.standin("call", "anna", &arguments);
    for standin in [&mut anna, &mut zoe] {
        let verdict = standin.good_verdict();
        assert_eq!(verdict["connected"], true, "{verdict:#}");
        assert_eq!(verdict["path_kind"], "checked", "{verdict:#}");
    }
    assert_octets_agree(&anna, &zoe, 1);
}
