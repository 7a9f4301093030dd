//! Calls in the conference dialect: an invitation, its answer, checks, and then the call.

mod ends;
mod everything;
mod forms;
mod ipv6;
mod odd;

use scenarios::ichat_call::{self, Finished, IchatCall};
use scenarios::standin::{self, Standin, VERDICT};
use scenarios::{SOON, requires, seconds};

use crate::sites::{Site, at_each_server};
use crate::support::{assert_both_heard, words};

/// What our own program is told beyond its account.
type Options<'a> = &'a [(&'a str, &'a str)];

/// It rings, and is rung, in the conference dialect.
const CONFERENCE: Options<'static> = &[("--dialect", "conference")];

/// A call that is on its way.
struct Ringing {
    we: IchatCall,
    peer: Standin,
}

fn told(we: ichat_call::Invocation, options: Options<'_>) -> ichat_call::Invocation {
    let we = we.says(&words(2)).captured();
    options.iter().fold(we, |we, (name, value)| match *value {
        "" => we.flag(name),
        value => we.set(name, value),
    })
}

/// We call a stand-in that behaves as these flags say; a call that comes up lasts 1.5 s.
fn we_call(site: Site, options: Options<'_>, flags: &str) -> Ringing {
    let [ours, mac] = site.friends(["amy", "mac"]);
    let peer = standin::answer(&mac).flags(flags);
    let peer = peer.says(&words(1)).listens().spawn();
    peer.wait_online();
    let we = ichat_call::call(&mac.jid).account(&ours);
    let we = told(we, options).set("--duration", "1.5").spawn();
    Ringing { we, peer }
}

/// It calls us; we answer at once.
fn we_are_called(site: Site, options: Options<'_>, flags: &str) -> Ringing {
    we_are_called_and("--auto", site, options, flags)
}

fn we_are_called_and(answer: &str, site: Site, options: Options<'_>, flags: &str) -> Ringing {
    let [ours, mac] = site.friends(["amy", "mac"]);
    let we = ichat_call::answer().account(&ours).flag(answer);
    let we = told(we, options).flag("--once").spawn();
    we.wait_for("online", SOON);
    let peer = standin::call(&mac, &ours.jid).flags(flags);
    let peer = peer.says(&words(1)).listens();
    let peer = peer.set("--duration", "1.5").spawn();
    Ringing { we, peer }
}

impl Ringing {
    /// It comes up over a way that was checked, and every word is heard.
    fn talks(self, case: &str) -> Finished {
        eprintln!("case: {case}");
        let we = self.we.finish(seconds(40));
        let peer = self.peer.verdict(VERDICT);
        we.assert_status(0).assert_nothing_lost();
        peer.assert_dialect("conference").assert_checked_path();
        assert_both_heard(&we, &peer);
        assert_eq!(we.last("accepted")["dialect"], "conference");
        assert_eq!(we.all("path").len(), 1, "{}", we.transcript);
        // Checks may come before the list that names where they come from.
        let kind = we.last("path")["kind"].as_str();
        assert!(
            matches!(kind, Some("host" | "prflx")),
            "{}{}",
            we.transcript,
            peer.transcript()
        );
        assert!(!peer.candidates().is_empty(), "{}", peer.transcript());
        we
    }
}

at_each_server!(
    an_invitation_of_ours_is_answered_by_macs_of_every_kind,
    an_invitation_to_us_is_answered_whoever_sends_it,
    two_of_ours_have_a_call_whatever_the_callee_shows,
);

fn an_invitation_of_ours_is_answered_by_macs_of_every_kind(site: Site) {
    let cases = [
        "--dialect conference",
        "--dialect conference --powerpc",
        "--dialect conference --conference-in-connect-data",
        "--dialect conference --powerpc --conference-in-connect-data --results",
        "--dialect conference --no-cookie",
        "--dialect conference --extra-attributes --dead-candidate",
        "--dialect conference --tamper-guard",
        // It answers in kind, whatever it shows.
        "",
    ];
    let calls = cases.map(|flags| (flags, we_call(site, CONFERENCE, flags)));
    for (case, call) in calls {
        let we = call.talks(case);
        we.assert_reason("hangup");
    }
}

fn an_invitation_to_us_is_answered_whoever_sends_it(site: Site) {
    let cases = [
        (CONFERENCE, "--dialect conference"),
        (CONFERENCE, "--dialect conference --powerpc"),
        // We answer in kind, whatever we show.
        (&[], "--dialect conference"),
        (&[], "--dialect conference --powerpc --results"),
        (CONFERENCE, "--dialect conference --no-cookie --garbage"),
        (CONFERENCE, "--dialect conference --dead-candidate"),
        (CONFERENCE, "--dialect conference --tamper-guard"),
        (CONFERENCE, "--dialect conference --video-call"),
    ];
    let calls = cases.map(|(ours, flags)| (flags, we_are_called(site, ours, flags)));
    for (case, call) in calls {
        let we = call.talks(case);
        we.assert_reason("remote-hangup");
        let incoming = we.last("incoming");
        assert_eq!(incoming["dialect"], "conference", "{}", we.transcript);
    }
}

fn two_of_ours_have_a_call_whatever_the_callee_shows(site: Site) {
    for shown in ["conference", "legacy", "auto"] {
        let [amy, ben] = site.friends(["amy", "ben"]);
        let callee = ichat_call::answer().account(&ben).set("--dialect", shown);
        let callee = callee.flag("--auto").flag("--once").spawn();
        callee.wait_for("online", SOON);
        let caller = ichat_call::call(&ben.jid).account(&amy);
        let caller = caller.set("--dialect", "conference").set("--duration", "1");
        let (caller, callee) = (caller.spawn().finish(seconds(20)), callee.finish(SOON));
        caller.assert_reason("hangup");
        callee.assert_reason("remote-hangup");
        assert_eq!(callee.last("incoming")["dialect"], "conference");
        for we in [&caller, &callee] {
            we.assert_nothing_lost().assert_no("warning");
            assert_eq!(we.last("accepted")["dialect"], "conference");
            assert_eq!(we.last("path")["kind"], "host", "{}", we.transcript);
            assert_eq!(we.all("connected").len(), 1, "{}", we.transcript);
        }
    }
}

#[test]
fn checks_that_are_early_late_or_lost_still_find_a_way() {
    requires!("prosody");
    let site = Site::Prosody;
    let cases = [
        "--dialect conference --early-checks",
        "--dialect conference --late-candidate 700",
        "--dialect conference --counter-proposal",
        "--dialect conference --drop-percent 25 --seed 7",
    ];
    let ours = cases.map(|flags| (flags, we_call(site, CONFERENCE, flags)));
    let theirs = cases.map(|flags| (flags, we_are_called(site, &[], flags)));
    for (case, call) in ours.into_iter().chain(theirs) {
        call.talks(case);
    }
}

#[test]
fn a_mac_that_checks_nothing_is_called_at_its_listed_addresses() {
    requires!("prosody");
    let flags = "--dialect conference --ignore-checks --direct";
    let calls = [
        we_call(Site::Prosody, CONFERENCE, flags),
        we_are_called(Site::Prosody, CONFERENCE, flags),
    ];
    for Ringing { we, peer } in calls {
        let we = we.finish(seconds(40));
        we.assert_status(0).assert_nothing_lost();
        assert_eq!(we.last("path")["kind"], "direct", "{}", we.transcript);
        assert_eq!(we.last("path")["checks_ms"], 0.0, "{}", we.transcript);
        let peer = peer.verdict(VERDICT);
        peer.assert_heard_all().assert_direct_path();
    }
}

#[test]
fn an_invitation_rings_at_three_devices_and_the_two_that_do_not_answer_are_cancelled() {
    requires!("prosody");
    let [ours, mac] = Site::Prosody.friends(["amy", "mac"]);
    let device = |resource: &str, flags: &str| {
        let device = standin::answer_at(&mac, resource).flags(flags);
        let device = device.conference().spawn();
        device.wait_online();
        device
    };
    let others = [
        device("one", "--no-answer"),
        device("three", "--no-answer --powerpc"),
    ];
    let two = device("two", "--answer-after 700");
    let we = ichat_call::call(&mac.jid).account(&ours);
    let we = we.set("--dialect", "conference").set("--duration", "1");
    let we = we.spawn().finish(seconds(20));
    we.assert_reason("hangup").assert_nothing_lost();
    assert_eq!(we.last("accepted")["by"], format!("{}/two", mac.jid));
    two.verdict(VERDICT)
        .assert_ok()
        .assert_heard_all()
        .assert_checked_path();
    for other in others {
        let other = other.verdict(VERDICT);
        other.assert_ok().assert_ended("cancelled");
        assert_eq!(other.count("vc_cancels"), 1, "{}", other.transcript());
    }
}
