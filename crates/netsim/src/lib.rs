#![doc = include_str!("../README.md")]

mod endpoint;
mod link;
mod nat;
mod network;
pub mod oracle;
mod packet;
mod pcap;
mod prefix;
mod puncher;
mod queue;
mod random;
mod reflector;
mod scenario;
mod statistics;
mod world;

pub use endpoint::{Endpoint, Transmit};
pub use link::{Access, Link, Loss};
pub use nat::{Dependence, FilterScope, Firewall, Hairpinning, Mapping, Nat, PortAssignment};
pub use network::{
    Change, Delivery, Event, Families, HostId, InterfaceId, Ipv6Routing, Network, RouterConfig,
    RouterId, SegmentId, SendError, Tap, TopologyError,
};
pub use pcap::{Captured, Pcap};
pub use prefix::{Prefix, PrefixError};
pub use puncher::{Outcome, Puncher, punch};
pub use random::Random;
pub use reflector::Reflector;
pub use scenario::{Attachment, HostPlan, RouterPlan, Scenario, Stage};
pub use statistics::{Dropped, Statistics};
pub use world::{RunError, World};
