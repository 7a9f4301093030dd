//! Elements and what they hold.

use super::super::field::Place;

/// An element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::inspect) struct Node {
    /// As it is written, with its prefix.
    pub(in crate::inspect) name: String,
    /// Without prefix.
    pub(in crate::inspect) local: String,
    pub(in crate::inspect) namespace: String,
    pub(in crate::inspect) attributes: Vec<Attribute>,
    pub(in crate::inspect) content: Vec<Content>,
    pub(in crate::inspect) place: Place,
}

/// An attribute, or the declaration of a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::inspect) struct Attribute {
    pub(in crate::inspect) name: String,
    pub(in crate::inspect) value: String,
    pub(in crate::inspect) place: Place,
}

/// What an element holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::inspect) enum Content {
    Element(Node),
    Text { text: String, place: Place },
}

impl Node {
    pub(in crate::inspect) fn is(&self, local: &str, namespace: &str) -> bool {
        self.local == local && self.namespace == namespace
    }

    pub(in crate::inspect) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|found| found.name == name)
            .map(|found| found.value.as_str())
    }

    pub(in crate::inspect) fn elements(&self) -> impl Iterator<Item = &Node> {
        self.content.iter().filter_map(|content| match content {
            Content::Element(node) => Some(node),
            Content::Text { .. } => None,
        })
    }

    pub(in crate::inspect) fn child(&self, local: &str) -> Option<&Node> {
        self.elements().find(|child| child.local == local)
    }

    /// Its own text, without that of its children.
    pub(in crate::inspect) fn text(&self) -> String {
        let texts = self.content.iter().filter_map(|content| match content {
            Content::Text { text, .. } => Some(text.as_str()),
            Content::Element(_) => None,
        });
        texts.collect()
    }

    /// Whether it holds no element.
    pub(in crate::inspect) fn is_leaf(&self) -> bool {
        self.elements().next().is_none()
    }
}
