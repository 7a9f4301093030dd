//! A client transaction: one request of ours, sent until it is answered (RFC 3261 §17.1).

use crate::sip::Message;
use crate::sockets::{Outbox, SocketId};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
/// The next address is tried after so long without any reply.
const NEXT_ADDRESS: Duration = Duration::from_secs(1);
/// An INVITE that nobody answers is given up.
const INVITE_TIME: Duration = Duration::from_secs(20);
/// On loopback any other request is answered long before.
const REQUEST_TIME: Duration = Duration::from_secs(8);

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Invite,
    Reinvite,
    Bye,
    Cancel,
    Ping,
    /// The answer's status is known beforehand.
    Probe(u16),
}

impl Purpose {
    fn is_invite(self) -> bool {
        matches!(self, Self::Invite | Self::Reinvite)
    }
}

/// One transaction.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) purpose: Purpose,
    pub(crate) request: Message,
    octets: Vec<u8>,
    pub(crate) targets: Vec<SocketAddr>,
    tried: usize,
    /// Transmissions that are left out.
    withhold: u32,
    interval: Duration,
    next_send: Option<Instant>,
    next_target: Option<Instant>,
    give_up: Option<Instant>,
    pub(crate) provisional: bool,
}

impl Client {
    /// Sends the request to the first target.
    pub(crate) fn start(
        now: Instant,
        purpose: Purpose,
        (request, octets): (Message, Vec<u8>),
        targets: Vec<SocketAddr>,
        withhold: u32,
        outbox: &mut Outbox,
    ) -> Self {
        let time = if purpose.is_invite() {
            INVITE_TIME
        } else {
            REQUEST_TIME
        };
        let mut client = Self {
            purpose,
            request,
            octets,
            targets,
            tried: 1,
            withhold,
            interval: T1,
            next_send: Some(now + T1),
            next_target: Some(now + NEXT_ADDRESS),
            give_up: Some(now + time),
            provisional: false,
        };
        client.transmit(outbox);
        client
    }

    fn transmit(&mut self, outbox: &mut Outbox) {
        if self.withhold > 0 {
            self.withhold -= 1;
            return;
        }
        for to in self.targets.iter().take(self.tried) {
            outbox.push((SocketId::Main, *to, self.octets.clone()));
        }
    }

    /// A reply came: no more retransmissions of an INVITE, no more addresses.
    pub(crate) fn heard(&mut self) {
        self.provisional = true;
        self.next_target = None;
        if self.purpose.is_invite() {
            self.next_send = None;
            self.give_up = None;
        }
    }

    /// Retransmits. `false`: nobody answered in time.
    pub(crate) fn handle_timeout(&mut self, now: Instant, outbox: &mut Outbox) -> bool {
        if self.next_target.is_some_and(|at| at <= now) {
            self.next_target = (self.tried + 1 < self.targets.len()).then_some(now + NEXT_ADDRESS);
            if let Some(to) = self.targets.get(self.tried) {
                outbox.push((SocketId::Main, *to, self.octets.clone()));
                self.tried += 1;
            }
        }
        if self.next_send.is_some_and(|at| at <= now) {
            self.interval *= 2;
            if !self.purpose.is_invite() {
                self.interval = self.interval.min(T2);
            }
            self.next_send = Some(now + self.interval);
            self.transmit(outbox);
        }
        self.give_up.is_none_or(|at| now < at)
    }

    /// When something is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        [self.next_send, self.next_target, self.give_up]
            .into_iter()
            .flatten()
            .min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::parse;

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn run(purpose: Purpose, withhold: u32, seconds: u64) -> (Vec<(u64, u16)>, bool) {
        let octets = include_bytes!("../tests/vectors/viceroy-1.4.1-invite.sip").to_vec();
        let request = parse(&octets).unwrap().message;
        let start = Instant::now();
        let mut sent = Vec::new();
        let mut outbox = Outbox::new();
        let mut client = Client::start(
            start,
            purpose,
            (request, octets),
            vec![at(1), at(2), at(3)],
            withhold,
            &mut outbox,
        );
        let mut now = start;
        let mut alive = true;
        while alive && now <= start + Duration::from_secs(seconds) {
            let ms = (now - start).as_millis() as u64;
            sent.extend(outbox.drain(..).map(|(_, to, _)| (ms, to.port())));
            now = client.poll_timeout().unwrap();
            alive = client.handle_timeout(now, &mut outbox);
        }
        (sent, alive)
    }

    #[test]
    fn the_next_address_is_tried_after_each_silent_second() {
        let (sent, alive) = run(Purpose::Invite, 0, 3);
        assert!(alive);
        let first = |port| sent.iter().find(|(_, to)| *to == port).unwrap().0;
        assert_eq!((first(1), first(2), first(3)), (0, 1000, 2000));
        assert_eq!(sent.iter().filter(|(_, to)| *to == 1).count(), 3);
    }

    #[test]
    fn what_is_withheld_is_sent_by_the_retransmission() {
        let (sent, _) = run(Purpose::Bye, 2, 2);
        assert_eq!(sent.iter().find(|(_, to)| *to == 1).unwrap().0, 1500);
    }

    #[test]
    fn silence_is_given_up() {
        assert!(!run(Purpose::Invite, 0, 30).1);
        assert!(!run(Purpose::Ping, 0, 30).1);
    }
}
