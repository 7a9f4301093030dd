//! From where a call takes packets, and from where not.

use std::net::{IpAddr, SocketAddr};

use ichat_sip::Route;

/// At most this many addresses, or ways, have a part in one call.
const MAX_SOURCES: usize = 64;

/// What has a part in a call (docs/protocol/media.md, symmetric RTP).
///
/// On the legacy path these are addresses: the peer's list, the source of its SIP messages, its SDP's
/// addresses. With connectivity checks they are ways, each from one address of ours to one of the
/// peer's: those that checks went through, for as long as [that holds](Self::follow_checks), and,
/// where the dialog was begun over a listed address without any check, [that one](Self::settle).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sources(Rule);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    /// What the peer lists and describes is taken at its word.
    Listed(Listed),
    /// It is taken at its word only when it invites.
    Checked(Checked),
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Listed {
    exact: Vec<SocketAddr>,
    /// A NAT stands before the peer, so that its ports are not those that it lists: any port of
    /// this address counts.
    translated: Option<IpAddr>,
    /// Without `a=rtcp`, RTCP may come from RTP's port plus one (10.4).
    rtcp_next: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Checked {
    listed: Vec<SocketAddr>,
    /// Where checks went through both ways, the longest known first.
    valid: Vec<Route>,
    /// The dialog's way, where it is a listed one that checks say nothing of.
    settled: Option<Route>,
}

/// What the source of an INVITE is to a call that awaits one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Listed, or checks went through there: it is the awaited one, whatever its names.
    Known,
    /// Another port of a listed host; without checks.
    SameHost,
    /// Nobody's that we know of; without checks, which alone could tell more.
    Stranger,
    /// Not listed, and no check has gone through there so far.
    Unchecked,
}

impl Sources {
    /// Those of a peer's list.
    #[must_use]
    pub fn new(listed: &[SocketAddr]) -> Self {
        Self(Rule::Listed(Listed {
            exact: listed.to_vec(),
            ..Listed::default()
        }))
    }

    /// None but those of which checks [say so](Self::follow_checks); an INVITE may come from those of
    /// the peer's list.
    #[must_use]
    pub fn checked(listed: &[SocketAddr]) -> Self {
        Self(Rule::Checked(Checked {
            listed: listed.to_vec(),
            ..Checked::default()
        }))
    }

    /// Whether there are connectivity checks, which alone say where media goes.
    #[must_use]
    pub fn are_checked(&self) -> bool {
        match self.0 {
            Rule::Listed(_) => false,
            Rule::Checked(_) => true,
        }
    }

    /// Whether checks have gone through both ways between these two addresses, as it is now. What was
    /// valid and is no longer is not heard any more, the dialog's way included.
    pub fn follow_checks(&mut self, route: Route, valid: bool) {
        match &mut self.0 {
            Rule::Checked(checked) => checked.follow(route, valid),
            Rule::Listed(listed) => {
                if valid {
                    add(&mut listed.exact, route.remote);
                }
            }
        }
    }

    /// The dialog takes this way: the INVITE came by it, or was answered.
    ///
    /// With checks it is heard where they went through, as any other; and if they said nothing of it
    /// yet, where the peer lists its address: then there may be none that work.
    pub fn settle(&mut self, route: Route) {
        match &mut self.0 {
            Rule::Checked(checked) => {
                let vouched =
                    checked.listed.contains(&route.remote) && !checked.valid.contains(&route);
                checked.settled = vouched.then_some(route);
            }
            Rule::Listed(listed) => {
                add(&mut listed.exact, route.remote);
            }
        }
    }

    /// Adds more of the peer's list; true when it was new, and there was room.
    pub fn list(&mut self, address: SocketAddr) -> bool {
        match &mut self.0 {
            Rule::Checked(checked) => add(&mut checked.listed, address),
            Rule::Listed(listed) => add(&mut listed.exact, address),
        }
    }

    /// Adds what the peer's description names.
    pub fn describe(&mut self, address: SocketAddr) {
        match &mut self.0 {
            Rule::Checked(_) => {}
            Rule::Listed(listed) => {
                add(&mut listed.exact, address);
            }
        }
    }

    /// What the source of an INVITE is.
    #[must_use]
    pub fn standing(&self, route: Route) -> Standing {
        match &self.0 {
            Rule::Checked(checked) => {
                if checked.listed.contains(&route.remote) || checked.valid.contains(&route) {
                    Standing::Known
                } else {
                    Standing::Unchecked
                }
            }
            Rule::Listed(listed) => {
                if listed.exact.contains(&route.remote) {
                    Standing::Known
                } else if has_host(&listed.exact, route.remote.ip()) {
                    Standing::SameHost
                } else {
                    Standing::Stranger
                }
            }
        }
    }

    /// Whether an INVITE of ours may follow a hint to there. With checks only to a host that the
    /// peer lists: else whoever guesses our port would be sent the INVITE, and could answer it.
    #[must_use]
    pub fn may_be_hinted(&self, address: SocketAddr) -> bool {
        match &self.0 {
            Rule::Checked(checked) => has_host(&checked.listed, address.ip()),
            Rule::Listed(_) => true,
        }
    }

    /// The peer's SIP messages come from `source`, and it describes its media at `described`.
    /// When these are different hosts and the described one is private, a NAT is between us, and
    /// any port of the source's address counts.
    pub fn note_translation(&mut self, source: SocketAddr, described: IpAddr) {
        match &mut self.0 {
            Rule::Checked(_) => {}
            Rule::Listed(listed) => {
                if source.ip() != described && is_private(described) && !is_private(source.ip()) {
                    listed.translated = Some(source.ip());
                }
            }
        }
    }

    /// RTCP may come from the port after RTP's.
    pub fn allow_next_port_for_rtcp(&mut self) {
        match &mut self.0 {
            Rule::Checked(_) => {}
            Rule::Listed(listed) => listed.rtcp_next = true,
        }
    }

    /// Whether an RTP packet that came so belongs to the call.
    #[must_use]
    pub fn allows(&self, route: Route) -> bool {
        match &self.0 {
            Rule::Checked(checked) => {
                checked.valid.contains(&route) || checked.settled == Some(route)
            }
            Rule::Listed(listed) => listed.allows(route.remote),
        }
    }

    /// Whether an RTCP packet that came so belongs to the call.
    #[must_use]
    pub fn allows_rtcp(&self, route: Route) -> bool {
        match &self.0 {
            Rule::Checked(_) => self.allows(route),
            Rule::Listed(listed) => {
                let source = route.remote;
                let before = source.port().checked_sub(1).filter(|_| listed.rtcp_next);
                listed.allows(source)
                    || before.is_some_and(|port| listed.allows(SocketAddr::new(source.ip(), port)))
            }
        }
    }
}

impl Listed {
    fn allows(&self, source: SocketAddr) -> bool {
        self.exact.contains(&source) || self.translated == Some(source.ip())
    }
}

impl Checked {
    fn follow(&mut self, route: Route, valid: bool) {
        let known = self.valid.iter().position(|known| *known == route);
        match (known, valid) {
            (None, true) => {
                if self.valid.len() >= MAX_SOURCES {
                    // If it still holds, it is back with its next packet.
                    self.valid.remove(0);
                }
                self.valid.push(route);
                // From now on checks say what becomes of it.
                self.settled = self.settled.filter(|settled| *settled != route);
            }
            (Some(place), false) => {
                self.valid.remove(place);
            }
            (Some(_), true) | (None, false) => {}
        }
    }
}

fn add(list: &mut Vec<SocketAddr>, address: SocketAddr) -> bool {
    let new = !list.contains(&address) && list.len() < MAX_SOURCES;
    if new {
        list.push(address);
    }
    new
}

fn has_host(list: &[SocketAddr], host: IpAddr) -> bool {
    list.iter().any(|listed| listed.ip() == host)
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

    const OURS: &str = "198.51.100.1:16402";
    const CABLE: &str = "198.51.100.2:16402";

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn between(local: &str, remote: &str) -> Route {
        Route {
            local: at(local),
            remote: at(remote),
        }
    }

    fn from(remote: &str) -> Route {
        between(OURS, remote)
    }

    #[test]
    fn only_listed_addresses_are_let_in() {
        let mut sources = Sources::new(&[at("192.0.2.1:16402")]);
        assert!(sources.allows(from("192.0.2.1:16402")));
        assert!(!sources.allows(from("192.0.2.1:16403")));
        assert!(!sources.allows_rtcp(from("192.0.2.1:16403")));
        sources.allow_next_port_for_rtcp();
        assert!(sources.allows_rtcp(from("192.0.2.1:16403")));
        assert!(!sources.allows(from("192.0.2.1:16403")));
        assert!(!sources.list(at("192.0.2.1:16402")), "known already");
        assert_eq!(sources.standing(from("192.0.2.1:16402")), Standing::Known);
        assert_eq!(
            sources.standing(from("192.0.2.1:61000")),
            Standing::SameHost
        );
        assert_eq!(
            sources.standing(from("192.0.2.2:16402")),
            Standing::Stranger
        );
        assert!(sources.may_be_hinted(at("203.0.113.7:50123")));
    }

    #[test]
    fn with_checks_a_list_lets_nobody_be_heard() {
        let (listed, other) = ("192.168.1.5:16402", "203.0.113.7:50123");
        let mut sources = Sources::checked(&[at(listed)]);
        sources.describe(at("192.0.2.9:4000"));
        sources.note_translation(at(other), at(listed).ip());
        sources.allow_next_port_for_rtcp();
        assert_eq!(sources.standing(from(listed)), Standing::Known);
        assert!(!sources.allows(from(listed)));
        assert!(!sources.allows(from("192.0.2.9:4000")));
        assert!(!sources.allows(from(other)));
        assert_eq!(sources.standing(from(other)), Standing::Unchecked);
        sources.follow_checks(from(other), true);
        assert!(sources.allows(from(other)) && sources.allows_rtcp(from(other)));
        assert_eq!(sources.standing(from(other)), Standing::Known);
        assert!(!sources.allows(from("203.0.113.7:50124")));
        assert!(!sources.allows_rtcp(from("203.0.113.7:50124")));
    }

    #[test]
    fn a_check_speaks_for_one_address_of_ours_alone() {
        let theirs = "203.0.113.7:50123";
        let mut sources = Sources::checked(&[]);
        sources.follow_checks(between(OURS, theirs), true);
        assert!(!sources.allows(between(CABLE, theirs)));
        assert!(!sources.allows_rtcp(between(CABLE, theirs)));
        assert_eq!(
            sources.standing(between(CABLE, theirs)),
            Standing::Unchecked
        );
    }

    #[test]
    fn what_checks_said_holds_no_longer_than_they_say_it() {
        let theirs = from("203.0.113.7:50123");
        let mut sources = Sources::checked(&[theirs.remote]);
        sources.follow_checks(theirs, true);
        // The INVITE took that way, and the peer lists it, too.
        sources.settle(theirs);
        assert!(sources.allows(theirs));
        sources.follow_checks(theirs, false);
        assert!(!sources.allows(theirs) && !sources.allows_rtcp(theirs));
        sources.follow_checks(theirs, true);
        assert!(sources.allows(theirs));
    }

    #[test]
    fn the_dialogs_way_is_heard_without_a_check_only_where_it_is_listed() {
        let (listed, stranger) = (from("192.0.2.1:16402"), from("203.0.113.66:9"));
        let mut sources = Sources::checked(&[listed.remote]);
        sources.settle(stranger);
        assert!(!sources.allows(stranger));
        sources.settle(listed);
        assert!(sources.allows(listed));
        assert!(!sources.allows(between(CABLE, "192.0.2.1:16402")));
        // Nothing was known of it before: that no check went through yet takes nothing away.
        sources.follow_checks(listed, false);
        assert!(sources.allows(listed));
        sources.follow_checks(listed, true);
        sources.follow_checks(listed, false);
        assert!(!sources.allows(listed), "checks have had their say");
    }

    #[test]
    fn a_hint_is_followed_with_checks_only_to_a_listed_host() {
        let sources = Sources::checked(&[at("203.0.113.7:16402")]);
        assert!(sources.may_be_hinted(at("203.0.113.7:50123")));
        assert!(!sources.may_be_hinted(at("203.0.113.66:16402")));
    }

    #[test]
    fn however_many_ways_become_valid_few_are_kept_and_the_latest_is_heard() {
        let mut sources = Sources::checked(&[]);
        for port in 1..=1000 {
            let route = Route {
                local: at(OURS),
                remote: SocketAddr::new(at(OURS).ip(), port),
            };
            sources.follow_checks(route, true);
            assert!(sources.allows(route));
        }
        let Rule::Checked(checked) = &sources.0 else {
            panic!("{sources:?}")
        };
        assert_eq!(checked.valid.len(), MAX_SOURCES);
    }

    #[test]
    fn behind_a_nat_any_port_of_the_outer_address_counts() {
        let mut sources = Sources::new(&[at("192.168.1.5:16402")]);
        sources.note_translation(at("203.0.113.7:50123"), "192.168.1.5".parse().unwrap());
        assert!(sources.allows(from("203.0.113.7:6000")));
        let mut same_network = Sources::new(&[]);
        same_network.note_translation(at("192.168.1.9:5060"), "192.168.1.5".parse().unwrap());
        assert!(!same_network.allows(from("192.168.1.9:7000")));
    }
}
