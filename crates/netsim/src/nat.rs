//! How a NAT behaves, in the terms of RFC 4787.

mod contacts;
mod firewall;
mod ports;
mod table;

use std::fmt;
use std::time::Duration;

pub(crate) use contacts::Contacts;
pub use firewall::Firewall;
pub(crate) use firewall::FirewallTable;
pub use table::Mapping;
pub(crate) use table::NatTable;

/// The least lifetime of a mapping that RFC 4787, REQ-5 allows.
const TWO_MINUTES: Duration = Duration::from_secs(120);
/// How long Linux keeps a flow of UDP that was answered (`nf_conntrack_udp_timeout_stream`).
const LINUX_STREAM: Duration = Duration::from_secs(120);

/// The behaviour of a NAT for UDP over IPv4. All fields are free; the constructors are
/// well-known sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nat {
    /// For which destinations an internal endpoint keeps its external one (§4.1).
    pub mapping: Dependence,
    /// From which sources datagrams are let in (§5).
    pub filtering: Dependence,
    /// Whose contacts the filter goes by.
    pub filter_scope: FilterScope,
    /// Which external port a new mapping gets (§4.2.1).
    pub ports: PortAssignment,
    /// Port overloading (§4.2.1): mappings for different destinations share an external port, so
    /// that the wanted port is nearly always free. Without effect on a mapping that is independent
    /// of the destination.
    pub overloading: bool,
    /// Whether external ports are odd or even as the internal ones are (§4.2.2).
    pub parity: bool,
    /// What becomes of datagrams from inside to an external address of the NAT (§6).
    pub hairpinning: Hairpinning,
    /// How long a mapping, and a permission to enter, lives after its last use (§4.3).
    pub timeout: Duration,
    /// Whether datagrams that are let in count as use (§4.3, REQ-6); those that go out always do.
    pub inbound_refresh: bool,
}

impl Nat {
    /// Mapping and filtering as given; keeps the port if it is free, no hairpinning, two minutes.
    pub fn new(mapping: Dependence, filtering: Dependence) -> Self {
        Self {
            mapping,
            filtering,
            filter_scope: FilterScope::Mapping,
            ports: PortAssignment::Preserving,
            overloading: false,
            parity: false,
            hairpinning: Hairpinning::None,
            timeout: TWO_MINUTES,
            inbound_refresh: false,
        }
    }

    /// "Full cone" in the words of RFC 3489: whoever knows the mapping gets in.
    pub fn full_cone() -> Self {
        Self::new(
            Dependence::EndpointIndependent,
            Dependence::EndpointIndependent,
        )
    }

    /// "Restricted cone" in the words of RFC 3489.
    pub fn restricted_cone() -> Self {
        Self::new(
            Dependence::EndpointIndependent,
            Dependence::AddressDependent,
        )
    }

    /// "Port restricted cone" in the words of RFC 3489: most home routers.
    pub fn port_restricted_cone() -> Self {
        Self::new(
            Dependence::EndpointIndependent,
            Dependence::AddressAndPortDependent,
        )
    }

    /// "Symmetric" in the words of RFC 3489: a random port for each destination.
    pub fn symmetric() -> Self {
        Self {
            ports: PortAssignment::Random,
            ..Self::new(
                Dependence::AddressAndPortDependent,
                Dependence::AddressAndPortDependent,
            )
        }
    }

    /// `masquerade` of Linux: a mapping for each destination, and yet the same port for all of
    /// them as long as no other host wants it.
    pub fn linux() -> Self {
        Self {
            overloading: true,
            timeout: LINUX_STREAM,
            inbound_refresh: true,
            ..Self::new(
                Dependence::AddressAndPortDependent,
                Dependence::AddressAndPortDependent,
            )
        }
    }

    /// What RFC 4787 and RFC 6888 want of a carrier's NAT.
    pub fn carrier_grade() -> Self {
        Self {
            ports: PortAssignment::Random,
            hairpinning: Hairpinning::ExternalSource,
            ..Self::restricted_cone()
        }
    }

    /// Whether a destination more may change the external endpoint, as long as no other host
    /// behind the NAT wants the same port.
    ///
    /// Overloading makes a NAT that maps by destination look like one that does not: it asks for
    /// the same port each time, and gets it.
    pub fn seen_mapping(&self) -> Dependence {
        let same_wish = match self.ports {
            PortAssignment::Preserving | PortAssignment::Shifted(_) => true,
            PortAssignment::Sequential | PortAssignment::Random => false,
        };
        if self.overloading && same_wish {
            Dependence::EndpointIndependent
        } else {
            self.mapping
        }
    }
}

/// In few words: `APDM/APDF, random ports, 120 s`.
impl fmt::Display for Nat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}M/{}F", self.mapping, self.filtering)?;
        match self.filter_scope {
            FilterScope::Mapping => {}
            FilterScope::InternalEndpoint => f.write_str(" by internal endpoint")?,
        }
        match self.ports {
            PortAssignment::Preserving => f.write_str(", port preserving")?,
            PortAssignment::Shifted(by) => write!(f, ", port shifted by {by}")?,
            PortAssignment::Sequential => f.write_str(", ports in sequence")?,
            PortAssignment::Random => f.write_str(", random ports")?,
        }
        if self.overloading {
            f.write_str(" and overloading")?;
        }
        if self.parity {
            f.write_str(", parity")?;
        }
        match self.hairpinning {
            Hairpinning::None => {}
            Hairpinning::InternalSource => f.write_str(", hairpins with internal source")?,
            Hairpinning::ExternalSource => f.write_str(", hairpins")?,
        }
        write!(f, ", {} s", self.timeout.as_secs())?;
        if self.inbound_refresh {
            f.write_str(" since any datagram")?;
        }
        Ok(())
    }
}

/// On how much of the remote endpoint a mapping or a filter depends (§4.1, §5), in order of
/// strictness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dependence {
    /// On nothing.
    EndpointIndependent,
    /// On the remote address.
    AddressDependent,
    /// On the remote address and port.
    AddressAndPortDependent,
}

impl Dependence {
    /// All three.
    pub const ALL: [Self; 3] = [
        Self::EndpointIndependent,
        Self::AddressDependent,
        Self::AddressAndPortDependent,
    ];
}

/// `EI`, `AD` or `APD`.
impl fmt::Display for Dependence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EndpointIndependent => "EI",
            Self::AddressDependent => "AD",
            Self::AddressAndPortDependent => "APD",
        })
    }
}

/// Whose contacts a filter goes by. It matters only where one internal endpoint has several
/// mappings, that is where mapping depends on the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FilterScope {
    /// Only what was sent from this very mapping, as devices do that keep a table of flows.
    Mapping,
    /// Whatever the internal endpoint sent, from any of its mappings: the letter of §5.
    InternalEndpoint,
}

/// Which external port a new mapping asks for first (§4.2.1). If it is taken, one that is free is
/// drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PortAssignment {
    /// The internal one.
    Preserving,
    /// The internal one plus so much, starting over at 1024 after 65535.
    Shifted(u16),
    /// The one after that of the mapping before.
    Sequential,
    /// Any from 1024 up.
    Random,
}

/// What becomes of datagrams from inside to an external address of the NAT (§6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hairpinning {
    /// They are dropped.
    None,
    /// They go to the internal host with the sender's internal address, past the filter.
    InternalSource,
    /// They go to the internal host with the sender's external address, through the filter, as if
    /// they came from outside (REQ-9).
    ExternalSource,
}

impl Hairpinning {
    /// All three.
    pub const ALL: [Self; 3] = [Self::None, Self::InternalSource, Self::ExternalSource];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_behaviour_prints_in_a_line() {
        assert_eq!(
            Nat::symmetric().to_string(),
            "APDM/APDF, random ports, 120 s"
        );
        assert_eq!(
            Nat::linux().to_string(),
            "APDM/APDF, port preserving and overloading, 120 s since any datagram"
        );
        assert_eq!(
            Nat::carrier_grade().to_string(),
            "EIM/ADF, random ports, hairpins, 120 s"
        );
    }

    #[test]
    fn overloading_hides_the_destinations_where_the_wanted_port_is_the_same() {
        assert_eq!(Nat::linux().seen_mapping(), Dependence::EndpointIndependent);
        let random = Nat {
            ports: PortAssignment::Random,
            ..Nat::linux()
        };
        assert_eq!(random.seen_mapping(), Dependence::AddressAndPortDependent);
    }
}
