//! Scenarios from a seed.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::{Attachment, HostPlan, Scenario};
use crate::link::{Access, Link, Loss};
use crate::nat::{Dependence, FilterScope, Firewall, Hairpinning, Nat, PortAssignment};
use crate::network::{Families, Ipv6Routing};
use crate::prefix::Prefix;
use crate::random::Random;

/// The part of a seed's randomness that plans are drawn from.
const PLAN: u64 = u64::MAX;
/// What homes are given by their routers, the most common twice.
const HOMES: [([u8; 4], u8); 6] = [
    ([192, 168, 1, 0], 24),
    ([192, 168, 1, 0], 24),
    ([192, 168, 0, 0], 24),
    ([192, 168, 2, 0], 24),
    ([10, 0, 0, 0], 24),
    ([172, 16, 0, 0], 24),
];
/// What carriers use inside (RFC 6598 among them).
const CARRIERS: [([u8; 4], u8); 3] = [
    ([100, 64, 0, 0], 16),
    ([100, 65, 0, 0], 16),
    ([10, 64, 0, 0], 16),
];
const TIMEOUTS_S: [u64; 4] = [30, 60, 120, 300];
/// Longest one-way delay of a link.
const LONGEST_DELAY_MS: u64 = 80;

/// Where the two hosts are to each other, some kinds more often than others.
#[derive(Clone, Copy)]
enum Shape {
    BothPublic,
    OnePublic,
    Apart,
    SameLan,
    SharedCarrier,
    Nested,
}

const SHAPES: [Shape; 16] = [
    Shape::BothPublic,
    Shape::OnePublic,
    Shape::OnePublic,
    Shape::Apart,
    Shape::Apart,
    Shape::Apart,
    Shape::Apart,
    Shape::Apart,
    Shape::Apart,
    Shape::Apart,
    Shape::SameLan,
    Shape::SharedCarrier,
    Shape::SharedCarrier,
    Shape::SharedCarrier,
    Shape::Nested,
    Shape::Nested,
];

pub(super) fn scenario(seed: u64) -> Scenario {
    let mut generator = Generator {
        random: Random::of_part(seed, PLAN),
        scenario: Scenario::new(seed),
    };
    generator.draw();
    generator.scenario
}

struct Generator {
    random: Random,
    scenario: Scenario,
}

impl Generator {
    fn draw(&mut self) {
        let shape = self.random.pick(&SHAPES).unwrap_or(Shape::Apart);
        let (one, other) = match shape {
            Shape::BothPublic => (None, None),
            Shape::OnePublic => (None, self.homes(None)),
            Shape::Apart => (self.homes(None), self.homes(None)),
            Shape::SameLan => {
                let home = self.homes(None);
                (home, home)
            }
            Shape::SharedCarrier => {
                let carrier = self.shared(&CARRIERS);
                (self.homes(carrier), self.homes(carrier))
            }
            Shape::Nested => {
                let home = self.shared(&HOMES);
                (home, self.homes(home))
            }
        };
        let mut one = self.host(one);
        let other = self.host(other);
        if self.random.chance(0.15) {
            let second = self.second_attachment(&one);
            one.attachments.push(second);
        }
        let (caller, callee) = if self.random.chance(0.5) {
            (one, other)
        } else {
            (other, one)
        };
        self.scenario.caller = caller;
        self.scenario.callee = callee;
    }

    /// A home, or now and then a home behind another or behind a carrier of its own.
    fn homes(&mut self, parent: Option<usize>) -> Option<usize> {
        let mut parent = parent;
        if self.random.chance(0.25) {
            let prefixes: &[_] = if self.random.chance(0.5) {
                &CARRIERS
            } else {
                &HOMES
            };
            let nat = self.nat(true);
            parent = self.router(parent, nat, prefixes);
        }
        let nat = self.nat(true);
        self.router(parent, nat, &HOMES)
    }

    /// NATs that both hosts share. They do not overload ports: who gets the wanted port toward the
    /// reflector would be a matter of chance, and the oracle knows none.
    fn shared(&mut self, prefixes: &[([u8; 4], u8)]) -> Option<usize> {
        let outer = if self.random.chance(0.25) {
            let nat = self.nat(false);
            self.router(None, nat, &CARRIERS)
        } else {
            None
        };
        let nat = self.nat(false);
        self.router(outer, nat, prefixes)
    }

    fn router(
        &mut self,
        parent: Option<usize>,
        nat: Nat,
        prefixes: &[([u8; 4], u8)],
    ) -> Option<usize> {
        let outer = parent.and_then(|number| self.scenario.routers.get(number));
        let outside = outer.map(|plan| plan.prefix);
        let has_ipv6 = outer.is_none_or(|plan| plan.ipv6 != Ipv6Routing::Off);
        let ipv6 = if has_ipv6 && self.random.chance(0.3) {
            self.ipv6()
        } else {
            Ipv6Routing::Off
        };
        let inside = self.prefix(prefixes, outside);
        let access = self.access();
        let number = self.scenario.add_router(parent, nat);
        if let Some(plan) = self.scenario.routers.get_mut(number) {
            plan.prefix = inside;
            plan.ipv6 = ipv6;
            plan.access = access;
        }
        Some(number)
    }

    /// Any but the one outside.
    fn prefix(&mut self, choices: &[([u8; 4], u8)], outside: Option<Prefix>) -> Prefix {
        let choices: Vec<Prefix> = choices
            .iter()
            .map(|(octets, length)| Prefix::of(IpAddr::V4(Ipv4Addr::from(*octets)), *length))
            .filter(|choice| outside.is_none_or(|outside| !choice.overlaps(outside)))
            .collect();
        self.random
            .pick(&choices)
            .unwrap_or_else(|| Prefix::of(IpAddr::V4(Ipv4Addr::new(172, 20, 0, 0)), 24))
    }

    fn nat(&mut self, may_overload: bool) -> Nat {
        let random = &mut self.random;
        let strictness = |random: &mut Random| {
            random
                .pick(&Dependence::ALL)
                .unwrap_or(Dependence::EndpointIndependent)
        };
        let mapping = strictness(random);
        let filtering = strictness(random);
        let shift = random.port(1, 30_000);
        let ports = [
            PortAssignment::Preserving,
            PortAssignment::Preserving,
            PortAssignment::Shifted(shift),
            PortAssignment::Sequential,
            PortAssignment::Random,
        ];
        Nat {
            filter_scope: if random.chance(0.25) {
                FilterScope::InternalEndpoint
            } else {
                FilterScope::Mapping
            },
            ports: random.pick(&ports).unwrap_or(PortAssignment::Random),
            overloading: may_overload && random.chance(0.3),
            parity: random.chance(0.25),
            hairpinning: random.pick(&Hairpinning::ALL).unwrap_or(Hairpinning::None),
            timeout: Duration::from_secs(random.pick(&TIMEOUTS_S).unwrap_or(30)),
            inbound_refresh: random.chance(0.5),
            ..Nat::new(mapping, filtering)
        }
    }

    fn ipv6(&mut self) -> Ipv6Routing {
        if self.random.chance(0.2) {
            return Ipv6Routing::Open;
        }
        let filtering = self
            .random
            .pick(&Dependence::ALL)
            .unwrap_or(Dependence::EndpointIndependent);
        Ipv6Routing::Filtered(Firewall::new(filtering))
    }

    fn host(&mut self, router: Option<usize>) -> HostPlan {
        let attachment = self.attachment(router);
        let mut host = HostPlan::behind(None);
        host.attachments = vec![attachment];
        if self.random.chance(0.3) {
            host.port = self.random.port(1024, u16::MAX);
        }
        host
    }

    fn attachment(&mut self, router: Option<usize>) -> Attachment {
        let families = if self.random.chance(0.3) || router.is_some() {
            Families::Both
        } else {
            Families::V4
        };
        Attachment {
            router,
            families,
            access: self.access(),
        }
    }

    /// A cable beside the Wi-Fi, a mobile network, or a public address.
    fn second_attachment(&mut self, host: &HostPlan) -> Attachment {
        let first = host.attachments.first().and_then(|first| first.router);
        let router = if self.random.chance(0.4) {
            first
        } else if self.random.chance(0.8) {
            self.homes(None)
        } else {
            None
        };
        self.attachment(router)
    }

    fn access(&mut self) -> Access {
        Access {
            up: self.link(),
            down: self.link(),
        }
    }

    fn link(&mut self) -> Link {
        let random = &mut self.random;
        let delay = Duration::from_millis(random.below(LONGEST_DELAY_MS + 1));
        let jitter = delay.mul_f64(random.unit() / 2.0);
        let loss = match random.below(10) {
            0..5 => Loss::None,
            5..8 => Loss::Independent(random.unit() * 0.1),
            _ => Loss::GilbertElliott {
                to_bad: 0.01 + random.unit() * 0.04,
                to_good: 0.2 + random.unit() * 0.3,
                loss_in_good: 0.0,
                loss_in_bad: 0.5 + random.unit() * 0.5,
            },
        };
        let (reorders, duplicates) = (random.chance(0.3), random.chance(0.2));
        Link {
            delay,
            jitter,
            loss,
            reordered: if reorders { random.unit() * 0.05 } else { 0.0 },
            reordered_by: Duration::from_millis(random.below(40)),
            duplicated: if duplicates {
                random.unit() * 0.02
            } else {
                0.0
            },
            rate: random
                .chance(0.1)
                .then(|| 256_000 + random.below(10_000_000)),
            ..Link::default()
        }
    }
}
