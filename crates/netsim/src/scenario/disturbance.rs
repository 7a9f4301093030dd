//! What may go wrong under a call: changes drawn from a seed.

use std::time::{Duration, Instant};

use super::Stage;
use crate::link::Access;
use crate::network::{Change, Families, Network};
use crate::random::Random;

/// Longest time that a link stays down.
const LONGEST_OUTAGE_MS: u64 = 2000;

impl Stage {
    /// Draws one mishap and lets it happen at `at`: a router reboots or gets other addresses, a
    /// link is down for up to two seconds, a host loses an address just after it joined the
    /// internet by cable, or it moves there. What was scheduled is told, with its times.
    ///
    /// The host can still connect to somebody afterwards; to whom directly, the oracle says when
    /// it has happened.
    pub fn disturb(&mut self, at: Instant, seed: u64) -> Vec<(Instant, Change)> {
        let mut random = Random::new(seed);
        let changes = self.draw(at, &mut random);
        for (at, change) in &changes {
            self.network.schedule(*at, change.clone());
        }
        changes
    }

    fn draw(&self, at: Instant, random: &mut Random) -> Vec<(Instant, Change)> {
        let host = random
            .pick(&[self.caller, self.callee])
            .unwrap_or(self.caller);
        let outage = Duration::from_millis(100 + random.below(LONGEST_OUTAGE_MS - 100));
        let interface = random.pick(&self.network.interfaces(host));
        let address = random.pick(&self.network.addresses(host));
        let router = random.pick(&self.routers);
        match (random.below(5), router, interface, address) {
            (0, Some(router), _, _) => vec![(at, Change::Reboot { router })],
            (1, Some(router), _, _) => vec![(at, Change::Renumber { router })],
            (2, _, Some(interface), _) => vec![
                (
                    at,
                    Change::Link {
                        interface,
                        up: false,
                    },
                ),
                (
                    at + outage,
                    Change::Link {
                        interface,
                        up: true,
                    },
                ),
            ],
            (3, _, _, Some(address)) => vec![
                (
                    at,
                    Change::Join {
                        host,
                        segment: Network::INTERNET,
                        families: Families::V4,
                        access: Access::default(),
                    },
                ),
                (at + outage, Change::AddressGone { host, address }),
            ],
            (_, _, Some(interface), _) => vec![(
                at,
                Change::Move {
                    interface,
                    to: Network::INTERNET,
                    families: Families::V4,
                },
            )],
            (_, _, None, _) => Vec::new(),
        }
    }
}
