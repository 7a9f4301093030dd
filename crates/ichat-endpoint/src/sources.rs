//! From where a call takes packets, and from where not.

use std::net::{IpAddr, SocketAddr};

/// At most this many addresses have a part in one call.
const MAX_SOURCES: usize = 64;

/// The addresses that have a part in a call (docs/protocol/media.md, symmetric RTP): on the legacy
/// path the peer's list, the source of its SIP messages, its SDP's addresses; after connectivity
/// checks nothing but where these went through, and the source of its SIP messages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    exact: Vec<SocketAddr>,
    /// What the peer lists and describes is taken at its word only without checks.
    checked: bool,
    /// With checks: the peer's list, from which it may invite and no more.
    listed: Vec<SocketAddr>,
    /// A NAT stands before the peer, so that its ports are not those that it lists: any port of
    /// this address counts.
    translated: Option<IpAddr>,
    /// Without `a=rtcp`, RTCP may come from RTP's port plus one (10.4).
    rtcp_next: bool,
}

impl Sources {
    /// Those of a peer's list.
    #[must_use]
    pub fn new(listed: &[SocketAddr]) -> Self {
        Self {
            exact: listed.to_vec(),
            ..Self::default()
        }
    }

    /// None but those that will be [trusted](Self::trust); an INVITE may come from those of the
    /// peer's list.
    #[must_use]
    pub fn checked(listed: &[SocketAddr]) -> Self {
        Self {
            checked: true,
            listed: listed.to_vec(),
            ..Self::default()
        }
    }

    /// Whether there are connectivity checks, which alone say where media goes.
    #[must_use]
    pub fn are_checked(&self) -> bool {
        self.checked
    }

    /// Adds the source of the peer's SIP, or one that was checked; true when it was new, and there
    /// was room.
    pub fn trust(&mut self, address: SocketAddr) -> bool {
        add(&mut self.exact, address)
    }

    /// Adds more of the peer's list; true when it was new, and there was room.
    pub fn list(&mut self, address: SocketAddr) -> bool {
        let list = if self.checked {
            &mut self.listed
        } else {
            &mut self.exact
        };
        add(list, address)
    }

    /// Adds what the peer's description names.
    pub fn describe(&mut self, address: SocketAddr) {
        if !self.checked {
            add(&mut self.exact, address);
        }
    }

    /// Whether an INVITE from there is the awaited one, whatever its names.
    #[must_use]
    pub fn may_invite(&self, source: SocketAddr) -> bool {
        self.allows(source) || self.listed.contains(&source)
    }

    /// The peer's SIP messages come from `source`, and it describes its media at `described`.
    /// When these are different hosts and the described one is private, a NAT is between us, and
    /// any port of the source's address counts.
    pub fn note_translation(&mut self, source: SocketAddr, described: IpAddr) {
        if !self.checked
            && source.ip() != described
            && is_private(described)
            && !is_private(source.ip())
        {
            self.translated = Some(source.ip());
        }
    }

    /// RTCP may come from the port after RTP's.
    pub fn allow_next_port_for_rtcp(&mut self) {
        self.rtcp_next = !self.checked;
    }

    /// Whether an RTP packet from there belongs to the call.
    #[must_use]
    pub fn allows(&self, source: SocketAddr) -> bool {
        self.exact.contains(&source) || self.translated == Some(source.ip())
    }

    /// Whether an RTCP packet from there belongs to the call.
    #[must_use]
    pub fn allows_rtcp(&self, source: SocketAddr) -> bool {
        self.allows(source)
            || (self.rtcp_next
                && source
                    .port()
                    .checked_sub(1)
                    .is_some_and(|port| self.allows(SocketAddr::new(source.ip(), port))))
    }
}

fn add(list: &mut Vec<SocketAddr>, address: SocketAddr) -> bool {
    let new = !list.contains(&address) && list.len() < MAX_SOURCES;
    if new {
        list.push(address);
    }
    new
}

/// RFC 1918, RFC 4193, RFC 6598, link-local and loopback addresses: not seen across the internet.
#[must_use]
pub(crate) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let carrier_grade = matches!(v4.octets(), [100, 64..=127, _, _]);
            v4.is_private() || v4.is_link_local() || v4.is_loopback() || carrier_grade
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_listed_addresses_are_let_in() {
        let mut sources = Sources::new(&[at("192.0.2.1:16402")]);
        assert!(sources.allows(at("192.0.2.1:16402")));
        assert!(!sources.allows(at("192.0.2.1:16403")));
        assert!(!sources.allows_rtcp(at("192.0.2.1:16403")));
        sources.allow_next_port_for_rtcp();
        assert!(sources.allows_rtcp(at("192.0.2.1:16403")));
        assert!(!sources.allows(at("192.0.2.1:16403")));
        assert!(!sources.list(at("192.0.2.1:16402")), "known already");
    }

    #[test]
    fn with_checks_a_list_lets_nobody_be_heard() {
        let (listed, other) = (at("192.168.1.5:16402"), at("203.0.113.7:50123"));
        let mut sources = Sources::checked(&[listed]);
        sources.describe(at("192.0.2.9:4000"));
        sources.note_translation(other, listed.ip());
        sources.allow_next_port_for_rtcp();
        assert!(sources.may_invite(listed) && !sources.allows(listed));
        assert!(!sources.allows(at("192.0.2.9:4000")));
        assert!(!sources.allows(other) && !sources.may_invite(other));
        assert!(sources.trust(other), "checks went through");
        assert!(sources.allows(other) && sources.may_invite(other));
        assert!(!sources.allows(at("203.0.113.7:50124")));
        assert!(!sources.allows_rtcp(at("203.0.113.7:50124")));
    }

    #[test]
    fn behind_a_nat_any_port_of_the_outer_address_counts() {
        let mut sources = Sources::new(&[at("192.168.1.5:16402")]);
        sources.note_translation(at("203.0.113.7:50123"), "192.168.1.5".parse().unwrap());
        assert!(sources.allows(at("203.0.113.7:6000")));
        let mut same_network = Sources::new(&[]);
        same_network.note_translation(at("192.168.1.9:5060"), "192.168.1.5".parse().unwrap());
        assert!(!same_network.allows(at("192.168.1.9:7000")));
    }
}
