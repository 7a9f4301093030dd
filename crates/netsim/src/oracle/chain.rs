//! The NATs of one side taken together.

use super::Layer;
use crate::nat::{Dependence, FilterScope};

/// How several NATs, one behind the other, look from outside: as strict as the strictest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chain {
    mapping: Dependence,
    filtering: Dependence,
    open: bool,
}

impl Chain {
    /// The innermost NAT first.
    pub(super) fn of<'a>(layers: impl IntoIterator<Item = &'a Layer>) -> Self {
        let mut chain = Self {
            mapping: Dependence::EndpointIndependent,
            filtering: Dependence::EndpointIndependent,
            open: true,
        };
        for layer in layers {
            let nat = &layer.nat;
            let stable_inside = chain.is_stable();
            chain.mapping = chain.mapping.max(nat.seen_mapping());
            chain.filtering = chain.filtering.max(nat.filtering);
            chain.open &= match nat.filtering {
                Dependence::EndpointIndependent => true,
                Dependence::AddressDependent => match nat.filter_scope {
                    FilterScope::Mapping => chain.is_stable(),
                    FilterScope::InternalEndpoint => stable_inside,
                },
                Dependence::AddressAndPortDependent => false,
            };
        }
        chain
    }

    /// Whether the mapped address is the same for all destinations.
    pub(super) fn is_stable(&self) -> bool {
        self.mapping == Dependence::EndpointIndependent
    }

    pub(super) fn maps_by_port(&self) -> bool {
        self.mapping == Dependence::AddressAndPortDependent
    }

    pub(super) fn filters_by_port(&self) -> bool {
        self.filtering == Dependence::AddressAndPortDependent
    }

    pub(super) fn lets_anybody_in(&self) -> bool {
        self.filtering == Dependence::EndpointIndependent
    }

    /// Whether datagrams from a port that nothing was sent to, at an address that something was
    /// sent to, get in at the mapping that the reflector saw.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }
}
