//! What several themes need.

use scenarios::ichat_call::{self, Finished};
use scenarios::prosody::{Account, Prosody};
use scenarios::standin::{self, VERDICT, Verdict};
use scenarios::{seconds, ulaw};

/// Half a second of words.
pub(crate) fn words(seed: u64) -> Vec<u8> {
    ulaw::noise(4000, seed)
}

/// We call a stand-in that behaves as these flags say; the call lasts a second if it comes up.
pub(crate) fn we_call(flags: &str) -> (Finished, Verdict) {
    let (ours, mac) = Prosody::shared().pair();
    let peer = standin::answer(&mac)
        .flags(flags)
        .says(&words(1))
        .listens()
        .spawn();
    peer.wait_online();
    let call = ichat_call::call(&mac.jid)
        .account(&ours)
        .says(&words(2))
        .captured()
        .set("--duration", "1.5")
        .spawn();
    let finished = call.finish(seconds(60));
    (finished, peer.verdict(VERDICT))
}

/// A stand-in that behaves as these flags say calls us; we answer at once. It hangs up after a
/// second and a half.
pub(crate) fn we_are_called(flags: &str) -> (Finished, Verdict) {
    we_are_called_and(&["--auto"], flags)
}

/// The same, with something else than an answer.
pub(crate) fn we_are_called_and(answer: &[&str], flags: &str) -> (Finished, Verdict) {
    let (ours, mac) = Prosody::shared().pair();
    let mut us = ichat_call::answer()
        .account(&ours)
        .says(&words(2))
        .captured()
        .flag("--once");
    for word in answer {
        us = us.flag(word);
    }
    let us = us.spawn();
    us.wait_for("online", scenarios::SOON);
    let peer = calling(&mac, &ours)
        .flags(flags)
        .says(&words(1))
        .listens()
        .spawn();
    let finished = us.finish(seconds(60));
    (finished, peer.verdict(VERDICT))
}

fn calling(mac: &Account, ours: &Account) -> standin::Invocation {
    standin::call(mac, &ours.jid).set("--duration", "1.5")
}

/// A call that came up, was heard on both sides from its first word to its last, and was ended
/// by us.
pub(crate) fn assert_we_talked_and_hung_up(we: &Finished, peer: &Verdict) {
    we.assert_reason("hangup").assert_nothing_lost();
    assert_both_heard(we, peer);
}

/// The same, ended by the peer.
pub(crate) fn assert_we_talked_until_the_peer_hung_up(we: &Finished, peer: &Verdict) {
    we.assert_reason("remote-hangup").assert_nothing_lost();
    assert_both_heard(we, peer);
}

/// Every word of [`we_call`] or [`we_are_called`] arrived, octet for octet, both ways.
pub(crate) fn assert_both_heard(we: &Finished, peer: &Verdict) {
    peer.assert_ok().assert_heard_all();
    if let Err(problem) = ulaw::compare(&words(2), &peer.heard(), 0) {
        panic!(
            "what we said: {problem}\n{}\n{}",
            we.transcript,
            peer.transcript()
        );
    }
    if let Err(problem) = ulaw::compare(&words(1), &heard(we), 0) {
        panic!(
            "what the peer said: {problem}\n{}\n{}",
            we.transcript,
            peer.transcript()
        );
    }
}

/// The octets that came over the media port in the source that sent most, in the order of their
/// timestamps: a capture holds the junk too that was dropped behind it.
pub(crate) fn heard(we: &Finished) -> Vec<u8> {
    use scenarios::pcap;
    let mut packets = pcap::stream(&we.captured(ichat_call::Direction::Received));
    let count = |ssrc: u32| packets.iter().filter(|packet| packet.ssrc == ssrc).count();
    let main = packets
        .iter()
        .map(|packet| packet.ssrc)
        .max_by_key(|ssrc| count(*ssrc));
    packets.retain(|packet| Some(packet.ssrc) == main);
    pcap::payload(&packets)
}
