//! Endpoints in a world: timers, services, captures, and runs that repeat octet for octet.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers may fail the test"
)]

use std::cell::RefCell;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use netsim::{
    Change, Endpoint, Network, Puncher, Reflector, RunError, Scenario, Tap, TopologyError,
    Transmit, World,
};

/// Sends a datagram every so often, and writes down what it meets.
#[derive(Default)]
struct Beacon {
    interval: Duration,
    remote: Option<SocketAddr>,
    next_at: Option<Instant>,
    addresses: Vec<IpAddr>,
    heard: Vec<Instant>,
    transmits: Vec<Transmit>,
}

impl Beacon {
    fn to(remote: SocketAddr, interval: Duration) -> Self {
        Self {
            interval,
            remote: Some(remote),
            ..Self::default()
        }
    }
}

impl Endpoint for Beacon {
    fn handle_datagram(&mut self, now: Instant, _: SocketAddr, _: SocketAddr, _: &[u8]) {
        self.heard.push(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        let Some(remote) = self.remote else { return };
        self.transmits.push(Transmit {
            local: SocketAddr::new(self.addresses[0], 7),
            remote,
            octets: b"beacon".to_vec(),
        });
        self.next_at = Some(now + self.interval);
    }

    fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.next_at
    }

    fn handle_addresses(&mut self, now: Instant, addresses: &[IpAddr]) {
        self.addresses = addresses.to_vec();
        self.next_at = self.remote.map(|_| now);
    }
}

fn beacons(interval: Duration) -> (World<Beacon>, [netsim::HostId; 2]) {
    let stage = Scenario::new(1).build(Instant::now()).unwrap();
    let hosts = [stage.caller, stage.callee];
    let remote = stage.callee_endpoints()[0];
    let mut world = World::new(stage.network);
    world.set_endpoint(hosts[0], Beacon::to(remote, interval));
    world.set_endpoint(hosts[1], Beacon::default());
    (world, hosts)
}

#[test]
fn timers_are_called_at_their_time_and_time_stops_at_the_deadline() {
    let (mut world, [_, callee]) = beacons(Duration::from_millis(30));
    let start = world.now();
    world.run_for(Duration::from_millis(100)).unwrap();
    assert_eq!(world.now() - start, Duration::from_millis(100));
    let heard = &world.endpoint(callee).unwrap().heard;
    let times: Vec<u128> = heard.iter().map(|at| (*at - start).as_millis()).collect();
    assert_eq!(times, [0, 30, 60, 90]);
}

#[test]
fn a_run_ends_as_soon_as_its_condition_holds() {
    let (mut world, [_, callee]) = beacons(Duration::from_millis(30));
    let start = world.now();
    let heard = |world: &World<Beacon>| world.endpoint(callee).unwrap().heard.len();
    let deadline = start + Duration::from_secs(10);
    assert!(
        world
            .run_until(deadline, |world| heard(world) == 3)
            .unwrap()
    );
    assert_eq!(world.now() - start, Duration::from_millis(60));
    assert!(!world.run_until(deadline, |_| false).unwrap());
    assert_eq!(world.now(), deadline);
}

#[test]
fn an_endpoint_hears_of_new_addresses_and_its_faults_are_kept() {
    let (mut world, [caller, callee]) = beacons(Duration::from_millis(30));
    let interface = world.network().interfaces(caller)[0];
    let at = world.now() + Duration::from_millis(50);
    let address = world.network().addresses(caller)[0];
    world.network_mut().schedule(
        at,
        Change::Move {
            interface,
            to: Network::INTERNET,
            families: netsim::Families::V4,
        },
    );
    world.run_for(Duration::from_millis(70)).unwrap();
    let new = world.endpoint(caller).unwrap().addresses.clone();
    assert_ne!(new, [address]);
    // At 0 and 30 ms from the old address, at 50 from the new one.
    assert_eq!(world.endpoint(callee).unwrap().heard.len(), 3);
    assert_eq!(world.take_refusals(), []);

    world.endpoint_mut(caller).unwrap().addresses = vec![address];
    world.run_for(Duration::from_millis(30)).unwrap();
    let refusals = world.take_refusals();
    assert_eq!(refusals.len(), 1);
    assert_eq!(refusals[0].0, caller);
    assert_eq!(world.take_refusals(), []);
}

#[test]
fn an_endpoint_that_wants_to_be_called_at_once_for_ever_is_found_out() {
    let (mut world, [caller, _]) = beacons(Duration::ZERO);
    match world.run_for(Duration::from_millis(1)) {
        Err(RunError::StandsStill { host }) => assert_eq!(host, Some(caller)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_endpoint_that_sends_without_end_is_found_out() {
    struct Flood(Transmit);
    impl Endpoint for Flood {
        fn handle_datagram(&mut self, _: Instant, _: SocketAddr, _: SocketAddr, _: &[u8]) {}
        fn handle_timeout(&mut self, _: Instant) {}
        fn poll_transmit(&mut self) -> Option<Transmit> {
            Some(self.0.clone())
        }
        fn poll_timeout(&self) -> Option<Instant> {
            None
        }
    }
    let stage = Scenario::new(1).build(Instant::now()).unwrap();
    let transmit = Transmit {
        local: stage.caller_endpoints()[0],
        remote: stage.callee_endpoints()[0],
        octets: Vec::new(),
    };
    let mut world = World::new(stage.network);
    world.set_endpoint(stage.caller, Flood(transmit));
    match world.run_for(Duration::from_millis(1)) {
        Err(RunError::StandsStill { host }) => assert_eq!(host, Some(stage.caller)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_endpoint_hears_of_its_addresses_once_and_then_of_changes_only() {
    #[derive(Default)]
    struct Listener(Vec<Vec<IpAddr>>);
    impl Endpoint for Listener {
        fn handle_datagram(&mut self, _: Instant, _: SocketAddr, _: SocketAddr, _: &[u8]) {}
        fn handle_timeout(&mut self, _: Instant) {}
        fn poll_transmit(&mut self) -> Option<Transmit> {
            None
        }
        fn poll_timeout(&self) -> Option<Instant> {
            None
        }
        fn handle_addresses(&mut self, _: Instant, addresses: &[IpAddr]) {
            self.0.push(addresses.to_vec());
        }
    }
    let stage = Scenario::new(1).build(Instant::now()).unwrap();
    let host = stage.caller;
    let mut world = World::new(stage.network);
    world.set_endpoint(host, Listener::default());
    world.run_for(Duration::from_secs(1)).unwrap();
    let address = world.network().addresses(host)[0];
    let change = Change::AddressGone { host, address };
    world.network_mut().apply(change).unwrap();
    world.run_for(Duration::from_secs(1)).unwrap();
    assert_eq!(world.endpoint(host).unwrap().0, [vec![address], vec![]]);
}

#[test]
fn a_change_that_is_impossible_ends_the_run() {
    let (mut world, [caller, _]) = beacons(Duration::from_secs(1));
    let address = "192.0.2.99".parse().unwrap();
    let at = world.now() + Duration::from_secs(3);
    world.network_mut().schedule(
        at,
        Change::AddressGone {
            host: caller,
            address,
        },
    );
    match world.run_for(Duration::from_secs(9)) {
        Err(RunError::Change(refusal)) => {
            assert_eq!(refusal, TopologyError::NoSuchAddress(address));
        }
        other => panic!("{other:?}"),
    }
}

/// A writer that others can read.
#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Ten seconds of two punchers; the capture of all that passes the internet and the caller.
fn capture(seed: u64) -> Vec<u8> {
    let stage = Scenario::random(seed).build(Instant::now()).unwrap();
    let reflector = stage.snatmap_address();
    let candidates = stage.callee_endpoints();
    let octets = Shared::default();
    let mut world: World<Puncher> = World::new(stage.network);
    world.network_mut().tap(Tap::Segment(Network::INTERNET));
    world.network_mut().tap(Tap::Host(stage.caller));
    world.record(Box::new(octets.clone())).unwrap();
    world.set_service(stage.reflector, Box::new(Reflector::new()));
    for (name, host, port) in [
        (0, stage.caller, stage.caller_port),
        (1, stage.callee, stage.callee_port),
    ] {
        world.set_endpoint(host, Puncher::new(name, port, reflector));
    }
    let now = world.now();
    let caller = world.endpoint_mut(stage.caller).unwrap();
    caller.check(now, &candidates);
    world.run_for(Duration::from_secs(10)).unwrap();
    octets.0.take()
}

#[test]
fn the_same_seed_gives_the_same_capture_octet_for_octet() {
    let mut distinct = std::collections::BTreeSet::new();
    for seed in 0..20 {
        let first = capture(seed);
        assert!(first.len() > 1000, "seed {seed}: {} octets", first.len());
        // The second run begins at another real time, which must not show.
        assert!(first == capture(seed), "seed {seed}");
        distinct.insert(first);
    }
    assert_eq!(distinct.len(), 20);
}

#[test]
fn a_capture_that_cannot_be_written_ends_the_run() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            // The head of the file still fits.
            if octets.len() == 24 {
                Ok(octets.len())
            } else {
                Err(io::ErrorKind::StorageFull.into())
            }
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (mut world, _) = beacons(Duration::from_secs(1));
    world.network_mut().tap(Tap::Segment(Network::INTERNET));
    world.record(Box::new(Full)).unwrap();
    match world.run_for(Duration::from_secs(1)) {
        Err(RunError::Capture(error)) => assert_eq!(error.kind(), io::ErrorKind::StorageFull),
        other => panic!("{other:?}"),
    }
}
