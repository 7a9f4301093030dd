//! Whom an endpoint has sent to, and when: what filters go by, and what mappings are told apart by.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::Dependence;

/// Above so many contacts, those that have expired are swept out.
const MANY: usize = 64;

/// What of a remote endpoint matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RemoteKey {
    Any,
    Address(IpAddr),
    Endpoint(SocketAddr),
}

impl RemoteKey {
    pub(crate) fn new(dependence: Dependence, remote: SocketAddr) -> Self {
        match dependence {
            Dependence::EndpointIndependent => Self::Any,
            Dependence::AddressDependent => Self::Address(remote.ip()),
            Dependence::AddressAndPortDependent => Self::Endpoint(remote),
        }
    }

    /// Whether no datagram belongs to both, so that both can share an external port.
    pub(crate) fn is_apart_from(self, other: Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => false,
            (Self::Address(a), Self::Address(b)) => a != b,
            (Self::Endpoint(a), Self::Endpoint(b)) => a != b,
            (Self::Address(a), Self::Endpoint(b)) | (Self::Endpoint(b), Self::Address(a)) => {
                a != b.ip()
            }
        }
    }
}

/// The contacts of one mapping, or of one endpoint behind a firewall.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contacts {
    last: BTreeMap<RemoteKey, Instant>,
}

impl Contacts {
    /// A datagram went to `remote`, or a permitted one came from there and counts as use.
    pub(crate) fn note(&mut self, now: Instant, timeout: Duration, remote: RemoteKey) {
        if self.last.len() >= MANY {
            self.last.retain(|_, last| now < *last + timeout);
        }
        self.last.insert(remote, now);
    }

    /// Whether a datagram went to `remote` within the last `timeout`.
    pub(crate) fn has(&self, now: Instant, timeout: Duration, remote: RemoteKey) -> bool {
        self.last
            .get(&remote)
            .is_some_and(|last| now < *last + timeout)
    }
}
