//! `VCSessionID`.

use std::fmt;
use std::hash::{Hash, Hasher};

use crate::bplist::Integer;

/// The least id that we choose: it and all above take the capture's 4 octets.
const LEAST: u32 = 0x1_0000;
/// The largest id that we choose: whoever reads it with a sign reads the same.
const LARGEST: u32 = 0x7fff_ffff;

/// The number that names a conference.
///
/// Any integer that a peer chose, with the width in which it came, so that an answer repeats it
/// octet for octet. Two are equal if their numbers are, whatever their widths.
///
/// Source: `docs/protocol/invitation.md`, the session id \[I\].
#[derive(Debug, Clone, Copy)]
pub struct SessionId(Integer);

impl SessionId {
    /// An id of our own, from 0x10000 to 0x7fffffff, out of 32 random bits.
    pub fn new(random: u32) -> Self {
        let choices = u64::from(LARGEST - LEAST) + 1;
        let chosen = u64::from(LEAST) + ((u64::from(random) * choices) >> 32);
        Self(Integer::new(chosen.into()))
    }

    /// The number as it stands in a property list.
    pub fn integer(self) -> Integer {
        self.0
    }
}

impl From<Integer> for SessionId {
    fn from(integer: Integer) -> Self {
        Self(integer)
    }
}

impl PartialEq for SessionId {
    fn eq(&self, other: &Self) -> bool {
        self.0.value() == other.0.value()
    }
}

impl Eq for SessionId {}

impl Hash for SessionId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.value().hash(state);
    }
}

impl fmt::Display for SessionId {
    /// In hexadecimal, at least eight digits.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:08x}", self.0.value())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_our_own_take_four_octets_and_have_no_sign() {
        for (random, id) in [
            (0, 0x1_0000),
            (u32::MAX, 0x7fff_ffff),
            (1 << 31, 0x4000_8000),
        ] {
            let chosen = SessionId::new(random).integer();
            assert_eq!(chosen.value(), id);
            assert_eq!(chosen.width(), 4);
        }
    }
}
