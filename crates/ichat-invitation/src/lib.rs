#![doc = include_str!("../README.md")]

pub mod ipport;

pub use ipport::{IpPort, IpPortError, IpPortList, encode_hex};
