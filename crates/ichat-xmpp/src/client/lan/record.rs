//! A service that was found, as a peer.

use std::net::{SocketAddr, SocketAddrV6};

use mdns_sd::{ResolvedService, ScopedIp};

use super::peer::{LanPeer, usable};
use crate::lan::{LanPresence, SERVICE_TYPE, text};

/// A service as a peer; `None` if it cannot be reached.
pub(super) fn read(service: &ResolvedService, loopback: bool) -> Option<LanPeer> {
    let presence = LanPresence::from_txt(
        service
            .txt_properties
            .iter()
            .map(|property| (property.key(), property.val().unwrap_or_default())),
    );
    // The port of the SRV record wins (XEP-0174 §3).
    let port = match service.port {
        0 => presence.port?,
        port => port,
    };
    let found = service.addresses.iter().map(|ip| address(ip, port));
    let addresses = usable(found.collect(), loopback);
    if addresses.is_empty() {
        return None;
    }
    Some(LanPeer {
        name: instance(&service.fullname)?,
        addresses,
        presence,
    })
}

fn address(ip: &ScopedIp, port: u16) -> SocketAddr {
    if let ScopedIp::V6(v6) = ip
        && v6.addr().is_unicast_link_local()
    {
        return SocketAddrV6::new(*v6.addr(), port, 0, v6.scope_id().index).into();
    }
    SocketAddr::new(ip.to_ip_addr(), port)
}

/// The first label of a service's full name.
fn instance(fullname: &str) -> Option<String> {
    let end = fullname.len().checked_sub(SERVICE_TYPE.len() + 1)?;
    let (name, domain) = fullname.split_at_checked(end)?;
    let domain = domain.strip_prefix('.')?;
    let name = text::safe(name.as_bytes());
    (domain.eq_ignore_ascii_case(SERVICE_TYPE) && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_service_is_its_first_label() {
        let name = |text| instance(text);
        assert_eq!(name("a@b._presence._tcp.local.").as_deref(), Some("a@b"));
        assert_eq!(
            name("Ä b@c.d._PRESENCE._tcp.local.").as_deref(),
            Some("Ä b@c.d")
        );
        assert_eq!(name("a@b._http._tcp.local."), None);
        assert_eq!(name("_presence._tcp.local."), None);
        assert_eq!(name("._presence._tcp.local."), None);
        assert_eq!(name("ü"), None);
    }
}
