//! The SNATMAP server, which answers the whole world, and the page that it is found by.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use ichat_ice::snatmap::{
    Location, MESSAGE_LEN, Message, RateTable, Server, ServerConfig, page, respond,
};

use crate::script::Script;

/// Limits that are tried, in requests a second.
const RATES: [u32; 6] = [0, 1, 2, 5, 20, 1000];
/// Octet of the script that begins a step of the clock; any other begins a datagram.
const CLOCK: u8 = 0xff;

/// SNATMAP: one message, the page, and a server under a script of sources, datagrams and time.
pub fn snatmap(octets: &[u8]) {
    message(octets);
    location(&String::from_utf8_lossy(octets));
    let mut script = Script::new(octets);
    let rate = script.place(RATES.len()).map_or(0, |place| RATES[place]);
    let sources = usize::from(script.number()) % 4096;
    let mut world = World::new(rate, sources);
    while let Some(step) = script.octet() {
        if step == CLOCK {
            world.now += script.milliseconds();
            continue;
        }
        let source = script.address();
        // Most datagrams are requests, or nearly: the first octet says how much of one is kept.
        let request = [0, 0, 0, 1, 1, 2, 3, 4, 192, 168, 1, 2, 64, 18, 0xaa, 0xaa];
        match step {
            0..=15 => world.datagram(source, &request[..usize::from(step)]),
            16..=127 => world.datagram(source, &request),
            _ => world.datagram(source, script.octets(usize::from(step - 128))),
        }
    }
}

/// A message that is read has 16 octets, and is written back but for the end that nobody reads.
fn message(octets: &[u8]) {
    let Ok(message) = Message::decode(octets) else {
        return;
    };
    assert_eq!(octets.len(), MESSAGE_LEN);
    let written = match message {
        Message::Request(request) => request.encode(),
        Message::Response(response) => response.encode(),
    };
    assert_eq!(written[..14], octets[..14]);
    assert_eq!(Message::decode(&written), Ok(message));
}

/// What is found in a page is found again in the page that is made of it.
fn location(text: &str) {
    if let Some(found) = Location::find(text) {
        assert!(found.port != 0 && !found.host.is_empty());
        assert!(text.contains(&found.host));
        assert_eq!(Location::find(&page(&found)), Some(found));
    }
}

/// A server, and what is known of it besides.
struct World {
    now: Instant,
    begun: Instant,
    server: Server,
    /// Of the same seed and size as the server's own.
    table: RateTable,
    capacity: usize,
    rate: u32,
    answered: HashMap<Ipv4Addr, u64>,
    datagrams: u64,
}

impl World {
    fn new(rate: u32, sources: usize) -> Self {
        let now = Instant::now();
        let config = ServerConfig {
            seed: 7,
            rate,
            sources,
        };
        let table = RateTable::new(now, config.seed, rate, sources);
        Self {
            now,
            begun: now,
            server: Server::new(now, &config),
            capacity: table.capacity(),
            table,
            rate,
            answered: HashMap::new(),
            datagrams: 0,
        }
    }

    fn datagram(&mut self, source: SocketAddr, octets: &[u8]) {
        let before = self.server.counters();
        let answer = self.server.respond(self.now, source, octets);
        self.datagrams += 1;
        let external = match source.ip().to_canonical() {
            IpAddr::V4(ip) => Some(ip),
            IpAddr::V6(_) => None,
        };
        let deserved = respond(source, octets);
        match (deserved, external) {
            (Some(deserved), Some(ip)) => {
                let within = self.table.allow(self.now, ip);
                assert_eq!(answer, within.then_some(deserved), "the rate alone decides");
                if within {
                    self.check_answer(ip, source.port(), octets, &deserved);
                }
            }
            (Some(_), None) => panic!("an answer to {source}"),
            (None, _) => assert_eq!(answer, None),
        }
        self.check_counters(before.octets_in, octets.len(), answer.is_some());
    }

    /// The answer says where the request came from, inverted, and nobody gets more than the rate.
    fn check_answer(&mut self, ip: Ipv4Addr, port: u16, octets: &[u8], answer: &[u8]) {
        assert_eq!(octets.len(), MESSAGE_LEN);
        assert_eq!(octets[..4], [0, 0, 0, 1]);
        assert!(port != 0 && !ip.is_unspecified() && !ip.is_multicast() && !ip.is_broadcast());
        let mut expected = vec![0, 0, 0, 2];
        expected.extend(&octets[4..8]);
        expected.extend(ip.octets().map(|octet| !octet));
        expected.extend((!port).to_be_bytes());
        expected.extend([0, 0]);
        assert_eq!(answer, expected);
        let answered = self.answered.entry(ip).or_default();
        *answered += 1;
        if self.rate > 0 {
            let cost = Duration::from_secs(1) / self.rate;
            let elapsed = self.now.duration_since(self.begun);
            let earned = elapsed.as_nanos() / cost.as_nanos();
            assert!(u128::from(*answered) <= u128::from(self.rate) + earned);
        }
    }

    fn check_counters(&self, octets_before: u64, len: usize, answered: bool) {
        let counters = self.server.counters();
        let sum = counters.answered
            + counters.limited
            + counters.wrong_length
            + counters.wrong_kind
            + counters.responses
            + counters.unanswerable;
        assert_eq!(sum, self.datagrams, "each datagram is counted once");
        assert_eq!(counters.octets_in - octets_before, len as u64);
        assert_eq!(counters.octets_out, 16 * counters.answered);
        assert!(counters.octets_out <= counters.octets_in);
        assert!(!answered || len == MESSAGE_LEN);
        assert_eq!(counters.answered, self.answered.values().sum::<u64>());
        assert_eq!(
            self.table.capacity(),
            self.capacity,
            "the table never grows"
        );
    }
}
