#![doc = include_str!("../README.md")]

#[cfg(feature = "plist")]
pub mod bplist;
pub mod candidate;
pub mod hex_text;
#[cfg(feature = "plist")]
pub mod ice_data;
#[cfg(feature = "plist")]
pub mod invitation;
pub mod ipport;
#[cfg(feature = "plist")]
pub mod keyed_archive;
#[cfg(feature = "plist")]
pub mod xml_plist;

pub use candidate::{
    Candidate, CandidateError, CandidateId, CandidateKind, RawIpPort, Tampering, decode_candidates,
    decode_candidates_lossy, encode_candidates,
};
pub use hex_text::HexTextError;
#[cfg(feature = "plist")]
pub use ice_data::{ByteOrder, ConnectionHelper, IceData, IceDataEncodeError, IceDataError};
#[cfg(feature = "plist")]
pub use invitation::{
    Deviation, Invitation, InvitationError, InvitationParams, Invitee, InviteeState, Party,
    SalvagedInvitation, SessionId,
};
pub use ipport::{IpPort, IpPortError, IpPortList, encode_hex};
