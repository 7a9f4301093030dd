//! Two sides check each other in virtual time, over a network that does what the test wants.

use super::*;
use crate::candidate::new_id;
use crate::options::Mode;
use crate::stun::new_tag;

const STEP: Duration = Duration::from_millis(5);

fn at(host: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([192, 168, 1, host], port))
}

/// Datagrams as the network delivers them: the source may be another, or there is none.
type Carry = fn(from: SocketAddr, to: SocketAddr) -> Option<(SocketAddr, SocketAddr)>;

fn straight(from: SocketAddr, to: SocketAddr) -> Option<(SocketAddr, SocketAddr)> {
    Some((from, to))
}

/// One side at 192.168.1.1, the other at 192.168.1.2.
struct Pair {
    now: Instant,
    start: Instant,
    own: [SocketAddr; 2],
    sides: [Connectivity; 2],
    lists: [Vec<Candidate>; 2],
    late: [Vec<Candidate>; 2],
    books: [Book; 2],
    log: Vec<(u64, usize, PathEvent)>,
    carry: Carry,
}

impl Pair {
    fn new(change: impl Fn(&mut Options, &mut Options), carry: Carry) -> Self {
        let mut both = [Options::new(Mode::Call), Options::new(Mode::Answer)];
        let [one, other] = &mut both;
        change(one, other);
        let now = Instant::now();
        let own = [at(1, 1000), at(2, 2000)];
        let mut seed = 0;
        let made = both.map(|options| {
            seed += 1;
            let place = own[usize::from(options.mode == Mode::Answer)];
            let mapped = options.snatmap;
            let offered = Offered::new(&options, place, mapped, Random::new(seed));
            let sent = Offered::encode(&offered.first, &options);
            let first = crate::candidate::decode(&sent).unwrap();
            let side = Connectivity::new(Rc::new(options), &offered, Random::new(seed + 10));
            (side, first, offered.late)
        });
        let [(a, list_a, late_a), (b, list_b, late_b)] = made;
        Self {
            now,
            start: now,
            own,
            sides: [a, b],
            lists: [list_a, list_b],
            late: [late_a, late_b],
            books: Default::default(),
            log: Vec::new(),
            carry,
        }
    }

    /// Both know each other's lists.
    fn begin(&mut self) {
        for side in [0, 1] {
            self.sides[side].start(self.now, &self.lists[1 - side]);
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            for side in [0, 1] {
                self.sides[side].handle_timeout(self.now, &mut self.books[side]);
            }
            loop {
                let mut moved = false;
                for side in [0, 1] {
                    let sent: Vec<_> = self.sides[side].outbox.drain(..).collect();
                    for (_, to, octets) in sent {
                        moved = true;
                        let Some((from, to)) = (self.carry)(self.own[side], to) else {
                            continue;
                        };
                        if let Some(other) = self.own.iter().position(|own| *own == to) {
                            let book = &mut self.books[other];
                            self.sides[other].handle(self.now, from, &octets, book);
                        }
                    }
                }
                if !moved {
                    break;
                }
            }
            for side in [0, 1] {
                while let Some(event) = self.sides[side].poll_event() {
                    let ms = (self.now - self.start).as_millis() as u64;
                    self.log.push((ms, side, event));
                }
            }
            self.now += STEP;
        }
    }

    fn finish(&mut self) -> String {
        for side in [0, 1] {
            self.sides[side].finish(&mut self.books[side]);
        }
        let faults = self.books.iter().map(|book| book.faults.lines().join("\n"));
        faults.collect::<Vec<_>>().join("|")
    }

    fn path(&self, side: usize) -> Option<(u64, SocketAddr)> {
        self.log.iter().find_map(|(ms, who, event)| match event {
            PathEvent::Found { remote, .. } if *who == side => Some((*ms, *remote)),
            _ => None,
        })
    }
}

fn good(change: impl Fn(&mut Options, &mut Options), carry: Carry, seconds: u64) -> Pair {
    let mut pair = Pair::new(change, carry);
    pair.begin();
    pair.run(Duration::from_secs(seconds));
    assert_eq!(pair.finish(), "|");
    pair
}

#[test]
fn one_pair_is_proven_at_once_on_both_sides() {
    let pair = good(|_, _| {}, straight, 1);
    assert_eq!(pair.path(0), Some((0, at(2, 2000))));
    assert_eq!(pair.path(1), Some((0, at(1, 1000))));
    for book in &pair.books {
        let t = &book.tally;
        let counts = (
            t.checks_sent,
            t.checks_succeeded,
            t.checks_received,
            t.checks_answered,
        );
        assert_eq!(counts, (1, 1, 1, 1));
        assert_eq!(t.peer_reflexive, 0);
    }
    assert_eq!(pair.sides[0].proven(), [at(2, 2000)]);
    assert!(pair.sides[0].has_answered(at(2, 2000)));
    assert!(!pair.sides[0].has_answered(at(2, 2001)));
}

#[test]
fn a_dead_one_a_tampered_list_old_headers_and_odd_attributes_do_no_harm() {
    let pair = good(
        |caller, callee| {
            caller.checks.dead_candidate = true;
            callee.checks.tamper_guard = true;
        },
        straight,
        3,
    );
    assert_eq!(pair.path(0).unwrap().1, at(2, 2000));
    assert_eq!(pair.path(1).unwrap().1, at(1, 1000));
    // What such a peer sends is a fault where it comes from an endpoint of ours.
    let mut pair = Pair::new(
        |caller, callee| {
            caller.checks.no_cookie = true;
            callee.checks.extra_attributes = true;
        },
        straight,
    );
    pair.begin();
    pair.run(Duration::from_secs(1));
    assert!(pair.path(0).is_some() && pair.path(1).is_some());
    assert!(
        pair.books[0]
            .faults
            .lines()
            .join("")
            .contains("instead of 0006 and 8001")
    );
    assert!(pair.books[1].faults.lines().join("").contains("cookie"));
}

#[test]
fn losses_only_take_time() {
    for seed in 0..20 {
        let mut pair = Pair::new(|_, _| {}, straight);
        for (side, drops) in pair.sides.iter_mut().zip([1, 2]) {
            let mut options = (*side.options).clone();
            options.checks.drop_percent = 30;
            side.options = Rc::new(options);
            side.drops = Random::new(seed * 10 + drops);
        }
        pair.begin();
        pair.run(Duration::from_secs(29));
        assert!(pair.path(0).is_some() && pair.path(1).is_some(), "{seed}");
        assert_eq!(pair.finish(), "|");
    }
}

#[test]
fn resends_grow_and_end_after_thirty_seconds() {
    let mut pair = Pair::new(|_, callee| callee.checks.ignore = true, straight);
    pair.begin();
    pair.run(Duration::from_secs(40));
    let ended: Vec<_> = pair
        .log
        .iter()
        .filter(|(_, _, e)| *e == PathEvent::NotFound)
        .collect();
    assert_eq!(ended.len(), 2, "{:?}", pair.log);
    assert!(ended.iter().all(|(ms, _, _)| *ms == 30_000));
    // 0, 0.5, 1.25, 2.375, 4.06, then every 2 s.
    assert_eq!(pair.books[0].tally.checks_sent, 17);
    assert_eq!(pair.books[0].tally.checks_succeeded, 0);
    assert_eq!(pair.books[1].tally.checks_answered, 0);
    assert_eq!(pair.finish(), "|");
}

/// 192.168.1.1 is seen as 192.168.1.99:4000.
fn behind_a_nat(from: SocketAddr, to: SocketAddr) -> Option<(SocketAddr, SocketAddr)> {
    let outside = at(99, 4000);
    match (from == at(1, 1000), to) {
        (true, _) => Some((outside, to)),
        (false, to) if to == outside => Some((from, at(1, 1000))),
        (false, to) if to == at(1, 1000) => None,
        (false, _) => Some((from, to)),
    }
}

#[test]
fn a_check_from_an_unlisted_address_is_answered_and_checked_back() {
    let pair = good(|caller, _| caller.behind_nat = true, behind_a_nat, 2);
    assert_eq!(pair.path(0).unwrap().1, at(2, 2000));
    assert_eq!(pair.path(1).unwrap().1, at(99, 4000));
    assert!(pair.books[1].tally.peer_reflexive > 0);
    let mapped: Vec<SocketAddr> = pair.sides[0].mapped().collect();
    assert_eq!(mapped, [at(99, 4000)]);
    // Who says that there is no NAT is told otherwise.
    let mut pair = Pair::new(|_, _| {}, behind_a_nat);
    pair.begin();
    pair.run(Duration::from_secs(1));
    assert!(
        pair.books[0]
            .faults
            .lines()
            .join("")
            .contains("MAPPED-ADDRESS")
    );
}

#[test]
fn a_late_candidate_is_checked_when_it_comes() {
    let mut pair = Pair::new(
        |_, callee| callee.conference.late_candidate = Some(Duration::from_secs(1)),
        straight,
    );
    pair.begin();
    // Nothing can be sent from a dead candidate, and nothing reaches it.
    pair.run(Duration::from_secs(1));
    assert_eq!(pair.books[1].tally.checks_sent, 0);
    let late = pair.late[1].clone();
    pair.sides[1].add_ours(pair.now, &late);
    pair.sides[0].add(pair.now, &late);
    pair.run(Duration::from_secs(2));
    assert_eq!(pair.path(0).unwrap().1, at(2, 2000));
    assert_eq!(pair.path(1).unwrap().1, at(1, 1000));
    assert_eq!(pair.finish(), "|");
}

#[test]
fn checks_overtake_the_acceptance() {
    for early in [false, true] {
        let mut pair = Pair::new(|caller, _| caller.checks.early = early, straight);
        let now = pair.now;
        pair.sides[0].open(now);
        let list = pair.lists[0].clone();
        pair.sides[1].start(now, &list);
        pair.run(Duration::from_millis(400));
        assert_eq!(pair.books[0].tally.checks_answered, 1);
        assert_eq!(pair.books[0].tally.checks_sent, u64::from(early));
        assert_eq!(pair.path(1).is_some(), early);
        assert_eq!(pair.path(0), None);
        let list = pair.lists[1].clone();
        pair.sides[0].start(pair.now, &list);
        pair.run(Duration::from_secs(1));
        assert_eq!(pair.path(0), Some((400, at(2, 2000))));
        assert!(pair.path(1).is_some());
        assert_eq!(pair.finish(), "|");
    }
}

#[test]
fn a_check_that_is_meant_for_nobody_must_stay_unanswered() {
    let mut pair = Pair::new(
        |caller, _| caller.checks.early_target = Some(at(2, 2000)),
        straight,
    );
    let now = pair.now;
    pair.sides[0].open(now);
    pair.sides[1].open(now);
    pair.run(Duration::from_millis(1200));
    assert_eq!(pair.books[0].tally.checks_sent, 3);
    assert_eq!(pair.books[0].faults.lines(), [""; 0]);
    let found = pair.books[1].faults.lines().join("\n");
    assert!(found.contains("none of our candidates"), "{found}");
    // Somebody who answers all the same is found.
    let tag = pair.sides[0].blind_tags[0];
    let check = Check {
        tag,
        receiver: new_id(1),
        sender: new_id(2),
        slot: 0,
    };
    let answer = Message::parse(&check.print(false))
        .unwrap()
        .answer(at(1, 1000));
    let (now, book) = (pair.now, &mut pair.books[0]);
    pair.sides[0].handle(now, at(2, 2000), &answer, book);
    let found = book.faults.lines().join("\n");
    assert!(found.contains("nobody's was answered"), "{found}");
}

#[test]
fn what_a_peer_must_not_do_is_found() {
    let mut pair = Pair::new(|_, _| {}, straight);
    pair.begin();
    pair.run(Duration::from_millis(100));
    let ours = pair.lists[0][0].id;
    let check = |receiver: Id, sender: Id, number: u64| Check {
        tag: new_tag((number, number), true),
        receiver,
        sender,
        slot: 0,
    };
    let (now, book) = (pair.now, &mut pair.books[0]);
    let side = &mut pair.sides[0];
    let stranger = check(ours, new_id(77), 1).print(false);
    side.handle(now, at(2, 2000), &stranger, book);
    side.handle(now, at(2, 2000), &stranger, book);
    side.handle(
        now,
        at(2, 2000),
        &check(new_id(5), new_id(6), 2).print(false),
        book,
    );
    let answer = Message::parse(&stranger).unwrap().answer(at(1, 1000));
    side.handle(now, at(2, 2000), &answer, book);
    let mut indication = stranger.clone();
    indication[1] = 0x11;
    side.handle(now, at(2, 2000), &indication, book);
    side.handle(now, at(2, 2000), &stranger[..30], book);
    side.finish(book);
    let found = book.faults.lines().join("\n");
    for word in [
        "came before",
        "none of our candidates",
        "never sent",
        "kind 0011",
        "STUN: length",
        "none of the candidates that the peer listed",
    ] {
        assert!(found.contains(word), "{word}: {found}");
    }
    let mut silent = Pair::new(|_, _| {}, straight);
    let (now, book) = (silent.now, &mut silent.books[1]);
    silent.sides[1].handle(now, at(1, 1000), &stranger, book);
    assert!(book.faults.lines()[0].contains("no conference rings"));
}

#[test]
fn a_peer_that_moves_is_checked_at_its_new_address() {
    let mut pair = good(|_, _| {}, straight, 1);
    // The peer is at another address from now on, with the same candidate.
    let moved = at(3, 3000);
    pair.own[1] = moved;
    let check = Check {
        tag: new_tag((1, 1), true),
        receiver: pair.lists[0][0].id,
        sender: pair.lists[1][0].id,
        slot: 0,
    };
    let (now, book) = (pair.now, &mut pair.books[0]);
    pair.sides[0].handle(now, moved, &check.print(false), book);
    pair.run(Duration::from_millis(50));
    let told: Vec<_> = pair.log.iter().filter(|(_, side, _)| *side == 0).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[1].2, PathEvent::Another(moved));
    // Each path is told once, however often it is checked.
    let check = Check {
        tag: new_tag((2, 2), true),
        ..check
    };
    let (now, book) = (pair.now, &mut pair.books[0]);
    pair.sides[0].handle(now, moved, &check.print(false), book);
    assert_eq!(pair.sides[0].poll_event(), None);
    assert_eq!(pair.sides[0].proven(), [at(2, 2000), moved]);
    assert_eq!(pair.books[0].faults.lines(), [""; 0]);
}

#[test]
fn a_check_with_a_new_id_is_no_fault_of_a_peer_that_moves_once_there_is_a_path() {
    let stranger = |pair: &mut Pair, number: u64| {
        let check = Check {
            tag: new_tag((number, number), true),
            receiver: pair.lists[0][0].id,
            sender: new_id(77),
            slot: 0,
        };
        let (now, book) = (pair.now, &mut pair.books[0]);
        pair.sides[0].handle(now, at(3, 3000), &check.print(false), book);
    };
    for (moves, after, expected) in [
        (true, true, ""),
        (true, false, "is none of the candidates"),
        (false, true, "is none of the candidates"),
    ] {
        let mut pair = Pair::new(
            |caller, _| {
                if moves {
                    caller.expect_moves();
                }
            },
            straight,
        );
        if !after {
            let now = pair.now;
            pair.sides[0].open(now);
            stranger(&mut pair, 1);
        }
        pair.begin();
        pair.run(Duration::from_secs(1));
        if after {
            stranger(&mut pair, 1);
            pair.run(Duration::from_millis(50));
            // It is answered, and asked back.
            assert_eq!(pair.books[0].tally.checks_answered, 2);
            assert_eq!(pair.books[0].tally.checks_sent, 2);
        }
        let found = pair.finish();
        let fits = match expected {
            "" => found == "|",
            word => found.contains(word),
        };
        assert!(fits, "{moves} {after}: {found}");
    }
}
