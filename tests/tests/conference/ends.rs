//! Invitations that come to nothing: every way of it, with its reason on both sides.

use scenarios::standin::VERDICT;
use scenarios::{SOON, requires, seconds};

use super::{CONFERENCE, Options, Ringing, we_are_called, we_are_called_and, we_call};
use crate::sites::{Site, at_each_server};

at_each_server!(
    an_invitation_of_ours_is_declined_answered_as_busy_or_not_at_all,
    an_invitation_to_us_is_declined_answered_as_busy_or_not_at_all,
    an_invitation_is_taken_back,
);

fn an_invitation_of_ours_is_declined_answered_as_busy_or_not_at_all(site: Site) {
    let short: Options<'_> = &[("--dialect", "conference"), ("--timeout", "2")];
    let cases = [
        ("--decline", CONFERENCE, "declined", "declined"),
        ("--decline=11", CONFERENCE, "declined", "declined"),
        ("--busy", CONFERENCE, "busy", "busy"),
        ("--decline=3", CONFERENCE, "failed", "failed"),
        ("--decline=7", CONFERENCE, "no-answer", ""),
        ("--accept-blank", CONFERENCE, "declined", ""),
        ("--no-answer", short, "no-answer", "cancelled"),
    ];
    let calls = cases.map(|(flags, options, ours, theirs)| {
        let flags = format!("--dialect conference {flags}");
        (we_call(site, options, &flags), ours, theirs)
    });
    for (Ringing { we, peer }, ours, theirs) in calls {
        let we = we.finish(seconds(20));
        we.assert_reason(ours).assert_no("connected");
        let peer = peer.verdict(VERDICT);
        peer.assert_ok();
        if !theirs.is_empty() {
            peer.assert_ended(theirs);
        }
    }
}

fn an_invitation_to_us_is_declined_answered_as_busy_or_not_at_all(site: Site) {
    let short: Options<'_> = &[
        ("--dialect", "conference"),
        ("--timeout", "2"),
        ("--allow", "nobody@im.test"),
    ];
    let cases: [(&str, Options<'_>, &str, &str); 4] = [
        ("--decline", CONFERENCE, "declined", "declined"),
        ("--busy", CONFERENCE, "busy", "busy"),
        ("--decline", &[], "declined", "declined"),
        ("--auto", short, "no-answer", "no-answer"),
    ];
    let calls = cases.map(|(answer, options, ours, theirs)| {
        let flags = "--dialect conference";
        (
            we_are_called_and(answer, site, options, flags),
            ours,
            theirs,
        )
    });
    for (Ringing { we, peer }, ours, theirs) in calls {
        let we = we.finish(seconds(20));
        we.assert_reason(ours).assert_no("connected");
        assert_eq!(we.last("incoming")["dialect"], "conference");
        peer.verdict(VERDICT).assert_ok().assert_ended(theirs);
    }
}

fn an_invitation_is_taken_back(site: Site) {
    let Ringing { we, peer } = we_call(site, CONFERENCE, "--dialect conference --no-answer");
    peer.wait_for("incoming", SOON);
    we.process().interrupt();
    we.finish(seconds(5))
        .assert_reason_and_status("cancelled", 130);
    let peer = peer.verdict(VERDICT);
    peer.assert_ok().assert_ended("cancelled");
    assert_eq!(peer.count("vc_cancels"), 1, "{}", peer.transcript());

    let rings: Options<'_> = &[("--allow", "nobody@im.test")];
    let flags = "--dialect conference --cancel-after 500";
    let Ringing { we, peer } = we_are_called(site, rings, flags);
    we.finish(SOON).assert_reason("cancelled");
    peer.verdict(VERDICT).assert_ok().assert_ended("cancelled");
}

#[test]
fn an_invitation_that_cannot_be_used_has_failed() {
    requires!("prosody");
    for flags in ["--no-record", "--no-hex"] {
        let flags = format!("--dialect conference {flags} --lifetime 15");
        let Ringing { we, peer } = we_call(Site::Prosody, CONFERENCE, &flags);
        let we = we.finish(seconds(20));
        we.assert_reason("failed").assert_code("bad-invitation");
        let peer = peer.verdict(seconds(20));
        assert_eq!(peer.count("invites"), 0, "{}", peer.transcript());
        assert_eq!(peer.count("vc_cancels"), 1, "{}", peer.transcript());

        let Ringing { we, peer } = we_are_called(Site::Prosody, CONFERENCE, &flags);
        let we = we.finish(seconds(20));
        we.assert_reason("failed").assert_code("bad-invitation");
        peer.verdict(VERDICT).assert_ended("failed");
    }
}
