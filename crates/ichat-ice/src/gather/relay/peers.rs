//! Whom a relay sends to.

use std::net::{IpAddr, SocketAddr};

/// Datagrams to a peer after which it is worth a channel, whose head has 4 octets instead of 36.
const CHANNEL_AFTER: u32 = 16;
/// Peers that get a channel.
const MAX_CHANNELS: usize = 4;
/// Peers that are remembered.
const MAX_PEERS: usize = 128;

/// Whom a relay sends to, and how much.
#[derive(Debug, Default)]
pub(super) struct Peers {
    sent: Vec<Peer>,
    refused: Vec<IpAddr>,
}

#[derive(Debug)]
struct Peer {
    address: SocketAddr,
    sent: u32,
    channel: bool,
}

impl Peers {
    /// Counts a datagram. Whether the peer is to have a channel now.
    pub(super) fn note_sent(&mut self, address: SocketAddr) -> bool {
        let channels = self.sent.iter().filter(|peer| peer.channel).count();
        let room = self.sent.len() < MAX_PEERS;
        match self.sent.iter_mut().find(|peer| peer.address == address) {
            Some(peer) => {
                peer.sent = peer.sent.saturating_add(1);
                let worth_it = peer.sent >= CHANNEL_AFTER && channels < MAX_CHANNELS;
                let new = worth_it && !peer.channel;
                peer.channel |= new;
                new
            }
            None => {
                if room {
                    self.sent.push(Peer {
                        address,
                        sent: 1,
                        channel: false,
                    });
                }
                false
            }
        }
    }

    /// The server gave no channel, or took it back: asked again after as many datagrams.
    pub(super) fn note_no_channel(&mut self, address: SocketAddr) {
        for peer in self.sent.iter_mut().filter(|peer| peer.address == address) {
            peer.channel = false;
            peer.sent = 0;
        }
    }

    /// The server does not relay to that host.
    pub(super) fn refuse(&mut self, ip: IpAddr) {
        if !self.refused.contains(&ip) && self.refused.len() < MAX_PEERS {
            self.refused.push(ip);
        }
    }

    /// Whether the server does not relay there.
    pub(super) fn is_refused(&self, address: SocketAddr) -> bool {
        self.refused.contains(&address.ip())
    }
}
