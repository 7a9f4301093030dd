//! Two hosts that want to talk, and what lies between them: written down, or drawn from a seed.

mod disturbance;
mod random;
mod stage;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Instant;

pub use stage::Stage;

use crate::link::Access;
use crate::nat::Nat;
use crate::network::{
    Families, HostId, Ipv6Routing, Network, RouterConfig, RouterId, SegmentId, TopologyError,
};
use crate::prefix::Prefix;

/// The port that an iChat of Mac OS X 10.5 or later uses (docs/protocol/addresses.md \[P, C\]).
const ICHAT_PORT: u16 = 16402;

/// The plan of a network with a caller, a callee, a reflector and a relay. It prints.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// What the network's randomness comes from, and in [`Scenario::random`] the plan too.
    pub seed: u64,
    /// The routers; the segment inside of each has the same number.
    pub routers: Vec<RouterPlan>,
    /// Who sends the invitation.
    pub caller: HostPlan,
    /// Who gets it.
    pub callee: HostPlan,
}

/// A router, and the segment inside of it.
#[derive(Clone, Debug, PartialEq)]
pub struct RouterPlan {
    /// The router in whose inside this one's outside is; none for the internet. Always a smaller
    /// number than its own.
    pub parent: Option<usize>,
    /// What it does with IPv4.
    pub nat: Nat,
    /// What it does with IPv6. Reaches the internet only if the parent does not switch it off.
    pub ipv6: Ipv6Routing,
    /// The addresses inside.
    pub prefix: Prefix,
    /// Its link outward.
    pub access: Access,
}

/// One of the two hosts.
#[derive(Clone, Debug, PartialEq)]
pub struct HostPlan {
    /// Its interfaces.
    pub attachments: Vec<Attachment>,
    /// The port that it uses on all of its addresses.
    pub port: u16,
}

/// An interface of one of the two hosts.
#[derive(Clone, Debug, PartialEq)]
pub struct Attachment {
    /// The router in whose inside it is; none for the internet.
    pub router: Option<usize>,
    /// Its addresses.
    pub families: Families,
    /// Its link.
    pub access: Access,
}

impl Scenario {
    /// Both on the internet, with IPv4 and ideal links.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            routers: Vec::new(),
            caller: HostPlan::behind(None),
            callee: HostPlan::behind(None),
        }
    }

    /// NATs that both share, and NATs of each side's own inside of those; the outermost first,
    /// with ideal links and IPv4. None at all of any kind is fine.
    pub fn of_chains(seed: u64, shared: &[Nat], caller: &[Nat], callee: &[Nat]) -> Self {
        let mut scenario = Self::new(seed);
        let meeting = scenario.add_chain(None, shared);
        scenario.caller = HostPlan::behind(scenario.add_chain(meeting, caller));
        scenario.callee = HostPlan::behind(scenario.add_chain(meeting, callee));
        scenario
    }

    /// Anything from two public hosts to carriers' NATs and homes that share a prefix, with links
    /// from good to bad: always the same for the same seed, on every machine.
    pub fn random(seed: u64) -> Self {
        random::scenario(seed)
    }

    /// Adds a router with an ideal link, IPv4 only and a prefix that no other has; its number.
    pub fn add_router(&mut self, parent: Option<usize>, nat: Nat) -> usize {
        let number = self.routers.len();
        let subnet = u8::try_from(number + 1).unwrap_or(u8::MAX);
        self.routers.push(RouterPlan {
            parent,
            nat,
            ipv6: Ipv6Routing::Off,
            prefix: Prefix::of(IpAddr::V4(Ipv4Addr::new(10, subnet, 0, 0)), 16),
            access: Access::default(),
        });
        number
    }

    /// Builds the network, with virtual time beginning at `start`.
    ///
    /// # Errors
    /// If the plan cannot be built: a router's parent comes after it, its prefix is its parent's.
    pub fn build(&self, start: Instant) -> Result<Stage, TopologyError> {
        let mut network = Network::new(start, self.seed);
        let mut segments: Vec<SegmentId> = Vec::new();
        let mut routers: Vec<RouterId> = Vec::new();
        for (number, plan) in self.routers.iter().enumerate() {
            let (segment, router) = plan.build(&mut network, number, &segments)?;
            segments.push(segment);
            routers.push(router);
        }
        let caller = self.caller.build(&mut network, "caller", &segments)?;
        let callee = self.callee.build(&mut network, "callee", &segments)?;
        let reflector = server(&mut network, "reflector")?;
        let relay = server(&mut network, "relay")?;
        Ok(Stage {
            network,
            caller,
            callee,
            caller_port: self.caller.port,
            callee_port: self.callee.port,
            reflector,
            relay,
            routers,
            segments,
        })
    }

    fn add_chain(&mut self, from: Option<usize>, nats: &[Nat]) -> Option<usize> {
        nats.iter()
            .fold(from, |parent, nat| Some(self.add_router(parent, *nat)))
    }
}

impl RouterPlan {
    fn build(
        &self,
        network: &mut Network,
        number: usize,
        segments: &[SegmentId],
    ) -> Result<(SegmentId, RouterId), TopologyError> {
        let outside = find(self.parent, segments)?;
        let subnet = u16::try_from(number + 1).unwrap_or(u16::MAX);
        let ipv6 = Ipv6Addr::new(0x2001, 0xdb8, subnet, 0, 0, 0, 0, 0);
        let prefixes = match self.ipv6 {
            Ipv6Routing::Off => vec![self.prefix],
            Ipv6Routing::Open | Ipv6Routing::Filtered(_) => {
                vec![self.prefix, Prefix::of(IpAddr::V6(ipv6), 64)]
            }
        };
        let inside = network.add_segment(&format!("inside {number}"), &prefixes);
        let router = network.add_router(RouterConfig {
            name: number.to_string(),
            ipv6: self.ipv6,
            access: self.access.clone(),
            ..RouterConfig::nat(inside, outside, self.nat)
        })?;
        Ok((inside, router))
    }
}

impl HostPlan {
    /// One interface inside of a router, or on the internet, with IPv4 and an ideal link.
    pub fn behind(router: Option<usize>) -> Self {
        Self {
            attachments: vec![Attachment {
                router,
                families: Families::V4,
                access: Access::default(),
            }],
            port: ICHAT_PORT,
        }
    }

    fn build(
        &self,
        network: &mut Network,
        name: &str,
        segments: &[SegmentId],
    ) -> Result<HostId, TopologyError> {
        let host = network.add_host(name);
        for attachment in &self.attachments {
            let segment = find(attachment.router, segments)?;
            network.join(
                host,
                segment,
                attachment.families,
                attachment.access.clone(),
            )?;
        }
        Ok(host)
    }
}

/// The seed, what the oracle says, and the topology.
impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "scenario {}: caller's port {}, callee's port {}",
            self.seed, self.caller.port, self.callee.port
        )?;
        match self.build(Instant::now()) {
            Err(refusal) => writeln!(f, "cannot be built: {refusal}"),
            Ok(stage) => {
                writeln!(f, "{:?}", stage.verdict())?;
                write!(f, "{}", stage.network)
            }
        }
    }
}

fn server(network: &mut Network, name: &str) -> Result<HostId, TopologyError> {
    let host = network.add_host(name);
    let access = Access::default();
    network.join(host, Network::INTERNET, Families::Both, access)?;
    Ok(host)
}

/// The segment inside of a router.
fn find(router: Option<usize>, segments: &[SegmentId]) -> Result<SegmentId, TopologyError> {
    match router {
        None => Ok(Network::INTERNET),
        Some(number) => segments
            .get(number)
            .copied()
            .ok_or(TopologyError::UnknownRouter(RouterId(number))),
    }
}
