//! Which scalars occurred before, so that equal ones are written once.

use super::flatten::Node;
use super::{PlistValue, Real, Text};

/// The scalars that have a number: a hash table with a slot at most half of the time taken.
#[derive(Debug)]
pub(super) struct Known {
    /// The upper half of a scalar's hash, and its number plus 1; 0 for an empty slot.
    slots: Vec<(u32, u32)>,
}

impl Known {
    pub(super) fn with_capacity(objects: usize) -> Self {
        Self {
            slots: vec![(0, 0); (2 * objects).next_power_of_two()],
        }
    }

    /// The number of a scalar; a new one is to become the next node.
    pub(super) fn number(&mut self, node: &Node<'_>, nodes: &[Node<'_>]) -> usize {
        let identity = Identity::of(node);
        let hash = identity.hash();
        let [upper, lower] =
            [hash >> 32, hash & 0xffff_ffff].map(|half| u32::try_from(half).unwrap_or_default());
        let mask = self.slots.len() - 1;
        let mut place = lower as usize & mask;
        // Ends at the latest at an empty slot, of which there are as many as taken ones.
        while let Some(slot) = self.slots.get_mut(place) {
            let Some(number) = (slot.1 as usize).checked_sub(1) else {
                *slot = (upper, u32::try_from(nodes.len() + 1).unwrap_or(u32::MAX));
                break;
            };
            let other = || nodes.get(number).map(Identity::of);
            if slot.0 == upper && other().is_some_and(|other| other == identity) {
                return number;
            }
            place = (place + 1) & mask;
        }
        nodes.len()
    }
}

/// What makes a scalar equal to another: that it would be written in the same octets. The first
/// field of each is its type and width.
#[derive(Debug, PartialEq, Eq)]
enum Identity<'v> {
    /// A number.
    Number(u32, [u64; 2]),
    /// A string or data.
    Octets(u32, &'v [u8]),
}

impl<'v> Identity<'v> {
    fn of(node: &Node<'v>) -> Self {
        let number = |class, number| Self::Number(class, [0, number]);
        match *node {
            Node::Text(text) => Self::of_text(text),
            Node::Scalar(value) => match value {
                PlistValue::Null => number(0x00, 0),
                PlistValue::Boolean(value) => number(0x08, u64::from(*value)),
                PlistValue::Fill => number(0x0f, 0),
                PlistValue::Integer(integer) => {
                    Self::Number(0x100 | u32::from(integer.width()), integer.words())
                }
                PlistValue::Real(Real::Single(value)) => number(0x22, value.to_bits().into()),
                PlistValue::Real(Real::Double(value)) => number(0x23, value.to_bits()),
                PlistValue::Date(value) => number(0x33, value.to_bits()),
                PlistValue::Data(octets) => Self::Octets(0x40, octets),
                PlistValue::String(text) => Self::of_text(text),
                PlistValue::Uid(uid) => number(0x800 | u32::from(uid.width()), uid.value()),
                PlistValue::Array(_)
                | PlistValue::OrderedSet(_)
                | PlistValue::Set(_)
                | PlistValue::Dictionary(_) => number(u32::MAX, 0),
            },
            Node::Container { first, .. } => number(u32::MAX, first as u64),
        }
    }

    fn of_text(text: &'v Text<'v>) -> Self {
        match text {
            Text::Str(text) => Self::Octets(0x50, text.as_bytes()),
            Text::Narrow(octets) => Self::Octets(0x51, octets),
            Text::Wide(octets) => Self::Octets(0x60, octets),
        }
    }

    /// A hash for the table alone. Who chooses the scalars can make them collide, which at the limit
    /// of objects costs some milliseconds.
    fn hash(&self) -> u64 {
        let hash = match self {
            Self::Number(class, [high, low]) => mix(mix(u64::from(*class), *high), *low),
            Self::Octets(class, octets) => {
                let (words, rest) = octets.as_chunks::<8>();
                let mut hash = u64::from(*class);
                for word in words {
                    hash = mix(hash, u64::from_le_bytes(*word));
                }
                let mut last = rest.len() as u64;
                for octet in rest {
                    last = last << 8 | u64::from(*octet);
                }
                mix(hash, last)
            }
        };
        hash ^ (hash >> 32)
    }
}

fn mix(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
