//! Channels that we asked for.

use std::net::SocketAddr;

use crate::stun::{AttributeKind, Message, MessageKind};

/// A ChannelBind request (RFC 8656 §18.1).
const CHANNEL_BIND: MessageKind = MessageKind::Unknown(0x0009);
/// CHANNEL-NUMBER and XOR-PEER-ADDRESS (RFC 8656 §18.1, §18.3).
const CHANNEL_NUMBER: AttributeKind = AttributeKind::Unknown(0x000c);
const XOR_PEER_ADDRESS: AttributeKind = AttributeKind::Unknown(0x0012);
/// Channels that are remembered.
const MAX_CHANNELS: usize = 64;

/// The channels that we asked for, whether or not we know that we have them.
///
/// The server uses a channel from the moment that it grants it. Where its answer is lost, or
/// overtaken, the client does not know the number yet; what came meanwhile would be lost, half a
/// second of it or more.
#[derive(Debug, Default)]
pub(super) struct Channels(Vec<(u16, SocketAddr)>);

impl Channels {
    /// Remembers a channel if that is what a datagram of ours asks for.
    pub(super) fn note_request(&mut self, request: &Message<'_>) {
        if request.kind() != CHANNEL_BIND {
            return;
        }
        let number = request.value(CHANNEL_NUMBER).and_then(<[u8]>::first_chunk);
        let peer = request.xor_address(XOR_PEER_ADDRESS);
        if let (Some(number), Some(peer)) = (number, peer) {
            let channel = (u16::from_be_bytes(*number), peer);
            if !self.0.contains(&channel) && self.0.len() < MAX_CHANNELS {
                self.0.retain(|(number, _)| *number != channel.0);
                self.0.push(channel);
            }
        }
    }

    /// What a channel brought, and from whom (RFC 8656 §12.4; over UDP without padding or with it).
    pub(super) fn unwrap<'a>(&self, datagram: &'a [u8]) -> Option<(SocketAddr, &'a [u8])> {
        let ([a, b, c, d], rest) = datagram.split_first_chunk()?;
        let number = u16::from_be_bytes([*a, *b]);
        let length = usize::from(u16::from_be_bytes([*c, *d]));
        let (_, peer) = self.0.iter().find(|(known, _)| *known == number)?;
        Some((*peer, rest.get(..length)?))
    }
}
