//! What two user agents say while a call is up.

#![allow(clippy::unwrap_used, reason = "what fails in a test may panic")]

mod support;

use ichat_sip::Event;
use support::{Pair, ms};

#[test]
fn both_hang_up_at_once() {
    let mut pair = Pair::connected();
    pair.caller.bye(pair.now);
    pair.callee.bye(pair.now);
    pair.run(ms(40_000));
    insta::assert_snapshot!(pair.ladder(), @r"
    0.100 --> BYE
    0.100 <-- BYE
    0.110 --> 200 BYE
    0.110 Caller: Ended
    0.110 <-- 200 BYE
    0.110 Callee: Ended
    ");
    assert!(pair.caller.is_ended() && pair.callee.is_ended());
}

#[test]
fn messages_go_both_ways_and_survive_loss() {
    let mut pair = Pair::connected();
    pair.lose("MESSAGE", 1);
    pair.lose("200 MESSAGE", 1);
    pair.caller
        .message(pair.now, "text/plain", b"VCRemoteMuted:ON".to_vec());
    pair.run(ms(3000));
    pair.callee
        .message(pair.now, "text/plain", b"ping".to_vec());
    pair.run(ms(1000));
    insta::assert_snapshot!(pair.ladder(), @r"
    0.100 --> MESSAGE  lost
    0.600 --> MESSAGE
    0.610 <-- 200 MESSAGE  lost
    0.610 Callee: Message VCRemoteMuted:ON
    1.600 --> MESSAGE
    1.610 <-- 200 MESSAGE
    3.100 <-- MESSAGE
    3.110 --> 200 MESSAGE
    3.110 Caller: Message ping
    ");
}

#[test]
fn hold_by_reinvite_is_answered() {
    let mut pair = Pair::connected();
    pair.lose("200 INVITE", 1);
    pair.callee.reinvite(pair.now, b"hold".to_vec());
    pair.run(ms(20));
    pair.caller.answer(pair.now, b"held".to_vec()).unwrap();
    pair.run(ms(2000));
    insta::assert_snapshot!(pair.ladder(), @r"
    0.100 <-- INVITE
    0.110 Caller: Reoffer { body: [104, 111, 108, 100] }
    0.120 --> 200 INVITE  lost
    0.600 <-- INVITE
    0.610 --> 200 INVITE
    0.620 --> 200 INVITE
    0.620 <-- ACK
    0.620 Callee: Answered by 192.0.2.1:16402, 4 octets
    0.630 <-- ACK
    ");
}

#[test]
fn two_reinvites_at_once_are_sorted_out() {
    let mut pair = Pair::connected();
    pair.caller.reinvite(pair.now, b"mine".to_vec());
    pair.callee.reinvite(pair.now, b"yours".to_vec());
    pair.run(ms(2050));
    pair.caller.answer(pair.now, b"yes".to_vec()).unwrap();
    pair.run(ms(3000));
    pair.callee.answer(pair.now, b"yes".to_vec()).unwrap();
    pair.run(ms(1000));
    insta::assert_snapshot!(pair.ladder(), @r"
    0.100 --> INVITE
    0.100 <-- INVITE
    0.110 --> 491 INVITE
    0.110 <-- 491 INVITE
    0.120 --> ACK
    0.120 <-- ACK
    2.071 <-- INVITE
    2.081 Caller: Reoffer { body: [121, 111, 117, 114, 115] }
    2.150 --> 200 INVITE
    2.160 <-- ACK
    2.160 Callee: Answered by 192.0.2.1:16402, 3 octets
    4.065 --> INVITE
    4.075 Callee: Reoffer { body: [109, 105, 110, 101] }
    4.275 <-- 100 INVITE
    5.150 <-- 200 INVITE
    5.160 --> ACK
    5.160 Caller: Answered by 192.0.2.2:16402, 3 octets
    ");
}

#[test]
fn a_refused_reinvite_leaves_the_call_up() {
    let mut pair = Pair::connected();
    pair.caller.reinvite(pair.now, b"mine".to_vec());
    pair.run(ms(20));
    pair.callee.reject(pair.now, 606).unwrap();
    pair.run(ms(40_000));
    assert_eq!(
        pair.events.last().unwrap().1,
        Event::ReofferRejected { status: 606 }
    );
    pair.callee.bye(pair.now);
    pair.run(ms(1000));
    assert!(pair.caller.is_ended() && pair.callee.is_ended());
}
