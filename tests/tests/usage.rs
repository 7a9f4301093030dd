//! Wrong usage and what is not built yet: a clear word, status 2, nothing done.

use std::net::UdpSocket;

use scenarios::SOON;
use scenarios::ichat_call::{self, Finished, output_of};
use scenarios::ports::LOOPBACK;

fn assert_usage(we: &Finished) {
    we.assert_status(2);
    let told = if we.errors.is_empty() {
        &we.output
    } else {
        &we.errors
    };
    assert!(
        !told.trim().is_empty(),
        "nothing was said\n{}",
        we.transcript
    );
    assert!(
        we.events.iter().all(|event| event["event"] == "error"),
        "{}",
        we.transcript
    );
}

#[test]
fn a_command_line_that_makes_no_sense_is_wrong_usage() {
    for words in [
        &[][..],
        &["no-such-command"],
        &["call"],
        &["call", "one@im.test", "two@im.test"],
        &["call", "mac@im.test", "--no-such-option"],
        &["call", "not a jid"],
        &["call", "sip:"],
        &["call", "sip:user@127.0.0.1:notaport"],
        &["call", "sip:user@127.0.0.1:9", "--duration", "soon"],
        &["call", "sip:user@127.0.0.1:9", "--timeout", "-1"],
        &["call", "sip:user@127.0.0.1:9", "--port", "65536"],
        &["call", "sip:user@127.0.0.1:9", "--bind", "here"],
        &["call", "sip:user@127.0.0.1:9", "--input", "tone:loud"],
        &["call", "sip:user@127.0.0.1:9", "--codec", "mp3"],
        &["call", "mac@im.test", "--tls", "perhaps"],
        &["answer", "--auto", "--decline"],
        &["answer", "--auto", "--pin", "1234"],
        &["snatmap"],
    ] {
        assert_usage(&output_of(words));
    }
}

#[test]
fn help_and_version_are_no_errors() {
    let help = output_of(&["--help"]);
    help.assert_status(0);
    for command in [
        "call", "answer", "contacts", "inspect", "devices", "demo", "doctor",
    ] {
        assert!(
            help.output.contains(command),
            "no {command} in\n{}",
            help.output
        );
    }
    let version = output_of(&["--version"]);
    version.assert_status(0);
    assert!(
        version.output.starts_with("ichat-call "),
        "{}",
        version.output
    );
}

#[test]
fn a_call_without_an_account_or_a_password_is_wrong_usage() {
    assert_usage(&ichat_call::call("mac@im.test").spawn().finish(SOON));
    let we = ichat_call::call("mac@im.test").set("--jid", "amy@im.test");
    assert_usage(&we.spawn().finish(SOON));
    let we = ichat_call::call("mac@im.test").set("--jid", "amy@im.test");
    let missing = we.path("no-such-file");
    assert_usage(&we.set("--password-file", missing).spawn().finish(SOON));
    let we = ichat_call::call("mac@im.test")
        .set("--jid", "@")
        .password("x");
    assert_usage(&we.spawn().finish(SOON));
}

#[test]
fn without_a_terminal_it_must_be_said_what_to_do_with_callers() {
    let we = ichat_call::answer().spawn().finish(SOON);
    assert_usage(&we);
    assert!(we.output.contains("--auto"), "{}", we.transcript);
}

#[test]
fn a_bad_configuration_file_is_told_with_its_name() {
    for (text, word) in [
        ("jid = \"amy@im.test\nport = 5\n", "config.toml"),
        ("no-such-option = 1\n", "no-such-option"),
        ("duration = \"many\"\n", "duration"),
        ("auto = \"yes\"\n", "auto"),
    ] {
        let we = ichat_call::answer();
        let file = we.file("config.toml", text);
        let we = we.set("--config", file).flag("--auto").spawn().finish(SOON);
        assert_usage(&we);
        assert!(
            we.transcript.contains(word),
            "no {word} in\n{}",
            we.transcript
        );
    }
    let we = ichat_call::answer().flag("--auto");
    let missing = we.path("missing.toml");
    assert_usage(&we.set("--config", missing).spawn().finish(SOON));
}

#[test]
fn what_is_not_built_yet_says_so() {
    for option in [
        &["--codec", "opus"][..],
        &["--codec", "aac-eld"],
        &["--codec", "aac-ld"],
        &["--codec", "gsm"],
    ] {
        let mut we = ichat_call::answer().flag("--auto");
        for word in option {
            we = we.flag(word);
        }
        let we = we.spawn().finish(SOON);
        assert_usage(&we);
        we.assert_code("not-yet");
    }
    {
        let words = &["inspect", "d4c3b2a102000400"];
        let we = output_of(words);
        assert_usage(&we);
        assert!(
            we.errors.contains("not built yet") || we.errors.contains("not-yet"),
            "{}",
            we.transcript
        );
    }
}

#[test]
fn a_port_that_is_taken_is_told() {
    let taken = UdpSocket::bind((LOOPBACK, 0)).expect("a port is free");
    let port = taken.local_addr().expect("it is bound").port();
    let we = ichat_call::answer()
        .set("--port", port.to_string())
        .flag("--auto")
        .spawn();
    let we = we.finish(SOON);
    we.assert_code("port-busy")
        .assert_no("listening")
        .assert_no("ended");
    assert!(matches!(we.status, 1 | 2), "{}", we.transcript);
    assert!(we.output.contains(&port.to_string()), "{}", we.transcript);
}

#[test]
fn files_that_cannot_be_used_are_told_before_anybody_is_rung() {
    let bad_wav = |we: &ichat_call::Invocation| we.file("bad.wav", b"RIFF\x04\0\0\0WAVE");
    type Make = fn(&ichat_call::Invocation) -> std::path::PathBuf;
    let cases: [(&str, Make); 7] = [
        ("--input", |we| we.path("missing.wav")),
        ("--input", |we| we.path("")),
        ("--input", bad_wav),
        ("--input", |we| {
            we.file("noise.wav", scenarios::ulaw::noise(5000, 1))
        }),
        ("--output", |we| we.path("no-such-folder/out.wav")),
        ("--record", |we| we.path("no-such-folder/record.wav")),
        ("--pcap", |we| we.path("no-such-folder/media.pcap")),
    ];
    for (option, make) in cases {
        let we = ichat_call::call("sip:user@127.0.0.1:9");
        let path = make(&we);
        let we = we.set(option, &path).spawn().finish(SOON);
        assert!(
            matches!(we.status, 1 | 2),
            "{option} {path:?}\n{}",
            we.transcript
        );
        we.assert_no("ringing").assert_no("connected");
        let error = we.last("error");
        let message = error["message"].as_str().unwrap_or_default();
        assert!(!message.contains('\n'), "{error}");
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or("/");
        assert!(message.contains(name), "{option}: no {name} in {error}");
    }
}
