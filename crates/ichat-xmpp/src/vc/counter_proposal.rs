//! `apple:iq:vc:counterProposal`: more addresses.

use minidom::Element;

use super::{Offer, QueryError, check_version, conference, query};
use crate::ns;

/// Addresses beside those of the request or response, from either side.
///
/// docs/protocol/xmpp.md, legacy stanzas \[G\]: accept it, take its addresses as more candidates,
/// answer in kind. With an invitation it is I.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CounterProposal {
    /// The addresses, in either form.
    pub addresses: Offer,
}

impl CounterProposal {
    /// Reads the `<query/>`.
    ///
    /// # Errors
    /// [`QueryError`] when a text is too long.
    pub fn parse(query: &Element) -> Result<Self, QueryError> {
        check_version(query)?;
        Ok(Self {
            addresses: Offer::read(query, "connectData")?,
        })
    }

    /// Writes the `<query/>`; without addresses in the legacy form.
    pub fn to_element(&self) -> Element {
        let mut children = Vec::new();
        if self.addresses.conference.is_none() || self.addresses.legacy.is_some() {
            let list = self.addresses.legacy.clone().unwrap_or_default();
            children.push(("connectData", list));
        }
        if let Some(invitation) = &self.addresses.conference {
            children.extend(conference::counter_proposal(invitation));
        }
        query(ns::VC_COUNTER_PROPOSAL, &children)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Dialect;

    #[test]
    fn it_is_written_and_read_in_either_form() {
        for (dialect, text) in [
            (Dialect::Legacy, "00ff"),
            (Dialect::Conference, "62706c6973743030"),
        ] {
            let proposal = CounterProposal {
                addresses: Offer::of(dialect, text.to_owned()),
            };
            let element = proposal.to_element();
            insta::assert_snapshot!(dialect.as_str(), String::from(&element));
            assert_eq!(CounterProposal::parse(&element), Ok(proposal));
        }
    }

    #[test]
    fn without_addresses_it_is_blank() {
        let element = Element::bare("query", ns::VC_COUNTER_PROPOSAL);
        let proposal = CounterProposal::parse(&element).unwrap();
        assert!(proposal.addresses.is_blank());
        let again = CounterProposal::parse(&proposal.to_element());
        assert_eq!(again, Ok(proposal));
    }
}
