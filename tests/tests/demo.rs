//! `ichat-call demo`: a whole call on one machine.

use scenarios::ichat_call;
use scenarios::wav::Wav;
use scenarios::{seconds, tone};
use serde_json::Value;

#[test]
fn in_the_demo_every_octet_arrives_both_ways_for_ten_seconds() {
    let demo = ichat_call::run(&["demo"]);
    let input = demo.path("in.wav");
    Wav::tone(8000, 440.0, 9.0).write(&input);
    let mut demo = demo
        .set("--input", input)
        .set_file("--output", "out.wav")
        .set("--duration", "10")
        .flag("--json")
        .spawn();
    let report = demo
        .process()
        .wait_for_line("a report", seconds(40), |line| {
            serde_json::from_str::<Value>(&line.text).ok()
        });
    assert_eq!(report["ok"], true, "{report:#}");
    assert_eq!(report["codec"], "pcmu");
    assert!(report["setup_ms"].as_f64() > Some(0.0));
    assert!(report["path"]["local"].is_string() && report["path"]["remote"].is_string());
    let directions = report["directions"].as_array().expect("a list");
    assert_eq!(directions.len(), 2);
    for direction in directions {
        assert_eq!(direction["identical"], true, "{direction}");
        assert_eq!(direction["lost"], 0, "{direction}");
        assert_eq!(direction["sent"], direction["received"], "{direction}");
        assert!(direction["received"].as_u64() > Some(480), "{direction}");
        assert!(direction["mos"].as_f64() > Some(4.0), "{direction}");
    }
    let said: Vec<String> = report["ladder"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|rung| format!("{} {}", rung["layer"], rung["what"]))
        .collect();
    for word in ["request", "response", "INVITE", "200", "ACK", "BYE"] {
        assert!(
            said.iter().any(|rung| rung.contains(word)),
            "no {word} in {said:#?}"
        );
    }
    assert_eq!(demo.exit(seconds(10)), 0);
}

#[test]
fn the_demo_writes_what_was_heard_and_tells_people_how_it_went() {
    let demo = ichat_call::run(&["demo"]);
    let input = demo.path("in.wav");
    Wav::tone(8000, 440.0, 5.0).write(&input);
    let demo = demo
        .set("--input", input)
        .set_file("--output", "out.wav")
        .set("--duration", "2")
        .spawn()
        .finish(seconds(30));
    demo.assert_status(0);
    for word in ["INVITE", "PCMU", "lost", "jitter", "quality", "out.wav"] {
        assert!(demo.output.contains(word), "no {word} in\n{}", demo.output);
    }
    let heard = Wav::read(&demo.path("out.wav"));
    assert_eq!((heard.sample_rate_hz, heard.channels), (48_000, 1));
    assert!(heard.seconds() > 1.5, "{} s", heard.seconds());
    assert!(tone::share(&heard.samples, 48_000, 440.0) > 0.9);
}

#[test]
fn the_demo_speaks_when_it_is_given_nothing_to_say() {
    let demo = ichat_call::run(&["demo"]);
    let demo = demo
        .set_file("--output", "out.wav")
        .set("--duration", "3")
        .spawn();
    let demo = demo.finish(seconds(30));
    demo.assert_status(0);
    let heard = Wav::read(&demo.path("out.wav"));
    assert!(tone::loud_seconds(&heard.samples, 48_000) > 1.0);
}
