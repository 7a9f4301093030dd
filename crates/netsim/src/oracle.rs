//! Who can connect to whom without a relay: a rule on behaviours, made without looking at how the
//! simulator works.
//!
//! # The question
//!
//! Two hosts know their own addresses and, from one reflector on the internet, their mapped
//! addresses. They exchange these candidates and send checks from each of their sockets to each
//! candidate of the other, again and again, and back to every source from which a check comes
//! (peer-reflexive candidates, RFC 8445 §7.2.5.3.1 and §7.3.1.3). A pair is usable when a check
//! was answered from where it was sent to (§7.2.5.2.1: symmetric addresses), in both directions.
//! Nobody guesses ports. Is there a usable pair?
//!
//! # The rule
//!
//! *Same segment*: yes. *IPv6 on both sides*: yes; nothing is translated, both send, and so both
//! filters open (RFC 6092). *Otherwise* it is the NATs between the hosts and the segment at which
//! their ways meet that count. The NATs of one side taken together map and filter as their
//! strictest; a NAT that overloads ports counts as if it mapped independently of the destination
//! ([`Nat::seen_mapping`]). No NAT at all maps and filters independently of everything.
//!
//! Say that mapping is *stable* if independent of the endpoint. At the place where each is reached
//! at the other's mapped address:
//!
//! 1. **Both stable: yes**, whatever the filters. The mapped addresses that were exchanged are
//!    those that checks come from; each side's first check opens its own filter for the other's
//!    (hole punching, RFC 5128 §3.3).
//! 2. **One stable: yes unless the stable side filters by port.** The other side's checks come
//!    from an endpoint that nobody has announced, at an announced address. A filter by address
//!    lets them in; then that endpoint is known as a peer-reflexive candidate, the answer goes
//!    there, and no filter refuses an answer.
//! 3. **None stable: yes if** (a) neither side filters by port, (b) at least one side maps by
//!    address only, and (c) at least one side is *open*: lets strangers' ports in at the announced
//!    mapping, to which nothing but the reflector has been sent. Checks of the other side come in
//!    there (c), the answers reach the mapping from which those went out (a), and with mapping by
//!    address on one side that side's endpoint stays the same toward all ports of the other, so
//!    that the endpoints settle (b). With both mapping by port each answer comes from a new
//!    endpoint for ever, and no pair is symmetric.
//!
//! One side is open if each of its NATs filters independently of the endpoint, or by address where
//! checks count as contacts of the announced mapping: where the NAT and all inside of it are
//! stable, or where its filter goes by the internal endpoint and all inside of it are stable.
//!
//! *Where the ways meet* decides what has to happen there:
//!
//! - **At the internet**: the three cases above.
//! - **Inside a NAT that both share, one host in the very segment where they meet**: yes. The
//!   other reaches it at its own address, is learnt as a peer-reflexive candidate and answered;
//!   unless some segment on its way has the same prefix, which hides the address (RFC 4787 §4.4).
//! - **Inside a shared NAT, both behind others**: they know each other only by what they have
//!   outside of the outermost NAT. Its hairpinning decides (RFC 4787 §6). *None*: no. *External
//!   source*: as at the internet, with the shared NATs counted on both sides. *Internal source*:
//!   checks arrive with an address of the segment inside; this introduces the two to each other
//!   there, if every NAT further in filters independently of the endpoint, for nobody has sent to
//!   such an address before. They then connect unless both map by port (case 3b). If they meet
//!   still further in, the next shared NAT inward has to hairpin in its turn.
//!
//! # Conditions
//!
//! Checks go on for longer than it takes to lose them all, and are repeated before mappings
//! expire. Hosts behind the same overloading NAT use different ports, or meet inside of it; else
//! one of them gets another port toward the reflector. Where a NAT has several external addresses
//! a host always gets the same (pooling "paired").

mod chain;

use std::net::IpAddr;

use crate::nat::{Hairpinning, Nat};
use crate::network::{Network, RouterId, SegmentId};
use crate::prefix::Prefix;
use chain::Chain;

/// One address of a host, and what lies between it and the internet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vantage {
    /// The address.
    pub address: IpAddr,
    /// The segments on the way out, the host's own first.
    pub places: Vec<Place>,
    /// The NATs between them, the innermost first; none for IPv6.
    pub layers: Vec<Layer>,
}

/// A segment on the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which segment.
    pub segment: SegmentId,
    /// What it takes for its own addresses.
    pub prefixes: Vec<Prefix>,
}

/// A NAT on the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Which router.
    pub router: RouterId,
    /// How it behaves.
    pub nat: Nat,
    /// Its addresses outside.
    pub externals: Vec<IpAddr>,
}

/// Whether two hosts can connect, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Without a relay.
    Direct(Way),
    /// Only with a relay.
    Relayed(Obstacle),
}

impl Verdict {
    /// Whether no relay is needed.
    pub fn is_direct(self) -> bool {
        matches!(self, Self::Direct(_))
    }
}

/// By which way two hosts connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// They share a segment.
    SameSegment,
    /// Both have IPv6 that is routed between them.
    Ipv6,
    /// One is reached at its own address.
    OwnAddress,
    /// By the mapped addresses that were exchanged.
    MappedAddresses,
    /// By an endpoint that was learnt from a check.
    PeerReflexive,
    /// By the hairpin of a NAT that both share.
    Hairpin,
    /// In a segment to which the hairpin of a shared NAT introduced them.
    Introduction,
}

/// What prevents a direct connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// No segment and no family of addresses in common.
    NothingInCommon,
    /// Mappings that the other side cannot know and filters that let nothing from them in.
    UnknownPorts,
    /// A shared NAT without hairpinning that would help.
    NoHairpinning,
}

/// Whether two hosts with these addresses can connect directly: if any pair of addresses can.
pub fn verdict(ours: &[Vantage], theirs: &[Vantage]) -> Verdict {
    let mut obstacle = Obstacle::NothingInCommon;
    for ours in ours {
        for theirs in theirs {
            match verdict_of_pair(ours, theirs) {
                Verdict::Direct(way) => return Verdict::Direct(way),
                Verdict::Relayed(Obstacle::NothingInCommon) => {}
                Verdict::Relayed(other) => obstacle = other,
            }
        }
    }
    Verdict::Relayed(obstacle)
}

/// Whether a pair of addresses can connect directly.
pub fn verdict_of_pair(ours: &Vantage, theirs: &Vantage) -> Verdict {
    let nothing = Verdict::Relayed(Obstacle::NothingInCommon);
    if ours.address.is_ipv4() != theirs.address.is_ipv4() {
        return nothing;
    }
    let Some((our_depth, their_depth)) = meeting(ours, theirs) else {
        return nothing;
    };
    if our_depth == 0 && their_depth == 0 {
        return Verdict::Direct(Way::SameSegment);
    }
    if !ours.address.is_ipv4() {
        return Verdict::Direct(Way::Ipv6);
    }
    let ours_known = our_depth == 0 && is_routed(theirs, their_depth, &[ours.address]);
    let theirs_known = their_depth == 0 && is_routed(ours, our_depth, &[theirs.address]);
    if ours_known || theirs_known {
        return Verdict::Direct(Way::OwnAddress);
    }
    let our_layers = ours.layers.get(..our_depth).unwrap_or_default();
    let their_layers = theirs.layers.get(..their_depth).unwrap_or_default();
    let shared = ours.layers.get(our_depth..).unwrap_or_default();
    match shared.split_last() {
        None if !reaches_internet(ours) => nothing,
        None => by_mapped_addresses(&Chain::of(our_layers), &Chain::of(their_layers)),
        Some((outermost, _)) => match outermost.nat.hairpinning {
            Hairpinning::None => Verdict::Relayed(Obstacle::NoHairpinning),
            Hairpinning::ExternalSource => {
                let all = |layers: &[Layer]| Chain::of(layers.iter().chain(shared));
                match by_mapped_addresses(&all(our_layers), &all(their_layers)) {
                    Verdict::Direct(_) => Verdict::Direct(Way::Hairpin),
                    Verdict::Relayed(obstacle) => Verdict::Relayed(obstacle),
                }
            }
            Hairpinning::InternalSource => by_introduction(
                Meeting {
                    vantage: ours,
                    depth: our_depth,
                },
                Meeting {
                    vantage: theirs,
                    depth: their_depth,
                },
                shared,
            ),
        },
    }
}

/// One side of a meeting: how many NATs lie between the host and the common segment.
#[derive(Clone, Copy)]
struct Meeting<'a> {
    vantage: &'a Vantage,
    depth: usize,
}

impl Meeting<'_> {
    fn layers(&self) -> &[Layer] {
        self.vantage.layers.get(..self.depth).unwrap_or_default()
    }

    /// Whether the other side finds the way to what this host has outside of its own NATs and of
    /// those shared ones, `met`, that it has to pass to be seen by the other.
    fn is_reached_from(&self, other: &Self, met: &[Layer]) -> bool {
        let own = [self.vantage.address];
        let addresses = match met.last().or(self.layers().last()) {
            None => &own[..],
            Some(layer) => &layer.externals,
        };
        is_routed(other.vantage, other.depth + met.len(), addresses)
    }
}

/// Cases 1 to 3, at the place where each is reached at the other's mapped address.
fn by_mapped_addresses(ours: &Chain, theirs: &Chain) -> Verdict {
    let way = match (ours.is_stable(), theirs.is_stable()) {
        (true, true) => Some(Way::MappedAddresses),
        (true, false) => (!ours.filters_by_port()).then_some(Way::PeerReflexive),
        (false, true) => (!theirs.filters_by_port()).then_some(Way::PeerReflexive),
        (false, false) => {
            let let_answers_in = !ours.filters_by_port() && !theirs.filters_by_port();
            let settle = !ours.maps_by_port() || !theirs.maps_by_port();
            let open = ours.is_open() || theirs.is_open();
            (let_answers_in && settle && open).then_some(Way::PeerReflexive)
        }
    };
    way.map_or(Verdict::Relayed(Obstacle::UnknownPorts), Verdict::Direct)
}

/// The outermost shared NAT hairpins with internal source.
fn by_introduction(ours: Meeting<'_>, theirs: Meeting<'_>, shared: &[Layer]) -> Verdict {
    let no = Verdict::Relayed(Obstacle::NoHairpinning);
    let Some((_, further_in)) = shared.split_last() else {
        return no;
    };
    let within = |side: &Meeting<'_>| Chain::of(side.layers().iter().chain(further_in));
    if !within(&ours).lets_anybody_in() || !within(&theirs).lets_anybody_in() {
        return no;
    }
    // Inward, until a NAT shows both with an external source, or the common segment is reached.
    let mut met = further_in;
    while let Some((layer, inner)) = met.split_last() {
        match layer.nat.hairpinning {
            Hairpinning::None => return no,
            Hairpinning::ExternalSource => break,
            Hairpinning::InternalSource => met = inner,
        }
    }
    if !ours.is_reached_from(&theirs, met) || !theirs.is_reached_from(&ours, met) {
        return no;
    }
    let upto = |side: &Meeting<'_>| Chain::of(side.layers().iter().chain(met));
    if upto(&ours).maps_by_port() && upto(&theirs).maps_by_port() {
        return Verdict::Relayed(Obstacle::UnknownPorts);
    }
    Verdict::Direct(Way::Introduction)
}

/// How far out each has to go to the innermost segment that both reach.
fn meeting(ours: &Vantage, theirs: &Vantage) -> Option<(usize, usize)> {
    ours.places.iter().enumerate().find_map(|(depth, place)| {
        let same = |other: &Place| other.segment == place.segment;
        theirs
            .places
            .iter()
            .position(same)
            .map(|other| (depth, other))
    })
}

/// Whether datagrams to these addresses get as far as the segment at `depth`, and are not taken
/// for neighbours before.
fn is_routed(from: &Vantage, depth: usize, addresses: &[IpAddr]) -> bool {
    from.places
        .iter()
        .take(depth)
        .flat_map(|place| &place.prefixes)
        .all(|prefix| !addresses.iter().any(|address| prefix.contains(*address)))
}

fn reaches_internet(vantage: &Vantage) -> bool {
    vantage
        .places
        .last()
        .is_some_and(|place| place.segment == Network::INTERNET)
}
