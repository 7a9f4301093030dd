//! What became of the datagrams of a run.

use std::collections::BTreeMap;
use std::fmt;

/// Counts of a whole run. Each datagram that is sent, and each duplicate that a link makes, is
/// either delivered or dropped in the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Datagrams that hosts sent.
    pub sent: u64,
    /// Copies that links made.
    pub duplicated: u64,
    /// Datagrams that reached a host.
    pub delivered: u64,
    dropped: BTreeMap<Dropped, u64>,
}

impl Statistics {
    /// How many were dropped for one reason.
    pub fn dropped(&self, reason: Dropped) -> u64 {
        self.dropped.get(&reason).copied().unwrap_or_default()
    }

    /// How many were dropped for any reason.
    pub fn dropped_in_all(&self) -> u64 {
        self.dropped.values().sum()
    }

    pub(crate) fn count(&mut self, reason: Dropped) {
        *self.dropped.entry(reason).or_default() += 1;
    }
}

/// Sent, delivered and dropped, with the reasons that occurred.
impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} sent, {} duplicated, {} delivered",
            self.sent, self.duplicated, self.delivered
        )?;
        for (reason, count) in &self.dropped {
            write!(f, ", {count} dropped: {reason}")?;
        }
        Ok(())
    }
}

/// Why a datagram went no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dropped {
    /// Lost on a link.
    Lost,
    /// The queue before a link of limited rate was full.
    QueueFull,
    /// Larger than the link's MTU.
    TooBig,
    /// The link was down.
    LinkDown,
    /// No router knew the way, or none for this family of addresses.
    NoRoute,
    /// The address belongs to the subnet, and to nobody in it.
    NobodyThere,
    /// To the address of a router itself.
    ForRouter,
    /// To an external address and port of a NAT to which nothing is mapped.
    NotMapped,
    /// A NAT or firewall let nothing in from this source.
    Filtered,
    /// From inside to an external address of a NAT that does no hairpinning.
    NoHairpin,
    /// A NAT had no external port left.
    NoPort,
    /// Too many hops.
    Loop,
    /// To a host's address that went away meanwhile.
    AddressGone,
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lost => "lost on a link",
            Self::QueueFull => "queue of a link full",
            Self::TooBig => "larger than the MTU",
            Self::LinkDown => "link down",
            Self::NoRoute => "no route",
            Self::NobodyThere => "nobody at this address",
            Self::ForRouter => "for a router itself",
            Self::NotMapped => "no mapping at this external port",
            Self::Filtered => "filtered",
            Self::NoHairpin => "no hairpinning",
            Self::NoPort => "no external port left",
            Self::Loop => "too many hops",
            Self::AddressGone => "address gone",
        })
    }
}
