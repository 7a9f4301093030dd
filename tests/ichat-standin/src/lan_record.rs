//! What an iChat announces by multicast DNS, and a strict look at what the peer announces
//! (`docs/protocol/xmpp.md`, without a server `[P]`; XEP-0174 §3).

use crate::checks::Findings;
use crate::options::Options;
use crate::presence::{self, Caps};
use mdns_sd::{ResolvedService, ScopedIp};
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

/// The service type of presence on a network without a server.
pub(crate) const SERVICE: &str = "_presence._tcp.local.";
/// What an iChat with a microphone puts into `vc`; what each letter means is not known.
const LETTERS: &str = "CSDVRA!XN";
/// The SHA-1 of a picture, as iChat writes it.
const PICTURE: &str = "a3839614e1a382bcfebbcf20464f519e81770813";
/// More does not fit into one packet of an Ethernet.
const MAX_TXT: usize = 1300;

/// The TXT record, in iChat's keys.
pub(crate) fn txt(options: &Options, tokens: &str, port: u16) -> Vec<(String, String)> {
    let status = match options.vc.show.as_deref() {
        Some("away" | "xa") => "away",
        Some("dnd") => "dnd",
        Some(_) | None => "avail",
    };
    let port = port.to_string();
    let pairs = [
        ("txtvers", "1"),
        ("port.p2pj", port.as_str()),
        ("1st", "Stand"),
        ("last", "In"),
        ("email", "standin@example.org"),
        ("status", status),
        ("vc", LETTERS),
        ("msg", "Here for tests"),
        ("node", presence::own_node(&options.vc)),
        ("ver", presence::VERSION),
        ("ext", tokens),
        ("phsh", PICTURE),
    ];
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

/// What a neighbour announces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sighting {
    /// `user@host`, as announced.
    pub(crate) name: String,
    /// Where its TCP is, IPv4 first, link-local last.
    pub(crate) addresses: Vec<SocketAddr>,
    port: u16,
    txt: Vec<(String, Vec<u8>)>,
}

impl Sighting {
    /// Reads a resolved service.
    pub(crate) fn of(service: &ResolvedService) -> Self {
        let port = service.get_port();
        let mut addresses: Vec<SocketAddr> = service
            .get_addresses()
            .iter()
            .map(|ip| address(ip, port))
            .collect();
        addresses.sort_by_key(|address| (rank(address.ip()), *address));
        Self {
            name: instance(service.get_fullname()),
            addresses,
            port,
            txt: service
                .get_properties()
                .iter()
                .map(|pair| {
                    let value = pair.val().unwrap_or_default().to_vec();
                    (pair.key().to_owned(), value)
                })
                .collect(),
        }
    }

    /// The text of a key.
    pub(crate) fn value(&self, key: &str) -> Option<String> {
        self.txt
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(key))
            .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    }

    /// Its caps, if they are an iChat's.
    pub(crate) fn caps(&self) -> Option<Caps> {
        let text = |key| self.value(key).unwrap_or_default();
        Caps::new(&text("node"), &text("ver"), &text("ext"))
    }

    /// What is wrong with it.
    pub(crate) fn check(&self) -> Vec<String> {
        let mut found = Findings::default();
        let (user, host) = self.name.split_once('@').unwrap_or_default();
        found.expect(
            !user.is_empty() && !host.is_empty() && self.name.len() <= 63,
            || format!("the name {:?} is not user@host in one label", self.name),
        );
        let first = self.txt.first().map(|(key, _)| key.as_str());
        found.expect(first == Some("txtvers"), || {
            format!("the first key is {first:?} instead of txtvers")
        });
        let size: usize = self.txt.iter().map(|(k, v)| k.len() + v.len() + 2).sum();
        found.expect(size <= MAX_TXT, || format!("a TXT record of {size} octets"));
        let mut one_of = |key: &str, allowed: &[&str]| {
            let value = self.value(key);
            let right = value.as_deref().is_some_and(|v| allowed.contains(&v));
            found.expect(right, || format!("{key}={value:?}, not one of {allowed:?}"));
        };
        one_of("txtvers", &["1"]);
        one_of("status", &["avail", "away", "dnd"]);
        let port = self.value("port.p2pj");
        found.expect(port == Some(self.port.to_string()), || {
            format!("port.p2pj={port:?}, but the SRV record says {}", self.port)
        });
        for key in ["1st", "vc"] {
            let value = self.value(key).unwrap_or_default();
            found.expect(!value.trim().is_empty(), || format!("no {key}"));
        }
        for (key, value) in &self.txt {
            let plain = String::from_utf8(value.clone());
            let clean = plain.is_ok_and(|text| !text.chars().any(char::is_control));
            found.expect(clean, || format!("{key}: no clean UTF-8"));
        }
        for address in &self.addresses {
            let ip = address.ip();
            found.expect(!ip.is_loopback() && !ip.is_unspecified(), || {
                format!("announces the address {ip}")
            });
        }
        let node = self.value("node");
        found.expect(self.caps().is_some(), || {
            format!("node={node:?} is none of iChat's")
        });
        let (version, ext) = (self.value("ver"), self.value("ext"));
        presence::check_caps(&version.unwrap_or_default(), ext.as_deref(), &mut found);
        found.0
    }
}

/// IPv4 first, then IPv6 that needs no scope.
fn rank(ip: IpAddr) -> u8 {
    match ip {
        IpAddr::V4(_) => 0,
        IpAddr::V6(ip) if ip.segments()[0] & 0xffc0 == 0xfe80 => 2,
        IpAddr::V6(_) => 1,
    }
}

fn address(ip: &ScopedIp, port: u16) -> SocketAddr {
    match ip {
        ScopedIp::V6(v6) if rank(IpAddr::V6(*v6.addr())) == 2 => {
            SocketAddrV6::new(*v6.addr(), port, 0, v6.scope_id().index).into()
        }
        other => SocketAddr::new(other.to_ip_addr(), port),
    }
}

fn is_service(text: &str) -> bool {
    text.eq_ignore_ascii_case(SERVICE)
}

/// The instance part of a service's full name, without escapes.
pub(crate) fn instance(full: &str) -> String {
    let end = full.len().checked_sub(SERVICE.len() + 1);
    let parts = end.and_then(|end| full.split_at_checked(end));
    let escaped = match parts {
        Some((instance, tail)) if tail.get(1..).is_some_and(is_service) => instance,
        Some(_) | None => full,
    };
    let mut plain = String::new();
    let mut chars = escaped.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => plain.extend(chars.next()),
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Mode;

    fn sighting() -> Sighting {
        let options = Options::new(Mode::LanAnswer);
        let pairs = txt(&options, "avcap avavail maudio audio", 5298);
        Sighting {
            name: "mac@powerbook".into(),
            addresses: vec![SocketAddr::from(([10, 77, 0, 1], 5298))],
            port: 5298,
            txt: pairs.into_iter().map(|(k, v)| (k, v.into())).collect(),
        }
    }

    #[test]
    fn our_record_is_found_right_and_fits_into_a_packet() {
        let ours = sighting();
        assert_eq!(ours.check(), [""; 0]);
        assert!(ours.caps().is_some_and(|caps| caps.available()));
        assert!(ours.txt.iter().all(|(k, v)| k.len() + v.len() < 255));
    }

    #[test]
    fn each_deviation_of_a_record_is_found() {
        type Spoil = fn(&mut Sighting);
        let cases: [(Spoil, &str); 9] = [
            (|s| s.port = 5299, "SRV"),
            (|s| s.txt.retain(|(key, _)| key != "port.p2pj"), "SRV"),
            (|s| s.txt.rotate_left(1), "txtvers"),
            (|s| s.txt.retain(|(key, _)| key != "1st"), "no 1st"),
            (|s| s.txt.retain(|(key, _)| key != "node"), "node"),
            (|s| s.txt.push(("x".into(), vec![0xff])), "UTF-8"),
            (|s| s.txt.push(("y".into(), vec![b'a'; 2000])), "octets"),
            (|s| s.name = "nobody".into(), "user@host"),
            (
                |s| s.addresses = vec![SocketAddr::from(([127, 0, 0, 1], 1))],
                "127.0.0.1",
            ),
        ];
        for (spoil, word) in cases {
            let mut spoiled = sighting();
            spoil(&mut spoiled);
            let found = spoiled.check().join("\n");
            assert!(found.contains(word), "{word}: {found}");
        }
        let mut away = sighting();
        away.txt
            .retain(|(key, _)| !matches!(key.as_str(), "ext" | "status"));
        away.txt.push(("status".into(), "lunch".into()));
        away.txt.push(("ext".into(), "avavail sparkle".into()));
        let found = away.check().join("\n");
        for word in ["lunch", "sparkle", "lacks audio", "lacks avcap"] {
            assert!(found.contains(word), "{word}: {found}");
        }
    }

    #[test]
    fn a_name_with_dots_is_read_without_their_escapes() {
        let full = format!("Amy\\.B\\\\@one.{SERVICE}");
        assert_eq!(instance(&full), "Amy.B\\@one");
        assert_eq!(
            instance(&format!("amy@one.local.{SERVICE}")),
            "amy@one.local"
        );
        assert_eq!(instance("é"), "é");
    }

    #[test]
    fn addresses_are_tried_from_ipv4_to_link_local() {
        let ranks = ["10.0.0.1", "fd77::1", "fe80::1"].map(|text| rank(text.parse().unwrap()));
        assert_eq!(ranks, [0, 1, 2]);
    }
}
