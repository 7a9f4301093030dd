//! Gathering: every address at which the peer might reach us, as candidates.

mod candidates;
mod config;
mod event;
mod gatherer;
mod nat;
mod reflector;
mod relay;

pub use candidates::{RelayListing, priority};
pub use config::{GatherConfig, Interface, TurnServer};
pub use event::{GatherEvent, GatherOutput, Gathered};
pub use gatherer::Gatherer;
pub use nat::{Mapping, NatReport, Sighting, assess};
pub use reflector::{
    ReflectError, Reflector, ReflectorEvent, ReflectorOutput, ReflectorProtocol, ReflectorTimings,
};
pub use relay::{Relay, RelayCounters, RelayEvent, RelayFailure, RelayOutput, Relayed};
