//! Calls that we place.

use std::net::SocketAddr;
use std::time::Instant;

use ichat_invitation::{IpPortError, IpPortList};
use ichat_sip::Route;
use ichat_xmpp::Jid;

use super::config::RunError;
use super::links::Leg;
use super::{Driver, Stage};
use crate::addresses::order_targets;
use crate::call::{Call, MAX_ROUTES};
use crate::event::{Acceptance, CallNumber, Candidate, Dialect, Event, Reason};

impl Driver {
    /// Calls a plain SIP peer.
    pub(super) async fn call_sip(
        &mut self,
        number: CallNumber,
        user: &str,
        host: &str,
        port: u16,
    ) -> Result<(), RunError> {
        let now = Instant::now();
        let remotes = resolve(host, port).await?;
        let routes = self.routes_to(&remotes);
        if routes.is_empty() {
            return Err(RunError::NoRoute { host: host.into() });
        }
        let config = self.call_config(number, None, format!("sip:{user}@{host}:{port}"));
        let timeout = Some(self.config.timeout);
        let call = Call::dial(now, config, &routes, user, now, timeout);
        self.stage = Stage::Talking {
            call: Box::new(call),
            leg: None,
        };
        Ok(())
    }

    pub(super) fn routes_to(&self, remotes: &[SocketAddr]) -> Vec<Route> {
        order_targets(&self.locals, remotes)
            .into_iter()
            // Two homes may both have 192.168.1.20: an INVITE to it would come back to us.
            .filter(|remote| !self.sockets.addresses().any(|own| own == *remote))
            .filter_map(|remote| self.sockets.route_to(remote))
            .take(MAX_ROUTES)
            .collect()
    }

    /// The callee has accepted: its addresses get the INVITE.
    pub(super) fn handle_acceptance(
        &mut self,
        now: Instant,
        leg: Leg,
        by: &Jid,
        dialect: Dialect,
        connect_data: &str,
    ) {
        let Stage::Calling {
            number,
            leg: expected,
            since,
        } = self.stage
        else {
            return;
        };
        if leg != expected {
            return;
        }
        let listed = self.read_list(number, connect_data);
        self.tell(Event::Accepted {
            call: number,
            acceptance: Acceptance::By(by.to_string()),
            dialect,
            candidates: candidates(&listed),
        });
        let routes = self.routes_to(&listed);
        if routes.is_empty() {
            self.cancel_leg(now, leg);
            self.end_ringing(number, Reason::Failed);
            return;
        }
        let config = self.call_config(number, Some(leg.link), by.to_bare().to_string());
        let call = Call::dial(now, config, &routes, "user", since, None);
        self.stage = Stage::Talking {
            call: Box::new(call),
            leg: Some(leg),
        };
    }

    /// Reads an address list; what is broken in it becomes a warning.
    pub(super) fn read_list(&self, number: CallNumber, connect_data: &str) -> Vec<SocketAddr> {
        let read = IpPortList::parse_hex(connect_data);
        let listed = read.as_ref().map(IpPortList::addresses).unwrap_or_default();
        self.warn_of_list(number, &read, !self.routes_to(&listed).is_empty());
        listed
    }

    /// One warning about a peer's address list, if there is reason for one.
    pub(super) fn warn_of_list(
        &self,
        number: CallNumber,
        read: &Result<IpPortList, IpPortError>,
        usable: bool,
    ) {
        let message = match read {
            Err(error) => format!("the peer's address list cannot be read: {error}"),
            Ok(_) if !usable => NO_USABLE_ADDRESS.to_owned(),
            Ok(list) if list.trailing > 0 => format!(
                "the peer's address list ends in {} octets of a broken record; its {} whole ones are used",
                list.trailing,
                list.records.len()
            ),
            Ok(_) => return,
        };
        self.warn(Some(number), "bad-address-list", message);
    }
}

const NO_USABLE_ADDRESS: &str = "the peer lists no address that this machine can reach: it may have \
                                 no network, or only IPv6 where we have only IPv4";

pub(super) fn candidates(listed: &[SocketAddr]) -> Vec<Candidate> {
    listed
        .iter()
        .map(|address| Candidate {
            address: *address,
            kind: "host",
        })
        .collect()
}

async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, RunError> {
    let found = tokio::net::lookup_host((host, port)).await;
    let mut addresses: Vec<SocketAddr> = found
        .map_err(|source| RunError::Resolve {
            host: host.into(),
            source,
        })?
        .collect();
    addresses.sort_by_key(SocketAddr::is_ipv6);
    Ok(addresses)
}
