//! Devices: what is there, and a call through a sound server.

use scenarios::ichat_call;
use scenarios::pulse::Pulse;
use scenarios::{SOON, requires, seconds, tone, wav::Wav};
use serde_json::Value;

#[test]
fn devices_are_listed_or_it_is_said_that_there_are_none() {
    let we = ichat_call::output_of(&["devices"]);
    assert!(matches!(we.status, 0 | 1), "{}", we.transcript);
    assert!(!we.transcript.is_empty());
    let json = ichat_call::output_of(&["devices", "--json"]);
    assert!(matches!(json.status, 0 | 1), "{}", json.transcript);
    for line in json.output.lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
    }
}

#[test]
fn a_microphone_that_is_not_there_is_told() {
    let we = ichat_call::call("sip:user@127.0.0.1:9").set("--input", "mic:no such microphone");
    let we = we.spawn().finish(SOON);
    we.assert_code("device").assert_no("ringing");
    assert!(matches!(we.status, 1 | 2), "{}", we.transcript);
}

#[test]
fn a_call_goes_through_a_real_microphone_and_a_real_loudspeaker() {
    requires!("pulseaudio", "pactl", "parecord");
    let pulse = Pulse::start();
    let folder = pulse.folder().to_owned();
    // What is played into this sink is what the microphone hears.
    let tone_file = folder.join("tone.wav");
    Wav::tone(48_000, 600.0, 30.0).write(&tone_file);
    let _player = pulse.play("mic", &tone_file);
    let callee = ichat_call::answer()
        .set("--input", "tone:900")
        .set_file("--output", "heard.wav");
    let callee = callee.flag("--auto").flag("--once").spawn();
    let recorder = pulse.record("out.monitor", &folder.join("out.raw"));
    let caller = ichat_call::call(&callee.sip_uri())
        .set("--input", "mic")
        .set("--output", "speaker")
        .set("--duration", "4")
        .environment(&pulse.environment())
        .spawn()
        .finish(seconds(30));
    drop(recorder);
    caller.assert_reason("hangup").assert_nothing_lost();
    let callee = callee.finish(SOON);
    let heard = Wav::read(&callee.path("heard.wav"));
    assert!(
        tone::loud_seconds(&heard.samples, 48_000) > 2.0,
        "{}",
        caller.transcript
    );
    assert!(tone::share(&heard.samples, 48_000, 600.0) > 0.5);
    let played = pulse.recorded(&folder.join("out.raw"));
    assert!(
        tone::loud_seconds(&played, 48_000) > 2.0,
        "{}",
        caller.transcript
    );
    assert!(tone::share(&played, 48_000, 900.0) > 0.5);
}
