//! What punchers say to each other: 16 octets.

const LENGTH: usize = 16;
const MAGIC: [u8; 4] = *b"hole";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Check,
    Answer,
}

impl Kind {
    fn word(self) -> [u8; 4] {
        match self {
            Self::Check => *b"chk ",
            Self::Answer => *b"ans ",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) kind: Kind,
    /// The name of whom it is for.
    pub(super) to: u32,
    /// The check's number, the same in its answer.
    pub(super) number: u32,
}

impl Message {
    pub(super) fn encode(self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(LENGTH);
        octets.extend(MAGIC);
        octets.extend(self.kind.word());
        octets.extend(self.to.to_be_bytes());
        octets.extend(self.number.to_be_bytes());
        octets
    }

    pub(super) fn decode(octets: &[u8]) -> Option<Self> {
        let rest = octets.strip_prefix(&MAGIC)?;
        let (word, rest) = rest.split_first_chunk::<4>()?;
        let (to, rest) = rest.split_first_chunk::<4>()?;
        let number: [u8; 4] = rest.try_into().ok()?;
        let kind = [Kind::Check, Kind::Answer]
            .into_iter()
            .find(|kind| kind.word() == *word)?;
        Some(Self {
            kind,
            to: u32::from_be_bytes(*to),
            number: u32::from_be_bytes(number),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_reads_back_and_nothing_else_does() {
        for kind in [Kind::Check, Kind::Answer] {
            let message = Message {
                kind,
                to: 1,
                number: 0x0102_0304,
            };
            let octets = message.encode();
            assert_eq!(Message::decode(&octets), Some(message));
            assert_eq!(Message::decode(&octets[..15]), None);
            assert_eq!(Message::decode(&[&octets[..], &[0]].concat()), None);
        }
        assert_eq!(Message::decode(b"holewhat00000000"), None);
    }
}
