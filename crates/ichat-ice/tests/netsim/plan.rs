//! What a run is like, beside its network.

use std::net::SocketAddr;
use std::time::Duration;

use ichat_ice::{GatherConfig, ReflectorTimings, RelayListing, TurnServer};
use netsim::{Random, Stage};

use super::call::CALLER;
use super::peer::Config;
use super::relay;

/// The part of a seed's randomness that plans are drawn from; the network has its own.
const PLAN: u64 = 0x1c3;

/// How a call goes, beside its network.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub sides: [Side; 2],
    /// How long each side waits for its servers before it tells its candidates; those that come
    /// later are told later.
    pub patience: Duration,
    /// How long the callee rings.
    pub rings: Duration,
    /// How long signalling takes.
    pub latency: Duration,
    pub mishap: Option<Mishap>,
}

/// What one side does.
#[derive(Clone, Copy, Debug)]
pub struct Side {
    pub asks_snatmap: bool,
    pub asks_stun: bool,
    pub has_relay: bool,
    pub listing: RelayListing,
    pub legacy_stun_header: bool,
    pub is_thrifty: bool,
}

/// When a mishap happens.
#[derive(Clone, Copy, Debug)]
pub enum Mishap {
    /// So long after the beginning, whatever goes on then.
    Early(Duration),
    /// In the call, so long after media began.
    InCall(Duration),
}

impl Plan {
    /// A call without haste or mishap. All servers are asked.
    pub fn quiet(seed: u64, has_relay: bool) -> Self {
        let side = Side {
            asks_snatmap: true,
            asks_stun: true,
            has_relay,
            listing: RelayListing::Relay,
            legacy_stun_header: false,
            is_thrifty: false,
        };
        Self {
            seed,
            sides: [side; 2],
            patience: Duration::from_secs(15),
            rings: Duration::from_millis(100),
            latency: Duration::from_millis(20),
            mishap: None,
        }
    }

    /// Anything.
    pub fn random(seed: u64) -> Self {
        let mut random = Random::of_part(seed, PLAN);
        let mut ms = |low: u64, high: u64| Duration::from_millis(low + random.below(high - low));
        let (patience, rings, latency) = (ms(200, 6000), ms(10, 2000), ms(10, 400));
        let (early, in_call) = (ms(100, 5000), ms(2000, 6000));
        let relays = random.chance(0.5);
        let sides = [(); 2].map(|()| {
            let asked = random.below(4);
            Side {
                asks_snatmap: asked != 0,
                asks_stun: asked < 2,
                has_relay: relays && random.chance(0.75),
                listing: if random.chance(0.7) {
                    RelayListing::Relay
                } else {
                    RelayListing::ServerReflexive
                },
                legacy_stun_header: random.chance(0.3),
                is_thrifty: random.chance(0.3),
            }
        });
        let mishap = match random.below(10) {
            0..2 => Some(Mishap::Early(early)),
            2..6 => Some(Mishap::InCall(in_call)),
            _ => None,
        };
        Self {
            seed,
            sides,
            patience,
            rings,
            latency,
            mishap,
        }
    }

    /// Whom the peer of one side asks.
    pub fn config(&self, side: usize, stage: &Stage) -> Config {
        let plan = self.sides[side];
        let mut random = Random::of_part(self.seed, PLAN + 1 + side as u64);
        let turn = |ipv4| TurnServer {
            address: SocketAddr::new(stage.relay_address(ipv4), relay::PORT),
            username: relay::USERNAME.to_owned(),
            password: relay::PASSWORD.to_owned(),
        };
        Config {
            name: random.next_u64(),
            is_caller: side == CALLER,
            port: [stage.caller_port, stage.callee_port][side],
            gather: GatherConfig {
                seed: random.next_u64(),
                interfaces: Vec::new(),
                snatmap: Vec::from_iter(plan.asks_snatmap.then(|| stage.snatmap_address())),
                stun: if plan.asks_stun {
                    vec![stage.stun_address(true), stage.stun_address(false)]
                } else {
                    Vec::new()
                },
                turn: Vec::from_iter(plan.has_relay.then(|| turn(true))),
                relay_listing: plan.listing,
                timings: ReflectorTimings::default(),
            },
            legacy_stun_header: plan.legacy_stun_header,
            is_thrifty: plan.is_thrifty,
        }
    }
}
