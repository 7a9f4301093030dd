//! Which of the two dialects a call is in.

use scenarios::ichat_call::{self, text};
use scenarios::standin::{self, VERDICT};
use scenarios::xmpp::{Client, attribute, has};
use scenarios::{SOON, requires, seconds};

use super::{CONFERENCE, Options, Ringing, we_are_called, we_call};
use crate::sites::{Site, at_each_server};

const AUTO: Options<'static> = &[("--dialect", "auto")];

at_each_server!(
    auto_rings_in_the_other_form_where_a_mac_refuses_the_legacy_one,
    auto_rings_in_the_legacy_form_where_that_is_taken,
    a_request_in_both_forms_is_answered_in_the_form_that_we_show,
    where_the_form_is_refused_and_no_other_may_be_tried_the_mac_is_unreachable,
    all_tokens_are_shown_and_explained_when_we_are_told_to,
);

fn auto_rings_in_the_other_form_where_a_mac_refuses_the_legacy_one(site: Site) {
    for flags in ["--refuse-form legacy", "--refuse-form legacy --powerpc"] {
        let call = we_call(site, AUTO, flags);
        call.peer.wait_for("refused-form", SOON);
        call.talks(flags).assert_reason("hangup");
    }
}

fn auto_rings_in_the_legacy_form_where_that_is_taken(site: Site) {
    for flags in ["", "--dialect conference"] {
        let Ringing { we, peer } = we_call(site, AUTO, flags);
        let (we, peer) = (we.finish(seconds(20)), peer.verdict(VERDICT));
        we.assert_reason("hangup").assert_nothing_lost();
        assert_eq!(
            we.last("accepted")["dialect"],
            "legacy",
            "{}",
            we.transcript
        );
        assert_eq!(we.last("path")["kind"], "direct", "{}", we.transcript);
        peer.assert_ok().assert_heard_all().assert_dialect("legacy");
        assert_eq!(peer.count("requests"), 1, "{}", peer.transcript());
    }
}

fn a_request_in_both_forms_is_answered_in_the_form_that_we_show(site: Site) {
    let cases: [(Options<'_>, &str, &str); 3] = [
        (&[], "legacy", "direct"),
        (AUTO, "legacy", "direct"),
        (CONFERENCE, "conference", "host"),
    ];
    for (options, dialect, kind) in cases {
        let Ringing { we, peer } = we_are_called(site, options, "--both-forms");
        let (we, peer) = (we.finish(seconds(20)), peer.verdict(VERDICT));
        we.assert_reason("remote-hangup").assert_nothing_lost();
        assert_eq!(we.last("incoming")["dialect"], dialect, "{}", we.transcript);
        assert_eq!(we.last("accepted")["dialect"], dialect, "{}", we.transcript);
        assert_eq!(we.last("path")["kind"], kind, "{}", we.transcript);
        peer.assert_ok().assert_heard_all().assert_dialect(dialect);
    }
}

fn where_the_form_is_refused_and_no_other_may_be_tried_the_mac_is_unreachable(site: Site) {
    let [ours, mac] = site.friends(["amy", "mac"]);
    for (form, dialect) in [("legacy", "legacy"), ("conference", "conference")] {
        let peer = standin::answer_at(&mac, dialect);
        let peer = peer.set("--refuse-form", form).set("--timeout", "3");
        let peer = peer.spawn();
        peer.wait_online();
        let we = ichat_call::call(&format!("{}/{dialect}", mac.jid)).account(&ours);
        let we = we.set("--dialect", dialect).spawn().finish(seconds(20));
        we.assert_reason("unreachable").assert_code("unreachable");
        assert_eq!(we.all("ringing").len(), 1, "{}", we.transcript);
        peer.verdict(VERDICT).assert_ok().assert_ended("no-call");
    }
}

/// What each token of ours means, as the notes have it.
const TOKENS: [(&str, &str); 12] = [
    ("ice", "apple:iq:vc:ice"),
    ("recauth", "apple:iq:vc:recauth"),
    ("rdserver", "apple:iq:rd:server"),
    ("rdclient", "apple:iq:rd:client"),
    ("rdmuxing", "apple:iq:rd:muxing"),
    ("maudio", "apple:iq:vc:multiaudio"),
    ("mvideo", "apple:iq:vc:multivideo"),
    ("auxvideo", "apple:iq:vc:auxvideo"),
    ("audio", "apple:iq:vc:audio"),
    ("video", "apple:iq:vc:video"),
    ("avcap", "apple:iq:vc:capable"),
    ("avavail", "apple:iq:vc:available"),
];

fn all_tokens_are_shown_and_explained_when_we_are_told_to(site: Site) {
    let [ours, mac] = site.friends(["amy", "mac"]);
    let mut mac = Client::sign_in_callable(&mac, "iChat");
    let we = ichat_call::answer().account(&ours).flag("--auto");
    let we = we.set("--dialect", "conference").spawn();
    let jid = text(&we.wait_for("online", SOON), "jid").to_owned();
    let shown = mac.wait("our presence", |stanza| {
        stanza.starts_with("<presence") && has(stanza, "from", &jid)
    });
    let caps = shown.find("<c ").map(|at| &shown[at..]).expect("caps");
    let ext = attribute(caps, "ext").expect("tokens");
    for (token, feature) in TOKENS {
        assert!(ext.split(' ').any(|shown| shown == token), "{token}: {ext}");
        mac.send(&format!(
            "<iq type='get' id='{token}' to='{jid}'>\
             <query xmlns='http://jabber.org/protocol/disco#info' node='apple:ichat:caps#{token}'/></iq>"
        ));
        let answer = mac.wait("an answer", |stanza| has(stanza, "id", token));
        assert!(has(&answer, "type", "result"), "{answer}");
        assert!(answer.contains(feature), "{token}: {answer}");
        assert_eq!(answer.matches("<feature").count(), 1, "{answer}");
    }
    assert_eq!(ext.split(' ').count(), TOKENS.len(), "{ext}");
    we.process().interrupt();
    we.finish(seconds(5)).assert_status(0);
}

#[test]
fn two_of_ours_who_invite_each_other_have_one_call() {
    requires!("prosody");
    for _ in 0..3 {
        let [amy, ben] = Site::Prosody.friends(["amy", "ben"]);
        let call = |from, to: &str| {
            let we = ichat_call::call(to).account(from);
            we.set("--dialect", "conference")
        };
        let one = call(&amy, &ben.jid).set("--duration", "1").spawn();
        let other = call(&ben, &amy.jid).spawn();
        let (one, other) = (one.finish(seconds(30)), other.finish(seconds(30)));
        one.assert_reason("hangup");
        other.assert_reason("remote-hangup");
        for we in [&one, &other] {
            we.assert_nothing_lost();
            assert_eq!(we.all("connected").len(), 1, "{}", we.transcript);
            assert_eq!(we.all("ended").len(), 1, "{}", we.transcript);
            assert_eq!(we.last("path")["kind"], "host", "{}", we.transcript);
        }
    }
}
