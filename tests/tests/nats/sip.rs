//! Plain SIP calls out of a home: nobody tells where anybody is but the packets themselves.

use scenarios::ichat_call::{self, text};
use scenarios::internet::Internet;
use scenarios::nat::Nat;
use scenarios::standin::{self, VERDICT};
use scenarios::{SOON, requires_internet, seconds};

/// The port that both sides use.
const PORT: &str = "16402";

#[test]
fn from_behind_any_nat_we_call_a_sip_peer_with_a_public_address() {
    requires_internet!();
    let internet = Internet::shared();
    for nat in [Nat::Shifted, Nat::Symmetric] {
        let (home, open) = (internet.home(nat), internet.home(Nat::None));
        let peer = standin::sip_answer()
            .set("--bind", open.public().to_string())
            .set("--port", PORT)
            .trusts_any_source()
            .flag("--behind-nat")
            .on(open.host())
            .spawn();
        peer.wait_for("ready", SOON);
        let we = ichat_call::call(&format!("sip:user@{}:{PORT}", open.public()))
            .unset("--bind")
            .set("--duration", "1.5")
            .on(home.host())
            .spawn()
            .finish(seconds(40));
        we.assert_reason("hangup").assert_nothing_lost();
        peer.verdict(VERDICT).assert_ok().assert_heard_all();
    }
}

#[test]
fn a_sip_peer_behind_a_nat_calls_us_and_is_answered_where_its_packets_come_from() {
    requires_internet!();
    let internet = Internet::shared();
    let (home, open) = (internet.home(Nat::Symmetric), internet.home(Nat::None));
    let we = ichat_call::answer()
        .unset("--bind")
        .set("--port", PORT)
        .flag("--auto")
        .flag("--once")
        .on(open.host())
        .spawn();
    let listening = we.wait_for("listening", SOON);
    let uri = format!("sip:user@{}", text(&listening, "address"));
    let peer = standin::sip_call(&uri)
        .set("--bind", home.host().ipv4().to_string())
        .flags("--duration 1.5 --behind-nat")
        .trusts_any_source()
        .on(home.host())
        .spawn();
    let we = we.finish(seconds(40));
    we.assert_reason("remote-hangup").assert_nothing_lost();
    peer.verdict(VERDICT).assert_ok().assert_heard_all();
}
