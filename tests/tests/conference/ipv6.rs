//! Calls in the conference dialect over IPv6.

use std::net::UdpSocket;

use scenarios::ichat_call;
use scenarios::{SOON, requires, seconds};

use super::{Options, we_are_called, we_call};
use crate::sites::Site;

const OVER_IPV6: Options<'static> = &[("--dialect", "conference"), ("--bind", "::1")];

/// Whether this machine has IPv6; where nothing may be skipped it must.
fn has_ipv6() -> bool {
    match UdpSocket::bind("[::1]:0") {
        Ok(_) => true,
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "no IPv6: {error}");
            eprintln!("SKIPPED: this machine has no IPv6: {error}");
            false
        }
    }
}

#[test]
fn two_of_ours_find_their_way_over_ipv6() {
    requires!("prosody");
    if !has_ipv6() {
        return;
    }
    let [amy, ben] = Site::Prosody.friends(["amy", "ben"]);
    let told = |we: ichat_call::Invocation| {
        let options = OVER_IPV6.iter();
        options.fold(we, |we, (name, value)| we.set(name, *value))
    };
    let callee = told(ichat_call::answer().account(&ben));
    let callee = callee.flag("--auto").flag("--once").spawn();
    callee.wait_for("online", SOON);
    let caller = told(ichat_call::call(&ben.jid).account(&amy));
    let caller = caller.set("--duration", "1").spawn().finish(seconds(20));
    let callee = callee.finish(SOON);
    caller.assert_reason("hangup");
    callee.assert_reason("remote-hangup");
    for we in [&caller, &callee] {
        we.assert_nothing_lost().assert_no("warning");
        assert_eq!(we.last("accepted")["dialect"], "conference");
        let path = we.last("path");
        assert_eq!(path["kind"], "host", "{}", we.transcript);
        let remote = path["remote"].as_str().unwrap_or_default();
        assert!(remote.starts_with("[::1]:"), "{}", we.transcript);
    }
}

#[test]
fn a_mac_calls_and_is_called_over_ipv6() {
    requires!("prosody");
    if !has_ipv6() {
        return;
    }
    let cases = [
        "--dialect conference --bind ::1",
        // Over IPv6 iChat sends nothing before it has heard something.
        "--dialect conference --bind ::1 --powerpc --dead-candidate --wait-for-rtp",
    ];
    let ours = cases.map(|flags| (flags, we_call(Site::Prosody, OVER_IPV6, flags)));
    let theirs = cases.map(|flags| (flags, we_are_called(Site::Prosody, OVER_IPV6, flags)));
    for (case, call) in ours.into_iter().chain(theirs) {
        let we = call.talks(case);
        let path = we.last("path");
        let remote = path["remote"].as_str().unwrap_or_default();
        assert!(remote.starts_with("[::1]:"), "{}", we.transcript);
    }
}
