//! Two stand-ins find and call each other through a real Prosody.

mod common;

use common::{Prosody, assert_octets_agree};

#[test]
fn two_stand_ins_talk_for_three_seconds_and_every_octet_arrives() {
    let Some(server) = Prosody::start(&["us", "mac"]) else {
        return;
    };
    let mut callee = server.standin("answer", "mac", "--pings 500");
    callee.wait("online");
    let arguments = "--peer mac@im.test --duration 3 --no-wait-for-rtp";
    let mut caller = server.standin("call", "us", arguments);
    let verdict = caller.good_verdict();
    assert_eq!(verdict["ended"], "hangup");
    assert_eq!(verdict["vc_responses"], 1);
    assert!(verdict["messages"].as_u64().unwrap() >= 4);
    let verdict = callee.good_verdict();
    assert_eq!(verdict["ended"], "remote-hangup");
    assert_eq!(verdict["requests"], 1);
    assert!(verdict["pings_answered"].as_u64().unwrap() >= 4);
    assert_eq!(verdict["lost"], 0);
    assert_octets_agree(&caller, &callee, 3);
}

#[test]
fn every_way_not_to_talk_is_told() {
    let Some(server) = Prosody::start(&[
        "u0", "u1", "u2", "u3", "u4", "u5", "m0", "m1", "m2", "m3", "m4", "m5", "nobody",
    ]) else {
        return;
    };
    let cases = [
        ("--decline", "", "declined", "declined"),
        ("--busy", "", "busy", "busy"),
        ("--no-answer", "--timeout 3", "no-answer", "cancelled"),
        (
            "--no-answer",
            "--cancel-after 800",
            "cancelled",
            "cancelled",
        ),
        (
            "--error-on-request service-unavailable --error-echo",
            "",
            "unreachable",
            "refused-with-error",
        ),
        ("--accept-blank", "", "declined", "declined"),
    ];
    let mut pairs = Vec::new();
    for (index, (callee, caller, ours, theirs)) in cases.into_iter().enumerate() {
        let mut callee = server.standin("answer", &format!("m{index}"), callee);
        callee.wait("online");
        let arguments = format!("--peer m{index}@im.test {caller}");
        pairs.push((
            server.standin("call", &format!("u{index}"), &arguments),
            callee,
            ours,
            theirs,
        ));
    }
    for (caller, callee, ours, theirs) in &mut pairs {
        let verdict = caller.verdict();
        assert_eq!(verdict["ended"], *ours);
        // An acceptance without addresses is a decline, and not what an endpoint of ours may send.
        let blank = serde_json::json!(["apple:iq:vc:response: the address list is empty"]);
        assert!(
            verdict["ok"] == true || verdict["faults"] == blank,
            "{verdict:#}"
        );
        assert_eq!(callee.good_verdict()["ended"], *theirs);
    }
    let mut lonely = server.standin("call", "nobody", "--peer u0@im.test --timeout 1");
    assert_eq!(lonely.good_verdict()["ended"], "not-callable");
}

#[test]
fn odd_lists_dead_addresses_and_losses_still_make_a_call() {
    let Some(server) = Prosody::start(&["u0", "u1", "u2", "u3", "m0", "m1", "m2", "m3"]) else {
        return;
    };
    // The discard port: nobody is there.
    let cases = [
        ("--ipports 127.0.0.1:9,127.0.0.1:9,self", ""),
        (
            "--guards --garbage --upper-hex --broken-tail --results --duplicate-response",
            "--new-node",
        ),
        (
            "--drop-invite 1 --drop-200 1 --drop-bye 1 --no-avavail-at-first 700",
            "--drop-ack 1",
        ),
        (
            "--ipports 127.0.0.1:9 --counter-proposal",
            "--show available --priority 5",
        ),
    ];
    // What the caller must find in such lists.
    let expected = [
        &[][..],
        &[
            "upper-case",
            "no multiple of 80",
            "12 octets",
            "a guard",
            "a second vc:response",
        ][..],
        &[][..],
        &[][..],
    ];
    let mut pairs = Vec::new();
    for (index, (callee, caller)) in cases.into_iter().enumerate() {
        let mut callee = server.standin("answer", &format!("m{index}"), callee);
        callee.wait("online");
        let arguments =
            format!("--peer m{index}@im.test --duration 1.5 --no-wait-for-rtp {caller}");
        pairs.push((
            server.standin("call", &format!("u{index}"), &arguments),
            callee,
        ));
    }
    for ((caller, callee), expected) in pairs.iter_mut().zip(expected) {
        let verdict = caller.verdict();
        assert_eq!(verdict["ended"], "hangup", "{verdict:#}");
        let faults = verdict["faults"].to_string();
        assert_eq!(verdict["ok"], expected.is_empty(), "{faults}");
        for word in expected {
            assert!(faults.contains(word), "{word}: {faults}");
        }
        callee.good_verdict();
        assert_octets_agree(caller, callee, 1);
    }
}

#[test]
fn a_wrong_password_and_a_missing_server_are_told() {
    let Some(server) = Prosody::start(&["us"]) else {
        return;
    };
    let arguments = format!(
        "answer --xmpp {} --jid us@im.test --password wrong",
        server.address
    );
    let verdict = common::Standin::start(&arguments).verdict();
    assert!(
        verdict["faults"].to_string().contains("not-authorized"),
        "{verdict:#}"
    );
    let arguments = "answer --xmpp 127.0.0.1:9 --jid us@im.test --password wrong";
    let verdict = common::Standin::start(arguments).verdict();
    assert_eq!(verdict["ended"], "not-started");
}

#[test]
fn when_both_ring_each_other_the_lower_account_stays_the_caller() {
    let Some(server) = Prosody::start(&["anna", "zoe"]) else {
        return;
    };
    // Each waits until it sees the other, so the two rings cross.
    let mut zoe = server.standin("call", "zoe", "--peer anna@im.test --duration 1");
    let mut anna = server.standin(
        "call",
        "anna",
        "--peer zoe@im.test --duration 1.5 --no-wait-for-rtp",
    );
    for standin in [&mut anna, &mut zoe] {
        let verdict = standin.good_verdict();
        assert_eq!(verdict["connected"], true, "{verdict:#}");
    }
    assert_octets_agree(&anna, &zoe, 1);
}

#[test]
fn unreadable_lists_and_missing_invites_end_without_a_call() {
    let Some(server) = Prosody::start(&["u0", "u1", "u2", "m0", "m1", "m2"]) else {
        return;
    };
    let cases = [
        // Who, what the callee and the caller are told, how it ends for them, what is found.
        ("--no-hex", "", "failed", "no-invite", "no hex"),
        ("", "--no-record", "failed", "failed", "no whole record"),
        (
            "",
            "--no-invite --timeout 2",
            "no-invite",
            "lifetime",
            "the lifetime is over",
        ),
    ];
    let mut pairs = Vec::new();
    for (index, case) in cases.into_iter().enumerate() {
        let arguments = format!("{} --lifetime 8", case.0);
        let mut callee = server.standin("answer", &format!("m{index}"), &arguments);
        callee.wait("online");
        let arguments = format!("--peer m{index}@im.test {}", case.1);
        let caller = server.standin("call", &format!("u{index}"), &arguments);
        pairs.push((caller, callee, case));
    }
    for (caller, callee, (_, _, ours, theirs, word)) in &mut pairs {
        let (caller, callee) = (caller.verdict(), callee.verdict());
        assert_eq!(caller["ended"], *ours, "{caller:#}");
        assert_eq!(callee["ended"], *theirs, "{callee:#}");
        let faults = format!("{}{}", caller["faults"], callee["faults"]);
        assert!(faults.contains(*word), "{word}: {faults}");
    }
}

#[test]
fn a_pinhole_brings_the_invite_through_a_dead_list() {
    let Some(server) = Prosody::start(&["us", "mac"]) else {
        return;
    };
    let mut callee = server.standin("answer", "mac", "--pinholes --ipports 127.0.0.1:9");
    callee.wait("online");
    let arguments = "--peer mac@im.test --lifetime 4 --no-wait-for-rtp --duration 1";
    let mut caller = server.standin("call", "us", arguments);
    // The stand-in itself does not follow pinholes, but it sees them.
    let verdict = caller.verdict();
    assert!(
        verdict["unknown_datagrams"].as_u64().unwrap() >= 1,
        "{verdict:#}"
    );
    drop(callee);
}

#[test]
fn messages_and_unknown_queries_reach_the_peer() {
    let Some(server) = Prosody::start(&["us", "mac"]) else {
        return;
    };
    let mut callee = server.standin("answer", "mac", "--probe-iqs --message hello");
    callee.wait("online");
    let arguments = "--peer mac@im.test --no-wait-for-rtp --duration 1 --message hi";
    let mut caller = server.standin("call", "us", arguments);
    assert_eq!(caller.wait("message")["body"], "hello");
    assert_eq!(callee.wait("message")["body"], "hi");
    caller.good_verdict();
    callee.good_verdict();
}
