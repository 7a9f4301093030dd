//! The command line, and that everything it takes is told.

use super::*;

fn run(text: &str) -> Result<Options, String> {
    match parse(text.split_whitespace().map(str::to_owned))? {
        Request::Run(options) => Ok(*options),
        Request::Help | Request::Flood(..) => Err("no run".into()),
    }
}

#[test]
fn values_come_after_a_space_or_an_equals_sign() {
    let options = run("sip-answer --port=5 --duration 1.5 --decline --busy").unwrap();
    assert_eq!(options.port, 5);
    assert_eq!(options.duration, Some(Duration::from_millis(1500)));
    assert_eq!(options.vc.decline, Some(2));
    assert_eq!(run("sip-answer --decline=11").unwrap().vc.decline, Some(11));
    let late = run("sip-answer --no-avavail-at-first 700 --guards").unwrap();
    assert_eq!(late.vc.avavail_after, Some(Duration::from_millis(700)));
}

#[test]
fn whoever_loses_datagrams_or_expects_moves_does_not_complain_of_losses() {
    assert!(!run("sip-answer --any-source").unwrap().lossy);
    assert!(run("sip-answer --lossy").unwrap().lossy);
    let losing = run("sip-answer --lose-percent 30").unwrap();
    assert_eq!((losing.lose_percent, losing.lossy), (30, true));
    let moving = run("sip-answer --peer-moves").unwrap();
    assert!(moving.peer_moves && moving.lossy);
}

#[test]
fn what_is_missing_or_unknown_is_said() {
    for (text, word) in [
        ("", "command"),
        ("sing", "sing"),
        ("call --xmpp h:1 --jid a@b", "--peer"),
        ("answer --jid a@b", "--xmpp"),
        ("sip-call", "sip:"),
        ("lan-call", "NAME"),
        ("lan-answer --name amy", "user@host"),
        ("lan-flood 10.0.0.1", "COUNT"),
        ("sip-call sip:user@nowhere", "no sip:"),
        ("sip-answer --port", "--port"),
        ("sip-answer --port x", "--port"),
        ("sip-answer --guards=1", "no value"),
        ("sip-answer --sparkle", "--sparkle"),
        ("sip-answer --packet-ms 25", "--packet-ms"),
        ("sip-answer --ipports 1.2.3.4", "--ipports"),
        ("sip-answer --dialect french", "--dialect"),
        ("sip-answer --drop-percent 101", "--drop-percent"),
        ("sip-answer --lose-percent 101", "--lose-percent"),
        ("sip-answer --peer-moves=1", "no value"),
        ("sip-answer --early-checks=here", "--early-checks"),
        ("sip-answer --direct=soon", "--direct"),
        ("sip-answer --snatmap [::1]:5678", "no IPv4"),
    ] {
        let error = run(text).unwrap_err();
        assert!(error.contains(word), "{text}: {error}");
    }
}

#[test]
fn every_option_of_the_help_is_taken_and_in_the_readme() {
    let readme = include_str!("../README.md");
    let mut count = 0;
    for word in HELP.split(|c: char| !(c.is_alphanumeric() || c == '-')) {
        if !word.starts_with("--") || word.len() < 4 || word.contains("NAME") {
            continue;
        }
        count += 1;
        assert!(
            readme.contains(&format!("`{word}")),
            "{word} is not in the README"
        );
        let value = match word {
            "--bind" => "127.0.0.1",
            "--sip-style" => "folded",
            "--dialect" | "--refuse-form" => "conference",
            "--snatmap" => "127.0.0.1:5678",
            "--ipports" => "self",
            "--packet-ms" => "30",
            _ => "1",
        };
        let text = format!("sip-answer {word}");
        let with_value = format!("{text} {value}");
        assert!(run(&text).is_ok() || run(&with_value).is_ok(), "{word}");
    }
    assert!(count > 70, "{count}");
}

#[test]
fn the_conference_dialect_advertises_everything_unless_told_otherwise() {
    let options = run("sip-answer --dialect conference --direct --early-checks").unwrap();
    let ext = options.vc.ext.unwrap();
    assert_eq!(ext.split(' ').count(), 12);
    assert_eq!(options.checks.direct, Some(DIRECT_AFTER));
    assert_eq!(
        (options.checks.early, options.checks.early_target),
        (true, None)
    );
    let options = run("sip-answer --dialect conference --ext avavail --direct 0").unwrap();
    assert_eq!(options.vc.ext.as_deref(), Some("avavail"));
    assert_eq!(options.checks.direct, Some(Duration::ZERO));
    let options = run("sip-answer --early-checks=127.0.0.1:5 --snatmap 127.0.0.1:6").unwrap();
    assert_eq!(
        options.checks.early_target,
        Some(SocketAddr::from(([127, 0, 0, 1], 5)))
    );
    assert!(options.behind_nat && options.snatmap.is_some());
    assert!(!options.media.wait_for_rtp);
    let options = run("sip-answer --behind-nat --wait-for-rtp").unwrap();
    assert!(options.behind_nat && options.media.wait_for_rtp);
    assert_eq!(run("sip-answer").unwrap().vc.ext, None);
}
