//! Whole conference calls as the machines alone make them, in virtual time, through NATs and loss.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test that fails shall say so where it fails"
)]

mod common;

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use common::party::{Party, addresses};
use common::{at, names, summary};
use ichat_endpoint::Reason;
use ichat_ice::{GatherConfig, PathKind};
use ichat_invitation::{Candidate, CandidateId, IpPort};
use ichat_rtp::DatagramKind;
use ichat_sip::Route;
use netsim::{
    Access, Change, Endpoint, HostId, Link, Loss, Nat, Reflector, Scenario, Stage, World,
};

const PATIENCE: Duration = Duration::from_secs(20);

/// Two parties, their servers, and what lies between.
struct Meeting {
    world: World<Party>,
    caller: HostId,
    callee: HostId,
}

impl Meeting {
    fn new(scenario: &Scenario) -> Self {
        let stage = scenario.build(Instant::now()).unwrap();
        let servers = GatherConfig {
            snatmap: vec![stage.snatmap_address()],
            ..GatherConfig::default()
        };
        Self::on(stage, scenario.seed, &servers)
    }

    fn on(stage: Stage, seed: u64, servers: &GatherConfig) -> Self {
        let (caller, callee) = (stage.caller, stage.callee);
        let reflector = stage.reflector;
        let mut world = World::new(stage.network);
        let now = world.now();
        world.set_service(reflector, Box::new(Reflector::new()));
        for (host, is_caller) in [(caller, true), (callee, false)] {
            let own: Vec<IpAddr> = world.network().addresses(host);
            let seed = seed * 2 + u64::from(is_caller);
            let party = Party::new(now, is_caller, seed, &own, servers.clone());
            world.set_endpoint(host, party);
        }
        Self {
            world,
            caller,
            callee,
        }
    }

    fn caller(&mut self) -> &mut Party {
        self.world.endpoint_mut(self.caller).unwrap()
    }

    fn callee(&mut self) -> &mut Party {
        self.world.endpoint_mut(self.callee).unwrap()
    }

    fn run(&mut self, time: Duration) {
        self.world.run_for(time).unwrap();
    }

    /// Both gather; the request and the acceptance have gone.
    fn agree(&mut self) -> [Vec<Candidate>; 2] {
        let (caller, callee) = (self.caller, self.callee);
        let gathered = |world: &World<Party>| {
            [caller, callee]
                .into_iter()
                .all(|host| world.endpoint(host).unwrap().gathered)
        };
        let deadline = self.world.now() + Duration::from_secs(10);
        assert!(self.world.run_until(deadline, gathered).unwrap());
        let now = self.world.now();
        let ours = self.caller().introduce(now);
        let theirs = self.callee().introduce(now);
        self.callee().meet(now, &ours);
        self.run(Duration::from_millis(30));
        let now = self.world.now();
        self.caller().meet(now, &theirs);
        [ours, theirs]
    }

    /// Runs until both are connected.
    fn connect(&mut self) -> bool {
        let (caller, callee) = (self.caller, self.callee);
        let connected = |world: &World<Party>| {
            [caller, callee]
                .into_iter()
                .all(|host| world.endpoint(host).unwrap().is_connected())
        };
        let deadline = self.world.now() + PATIENCE;
        self.world.run_until(deadline, connected).unwrap()
    }

    /// What both have heard so far, in packets.
    fn heard(&mut self) -> [u64; 2] {
        let received = |party: &Party| {
            let figures = party.call.as_ref().and_then(|call| call.statistics());
            figures.map_or(0, |figures| figures.received)
        };
        [received(self.caller()), received(self.callee())]
    }

    fn hang_up(&mut self) {
        let now = self.world.now();
        self.caller().hang_up(now);
        self.run(Duration::from_secs(3));
    }
}

fn a_way(scenario: &mut Scenario, link: Link) {
    for host in [&mut scenario.caller, &mut scenario.callee] {
        for attachment in &mut host.attachments {
            attachment.access = Access::symmetric(link.clone());
        }
    }
}

#[test]
fn a_checked_call_connects_talks_and_hangs_up() {
    let mut scenario = Scenario::of_chains(1, &[Nat::carrier_grade()], &[], &[]);
    a_way(&mut scenario, Link::with_delay(Duration::from_millis(10)));
    let mut meeting = Meeting::new(&scenario);
    meeting.agree();
    assert!(meeting.connect());
    meeting.run(Duration::from_secs(5));
    let heard = meeting.heard();
    assert!(heard.into_iter().all(|packets| packets > 240), "{heard:?}");
    meeting.hang_up();
    let callee = meeting.callee();
    assert_eq!(summary(&callee.events).reason, Reason::RemoteHangup);
    assert_eq!(callee.path.unwrap().kind, PathKind::Host);
    let caller = meeting.caller();
    assert_eq!(summary(&caller.events).reason, Reason::Hangup);
    assert_eq!(names(&caller.events)[..2], ["path", "connected"]);
    // The INVITE waits for the checks, and media for the INVITE.
    let first = |kind| caller.log.iter().position(|(sent, _)| *sent == kind);
    assert!(first(DatagramKind::Stun) < first(DatagramKind::Sip));
    assert!(first(DatagramKind::Sip) < first(DatagramKind::Rtp));
    assert!(caller.moves.is_empty());
}

#[test]
fn two_homes_with_the_same_private_addresses_talk_through_their_nats() {
    for (seed, nats) in [
        (2, [Nat::linux(), Nat::linux()]),
        (3, [Nat::full_cone(), Nat::port_restricted_cone()]),
        (4, [Nat::symmetric(), Nat::full_cone()]),
        (5, [Nat::restricted_cone(), Nat::symmetric()]),
    ] {
        let mut scenario = Scenario::of_chains(seed, &[], &nats[..1], &nats[1..]);
        a_way(&mut scenario, Link::with_delay(Duration::from_millis(20)));
        let mut meeting = Meeting::new(&scenario);
        let lists = meeting.agree();
        assert!(lists.iter().all(|list| list.len() == 2), "host and mapped");
        assert!(meeting.connect(), "{scenario}");
        meeting.run(Duration::from_secs(2));
        let heard = meeting.heard();
        assert!(
            heard.into_iter().all(|packets| packets > 90),
            "{heard:?} {scenario}"
        );
        meeting.hang_up();
        assert_eq!(
            summary(&meeting.callee().events).reason,
            Reason::RemoteHangup
        );
    }
}

#[test]
fn a_third_of_all_datagrams_lost_keeps_no_call_from_coming_up() {
    for seed in 0..20 {
        let mut scenario = Scenario::of_chains(seed, &[], &[Nat::linux()], &[Nat::linux()]);
        let link = Link {
            loss: Loss::Independent(0.16),
            ..Link::with_delay(Duration::from_millis(20))
        };
        a_way(&mut scenario, link);
        let mut meeting = Meeting::new(&scenario);
        meeting.agree();
        assert!(meeting.connect(), "{scenario}");
    }
}

#[test]
fn wherever_two_parties_can_reach_each_other_at_all_they_talk() {
    let (mut direct, mut connected) = (0, 0);
    for seed in 0..150 {
        let scenario = Scenario::random(seed);
        let stage = scenario.build(Instant::now()).unwrap();
        if !stage.verdict().is_direct() {
            continue;
        }
        direct += 1;
        let servers = GatherConfig {
            snatmap: vec![stage.snatmap_address()],
            stun: vec![stage.stun_address(true), stage.stun_address(false)],
            ..GatherConfig::default()
        };
        let mut meeting = Meeting::on(stage, seed, &servers);
        meeting.agree();
        assert!(meeting.connect(), "{scenario}");
        meeting.run(Duration::from_secs(1));
        let heard = meeting.heard();
        assert!(
            heard.into_iter().all(|packets| packets > 0),
            "{heard:?} {scenario}"
        );
        connected += 1;
    }
    assert!(
        direct > 50 && connected == direct,
        "{connected} of {direct}"
    );
}

#[test]
fn a_peer_that_does_no_checks_is_dialled_at_its_listed_address_and_heard_from_there_alone() {
    let mut meeting = Meeting::new(&Scenario::new(6));
    meeting.callee().checks = false;
    let [ours, theirs] = meeting.agree();
    meeting.run(Duration::from_secs(5));
    assert!(meeting.caller().call.is_none(), "no path");
    let now = meeting.world.now();
    let (local, remote) = (addresses(&ours)[0], addresses(&theirs)[0]);
    meeting.caller().dial(now, &[Route { local, remote }]);
    assert!(meeting.connect());
    meeting.run(Duration::from_secs(2));
    let before = meeting.heard();
    assert!(before.into_iter().all(|packets| packets > 90), "{before:?}");

    let elsewhere = SocketAddr::new(remote.ip(), remote.port() + 1);
    let now = meeting.world.now();
    for sequence in 0..50 {
        let packet = rtp(sequence);
        meeting
            .caller()
            .handle_datagram(now, local, elsewhere, &packet);
    }
    let figures = meeting
        .caller()
        .call
        .as_ref()
        .unwrap()
        .statistics()
        .unwrap();
    assert_eq!(
        figures.received, before[0],
        "another port of the peer's is a stranger"
    );
    assert_eq!(figures.dropped, 50);
}

#[test]
fn a_listed_address_that_was_not_checked_is_not_heard() {
    let mut meeting = Meeting::new(&Scenario::of_chains(7, &[], &[], &[Nat::linux()]));
    let [ours, theirs] = meeting.agree();
    assert!(meeting.connect());
    meeting.run(Duration::from_secs(1));
    let host = addresses(&theirs)[0];
    let path = meeting.caller().path.unwrap();
    assert_ne!(path.remote, host, "it is behind a NAT");
    let before = meeting.heard()[0];
    let now = meeting.world.now();
    let local = addresses(&ours)[0];
    for sequence in 0..50 {
        meeting
            .caller()
            .handle_datagram(now, local, host, &rtp(sequence));
    }
    assert_eq!(meeting.heard()[0], before);
    let figures = meeting
        .caller()
        .call
        .as_ref()
        .unwrap()
        .statistics()
        .unwrap();
    assert_eq!(figures.dropped, 50);
}

/// A packet of somebody's.
fn rtp(sequence: u8) -> Vec<u8> {
    let mut packet = vec![0x80, 0, 0, sequence, 0, 0, 0, 0, 1, 2, 3, 4];
    packet.extend([0x55; 160]);
    packet
}

#[test]
fn an_address_that_changes_in_mid_call_is_followed_within_half_a_second_and_the_bye_finds_its_way()
{
    for (seed, who) in [(8, 0), (9, 1)] {
        let mut scenario = Scenario::new(seed);
        a_way(&mut scenario, Link::with_delay(Duration::from_millis(15)));
        let mut meeting = Meeting::new(&scenario);
        meeting.agree();
        assert!(meeting.connect());
        meeting.run(Duration::from_secs(3));
        let host = [meeting.caller, meeting.callee][who];
        let old = meeting.world.network().addresses(host);
        let network = meeting.world.network_mut();
        let interface = network.interfaces(host)[0];
        for address in old {
            network
                .apply(Change::AddressGone { host, address })
                .unwrap();
        }
        let families = netsim::Families::V4;
        let to = netsim::Network::INTERNET;
        network
            .apply(Change::Move {
                interface,
                to,
                families,
            })
            .unwrap();
        meeting.run(Duration::from_secs(3));
        for party in [meeting.caller, meeting.callee] {
            let party = meeting.world.endpoint_mut(party).unwrap();
            assert_eq!(party.moves.len(), 1, "{:?}", party.moves);
            let gap = party.longest_gap;
            assert!(gap < Duration::from_millis(500), "{gap:?}");
        }
        let heard = meeting.heard();
        assert!(heard.into_iter().all(|packets| packets > 270), "{heard:?}");
        meeting.hang_up();
        assert_eq!(
            summary(&meeting.callee().events).reason,
            Reason::RemoteHangup
        );
        assert_eq!(summary(&meeting.caller().events).reason, Reason::Hangup);
    }
}

#[test]
fn a_router_that_gets_another_address_is_found_by_servers_and_the_peer_told_within_three_seconds() {
    let mut scenario = Scenario::of_chains(11, &[], &[Nat::linux()], &[Nat::linux()]);
    a_way(&mut scenario, Link::with_delay(Duration::from_millis(15)));
    let stage = scenario.build(Instant::now()).unwrap();
    let (router, servers) = (
        stage.routers[0],
        GatherConfig {
            snatmap: vec![stage.snatmap_address()],
            ..GatherConfig::default()
        },
    );
    let mut meeting = Meeting::on(stage, 11, &servers);
    meeting.agree();
    assert!(meeting.connect());
    meeting.run(Duration::from_secs(20));
    let network = meeting.world.network_mut();
    network.apply(Change::Renumber { router }).unwrap();
    for _ in 0..60 {
        meeting.run(Duration::from_millis(50));
        let now = meeting.world.now();
        if std::mem::take(&mut meeting.caller().news) {
            let told = meeting.caller().introduce(now);
            // A counter-proposal takes its time.
            meeting.run(Duration::from_millis(200));
            let now = meeting.world.now();
            meeting.callee().hear_more(now, &told);
        }
    }
    assert!(meeting.caller().renumbered, "servers see another address");
    let before = meeting.heard();
    meeting.run(Duration::from_secs(2));
    let after = meeting.heard();
    for (name, before, after) in [
        ("caller", before[0], after[0]),
        ("callee", before[1], after[1]),
    ] {
        assert!(after > before + 90, "the {name} hears: {before} {after}");
    }
    for party in [meeting.caller, meeting.callee] {
        let gap = meeting.world.endpoint(party).unwrap().longest_gap;
        assert!(gap < Duration::from_secs(3), "{gap:?}");
    }
}

#[test]
fn whoever_checked_us_and_did_not_accept_does_not_get_the_call() {
    let mut meeting = Meeting::new(&Scenario::new(10));
    let gathered = meeting.world.now() + Duration::from_secs(1);
    meeting.world.run_until(gathered, |_| false).unwrap();
    let now = meeting.world.now();
    let ours = meeting.caller().introduce(now);
    let theirs = meeting.callee().introduce(now);
    // Another device of the callee's has rung too, and checks as soon as it knows our candidates.
    meeting.caller().ways.expect_several();
    meeting.callee().meet(now, &ours);
    meeting.run(Duration::from_millis(100));
    let stranger = addresses(&theirs)[0];
    let now = meeting.world.now();
    // The device that accepts is somewhere else.
    let record = IpPort::new("en0", at("203.0.113.77:16402"));
    let accepted = Candidate::host(CandidateId::new(77), 45, &record);
    meeting.caller().meet(now, &[accepted]);
    meeting.run(Duration::from_millis(100));
    let caller = meeting.caller();
    assert_eq!(caller.path, None, "{stranger} is no path");
    assert!(caller.call.is_none());
    let checked = caller
        .log
        .iter()
        .filter(|(kind, to)| *kind == DatagramKind::Stun && *to == at("203.0.113.77:16402"));
    assert!(checked.count() > 0, "the right one is looked for");
}

#[test]
fn a_check_from_a_candidate_that_is_listed_later_counts_from_the_start() {
    for several in [false, true] {
        let mut meeting = Meeting::new(&Scenario::new(12));
        let gathered = meeting.world.now() + Duration::from_secs(1);
        meeting.world.run_until(gathered, |_| false).unwrap();
        let now = meeting.world.now();
        let ours = meeting.caller().introduce(now);
        let theirs = meeting.callee().introduce(now);
        if several {
            meeting.caller().ways.expect_several();
        }
        // Its checks overtake its acceptance, and that lists only where it cannot be reached.
        meeting.callee().meet(now, &ours);
        meeting.run(Duration::from_millis(100));
        let now = meeting.world.now();
        let record = IpPort::new("en0", at("203.0.113.77:16402"));
        let dead = Candidate::host(CandidateId::new(77), 45, &record);
        let mut listed = vec![dead];
        if several {
            listed.extend(theirs);
        }
        meeting.caller().meet(now, &listed);
        meeting.run(Duration::from_millis(600));
        let path = meeting.caller().path;
        assert!(path.is_some(), "among several: {several}");
    }
}

#[test]
fn our_candidates_are_at_most_twenty_however_many_addresses_there_are() {
    let now = Instant::now();
    let own: Vec<IpAddr> = (1..=30)
        .map(|last| IpAddr::from([198, 51, 100, last]))
        .collect();
    let mut party = Party::new(now, true, 1, &own, GatherConfig::default());
    assert_eq!(party.introduce(now).len(), 20);
}
