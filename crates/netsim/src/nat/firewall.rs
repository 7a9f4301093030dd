//! A stateful firewall without translation, as home routers have for IPv6 (RFC 6092).

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::contacts::RemoteKey;
use super::{Contacts, Dependence};
use crate::statistics::Dropped;

/// The least lifetime of a permission that RFC 6092, REC-14 allows.
const TWO_MINUTES: Duration = Duration::from_secs(120);

/// The behaviour of a firewall: whom it lets in once an endpoint inside has sent something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Firewall {
    /// From which sources datagrams are let in (RFC 4787 §5).
    pub filtering: Dependence,
    /// How long a permission lives after its last use.
    pub timeout: Duration,
    /// Whether datagrams that are let in count as use; those that go out always do.
    pub inbound_refresh: bool,
}

impl Firewall {
    /// A filter with two minutes of memory.
    pub fn new(filtering: Dependence) -> Self {
        Self {
            filtering,
            timeout: TWO_MINUTES,
            inbound_refresh: false,
        }
    }
}

/// In few words: `firewall APDF, 120 s`.
impl fmt::Display for Firewall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "firewall {}F, {} s",
            self.filtering,
            self.timeout.as_secs()
        )?;
        if self.inbound_refresh {
            f.write_str(" since any datagram")?;
        }
        Ok(())
    }
}

/// A firewall in use.
#[derive(Clone, Debug)]
pub(crate) struct FirewallTable {
    firewall: Firewall,
    endpoints: BTreeMap<SocketAddr, Contacts>,
}

impl FirewallTable {
    pub(crate) fn new(firewall: Firewall) -> Self {
        Self {
            firewall,
            endpoints: BTreeMap::new(),
        }
    }

    pub(crate) fn firewall(&self) -> &Firewall {
        &self.firewall
    }

    pub(crate) fn reboot(&mut self) {
        self.endpoints.clear();
    }

    /// A datagram goes out.
    pub(crate) fn outbound(&mut self, now: Instant, internal: SocketAddr, remote: SocketAddr) {
        self.note(now, internal, remote);
    }

    /// A datagram comes in, or not.
    pub(crate) fn inbound(
        &mut self,
        now: Instant,
        internal: SocketAddr,
        remote: SocketAddr,
    ) -> Result<(), Dropped> {
        let contact = RemoteKey::new(self.firewall.filtering, remote);
        let permitted = self
            .endpoints
            .get(&internal)
            .is_some_and(|contacts| contacts.has(now, self.firewall.timeout, contact));
        if !permitted {
            return Err(Dropped::Filtered);
        }
        if self.firewall.inbound_refresh {
            self.note(now, internal, remote);
        }
        Ok(())
    }

    fn note(&mut self, now: Instant, internal: SocketAddr, remote: SocketAddr) {
        let contact = RemoteKey::new(self.firewall.filtering, remote);
        self.endpoints
            .entry(internal)
            .or_default()
            .note(now, self.firewall.timeout, contact);
    }
}
