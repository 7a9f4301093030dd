//! Which external port a new mapping asks for.

use super::PortAssignment;
use crate::random::Random;

/// The first port that is assigned unless an internal port is kept: those below are for services.
const FIRST: u16 = 1024;
/// How often a random port is tried before all are tried in order.
const DRAWS: usize = 32;

/// The ports to try for one mapping, best first. Ends when all have been named.
#[derive(Debug)]
pub(crate) struct Candidates {
    wanted: Option<u16>,
    parity: Option<u16>,
    /// Random ports, then all in order from a random one.
    draws: usize,
    next: u16,
    left: u32,
}

impl Candidates {
    /// `sequential` is the next port in sequence.
    pub(crate) fn new(
        assignment: PortAssignment,
        keep_parity: bool,
        internal: u16,
        sequential: u16,
        random: &mut Random,
    ) -> Self {
        let wanted = match assignment {
            PortAssignment::Preserving => Some(internal),
            PortAssignment::Shifted(by) => Some(shift(internal, by)),
            PortAssignment::Sequential | PortAssignment::Random => None,
        };
        let (draws, next) = match assignment {
            PortAssignment::Sequential => (0, sequential),
            PortAssignment::Preserving | PortAssignment::Shifted(_) | PortAssignment::Random => {
                (DRAWS, random.port(FIRST, u16::MAX))
            }
        };
        Self {
            wanted,
            parity: keep_parity.then_some(internal & 1),
            draws,
            next,
            left: u32::from(u16::MAX - FIRST) + 1,
        }
    }

    /// The next port to try; none if there is no other.
    pub(crate) fn next(&mut self, random: &mut Random) -> Option<u16> {
        if let Some(wanted) = self.wanted.take() {
            return Some(self.keep_parity(wanted));
        }
        if self.draws > 0 {
            self.draws -= 1;
            return Some(self.keep_parity(random.port(FIRST, u16::MAX)));
        }
        self.left = self.left.checked_sub(1)?;
        let port = self.keep_parity(self.next);
        self.next = after(port);
        Some(port)
    }

    /// The port itself, or if its parity is wrong the one after it.
    fn keep_parity(&self, port: u16) -> u16 {
        match self.parity {
            Some(parity) if port & 1 != parity => after(port),
            Some(_) | None => port,
        }
    }
}

/// The port after this one, from the last back to the first.
pub(crate) fn after(port: u16) -> u16 {
    port.checked_add(1).unwrap_or(FIRST)
}

fn shift(port: u16, by: u16) -> u16 {
    let span = u32::from(u16::MAX - FIRST) + 1;
    let above = (u32::from(port.saturating_sub(FIRST)) + u32::from(by)) % span;
    u16::try_from(above).map_or(port, |above| FIRST.saturating_add(above))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifted_ports_start_over_at_the_first() {
        assert_eq!(shift(16402, 1000), 17402);
        assert_eq!(shift(65535, 1), 1024);
        assert_eq!(shift(1024, 64511), 65535);
        assert_eq!(shift(80, 0), 1024);
    }

    #[test]
    fn every_port_is_tried_before_none_is_left() {
        let mut random = Random::new(1);
        let mut candidates = Candidates::new(PortAssignment::Random, false, 5000, 0, &mut random);
        let mut tried = std::collections::BTreeSet::new();
        while let Some(port) = candidates.next(&mut random) {
            tried.insert(port);
        }
        assert_eq!(tried.len(), 64512);
    }

    #[test]
    fn a_sequence_of_one_parity_goes_on() {
        let mut random = Random::new(3);
        let sequence = |internal, random: &mut Random| {
            let mut candidates =
                Candidates::new(PortAssignment::Sequential, true, internal, 2001, random);
            [0; 3].map(|_| candidates.next(random).unwrap())
        };
        assert_eq!(sequence(16402, &mut random), [2002, 2004, 2006]);
        assert_eq!(sequence(16403, &mut random), [2001, 2003, 2005]);
    }

    #[test]
    fn parity_is_kept_also_by_drawn_ports() {
        let mut random = Random::new(2);
        for internal in [5000_u16, 5001] {
            let mut candidates =
                Candidates::new(PortAssignment::Random, true, internal, 0, &mut random);
            for _ in 0..100 {
                let port = candidates.next(&mut random).unwrap();
                assert_eq!(port & 1, internal & 1);
            }
        }
    }
}
