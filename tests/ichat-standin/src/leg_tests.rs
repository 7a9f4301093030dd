//! Two legs joined in virtual time.

use super::*;
use crate::options::{ContentLength, Mode, PeerKind, SipStyle};

const STEP: Duration = Duration::from_millis(5);

fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// A caller at port 1000 and a callee at port 2000.
struct Pair {
    now: Instant,
    start: Instant,
    legs: [Leg; 2],
    books: [Book; 2],
    log: Vec<(u64, usize, LegEvent)>,
}

impl Pair {
    fn new(change: impl Fn(&mut Options, &mut Options)) -> Self {
        let mut caller = Options::new(Mode::SipCall);
        let mut callee = Options::new(Mode::SipAnswer);
        caller.peer_kind = PeerKind::IChat;
        callee.peer_kind = PeerKind::IChat;
        caller.media.wait_for_rtp = false;
        caller.jid = "us@im.test".into();
        callee.jid = "mac@im.test".into();
        caller.duration = Some(Duration::from_secs(3));
        change(&mut caller, &mut callee);
        let now = Instant::now();
        let leg = |options: Options, port: u16, ours: &str, peers: &str| {
            let names = Names {
                ours: ours.into(),
                peers: peers.into(),
            };
            let salt = u32::from(port);
            let local = Local {
                sip: at(port),
                rtp: at(port),
            };
            let payloads = Payloads::Pattern { salt, counter: 0 };
            Leg::new(
                now,
                Rc::new(options),
                names,
                local,
                payloads,
                Random::new(u64::from(port)),
            )
        };
        let mut legs = [
            leg(caller, 1000, "us@im.test", "mac@im.test"),
            leg(callee, 2000, "mac@im.test", "us@im.test"),
        ];
        legs[0].call(now, "user", vec![at(2000)]);
        legs[1].await_call(now, vec![at(2000)], vec![at(1000)]);
        Self {
            now,
            start: now,
            legs,
            books: Default::default(),
            log: Vec::new(),
        }
    }

    fn run(&mut self, seconds: u64) {
        let end = self.start + Duration::from_secs(seconds);
        while self.now < end {
            for (leg, book) in self.legs.iter_mut().zip(&mut self.books) {
                leg.handle_timeout(self.now, book);
            }
            loop {
                let mut moved = false;
                for side in [0, 1] {
                    let sent: Vec<_> = self.legs[side].outbox.drain(..).collect();
                    for (_, to, octets) in sent {
                        let other = usize::from(to.port() == 2000);
                        let from = at([1000, 2000][side]);
                        if ![1000, 2000].contains(&to.port()) {
                            continue;
                        }
                        moved = true;
                        let datagram = Datagram {
                            from,
                            at: self.now,
                            octets,
                        };
                        let book = &mut self.books[other];
                        self.legs[other].handle_datagram(self.now, &datagram, book);
                    }
                }
                if !moved {
                    break;
                }
            }
            for side in [0, 1] {
                while let Some(event) = self.legs[side].poll_event() {
                    let ms = (self.now - self.start).as_millis() as u64;
                    self.log.push((ms, side, event));
                }
            }
            self.now += STEP;
        }
        for (leg, book) in self.legs.iter_mut().zip(&mut self.books) {
            leg.finish(self.now, false, book);
        }
    }

    fn faults(&self, side: usize) -> String {
        self.books[side].faults.lines().join("\n")
    }

    fn ended(&self, side: usize) -> (&'static str, u64) {
        let ended = self.log.iter().find_map(|(ms, who, event)| match event {
            LegEvent::Ended(ending) if *who == side => Some((ending.reason, *ms)),
            _ => None,
        });
        ended.unwrap_or(("", 0))
    }

    fn octets_agree(&self) -> bool {
        let (sent, received) = self.legs[0].octets();
        let (sent_back, received_back) = self.legs[1].octets();
        !sent.is_empty() && !sent_back.is_empty() && sent == received_back && sent_back == received
    }
}

fn good(change: impl Fn(&mut Options, &mut Options)) -> Pair {
    let mut pair = Pair::new(change);
    pair.run(12);
    assert_eq!(
        (pair.faults(0), pair.faults(1)),
        (String::new(), String::new())
    );
    assert!(pair.octets_agree());
    assert_eq!(pair.ended(0).0, "hangup", "{:?}", pair.log);
    assert_eq!(pair.ended(1).0, "remote-hangup");
    pair
}

#[test]
fn every_octet_arrives_and_nothing_is_found() {
    let pair = good(|_, _| {});
    assert_eq!(pair.books[1].tally.received, 150);
    assert_eq!(pair.ended(0).1, 3000);
}

#[test]
fn whatever_is_dropped_is_sent_again() {
    // Of a BYE that is held back only one: two are a silence of more than a second.
    for drops in [(2, 0, 0, 0), (0, 2, 0, 0), (0, 0, 2, 0), (0, 0, 0, 1)] {
        for side in [0, 1] {
            let pair = good(|caller, callee| {
                let options = if side == 0 { caller } else { callee };
                let sip = &mut options.sip;
                (sip.drop_invite, sip.drop_200, sip.drop_ack, sip.drop_bye) = drops;
            });
            let tally = &pair.books[1].tally;
            if drops.0 > 0 && side == 1 {
                assert_eq!(tally.invites, 3);
            }
        }
    }
}

#[test]
fn wraps_pings_hold_styles_and_probes_do_no_harm() {
    good(|caller, _| {
        caller.media.sequence = Some(65_530);
        caller.media.timestamp = Some(u32::MAX - 100);
    });
    let pair = good(|_, callee| callee.sip.pings = Some(Duration::from_millis(300)));
    assert!(pair.books[1].tally.pings_answered >= 8);
    good(|caller, _| caller.sip.hold_after = Some(Duration::from_millis(500)));
    good(|_, callee| callee.sip.ring = Some(Duration::from_millis(700)));
    for style in [SipStyle::Compact, SipStyle::Folded] {
        good(|caller, _| caller.sip.style = style);
        good(|_, callee| callee.sip.style = style);
    }
}

#[test]
fn probes_want_known_answers() {
    // The stand-in itself finds the stray BYE strange, and answers all the same.
    let mut pair = Pair::new(|caller, _| caller.sip.probe_methods = true);
    pair.run(12);
    assert_eq!(pair.faults(0), "");
    assert_eq!(pair.faults(1), "BYE outside the dialog");
}

#[test]
fn refusals_have_their_reasons() {
    for (code, reason) in [(486, "busy"), (603, "declined"), (606, "rejected")] {
        let mut pair = Pair::new(|_, callee| callee.sip.reject = Some(code));
        pair.run(3);
        assert_eq!(pair.ended(0).0, reason);
        assert_eq!(
            (pair.faults(0), pair.faults(1)),
            (String::new(), String::new())
        );
    }
    let mut pair = Pair::new(|_, callee| callee.sip.reject = Some(500));
    pair.run(3);
    assert!(pair.faults(0).contains("refused with 500"));
    good(|_, callee| callee.sip.reject_long_names = true);
}

#[test]
fn a_caller_cancels_what_rings() {
    let mut pair = Pair::new(|caller, callee| {
        callee.vc.no_answer = true;
        caller.vc.cancel_after = Some(Duration::from_millis(500));
    });
    pair.run(3);
    assert_eq!(
        (pair.ended(0).0, pair.ended(1).0),
        ("cancelled", "cancelled")
    );
    assert_eq!(
        (pair.faults(0), pair.faults(1)),
        (String::new(), String::new())
    );
    assert_eq!(pair.books[1].tally.cancels, 1);
    assert_eq!(pair.books[1].tally.acks, 1);
}

#[test]
fn silence_is_found_and_ends_in_dead_air() {
    let mut pair = Pair::new(|caller, _| {
        caller.duration = None;
        caller.media.silent_after = Some(Duration::from_secs(2));
    });
    pair.run(20);
    assert_eq!(pair.ended(1), ("dead-air", 11_980));
    assert!(pair.faults(1).contains("dead air"));
    assert!(pair.faults(1).contains("1 s of nothing before the end"));
}

#[test]
fn a_peer_without_reports_is_found() {
    let mut pair = Pair::new(|caller, _| caller.duration = Some(Duration::from_secs(9)));
    // The reports of one side are taken away.
    let end = pair.start + Duration::from_secs(10);
    while pair.now < end {
        for side in [0, 1] {
            pair.legs[side].handle_timeout(pair.now, &mut pair.books[side]);
            let sent: Vec<_> = pair.legs[side].outbox.drain(..).collect();
            for (_, _, octets) in sent {
                if side == 0 && classify(&octets) == Kind::Rtcp {
                    continue;
                }
                let from = at([1000, 2000][side]);
                let datagram = Datagram {
                    from,
                    at: pair.now,
                    octets,
                };
                pair.legs[1 - side].handle_datagram(pair.now, &datagram, &mut pair.books[1 - side]);
            }
        }
        pair.now += STEP;
    }
    pair.run(0);
    assert_eq!(pair.faults(1), "RTCP: none came in more than 8 s");
    assert_eq!(pair.faults(0), "");
}

#[test]
fn faults_of_the_sender_are_found_by_the_receiver() {
    type Change = fn(&mut Options);
    let cases: [(Change, &str); 6] = [
        (|o| o.media.lose_every = 40, "packets are missing"),
        (|o| o.media.swap_every = 40, "out of order"),
        (|o| o.media.double_every = 40, "came twice"),
        (|o| o.media.packet_ms = 30, "240 octets"),
        (
            |o| o.sip.content_length = ContentLength::Missing,
            "no Content-Length",
        ),
        (|o| o.media.junk_rtp = true, "unknown kind"),
    ];
    for (change, word) in cases {
        let mut pair = Pair::new(|caller, _| change(caller));
        pair.run(5);
        assert!(pair.faults(1).contains(word), "{word}: {}", pair.faults(1));
        // Junk spoils what the stand-in reports, which is right to be found.
        assert!(
            pair.faults(0).is_empty() || word == "unknown kind",
            "{word}"
        );
    }
}

#[test]
fn an_endpoint_is_held_to_more_than_an_ichat() {
    let mut pair = Pair::new(|_, callee| callee.peer_kind = PeerKind::Endpoint);
    pair.run(5);
    assert!(pair.faults(1).contains("rport") && pair.faults(1).contains("more than audio"));
}

#[test]
fn where_datagrams_get_lost_what_is_missing_because_of_it_is_no_fault() {
    let lossy = |callee_knows: bool| {
        let mut pair = Pair::new(|caller, callee| {
            caller.media.lose_every = 3;
            caller.sip.drop_ack = 99;
            caller.sip.drop_bye = 2;
            callee.lossy = callee_knows;
        });
        pair.run(12);
        assert_eq!(pair.ended(1).0, "remote-hangup", "{:?}", pair.log);
        assert_eq!(pair.books[1].tally.acks, 0);
        pair.faults(1)
    };
    assert_eq!(lossy(true), "");
    let found = lossy(false);
    for word in ["no ACK came", "of nothing before the end", "are missing"] {
        assert!(found.contains(word), "{word}: {found}");
    }
}
