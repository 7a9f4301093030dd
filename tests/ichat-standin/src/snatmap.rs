//! Asks an address reflector what it sees of our media socket, as an iChat does
//! (`docs/protocol/snatmap.md` `[P, D]`).

use crate::checks::Faults;
use crate::random::Random;
use crate::sockets::{Datagram, Outbox, SocketId};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

const REQUEST: u32 = 1;
const RESPONSE: u32 = 2;
/// What later builds fill up with.
const FILLER: [u8; 2] = [0xaa, 0xaa];
const RESEND: Duration = Duration::from_millis(500);
/// For so long it is asked.
const PATIENCE: Duration = Duration::from_secs(5);
/// So often it is asked again, which keeps the NAT's mapping.
const REFRESH: Duration = Duration::from_secs(15);

/// The reflector, and what it said.
#[derive(Debug)]
pub(crate) struct Reflector {
    server: SocketAddr,
    own: SocketAddr,
    nonce: u32,
    random: Random,
    next: Option<Instant>,
    pub(crate) mapped: Option<SocketAddr>,
}

impl Reflector {
    /// Nothing is asked yet.
    pub(crate) fn new(server: SocketAddr, own: SocketAddr, mut random: Random) -> Self {
        Self {
            server,
            own,
            nonce: random.u32() & 0x7fff_ffff,
            random,
            next: None,
            mapped: None,
        }
    }

    fn request(&self) -> [u8; 16] {
        let mut octets = [0; 16];
        octets[0..4].copy_from_slice(&REQUEST.to_be_bytes());
        octets[4..8].copy_from_slice(&self.nonce.to_be_bytes());
        if let IpAddr::V4(ip) = self.own.ip() {
            octets[8..12].copy_from_slice(&ip.octets());
        }
        octets[12..14].copy_from_slice(&self.own.port().to_be_bytes());
        octets[14..16].copy_from_slice(&FILLER);
        octets
    }

    /// The mapped address in a response to this request; notes what is wrong with it.
    fn take(&self, from: SocketAddr, octets: &[u8], faults: &mut Faults) -> Option<SocketAddr> {
        let octets: &[u8; 16] = octets.try_into().ok()?;
        let word = |at: usize| {
            u32::from_be_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]])
        };
        if from != self.server || word(0) != RESPONSE {
            return None;
        }
        faults.expect(word(4) == self.nonce, || {
            format!("SNATMAP: nonce {:08x} answers {:08x}", word(4), self.nonce)
        });
        faults.expect(octets[14..] == [0, 0], || {
            format!(
                "SNATMAP: the last two octets are {:02x?} instead of 0",
                &octets[14..]
            )
        });
        if word(4) != self.nonce {
            return None;
        }
        let port = !u16::from_be_bytes([octets[12], octets[13]]);
        Some(SocketAddr::from((Ipv4Addr::from(!word(8)), port)))
    }

    /// Asks, and waits for the answer; nobody else listens on the socket yet.
    ///
    /// # Errors
    /// None came, or the socket is no good.
    pub(crate) fn ask(&mut self, socket: &UdpSocket, faults: &mut Faults) -> Result<(), String> {
        let fail = |error: std::io::Error| format!("SNATMAP: {error}");
        let until = Instant::now() + PATIENCE;
        socket.set_read_timeout(Some(RESEND)).map_err(fail)?;
        let mut buffer = [0; 2048];
        while self.mapped.is_none() && Instant::now() < until {
            socket.send_to(&self.request(), self.server).map_err(fail)?;
            // Nothing in time, or an ICMP message about the request: it is sent again.
            let Ok((length, from)) = socket.recv_from(&mut buffer) else {
                continue;
            };
            self.mapped = self.take(from, &buffer[..length], faults);
        }
        socket.set_read_timeout(None).map_err(fail)?;
        self.next = Some(Instant::now() + REFRESH);
        match self.mapped {
            Some(_) => Ok(()),
            None => Err(format!("SNATMAP: {} does not answer", self.server)),
        }
    }

    /// A datagram; says whether it was for us.
    pub(crate) fn handle(&mut self, datagram: &Datagram, faults: &mut Faults) -> bool {
        if datagram.from != self.server {
            return false;
        }
        if let Some(mapped) = self.take(datagram.from, &datagram.octets, faults) {
            self.mapped = Some(mapped);
        }
        true
    }

    /// Keeps the mapping, until `over`.
    pub(crate) fn handle_timeout(&mut self, now: Instant, over: bool, outbox: &mut Outbox) {
        if over {
            self.next = None;
        }
        if self.next.is_some_and(|at| at <= now) {
            self.next = Some(now + REFRESH);
            self.nonce = self.random.u32() & 0x7fff_ffff;
            outbox.push((SocketId::Main, self.server, self.request().to_vec()));
        }
    }

    /// When something is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipport::octets_of;

    fn vector(name: &str) -> Vec<u8> {
        let text = include_str!("../tests/vectors/vectors.json");
        let all: serde_json::Value = serde_json::from_str(text).unwrap();
        octets_of(all["snatmap"][name].as_str().unwrap()).unwrap()
    }

    fn reflector(server: SocketAddr) -> Reflector {
        let own = SocketAddr::from(([192, 168, 1, 132], 16402));
        let mut reflector = Reflector::new(server, own, Random::new(1));
        reflector.nonce = 0x1234_abcd;
        reflector
    }

    #[test]
    fn request_and_response_are_those_of_the_vectors() {
        let server = SocketAddr::from(([192, 0, 2, 1], 5678));
        let reflector = reflector(server);
        assert_eq!(reflector.request()[..], vector("request"));
        let mut faults = Faults::default();
        let mapped = reflector.take(server, &vector("response"), &mut faults);
        assert_eq!(mapped, Some(SocketAddr::from(([203, 0, 113, 9], 40001))));
        assert!(faults.is_empty());
    }

    #[test]
    fn what_deviates_is_found_and_what_is_another_s_is_not_taken() {
        let server = SocketAddr::from(([192, 0, 2, 1], 5678));
        let reflector = reflector(server);
        let mut faults = Faults::default();
        let stranger = SocketAddr::from(([192, 0, 2, 2], 5678));
        assert_eq!(
            reflector.take(stranger, &vector("response"), &mut faults),
            None
        );
        assert_eq!(
            reflector.take(server, &vector("request"), &mut faults),
            None
        );
        assert!(faults.is_empty());
        let mut wrong = vector("response");
        wrong[15] = 1;
        wrong[7] ^= 1;
        assert_eq!(reflector.take(server, &wrong, &mut faults), None);
        assert_eq!(faults.lines().len(), 2, "{:?}", faults.lines());
    }

    #[test]
    fn it_asks_until_it_is_answered_and_again_later() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (at, own) = (server.local_addr().unwrap(), socket.local_addr().unwrap());
        let mut reflector = Reflector::new(at, own, Random::new(7));
        let answering = std::thread::spawn(move || {
            let mut buffer = [0; 64];
            // The first is lost.
            for turn in 0..2 {
                let (length, from) = server.recv_from(&mut buffer).unwrap();
                assert_eq!(length, 16);
                if turn == 1 {
                    let mut answer = buffer[..16].to_vec();
                    answer[3] = 2;
                    let SocketAddr::V4(seen) = from else { panic!() };
                    answer[8..12].copy_from_slice(&seen.ip().octets().map(|octet| !octet));
                    answer[12..14].copy_from_slice(&(!seen.port()).to_be_bytes());
                    answer[14..].fill(0);
                    server.send_to(&answer, from).unwrap();
                }
            }
        });
        let mut faults = Faults::default();
        reflector.ask(&socket, &mut faults).unwrap();
        answering.join().unwrap();
        assert_eq!(reflector.mapped, Some(own));
        assert!(faults.is_empty(), "{:?}", faults.lines());
        let mut outbox = Outbox::new();
        let due = reflector.poll_timeout().unwrap();
        reflector.handle_timeout(due, false, &mut outbox);
        assert_eq!(outbox.len(), 1);
        reflector.handle_timeout(due + REFRESH, true, &mut outbox);
        assert_eq!((outbox.len(), reflector.poll_timeout()), (1, None));
    }
}
