#![doc = include_str!("../README.md")]

pub mod agent;
pub mod gather;
mod local;
pub mod pinhole;
mod random;
mod scope;
pub mod snatmap;
pub mod stun;
mod transmit;

pub use agent::{
    Agent, AgentConfig, ChangeCause, Counters, Event, Handled, Output, Pair, PairClass, Path,
    PathKind, Refused, Timings, pair_list,
};
pub use gather::{
    GatherConfig, GatherEvent, GatherOutput, Gathered, Gatherer, Interface, Mapping, NatReport,
    Reflector, ReflectorEvent, ReflectorOutput, ReflectorProtocol, ReflectorTimings, RelayFailure,
    RelayListing, TurnServer,
};
pub use local::LocalCandidate;
pub use pinhole::{PINHOLE, PinholeOutput, PinholeTimings, Pinholes};
pub use transmit::Transmit;
