//! Which objects a value becomes, in CoreFoundation's order, equal scalars once.

use super::known::Known;
use super::{EncodeError, Limits, PlistValue, Text};

/// One object to be written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Node<'v> {
    /// A string, as value or as key.
    Text(&'v Text<'v>),
    /// Another scalar.
    Scalar(&'v PlistValue<'v>),
    /// A container.
    Container {
        /// Upper half of its marker.
        marker: u8,
        /// Members, or entries of a dictionary.
        count: usize,
        /// Where its references begin in [`Flat::references`].
        first: usize,
        /// How many references it has.
        references: usize,
    },
}

/// All objects of a value.
#[derive(Debug)]
pub(super) struct Flat<'v> {
    /// The objects; their places are their numbers.
    pub(super) nodes: Vec<Node<'v>>,
    /// The references of all containers.
    pub(super) references: Vec<usize>,
    /// Octets of all strings and data before equal ones were found.
    pub(super) content: usize,
    known: Known,
}

impl<'v> Flat<'v> {
    /// Numbers the objects of a value.
    pub(super) fn of(value: &'v PlistValue<'v>, limits: Limits) -> Result<Self, EncodeError> {
        let mut cost = Cost {
            limits,
            objects: 1,
            content: 0,
        };
        cost.add(value, 0)?;
        let mut flat = Self {
            nodes: Vec::with_capacity(cost.objects),
            references: Vec::with_capacity(cost.objects),
            content: cost.content,
            known: Known::with_capacity(cost.objects),
        };
        flat.value(value);
        Ok(flat)
    }

    /// Numbers a value and what is in it. Calls itself no deeper than the limit of depth.
    fn value(&mut self, value: &'v PlistValue<'v>) -> usize {
        match value {
            PlistValue::String(text) => self.scalar(Node::Text(text)),
            PlistValue::Array(members) => self.members(0xa0, members),
            PlistValue::OrderedSet(members) => self.members(0xb0, members),
            PlistValue::Set(members) => self.members(0xc0, members),
            PlistValue::Dictionary(entries) => {
                let (number, first) = self.container(0xd0, entries.len(), 2 * entries.len());
                for (index, (key, _)) in entries.iter().enumerate() {
                    let key = self.scalar(Node::Text(key));
                    self.refer(first + index, key);
                }
                for (index, (_, value)) in entries.iter().enumerate() {
                    let value = self.value(value);
                    self.refer(first + entries.len() + index, value);
                }
                number
            }
            PlistValue::Null
            | PlistValue::Fill
            | PlistValue::Boolean(_)
            | PlistValue::Integer(_)
            | PlistValue::Real(_)
            | PlistValue::Date(_)
            | PlistValue::Data(_)
            | PlistValue::Uid(_) => self.scalar(Node::Scalar(value)),
        }
    }

    fn members(&mut self, marker: u8, members: &'v [PlistValue<'v>]) -> usize {
        let (number, first) = self.container(marker, members.len(), members.len());
        for (index, member) in members.iter().enumerate() {
            let member = self.value(member);
            self.refer(first + index, member);
        }
        number
    }

    /// A new container with room for its references: its number, and where they begin.
    fn container(&mut self, marker: u8, count: usize, references: usize) -> (usize, usize) {
        let number = self.nodes.len();
        let first = self.references.len();
        self.nodes.push(Node::Container {
            marker,
            count,
            first,
            references,
        });
        self.references.resize(first + references, 0);
        (number, first)
    }

    fn refer(&mut self, place: usize, number: usize) {
        if let Some(reference) = self.references.get_mut(place) {
            *reference = number;
        }
    }

    /// The number of an equal scalar, or a new one.
    fn scalar(&mut self, node: Node<'v>) -> usize {
        let number = self.known.number(&node, &self.nodes);
        if number == self.nodes.len() {
            self.nodes.push(node);
        }
        number
    }
}

/// What a value will cost, found before anything is reserved.
struct Cost {
    limits: Limits,
    objects: usize,
    content: usize,
}

impl Cost {
    fn add(&mut self, value: &PlistValue<'_>, depth: usize) -> Result<(), EncodeError> {
        match value {
            PlistValue::String(text) => self.content(text_len(text)),
            PlistValue::Data(octets) => self.content(octets.len()),
            PlistValue::Array(members)
            | PlistValue::OrderedSet(members)
            | PlistValue::Set(members) => {
                self.enter(members.len(), depth)?;
                members
                    .iter()
                    .try_for_each(|member| self.add(member, depth + 1))
            }
            PlistValue::Dictionary(entries) => {
                self.enter(2 * entries.len(), depth)?;
                entries.iter().try_for_each(|(key, value)| {
                    self.content(text_len(key))?;
                    self.add(value, depth + 1)
                })
            }
            PlistValue::Null
            | PlistValue::Fill
            | PlistValue::Boolean(_)
            | PlistValue::Integer(_)
            | PlistValue::Real(_)
            | PlistValue::Date(_)
            | PlistValue::Uid(_) => Ok(()),
        }
    }

    fn enter(&mut self, members: usize, depth: usize) -> Result<(), EncodeError> {
        if depth >= self.limits.depth {
            let limit = self.limits.depth;
            return Err(EncodeError::Depth { limit });
        }
        self.objects += members;
        if self.objects > self.limits.objects {
            let limit = self.limits.objects;
            return Err(EncodeError::Objects { limit });
        }
        Ok(())
    }

    fn content(&mut self, octets: usize) -> Result<(), EncodeError> {
        self.content += octets;
        if self.content > self.limits.octets {
            return Err(EncodeError::TooLong {
                limit: self.limits.octets,
                found: self.content,
            });
        }
        Ok(())
    }
}

/// Octets of the content of a string object.
fn text_len(text: &Text<'_>) -> usize {
    match text {
        Text::Str(text) if text.is_ascii() => text.len(),
        Text::Str(text) => 2 * text.encode_utf16().count(),
        Text::Narrow(octets) | Text::Wide(octets) => octets.len(),
    }
}
