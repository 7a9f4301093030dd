#![doc = include_str!("../README.md")]

pub mod addresses;
pub mod call;
pub mod connectivity;
pub mod driver;
pub mod drops;
pub mod event;
pub mod introductions;
mod lookout;
pub mod media;
pub mod pcap;
pub mod seed;
pub mod sockets;
pub mod sources;

pub use driver::{
    Allowed, AnswerMode, Credentials, EndpointConfig, LinkLocal, Outcome, Person, PersonDevice,
    Reach, Reflectors, RelayServer, RunError, ServerName, Signalling, Tap, Tapped, Target, Task,
    lan_presence, run, survey,
};
pub use drops::Drops;
pub use event::{
    Acceptance, CallNumber, CallStatistics, Candidate, Command, Dialect, Direction, Event, Reason,
    Service, Summary,
};
pub use sockets::PortChoice;
