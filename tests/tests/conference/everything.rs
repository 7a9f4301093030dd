//! Everything at once: whatever makes checks hard, and a network that loses a third of all that is
//! sent.

use scenarios::ichat_call;
use scenarios::standin::{self, Standin};
use scenarios::{SOON, requires, seconds};

use super::{CONFERENCE, Ringing, told};
use crate::sites::Site;

/// Checks of the time before the cookie, a list that a middlebox rewrote, an address where nobody is
/// that stands first, and checks that come before the acceptance.
const HARD: &str = "--no-cookie --tamper-guard --dead-candidate --early-checks";

/// How many of a hundred datagrams are lost, each way.
const LOST: u8 = 30;

/// It stays for a while after the call: we hang up, and a BYE may have to come again.
fn behaves(peer: standin::Invocation, processor: &str, seed: u64) -> Standin {
    let peer = peer.conference().flags(HARD).flags(processor);
    peer.loses(LOST, seed).set("--linger", "5").spawn()
}

fn we_call(processor: &str, seed: u64) -> Ringing {
    let [ours, mac] = Site::Prosody.friends(["amy", "mac"]);
    let peer = behaves(standin::answer(&mac), processor, seed);
    peer.wait_online();
    let we = told(ichat_call::call(&mac.jid).account(&ours), CONFERENCE);
    let we = we.set("--duration", "3").spawn();
    Ringing { we, peer }
}

fn we_are_called(processor: &str, seed: u64) -> Ringing {
    let [ours, mac] = Site::Prosody.friends(["amy", "mac"]);
    let we = told(ichat_call::answer().account(&ours), CONFERENCE);
    let we = we.set("--duration", "3").flag("--auto").flag("--once");
    let we = we.spawn();
    we.wait_for("online", SOON);
    let peer = behaves(standin::call(&mac, &ours.jid), processor, seed);
    Ringing { we, peer }
}

/// A path is found by checks, both hear each other over it, and what is lost is all that is lost.
fn talks(Ringing { we, peer }: Ringing) {
    let we = we.finish(seconds(60));
    let peer = peer.verdict(seconds(20));
    let transcript = format!("{}\n{}", we.transcript, peer.transcript());
    we.assert_reason("hangup").assert_no_error();
    // We hang up three times in the two seconds that we wait, and all may be lost.
    if peer.field("ended") != "dead-air" {
        peer.assert_ok().assert_ended("remote-hangup");
    } else {
        let silence = ["dead air: nothing came", "BYE was not answered"];
        let faults = peer.field("faults").as_array().cloned().unwrap_or_default();
        let excused = |fault: &serde_json::Value| {
            let fault = fault.as_str().unwrap_or_default();
            silence.iter().any(|silent| fault.contains(silent))
        };
        assert!(faults.iter().all(excused), "{transcript}");
    }
    peer.assert_dialect("conference").assert_checked_path();
    let kind = we.last("path")["kind"].as_str();
    assert!(matches!(kind, Some("host" | "prflx")), "{transcript}");
    let ended = we.last("ended");
    let count = |name: &str| ended[name].as_u64().unwrap_or(0);
    // Of the 150 packets of three seconds 105 come through, give or take.
    for (received, lost) in [
        (count("received"), count("lost")),
        (peer.count("received"), peer.count("lost")),
    ] {
        assert!(received + lost > 120, "{transcript}");
        assert!(received > 60 && lost > 10, "{transcript}");
    }
}

#[test]
fn old_checks_a_rewritten_list_a_dead_address_early_checks_and_losses_come_to_a_call_all_at_once() {
    requires!("prosody");
    let calls = [("", 3), ("--powerpc", 4)].map(|(processor, seed)| {
        let both = [we_call(processor, seed), we_are_called(processor, seed)];
        (processor, both)
    });
    for (processor, both) in calls {
        for (call, caller) in both.into_iter().zip(["ours", "the stand-in"]) {
            eprintln!("case: {caller} calls, {processor}");
            talks(call);
        }
    }
}
