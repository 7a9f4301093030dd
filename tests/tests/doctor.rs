//! `doctor`: every check against servers that work and servers that do not.

mod behind_nats;
mod server;
mod servers;
mod way_out;

use scenarios::ichat_call::{self, Finished, Invocation, text};
use scenarios::netns::Network;
use scenarios::ports::LOOPBACK;
use scenarios::pulse::Pulse;
use scenarios::{SOON, requires, requires_network, seconds};
use serde_json::Value;

/// All checks of a run without servers, in their order.
const CHECKS: [&str; 23] = [
    "configuration",
    "account",
    "server-address",
    "connection",
    "tls",
    "sign-in",
    "contact-list",
    "stream-management",
    "loop",
    "server-relays",
    "old-mac-tls",
    "old-mac-password",
    "local-addresses",
    "ipv6",
    "udp-port",
    "snatmap",
    "snatmap-page",
    "stun",
    "turn",
    "nat",
    "microphone",
    "loudspeaker",
    "bonjour",
];

/// `ichat-call doctor --json` on loopback at any port.
fn doctor() -> Invocation {
    ichat_call::run(&["doctor"])
        .flag("--json")
        .set("--bind", LOOPBACK.to_string())
        .set("--port", "0")
}

/// Runs it; a whole run takes less than 20 s, whatever is wrong.
fn examined(we: Invocation) -> Finished {
    let finished = we.spawn().finish(seconds(20));
    assert_shape(&finished);
    finished
}

/// Every check has all its fields, the last event counts them, and the exit status follows.
fn assert_shape(we: &Finished) {
    let checks = we.all("check");
    let mut names: Vec<&str> = checks.iter().map(|check| text(check, "name")).collect();
    names.dedup();
    assert_eq!(names, CHECKS, "{}", we.transcript);
    for check in &checks {
        let message = text(check, "message");
        assert!(
            !message.is_empty() && !message.contains('\n'),
            "{}",
            we.transcript
        );
        let advice = &check["advice"];
        assert!(advice.is_null() || advice.is_string(), "{check}");
        assert!(check["details"].is_object(), "{check}");
    }
    let count = |result: &str| {
        let those = checks.iter().filter(|check| check["result"] == result);
        those.count()
    };
    let last = we.events.last().expect("something was said");
    assert_eq!(last["event"], "diagnosis", "{}", we.transcript);
    for (field, result) in [
        ("ok", "ok"),
        ("warnings", "warning"),
        ("problems", "problem"),
        ("skipped", "skipped"),
    ] {
        assert_eq!(last[field], count(result), "{field}\n{}", we.transcript);
    }
    let all: usize = ["ok", "warning", "problem", "skipped"]
        .map(count)
        .iter()
        .sum();
    assert_eq!(all, checks.len(), "{}", we.transcript);
    we.assert_status(i32::from(count("problem") > 0));
}

/// The only check of this name.
fn check<'a>(we: &'a Finished, name: &str) -> &'a Value {
    let mut found: Vec<&Value> = we.all("check");
    found.retain(|check| check["name"] == name);
    assert_eq!(found.len(), 1, "{name}\n{}", we.transcript);
    found.remove(0)
}

/// The results of these checks.
fn assert_results(we: &Finished, expected: &[(&str, &str)]) {
    for (name, result) in expected {
        assert_eq!(
            check(we, name)["result"],
            *result,
            "{name}\n{}",
            we.transcript
        );
    }
}

#[test]
fn without_an_account_the_rest_is_looked_at() {
    let we = examined(doctor());
    assert_results(
        &we,
        &[
            ("configuration", "ok"),
            ("account", "skipped"),
            ("sign-in", "skipped"),
            ("old-mac-tls", "skipped"),
            ("local-addresses", "ok"),
            ("udp-port", "ok"),
            ("nat", "skipped"),
            ("bonjour", "skipped"),
        ],
    );
    assert_eq!(
        check(&we, "local-addresses")["details"]["addresses"],
        serde_json::json!(["127.0.0.1"])
    );
    we.assert_status(0);
}

#[test]
fn people_get_lines_that_fit_and_marks_that_stand_below_each_other() {
    let we = doctor().for_people().set("--stun", "stun.invalid");
    let we = we.spawn().finish(seconds(20));
    we.assert_status(1);
    let mut marks = Vec::new();
    for line in we.output.lines().take_while(|line| !line.is_empty()) {
        assert!(line.chars().count() <= 100, "{line}");
        let (mark, rest) = line.split_at(8);
        marks.push(mark.trim().to_owned());
        assert!(!rest.trim().is_empty(), "{line}");
    }
    for mark in ["ok", "warning", "problem", "skipped", ""] {
        let is_usual = marks.iter().any(|found| found == mark) || mark == "warning";
        assert!(is_usual, "no {mark:?} in\n{}", we.output);
    }
    let odd = marks
        .iter()
        .find(|mark| !["ok", "warning", "problem", "skipped", ""].contains(&mark.as_str()));
    assert_eq!(odd, None, "{}", we.output);
    assert!(we.output.contains("→ "), "{}", we.output);
    assert!(
        we.output.contains("\n\nIn all: 1 problem, "),
        "{}",
        we.output
    );
    assert!(we.errors.is_empty(), "{}", we.errors);
}

#[test]
fn a_faulty_configuration_file_is_a_finding_like_others() {
    let we = doctor();
    let file = we.file(
        "config.toml",
        "no-such-option = 1\nnor-this = 2\nstun = 'stun.invalid'\n",
    );
    let we = examined(we.set("--config", &file));
    let found = check(&we, "configuration");
    assert_eq!(found["result"], "problem", "{}", we.transcript);
    let faults = found["details"]["faults"].as_array().expect("a list");
    assert_eq!(faults.len(), 2, "{found}");
    assert!(text(found, "message").contains("no-such-option"), "{found}");
    // Without the file there is no server to ask.
    assert_results(&we, &[("stun", "skipped"), ("udp-port", "ok")]);

    let we = doctor();
    let missing = we.path("missing.toml");
    let we = examined(we.set("--config", missing));
    assert_results(&we, &[("configuration", "problem"), ("udp-port", "ok")]);

    let we = doctor();
    let file = we.file("config.toml", "duration = 'many'\n");
    let we = examined(we.set("--config", &file));
    let found = check(&we, "configuration");
    assert!(text(found, "message").contains("--duration"), "{found}");

    let we = doctor();
    let file = we.file("config.toml", "stun = ['stun.invalid']\nauto = true\n");
    let we = examined(we.set("--config", &file));
    assert_results(&we, &[("configuration", "ok"), ("stun", "problem")]);
}

#[test]
fn options_that_make_no_sense_are_wrong_usage() {
    for words in [
        &["doctor", "--turn", "relay.example.org"][..],
        &["doctor", "--turn", "turns:me:secret@relay.example.org"],
        &["doctor", "--stun", "host:port"],
        &["doctor", "--snatmap", ""],
        &["doctor", "--port", "70000"],
        &["doctor", "--no-such-option"],
    ] {
        let we = ichat_call::output_of(words);
        we.assert_status(2);
        assert!(we.output.is_empty(), "{}", we.transcript);
        assert!(!we.errors.contains("secret"), "{}", we.transcript);
    }
}

#[test]
fn an_interrupt_ends_it_at_once() {
    let account = server::account_at(servers::silent_tcp());
    let we = doctor().account(&account).spawn();
    we.process()
        .wait_for_where("the check of the account", SOON, |event| {
            event["name"] == "account"
        });
    we.process().interrupt();
    we.finish(seconds(3)).assert_status(130);
}

#[test]
fn the_microphone_and_the_loudspeaker_are_those_of_the_sound_server() {
    requires!("pulseaudio", "pactl");
    let pulse = Pulse::start();
    let we = examined(doctor().environment(&pulse.environment()));
    assert_results(&we, &[("microphone", "ok"), ("loudspeaker", "ok")]);
    assert!(we.errors.is_empty(), "{}", we.errors);
}

#[test]
fn on_a_local_network_neighbours_answer() {
    requires_network!();
    let network = Network::pair();
    let neighbour = ichat_call::lan_answer(network.host(1), "mac@powerbook");
    let neighbour = neighbour.flag("--decline").spawn();
    neighbour.wait_for("online", SOON);
    // It answers once it has made sure that its name is nobody else's.
    let mut tries = 0;
    let answered = loop {
        let we = doctor().unset("--bind").flag("--lan").on(network.host(0));
        let we = examined(we);
        assert_results(&we, &[("bonjour", "ok"), ("local-addresses", "ok")]);
        let answered = check(&we, "bonjour")["details"]["answered"].clone();
        tries += 1;
        if answered != 0 || tries == 5 {
            break answered;
        }
    };
    assert_eq!(answered, 1);
    neighbour.process().interrupt();
    neighbour.finish(seconds(5)).assert_status(0);
}
