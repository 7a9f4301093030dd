//! Whole calls between two user agents, on a network that loses what it is told to lose.

#![allow(clippy::unwrap_used, reason = "what fails in a test may panic")]

mod support;

use ichat_sip::{Event, Failure};
use support::{Pair, Side, ms, route_to};

/// A call with an answer after 20 ms and a hang-up by the caller after 5 s.
fn whole_call(mut pair: Pair) -> Pair {
    pair.run(ms(20));
    while !pair.events.iter().any(|(side, _)| *side == Side::Callee) {
        pair.run(ms(10));
    }
    pair.callee.answer(pair.now, b"answer".to_vec()).unwrap();
    pair.run(ms(5000));
    pair.caller.bye(pair.now);
    pair.run(ms(40_000));
    assert!(pair.caller.is_ended() && pair.callee.is_ended());
    assert_eq!(pair.caller.poll_timeout(), None);
    assert_eq!(pair.callee.poll_timeout(), None);
    pair
}

#[test]
fn a_call_is_made_answered_and_hung_up() {
    let mut pair = whole_call(Pair::invited_at(&[route_to(2)]));
    insta::assert_snapshot!(pair.ladder(), @r"
    0.000 --> INVITE
    0.010 Callee: Incoming from me@im.test, 5 octets
    0.020 <-- 200 INVITE
    0.030 --> ACK
    0.030 Caller: Answered by 192.0.2.2:16402, 6 octets
    0.040 Callee: Confirmed
    5.020 --> BYE
    5.030 <-- 200 BYE
    5.030 Callee: RemoteBye
    5.040 Caller: Ended
    ");
}

#[test]
fn a_lost_invite_is_repeated() {
    let mut pair = whole_call(Pair::invited_at(&[route_to(2)]).losing("INVITE", 2));
    insta::assert_snapshot!(pair.ladder(), @r"
    0.000 --> INVITE  lost
    0.500 --> INVITE  lost
    1.500 --> INVITE
    1.510 Callee: Incoming from me@im.test, 5 octets
    1.510 <-- 200 INVITE
    1.520 --> ACK
    1.520 Caller: Answered by 192.0.2.2:16402, 6 octets
    1.530 Callee: Confirmed
    6.510 --> BYE
    6.520 <-- 200 BYE
    6.520 Callee: RemoteBye
    6.530 Caller: Ended
    ");
}

#[test]
fn a_lost_200_is_repeated_until_the_ack() {
    let mut pair = whole_call(Pair::invited_at(&[route_to(2)]).losing("200 INVITE", 2));
    insta::assert_snapshot!(pair.ladder(), @r"
    0.000 --> INVITE
    0.010 Callee: Incoming from me@im.test, 5 octets
    0.020 <-- 200 INVITE  lost
    0.500 --> INVITE
    0.510 <-- 200 INVITE  lost
    0.520 <-- 200 INVITE
    0.530 --> ACK
    0.530 Caller: Answered by 192.0.2.2:16402, 6 octets
    0.540 Callee: Confirmed
    5.020 --> BYE
    5.030 <-- 200 BYE
    5.030 Callee: RemoteBye
    5.040 Caller: Ended
    ");
}

#[test]
fn a_lost_ack_is_repeated_for_each_repeated_200() {
    let mut pair = whole_call(Pair::invited_at(&[route_to(2)]).losing("ACK", 2));
    insta::assert_snapshot!(pair.ladder(), @r"
    0.000 --> INVITE
    0.010 Callee: Incoming from me@im.test, 5 octets
    0.020 <-- 200 INVITE
    0.030 --> ACK  lost
    0.030 Caller: Answered by 192.0.2.2:16402, 6 octets
    0.520 <-- 200 INVITE
    0.530 --> ACK  lost
    1.520 <-- 200 INVITE
    1.530 --> ACK
    1.540 Callee: Confirmed
    5.020 --> BYE
    5.030 <-- 200 BYE
    5.030 Callee: RemoteBye
    5.040 Caller: Ended
    ");
}

#[test]
fn a_lost_bye_is_repeated_and_a_lost_answer_to_it_too() {
    let lossy = Pair::invited_at(&[route_to(2)])
        .losing("BYE", 1)
        .losing("200 BYE", 1);
    let mut pair = whole_call(lossy);
    insta::assert_snapshot!(pair.ladder(), @r"
    0.000 --> INVITE
    0.010 Callee: Incoming from me@im.test, 5 octets
    0.020 <-- 200 INVITE
    0.030 --> ACK
    0.030 Caller: Answered by 192.0.2.2:16402, 6 octets
    0.040 Callee: Confirmed
    5.020 --> BYE  lost
    5.520 --> BYE
    5.530 <-- 200 BYE  lost
    5.530 Callee: RemoteBye
    6.520 --> BYE
    6.530 <-- 200 BYE
    6.540 Caller: Ended
    ");
}

#[test]
fn a_bye_into_the_void_ends_after_32_seconds() {
    let mut pair = Pair::connected();
    pair.lose("BYE", 99);
    pair.caller.bye(pair.now);
    pair.run(ms(40_000));
    insta::assert_snapshot!(pair.ladder(), @r"
     0.100 --> BYE  lost
     0.600 --> BYE  lost
     1.600 --> BYE  lost
     3.600 --> BYE  lost
     7.600 --> BYE  lost
    11.600 --> BYE  lost
    15.600 --> BYE  lost
    19.600 --> BYE  lost
    23.600 --> BYE  lost
    27.600 --> BYE  lost
    31.600 --> BYE  lost
    32.100 Caller: Ended
    ");
    assert!(pair.caller.is_ended());
    assert!(!pair.callee.is_ended());
}

#[test]
fn of_three_addresses_only_the_last_is_alive() {
    let routes = [route_to(7), route_to(8), route_to(2)];
    let mut pair = whole_call(Pair::invited_at(&routes));
    assert_eq!(pair.caller.route(), Some(route_to(2)));
    insta::assert_snapshot!(pair.ladder(), @r"
    0.000 --> INVITE  to nobody at 192.0.2.7:16402
    0.500 --> INVITE  to nobody at 192.0.2.7:16402
    1.000 --> INVITE  to nobody at 192.0.2.8:16402
    1.500 --> INVITE  to nobody at 192.0.2.7:16402
    1.500 --> INVITE  to nobody at 192.0.2.8:16402
    2.000 --> INVITE
    2.010 Callee: Incoming from me@im.test, 5 octets
    2.010 <-- 200 INVITE
    2.020 --> ACK
    2.020 Caller: Answered by 192.0.2.2:16402, 6 octets
    2.030 Callee: Confirmed
    7.010 --> BYE
    7.020 <-- 200 BYE
    7.020 Callee: RemoteBye
    7.030 Caller: Ended
    ");
}

#[test]
fn a_pinhole_is_tried_at_once() {
    let mut pair = Pair::invited_at(&[route_to(7)]);
    pair.run(ms(300));
    pair.caller.add_route(pair.now, route_to(2), true);
    pair.run(ms(100));
    pair.callee.answer(pair.now, b"answer".to_vec()).unwrap();
    pair.run(ms(1000));
    insta::assert_snapshot!(pair.ladder(), @r"
    0.000 --> INVITE  to nobody at 192.0.2.7:16402
    0.300 --> INVITE
    0.310 Callee: Incoming from me@im.test, 5 octets
    0.400 <-- 200 INVITE
    0.410 --> ACK
    0.410 Caller: Answered by 192.0.2.2:16402, 6 octets
    0.420 Callee: Confirmed
    ");
}

#[test]
fn without_any_reply_the_call_fails_after_20_seconds() {
    let mut pair = Pair::invited_at(&[route_to(7), route_to(8)]);
    pair.run(ms(19_999));
    assert_eq!(pair.events, []);
    pair.run(ms(1));
    let failed = Event::Failed {
        cause: Failure::NoReply,
    };
    assert_eq!(pair.events, [(Side::Caller, failed)]);
    assert!(pair.caller.is_ended());
    assert_eq!(pair.caller.poll_timeout(), None);
}

#[test]
fn a_slow_answer_is_bridged_by_100_and_180() {
    let mut pair = Pair::invited_at(&[route_to(2)]);
    pair.run(ms(1000));
    pair.callee.ring(pair.now);
    pair.run(ms(4000));
    pair.callee.answer(pair.now, b"answer".to_vec()).unwrap();
    pair.run(ms(1000));
    insta::assert_snapshot!(pair.ladder(), @r"
    0.000 --> INVITE
    0.010 Callee: Incoming from me@im.test, 5 octets
    0.210 <-- 100 INVITE
    0.220 Caller: Progress { status: 100 }
    1.000 <-- 180 INVITE
    1.010 Caller: Progress { status: 180 }
    5.000 <-- 200 INVITE
    5.010 --> ACK
    5.010 Caller: Answered by 192.0.2.2:16402, 6 octets
    5.020 Callee: Confirmed
    ");
}

#[test]
fn a_refusal_is_repeated_until_its_ack() {
    let mut pair = Pair::invited_at(&[route_to(2)])
        .losing("486 INVITE", 1)
        .losing("ACK", 1);
    pair.run(ms(20));
    pair.callee.reject(pair.now, 486).unwrap();
    pair.run(ms(40_000));
    insta::assert_snapshot!(pair.ladder(), @r"
    0.000 --> INVITE
    0.010 Callee: Incoming from me@im.test, 5 octets
    0.020 <-- 486 INVITE  lost
    0.500 --> INVITE
    0.510 <-- 486 INVITE
    0.520 --> ACK  lost
    0.520 Caller: Failed, the peer answered 486 Busy Here
    0.520 <-- 486 INVITE
    0.530 --> ACK
    0.540 Callee: Ended
    ");
    assert!(pair.caller.is_ended() && pair.callee.is_ended());
}

#[test]
fn a_cancel_waits_for_a_provisional_answer() {
    let mut pair = Pair::invited_at(&[route_to(2)]);
    pair.run(ms(50));
    pair.caller.cancel(pair.now);
    pair.run(ms(40_000));
    insta::assert_snapshot!(pair.ladder(), @r"
    0.000 --> INVITE
    0.010 Callee: Incoming from me@im.test, 5 octets
    0.210 <-- 100 INVITE
    0.220 --> CANCEL
    0.230 <-- 200 CANCEL
    0.230 <-- 487 INVITE
    0.230 Callee: Cancelled
    0.240 --> ACK
    0.240 Caller: Ended
    ");
    assert!(pair.caller.is_ended() && pair.callee.is_ended());
}

#[test]
fn an_answer_that_crosses_the_cancel_is_confirmed_and_hung_up() {
    let mut pair = Pair::invited_at(&[route_to(2)]);
    pair.run(ms(300));
    pair.caller.cancel(pair.now);
    pair.callee.answer(pair.now, b"answer".to_vec()).unwrap();
    pair.run(ms(40_000));
    insta::assert_snapshot!(pair.ladder(), @r"
    0.000 --> INVITE
    0.010 Callee: Incoming from me@im.test, 5 octets
    0.210 <-- 100 INVITE
    0.220 Caller: Progress { status: 100 }
    0.300 --> CANCEL
    0.300 <-- 200 INVITE
    0.310 --> ACK
    0.310 --> BYE
    0.310 <-- 200 CANCEL
    0.320 Callee: Confirmed
    0.320 <-- 200 BYE
    0.320 Callee: RemoteBye
    0.330 Caller: Ended
    ");
    assert!(pair.caller.is_ended() && pair.callee.is_ended());
}

#[test]
fn a_cancel_of_a_dead_address_ends_with_it() {
    let mut pair = Pair::invited_at(&[route_to(7)]);
    pair.run(ms(50));
    pair.caller.cancel(pair.now);
    pair.run(ms(20_000));
    assert_eq!(pair.events, [(Side::Caller, Event::Ended)]);
    assert!(pair.caller.is_ended());
}

#[test]
fn the_callee_hangs_up_before_the_ack() {
    let mut pair = Pair::invited_at(&[route_to(2)]).losing("ACK", 1);
    pair.run(ms(20));
    pair.callee.answer(pair.now, b"answer".to_vec()).unwrap();
    pair.callee.bye(pair.now);
    pair.run(ms(40_000));
    insta::assert_snapshot!(pair.ladder(), @r"
    0.000 --> INVITE
    0.010 Callee: Incoming from me@im.test, 5 octets
    0.020 <-- 200 INVITE
    0.030 --> ACK  lost
    0.030 Caller: Answered by 192.0.2.2:16402, 6 octets
    0.520 <-- 200 INVITE
    0.530 --> ACK
    0.540 <-- BYE
    0.550 --> 200 BYE
    0.550 Caller: RemoteBye
    0.560 Callee: Ended
    ");
    assert!(pair.caller.is_ended() && pair.callee.is_ended());
}

#[test]
fn a_callee_without_an_ack_hangs_up_all_the_same() {
    let mut pair = Pair::invited_at(&[route_to(2)]).losing("200 INVITE", 3);
    pair.run(ms(20));
    pair.callee.answer(pair.now, b"answer".to_vec()).unwrap();
    pair.callee.bye(pair.now);
    pair.run(ms(40_000));
    insta::assert_snapshot!(pair.ladder(), @r"
    0.000 --> INVITE
    0.010 Callee: Incoming from me@im.test, 5 octets
    0.020 <-- 200 INVITE  lost
    0.500 --> INVITE
    0.510 <-- 200 INVITE  lost
    0.520 <-- 200 INVITE  lost
    1.020 <-- BYE
    1.030 --> 200 BYE
    1.030 Caller: RemoteBye
    1.040 Callee: Ended
    ");
    assert!(pair.caller.is_ended() && pair.callee.is_ended());
}

#[test]
fn without_ack_and_media_the_answer_fails_after_32_seconds() {
    let mut pair = Pair::invited_at(&[route_to(2)]).losing("ACK", 99);
    pair.run(ms(20));
    pair.callee.answer(pair.now, b"answer".to_vec()).unwrap();
    pair.run(ms(33_000));
    let failed = Event::Failed {
        cause: Failure::AckTimeout,
    };
    assert_eq!(pair.events_of(Side::Callee).last(), Some(&&failed));
    assert_eq!(
        pair.events_of(Side::Caller).last(),
        Some(&&Event::RemoteBye)
    );
    assert!(pair.caller.is_ended() && pair.callee.is_ended());
}

#[test]
fn a_lost_ack_does_not_stop_a_call_with_media() {
    let mut pair = Pair::invited_at(&[route_to(2)]).losing("ACK", 99);
    pair.run(ms(20));
    pair.callee.answer(pair.now, b"answer".to_vec()).unwrap();
    pair.callee.media_arrived();
    pair.run(ms(60_000));
    assert_eq!(
        pair.events_of(Side::Callee).len(),
        1,
        "Incoming, and nothing after it"
    );
    pair.callee.bye(pair.now);
    pair.run(ms(1000));
    assert_eq!(pair.events_of(Side::Callee).last(), Some(&&Event::Ended));
}

#[test]
fn a_seed_makes_the_same_call_again() {
    let mut once = whole_call(Pair::invited_at(&[route_to(2)]));
    let mut again = whole_call(Pair::invited_at(&[route_to(2)]));
    assert_eq!(once.ladder(), again.ladder());
    assert_eq!(once.caller.call_id(), again.caller.call_id());
}
