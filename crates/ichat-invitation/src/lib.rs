#![doc = include_str!("../README.md")]

pub mod candidate;
pub mod hex_text;
pub mod ipport;

pub use candidate::{
    Candidate, CandidateError, CandidateId, CandidateKind, RawIpPort, Tampering, decode_candidates,
    decode_candidates_lossy, encode_candidates,
};
pub use hex_text::HexTextError;
pub use ipport::{IpPort, IpPortError, IpPortList, encode_hex};
