//! Candidates: the octets under `SIP-ICE`, 148 of them each, with no header.
//!
//! | offset | size | field |
//! |---:|---:|---|
//! | 0 | 4 | media slot |
//! | 4 | 4 | kind: 1 host, 3 server-reflexive, 5 relay, 6 peer-reflexive, 7 host, point-to-point |
//! | 8 | 4 | the sender's call id |
//! | 12 | 8 | candidate id |
//! | 20 | 2 | priority, larger is better |
//! | 22 | 2 | rank, sent as 0 |
//! | 24 | 40 | record A: the address to check |
//! | 64 | 40 | record B: the local base |
//! | 104 | 40 | record C: the guard of B |
//! | 144 | 4 | unknown, sent as 0 |
//!
//! All integers are big-endian. Source: `docs/protocol/addresses.md`, candidates \[C for the octets,
//! D for the meanings\].

mod guard;
mod kind;
mod list;
mod record;

use std::fmt;

pub use guard::Tampering;
pub use kind::CandidateKind;
pub use list::{
    CandidateError, MAX_CANDIDATES, decode_candidates, decode_candidates_lossy, encode_candidates,
};
pub use record::RawIpPort;

use crate::ipport::{IpPort, field, put};

/// The priority of a host candidate of an iChat 5.
///
/// Source: `docs/protocol/addresses.md`, candidates \[C\]. Later software sends 90 \[D\].
pub const ICHAT_HOST_PRIORITY: u16 = 45;

/// The media slot of the one shared UDP socket. Pairs form between equal slots.
const SHARED_SLOT: u32 = 0;
/// The sender's call id in what we send, as in the capture \[C\].
const CALL_ID: u32 = 1;

/// What names a candidate in connectivity checks: 8 opaque octets, compared as they are.
///
/// Source: `docs/protocol/addresses.md`, candidates \[C\].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CandidateId(pub [u8; 8]);

impl CandidateId {
    /// An id as an iChat makes it: 31 random bits, big-endian, then 4 zero octets. The top bit of
    /// `random` is left out.
    pub fn new(random: u32) -> Self {
        let [a, b, c, d] = (random & 0x7fff_ffff).to_be_bytes();
        Self([a, b, c, d, 0, 0, 0, 0])
    }
}

impl fmt::Display for CandidateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for CandidateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CandidateId({self})")
    }
}

/// One way to reach a peer, with every octet kept: any 148 octets are a candidate, and
/// [`encode`](Self::encode) gives the same 148 back.
///
/// Source: `docs/protocol/addresses.md`, candidates [C, D].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Candidate {
    /// Media slot. Pairs form between equal slots; 0 is the one shared UDP socket.
    pub slot: u32,
    /// Where the address comes from.
    pub kind: CandidateKind,
    /// The sender's call id: small, and the same in all its candidates.
    pub call_id: u32,
    /// What names this candidate in checks.
    pub id: CandidateId,
    /// Larger is better.
    pub priority: u16,
    /// Sent as 0; each side computes its own after sorting.
    pub rank: u16,
    /// Record A, the address to check.
    pub address: RawIpPort,
    /// Record B, the local base. Equals [`address`](Self::address) in a host candidate.
    pub base: RawIpPort,
    /// Record C, the guard of [`base`](Self::base): see [`RawIpPort::guard`].
    pub guard: RawIpPort,
    /// The last 4 octets. Their meaning is not known; we send 0.
    pub trailer: u32,
}

impl Candidate {
    /// Octets of one candidate: 148.
    pub const LEN: usize = 148;

    /// Reads one candidate. Every 148 octets are one.
    pub fn decode(octets: &[u8; Self::LEN]) -> Self {
        Self {
            slot: u32::from_be_bytes(field::<0, 4, _>(octets)),
            kind: u32::from_be_bytes(field::<4, 4, _>(octets)).into(),
            call_id: u32::from_be_bytes(field::<8, 4, _>(octets)),
            id: CandidateId(field::<12, 8, _>(octets)),
            priority: u16::from_be_bytes(field::<20, 2, _>(octets)),
            rank: u16::from_be_bytes(field::<22, 2, _>(octets)),
            address: RawIpPort(field::<24, 40, _>(octets)),
            base: RawIpPort(field::<64, 40, _>(octets)),
            guard: RawIpPort(field::<104, 40, _>(octets)),
            trailer: u32::from_be_bytes(field::<144, 4, _>(octets)),
        }
    }

    /// Writes one candidate.
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut octets = [0; Self::LEN];
        put(&mut octets, 0, &self.slot.to_be_bytes());
        put(&mut octets, 4, &u32::from(self.kind).to_be_bytes());
        put(&mut octets, 8, &self.call_id.to_be_bytes());
        put(&mut octets, 12, &self.id.0);
        put(&mut octets, 20, &self.priority.to_be_bytes());
        put(&mut octets, 22, &self.rank.to_be_bytes());
        put(&mut octets, 24, &self.address.0);
        put(&mut octets, 64, &self.base.0);
        put(&mut octets, 104, &self.guard.0);
        put(&mut octets, 144, &self.trailer.to_be_bytes());
        octets
    }

    /// A host candidate to send, in the captured form: slot 0, call id 1, rank 0, base equal to the
    /// address, guard made.
    pub fn host(id: CandidateId, priority: u16, address: &IpPort) -> Self {
        Self::with_base(CandidateKind::Host, id, priority, address, address)
    }

    /// A candidate to send whose address is not its base: one that a server or a relay gave, or any
    /// other kind. Slot 0, call id 1, rank 0, guard made from `base`.
    pub fn with_base(
        kind: CandidateKind,
        id: CandidateId,
        priority: u16,
        address: &IpPort,
        base: &IpPort,
    ) -> Self {
        let base = RawIpPort::from(base);
        Self {
            slot: SHARED_SLOT,
            kind,
            call_id: CALL_ID,
            id,
            priority,
            rank: 0,
            address: RawIpPort::from(address),
            base,
            guard: base.guard(),
            trailer: 0,
        }
    }
}
