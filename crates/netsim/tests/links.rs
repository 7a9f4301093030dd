//! Loss, delay, jitter, order, duplicates, rate and size on links.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers may fail the test"
)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use netsim::{
    Access, Change, Dropped, Event, Families, HostId, InterfaceId, Link, Loss, Network, Statistics,
};
use proptest::prelude::*;

const INTERVAL: Duration = Duration::from_millis(20);
/// Headers of IPv4 and UDP.
const HEADERS: usize = 28;

/// A sender whose link up is under test, and a receiver.
struct Line {
    network: Network,
    sender: HostId,
    interface: InterfaceId,
    local: SocketAddr,
    remote: SocketAddr,
}

impl Line {
    fn new(link: Link, seed: u64) -> Self {
        let mut network = Network::new(Instant::now(), seed);
        let access = Access {
            up: link,
            down: Link::default(),
        };
        let mut add = |access| {
            let host = network.add_host("host");
            let interface = network
                .join(host, Network::INTERNET, Families::V4, access)
                .unwrap();
            (host, interface)
        };
        let (sender, interface) = add(access);
        let (receiver, _) = add(Access::default());
        let local = SocketAddr::new(network.addresses(sender)[0], 1);
        let remote = SocketAddr::new(network.addresses(receiver)[0], 2);
        while network.poll_event().is_some() {}
        Self {
            network,
            sender,
            interface,
            local,
            remote,
        }
    }

    /// Sends numbered datagrams of `size` octets on the wire; which arrive, in order, how long
    /// after they were sent.
    fn send(&mut self, count: u32, interval: Duration, size: usize) -> Vec<(u32, Duration)> {
        let start = self.network.now();
        let mut arrived = Vec::new();
        for number in 0..count {
            self.run(start + interval * number, start, interval, &mut arrived);
            let mut octets = vec![0; size - HEADERS];
            octets[..4].copy_from_slice(&number.to_be_bytes());
            let now = self.network.now();
            self.network
                .send(now, self.sender, self.local, self.remote, octets)
                .unwrap();
        }
        let end = self.network.now() + Duration::from_secs(60);
        self.run(end, start, interval, &mut arrived);
        arrived
    }

    fn run(
        &mut self,
        until: Instant,
        start: Instant,
        interval: Duration,
        arrived: &mut Vec<(u32, Duration)>,
    ) {
        loop {
            let next = self.network.poll_timeout().filter(|next| *next <= until);
            self.network.handle_timeout(next.unwrap_or(until));
            while let Some(event) = self.network.poll_event() {
                if let Event::Delivered(delivery) = event {
                    let number = u32::from_be_bytes(delivery.octets[..4].try_into().unwrap());
                    let sent = start + interval * number;
                    arrived.push((number, self.network.now() - sent));
                }
            }
            if next.is_none() {
                return;
            }
        }
    }

    fn statistics(&self) -> &Statistics {
        self.network.statistics()
    }
}

fn numbers(arrived: &[(u32, Duration)]) -> Vec<u32> {
    arrived.iter().map(|(number, _)| *number).collect()
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[test]
fn an_ideal_link_delivers_everything_at_once() {
    let arrived = Line::new(Link::default(), 1).send(100, INTERVAL, 200);
    assert_eq!(numbers(&arrived), (0..100).collect::<Vec<_>>());
    assert!(arrived.iter().all(|(_, delay)| delay.is_zero()));
}

#[test]
fn delay_is_the_same_for_all_and_jitter_adds_to_it_evenly_without_reordering() {
    let arrived = Line::new(Link::with_delay(ms(70)), 1).send(100, INTERVAL, 200);
    assert!(arrived.iter().all(|(_, delay)| *delay == ms(70)));

    let link = Link {
        jitter: ms(40),
        ..Link::with_delay(ms(70))
    };
    let arrived = Line::new(link, 1).send(10_000, ms(50), 200);
    assert!(numbers(&arrived).is_sorted());
    let delays: Vec<f64> = arrived
        .iter()
        .map(|(_, delay)| delay.as_secs_f64())
        .collect();
    assert!(delays.iter().all(|delay| (0.070..=0.110).contains(delay)));
    let mean = delays.iter().sum::<f64>() / 10_000.0;
    assert!((0.0895..0.0905).contains(&mean), "{mean}");
}

#[test]
fn jitter_above_the_interval_bunches_datagrams_and_keeps_their_order() {
    let link = Link {
        jitter: ms(100),
        ..Link::default()
    };
    let arrived = Line::new(link, 1).send(1000, INTERVAL, 200);
    assert_eq!(numbers(&arrived), (0..1000).collect::<Vec<_>>());
    assert!(arrived.iter().all(|(_, delay)| *delay <= ms(100)));
}

#[test]
fn independent_loss_has_the_share_that_was_asked_for_and_no_bursts() {
    let count = 20_000;
    let mut line = Line::new(Link::with_loss(0.1), 5);
    let arrived = line.send(count, INTERVAL, 200);
    let lost = lost_share(&arrived, count);
    // Three standard deviations are 0.0064.
    assert!((0.0936..0.1064).contains(&lost), "{lost}");
    assert!((1.06..1.17).contains(&mean_burst(&arrived, count)));
    let dropped = line.statistics().dropped(Dropped::Lost);
    assert_eq!(dropped, u64::from(count) - arrived.len() as u64);
}

#[test]
fn bursts_have_the_average_and_the_length_that_were_asked_for() {
    let count = 50_000;
    let loss = Loss::GilbertElliott {
        to_bad: 0.02,
        to_good: 0.18,
        loss_in_good: 0.0,
        loss_in_bad: 1.0,
    };
    assert!((loss.average() - 0.1).abs() < 1e-9);
    let link = Link {
        loss,
        ..Link::default()
    };
    let arrived = Line::new(link, 5).send(count, INTERVAL, 200);
    let lost = lost_share(&arrived, count);
    assert!((0.088..0.112).contains(&lost), "{lost}");
    let burst = mean_burst(&arrived, count);
    assert!((5.1..6.1).contains(&burst), "{burst}");
}

#[test]
fn a_held_back_datagram_is_overtaken() {
    let link = Link {
        reordered: 0.1,
        reordered_by: ms(50),
        ..Link::with_delay(ms(10))
    };
    let arrived = Line::new(link, 3).send(10_000, INTERVAL, 200);
    assert_eq!(arrived.len(), 10_000);
    let late = arrived.iter().filter(|(_, delay)| *delay == ms(60)).count();
    assert!((900..1100).contains(&late), "{late}");
    assert!(
        arrived
            .iter()
            .all(|(_, delay)| [ms(10), ms(60)].contains(delay))
    );
    assert!(!numbers(&arrived).is_sorted());
}

#[test]
fn duplicates_arrive_twice_and_are_counted() {
    let link = Link {
        duplicated: 0.05,
        jitter: ms(5),
        ..Link::default()
    };
    let mut line = Line::new(link, 4);
    let arrived = line.send(10_000, INTERVAL, 200);
    let twice = arrived.len() - 10_000;
    assert!((430..570).contains(&twice), "{twice}");
    assert_eq!(line.statistics().duplicated, twice as u64);
    let mut distinct = numbers(&arrived);
    distinct.dedup();
    assert_eq!(distinct, (0..10_000).collect::<Vec<_>>());
}

#[test]
fn a_limited_rate_spreads_a_burst_and_drops_what_would_wait_too_long() {
    // 200 octets at 160 kbit/s take 10 ms; the queue of 95 ms holds ten beside the one on the wire.
    let link = Link {
        rate: Some(160_000),
        queue: ms(95),
        ..Link::default()
    };
    let mut line = Line::new(link, 1);
    let arrived = line.send(15, Duration::ZERO, 200);
    let expected: Vec<_> = (0..10).map(|n| (n, ms(10 * u64::from(n + 1)))).collect();
    assert_eq!(arrived, expected);
    assert_eq!(line.statistics().dropped(Dropped::QueueFull), 5);
    // At the pace of a call there is room.
    assert_eq!(line.send(15, INTERVAL, 200).len(), 15);
}

#[test]
fn what_is_larger_than_the_mtu_is_dropped() {
    let link = Link {
        mtu: Some(1280),
        ..Link::default()
    };
    let mut line = Line::new(link, 1);
    assert_eq!(line.send(1, INTERVAL, 1280).len(), 1);
    assert_eq!(line.send(1, INTERVAL, 1281).len(), 0);
    assert_eq!(line.statistics().dropped(Dropped::TooBig), 1);
}

#[test]
fn a_link_that_is_down_carries_nothing_and_what_was_on_its_way_arrives() {
    let mut line = Line::new(Link::with_delay(ms(30)), 1);
    let (start, interface) = (line.network.now(), line.interface);
    for (at, up) in [(100, false), (300, true)] {
        line.network
            .schedule(start + ms(at), Change::Link { interface, up });
    }
    let arrived = line.send(20, INTERVAL, 200);
    // Sent at 80 ms: arrives. Sent from 100 to 280 ms: does not. Sent at 300 ms: arrives.
    let expected: Vec<u32> = (0..5).chain(15..20).collect();
    assert_eq!(numbers(&arrived), expected);
    assert_eq!(line.statistics().dropped(Dropped::LinkDown), 10);
}

#[test]
fn a_link_can_become_worse() {
    let mut line = Line::new(Link::default(), 1);
    let change = Change::Access {
        interface: line.interface,
        access: Access::symmetric(Link::with_delay(ms(5))),
    };
    line.network.schedule(line.network.now() + ms(50), change);
    let arrived = line.send(5, INTERVAL, 200);
    let delays: Vec<_> = arrived.iter().map(|(_, delay)| *delay).collect();
    assert_eq!(delays, [ms(0), ms(0), ms(0), ms(5), ms(5)]);
}

proptest! {
    #[test]
    fn every_datagram_is_delivered_or_dropped_and_the_same_seed_does_the_same(
        seed: u64,
        loss in 0.0..0.5,
        duplicated in 0.0..0.3,
        reordered in 0.0..0.3,
        jitter in 0..50_u64,
        rate in proptest::option::of(8_000..1_000_000_u64),
    ) {
        let link = Link {
            jitter: ms(jitter),
            loss: Loss::Independent(loss),
            reordered,
            reordered_by: ms(30),
            duplicated,
            rate,
            ..Link::default()
        };
        let mut line = Line::new(link.clone(), seed);
        let arrived = line.send(100, INTERVAL, 200);
        let statistics = line.statistics().clone();
        prop_assert_eq!(statistics.sent, 100);
        prop_assert_eq!(statistics.delivered, arrived.len() as u64);
        prop_assert_eq!(
            statistics.sent + statistics.duplicated,
            statistics.delivered + statistics.dropped_in_all()
        );
        prop_assert_eq!(Line::new(link, seed).send(100, INTERVAL, 200), arrived);
    }
}

fn lost_share(arrived: &[(u32, Duration)], count: u32) -> f64 {
    1.0 - arrived.len() as f64 / f64::from(count)
}

/// How many datagrams in a row are lost, on average.
fn mean_burst(arrived: &[(u32, Duration)], count: u32) -> f64 {
    let mut gaps: Vec<u32> = numbers(arrived)
        .windows(2)
        .map(|pair| pair[1] - pair[0] - 1)
        .collect();
    gaps.retain(|gap| *gap > 0);
    assert!(gaps.iter().sum::<u32>() <= count);
    f64::from(gaps.iter().sum::<u32>()) / gaps.len() as f64
}
