//! Which address the INVITE goes to while nobody has replied: docs/protocol/sip.md, which
//! address \[I\].

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::timer::{Backoff, T1, TRANSACTION_TIMEOUT};
use crate::Route;

/// After this long without any reply the next address gets the INVITE too.
pub(crate) const NEXT_ROUTE: Duration = Duration::from_secs(1);

/// An address that is added late has at least this long to reply.
const LATE_ROUTE: Duration = Duration::from_secs(5);

/// No more addresses than this are tried.
const MAX_ROUTES: usize = 64;

/// Addresses that were tried, each with its own timer A, and addresses that wait.
#[derive(Debug)]
pub(crate) struct Hunt {
    attempts: Vec<Attempt>,
    waiting: VecDeque<Route>,
    next: Instant,
    give_up: Instant,
    /// Late addresses move `give_up`, but never beyond timer B.
    limit: Instant,
}

#[derive(Debug)]
struct Attempt {
    route: Route,
    sent: Instant,
    resend: Backoff,
}

impl Hunt {
    /// Nothing is tried yet: the first address is due at once.
    pub(crate) fn new(now: Instant, routes: &[Route], patience: Duration) -> Self {
        let mut hunt = Self {
            attempts: Vec::new(),
            waiting: VecDeque::new(),
            next: now,
            give_up: now + patience,
            limit: now + patience.max(TRANSACTION_TIMEOUT),
        };
        for route in routes {
            hunt.enqueue(*route);
        }
        hunt
    }

    /// The addresses that get the INVITE now.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<Route> {
        let mut due: Vec<_> = self
            .attempts
            .iter_mut()
            .filter_map(|attempt| attempt.resend.fire(now).then_some(attempt.route))
            .collect();
        for attempt in self
            .attempts
            .iter_mut()
            .filter(|attempt| due.contains(&attempt.route))
        {
            attempt.sent = now;
        }
        if now >= self.next
            && let Some(route) = self.waiting.pop_front()
        {
            self.attempt(now, route);
            due.push(route);
        }
        due
    }

    /// Learns another address. `true` where the INVITE should go there at once: when `first`, for
    /// an address that did not just get it.
    pub(crate) fn add(&mut self, now: Instant, route: Route, first: bool) -> bool {
        if !first {
            self.enqueue(route);
            self.prolong(now);
            return false;
        }
        if let Some(tried) = self
            .attempts
            .iter_mut()
            .find(|attempt| attempt.route == route)
        {
            let again = now >= tried.sent + T1;
            if again {
                tried.sent = now;
                tried.resend = Backoff::new(now, TRANSACTION_TIMEOUT);
            }
            return again;
        }
        self.waiting.retain(|waiting| *waiting != route);
        if self.attempts.len() >= MAX_ROUTES {
            return false;
        }
        self.prolong(now);
        self.attempt(now, route);
        true
    }

    /// Whether nobody replied in time.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        now >= self.give_up
    }

    pub(crate) fn poll_timeout(&self) -> Instant {
        let next = (!self.waiting.is_empty()).then_some(self.next);
        let resends = self.attempts.iter().map(|attempt| attempt.resend.due());
        resends.chain(next).fold(self.give_up, Instant::min)
    }

    /// The address that proved alive by a reply from `source`: the one that was tried, where the
    /// reply's source tells which; else the source itself.
    pub(crate) fn pin(&self, source: Route) -> Route {
        let tried = || self.attempts.iter().map(|attempt| attempt.route);
        tried()
            .find(|route| *route == source)
            .or_else(|| tried().find(|route| route.remote == source.remote))
            .or_else(|| tried().find(|route| route.remote.ip() == source.remote.ip()))
            .or_else(|| tried().next().filter(|_| self.attempts.len() == 1))
            .unwrap_or(source)
    }

    fn attempt(&mut self, now: Instant, route: Route) {
        let resend = Backoff::new(now, TRANSACTION_TIMEOUT);
        self.attempts.push(Attempt {
            route,
            sent: now,
            resend,
        });
        self.next = now + NEXT_ROUTE;
    }

    fn enqueue(&mut self, route: Route) {
        let known = self.attempts.iter().any(|attempt| attempt.route == route)
            || self.waiting.contains(&route);
        if !known && self.attempts.len() + self.waiting.len() < MAX_ROUTES {
            self.waiting.push_back(route);
        }
    }

    fn prolong(&mut self, now: Instant) {
        self.give_up = self.give_up.max(now + LATE_ROUTE).min(self.limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(last: u8) -> Route {
        Route {
            local: "192.0.2.1:16402".parse().unwrap(),
            remote: format!("192.0.2.{last}:16402").parse().unwrap(),
        }
    }

    /// Milliseconds and the address's last octet of every transmission.
    fn run(hunt: &mut Hunt, start: Instant) -> Vec<(u128, u8)> {
        let mut sent = Vec::new();
        let mut now = start;
        while !hunt.is_over(now) {
            for route in hunt.due(now) {
                let std::net::IpAddr::V4(ip) = route.remote.ip() else {
                    unreachable!()
                };
                sent.push(((now - start).as_millis(), ip.octets()[3]));
            }
            now = hunt.poll_timeout();
        }
        sent
    }

    #[test]
    fn each_second_another_address_is_tried_and_all_are_tried_again() {
        let start = Instant::now();
        let mut hunt = Hunt::new(start, &[route(2), route(3)], Duration::from_secs(20));
        let sent = run(&mut hunt, start);
        let at = |last| {
            sent.iter()
                .filter(|s| s.1 == last)
                .map(|s| s.0)
                .collect::<Vec<_>>()
        };
        assert_eq!(at(2), [0, 500, 1500, 3500, 7500, 15_500]);
        assert_eq!(at(3), [1000, 1500, 2500, 4500, 8500, 16_500]);
    }

    #[test]
    fn a_first_address_is_due_at_once_and_a_late_one_gets_its_time() {
        let start = Instant::now();
        let mut hunt = Hunt::new(
            start,
            &[route(2), route(2), route(3)],
            Duration::from_secs(20),
        );
        assert_eq!(hunt.due(start), [route(2)]);
        assert!(hunt.add(start, route(9), true));
        assert!(!hunt.add(start, route(9), true), "it just got one");
        assert!(hunt.add(start + T1, route(9), true), "a pinhole opened");
        assert!(!hunt.add(start, route(4), false));
        let late = start + Duration::from_secs(19);
        assert!(hunt.add(late, route(5), true));
        assert!(!hunt.is_over(late + Duration::from_secs(4)));
        assert!(hunt.is_over(late + Duration::from_secs(5)));
    }

    #[test]
    fn late_addresses_cannot_keep_a_dead_call_alive() {
        let start = Instant::now();
        let mut hunt = Hunt::new(start, &[route(2)], Duration::from_secs(20));
        for seconds in 1..40 {
            let port = 1000 + u16::from(u8::try_from(seconds).unwrap());
            let mut late = route(7);
            late.remote.set_port(port);
            hunt.add(start + Duration::from_secs(seconds), late, true);
        }
        assert!(hunt.is_over(start + TRANSACTION_TIMEOUT));
    }

    #[test]
    fn a_reply_pins_the_address_that_was_tried() {
        let start = Instant::now();
        let mut hunt = Hunt::new(start, &[route(2), route(3)], Duration::from_secs(20));
        hunt.due(start);
        hunt.due(start + NEXT_ROUTE);
        assert_eq!(hunt.pin(route(3)), route(3));
        let mut other_port = route(3);
        other_port.remote.set_port(5060);
        assert_eq!(hunt.pin(other_port), route(3));
        assert_eq!(hunt.pin(route(8)), route(8), "unknown, and two were tried");
    }
}
