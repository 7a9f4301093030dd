//! Connectivity checks in Apple's dialect.

use std::net::SocketAddr;

use ichat_invitation::CandidateId;

use super::{AttributeKind, Message, MessageKind, Packet, TransactionId};

/// Octets of a check of ours.
pub const CHECK_REQUEST_LEN: usize = 52;
/// Octets of a USERNAME in a check.
const USERNAME_LEN: usize = 20;
/// What follows either candidate id in a USERNAME.
const HALF_END: [u8; 2] = [0, 1];
/// The longest version or time that is given back. A message has no integrity, so that nobody may
/// have us send much.
const ECHO_LIMIT: usize = 32;

/// USERNAME of a check: whose candidate is meant, and whose candidate sends.
///
/// On the wire the receiver's id (8), `0001`, the sender's id (8), `0001`.
///
/// Source: `docs/protocol/connectivity.md`, Binding request \[D\].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CheckUsername {
    /// The candidate that the check goes to.
    pub receiver: CandidateId,
    /// The candidate that it comes from.
    pub sender: CandidateId,
}

impl CheckUsername {
    /// Reads the value of a USERNAME: 20 octets. What follows the ids is not looked at.
    pub fn decode(value: &[u8]) -> Option<Self> {
        let octets: &[u8; USERNAME_LEN] = value.try_into().ok()?;
        let (receiver, rest) = octets.split_first_chunk()?;
        let (_, rest) = rest.split_first_chunk::<2>()?;
        let sender = rest.first_chunk()?;
        Some(Self {
            receiver: CandidateId(*receiver),
            sender: CandidateId(*sender),
        })
    }

    /// Writes the value of a USERNAME.
    pub fn encode(&self) -> [u8; USERNAME_LEN] {
        let mut octets = [0; USERNAME_LEN];
        let halves = [self.receiver.0, self.sender.0];
        let from = halves
            .into_iter()
            .flat_map(|id| id.into_iter().chain(HALF_END));
        for (octet, from) in octets.iter_mut().zip(from) {
            *octet = from;
        }
        octets
    }
}

/// A check: one Binding request of Apple's dialect.
///
/// Source: `docs/protocol/connectivity.md`, Binding request [D; that an iChat uses it: I].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CheckRequest {
    /// Octets 4 to 19.
    pub transaction: TransactionId,
    /// Whose candidates.
    pub username: CheckUsername,
    /// The media slot; 0 is the one shared socket.
    pub slot: u32,
}

impl CheckRequest {
    /// Writes it: 52 octets, USERNAME and the slot, nothing else.
    pub fn encode(&self) -> [u8; CHECK_REQUEST_LEN] {
        let mut packet = Packet::new(MessageKind::BindingRequest, &self.transaction);
        packet.attribute(AttributeKind::Username, &self.username.encode());
        packet.attribute(AttributeKind::Slot, &self.slot.to_be_bytes());
        let mut octets = [0; CHECK_REQUEST_LEN];
        for (octet, from) in octets.iter_mut().zip(packet.iter()) {
            *octet = *from;
        }
        octets
    }
}

/// The success that answers a check which came from `source`.
///
/// USERNAME with its two halves of 10 octets swapped, MAPPED-ADDRESS, the slot as it came (`slot`
/// where there is none of 4 octets), the version if the check had one, and then also its time with a
/// delay of 0. `None` where the USERNAME is not 20 octets long: that is no check.
///
/// Source: `docs/protocol/connectivity.md`, Binding success \[D\].
pub fn answer(request: &Message<'_>, source: SocketAddr, slot: u32) -> Option<Packet> {
    let username: &[u8; USERNAME_LEN] = request.value(AttributeKind::Username)?.try_into().ok()?;
    let mut swapped = *username;
    swapped.rotate_left(USERNAME_LEN / 2);
    let mut packet = Packet::new(MessageKind::BindingSuccess, &request.transaction());
    packet.attribute(AttributeKind::Username, &swapped);
    packet.mapped_address(source);
    let slot = request.slot().unwrap_or(slot);
    packet.attribute(AttributeKind::Slot, &slot.to_be_bytes());
    let echo = |kind| {
        let value: Option<&[u8]> = request.value(kind);
        value.filter(|value| value.len() <= ECHO_LIMIT)
    };
    if let Some(version) = echo(AttributeKind::Version) {
        packet.attribute(AttributeKind::Version, version);
        if let Some(time) = echo(AttributeKind::Time) {
            packet.attribute(AttributeKind::Time, time);
            packet.attribute(AttributeKind::Delay, &[0; 4]);
        }
    }
    Some(packet)
}
