//! `apple:iq:vc:counterProposal`: more addresses.

use minidom::Element;

use super::{QueryError, check_version, is_blank, query, text};
use crate::ns;

/// Addresses beside those of the request or response, from either side.
///
/// docs/protocol/xmpp.md, legacy stanzas \[G\]: accept it, take its addresses as more candidates,
/// answer in kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CounterProposal {
    /// The hex text of an address list, as it came.
    pub connect_data: String,
}

impl CounterProposal {
    /// Reads the `<query/>`.
    ///
    /// # Errors
    /// [`QueryError`] when a text is too long.
    pub fn parse(query: &Element) -> Result<Self, QueryError> {
        check_version(query)?;
        Ok(Self {
            connect_data: text(query, "connectData")?.unwrap_or_default(),
        })
    }

    /// Writes the `<query/>`.
    pub fn to_element(&self) -> Element {
        query(
            ns::VC_COUNTER_PROPOSAL,
            &[("connectData", &self.connect_data)],
        )
    }

    /// Whether it holds no address at all.
    pub fn is_blank(&self) -> bool {
        is_blank(&self.connect_data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_and_read() {
        let proposal = CounterProposal {
            connect_data: "00ff".to_owned(),
        };
        let element = proposal.to_element();
        insta::assert_snapshot!(String::from(&element));
        assert_eq!(CounterProposal::parse(&element), Ok(proposal));
    }

    #[test]
    fn without_addresses_it_is_blank() {
        let element = Element::bare("query", ns::VC_COUNTER_PROPOSAL);
        assert!(CounterProposal::parse(&element).unwrap().is_blank());
    }
}
