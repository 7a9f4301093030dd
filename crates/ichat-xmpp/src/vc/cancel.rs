//! `apple:iq:vc:cancel`: the caller gives up, or another device has answered.

use minidom::Element;

use super::{QueryError, check_version, query};
use crate::ns;

/// The caller gives up while it rings; it carries nothing but the version.
///
/// docs/protocol/xmpp.md, legacy stanzas \[G\].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cancel;

impl Cancel {
    /// Reads the `<query/>`.
    ///
    /// # Errors
    /// [`QueryError`] when the version is absurdly long.
    pub fn parse(query: &Element) -> Result<Self, QueryError> {
        check_version(query)?;
        Ok(Self)
    }

    /// Writes the `<query/>`.
    pub fn to_element(self) -> Element {
        query(ns::VC_CANCEL, &[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_and_read() {
        let element = Cancel.to_element();
        insta::assert_snapshot!(String::from(&element));
        assert_eq!(Cancel::parse(&element), Ok(Cancel));
    }
}
