//! Where somebody can be reached, in the form of either dialect.

use minidom::Element;

use super::conference::{self, CHILD};
use super::{QueryError, is_blank, text};
use crate::dialect::Dialect;

/// Where one side can be reached: what a request offers, and what an answer or a counter-proposal
/// gives. The texts are hex, those of a peer as they came, white space and all.
///
/// In one that was read nothing is blank.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// A list of addresses: `VCNewCallerIPPortData` of a request, `connectData` elsewhere.
    pub legacy: Option<String>,
    /// An invitation: `AVChatConferenceData`.
    pub conference: Option<String>,
}

impl Offer {
    /// In one form alone.
    pub fn of(dialect: Dialect, text: String) -> Self {
        let mut offer = Self::default();
        offer.set(dialect, text);
        offer
    }

    /// The text of that form, unless it is missing or blank.
    pub fn text(&self, dialect: Dialect) -> Option<&str> {
        let text = match dialect {
            Dialect::Legacy => &self.legacy,
            Dialect::Conference => &self.conference,
        };
        text.as_deref().filter(|text| !is_blank(text))
    }

    /// The preferred form, or the other one where that is missing.
    pub fn prefer(&self, dialect: Dialect) -> Option<(Dialect, &str)> {
        let other = match dialect {
            Dialect::Legacy => Dialect::Conference,
            Dialect::Conference => Dialect::Legacy,
        };
        [dialect, other]
            .into_iter()
            .find_map(|form| Some((form, self.text(form)?)))
    }

    /// Whether there is nothing in it.
    pub fn is_blank(&self) -> bool {
        self.prefer(Dialect::Legacy).is_none()
    }

    /// Whether there are both forms.
    pub fn is_double(&self) -> bool {
        self.text(Dialect::Legacy).is_some() && self.text(Dialect::Conference).is_some()
    }

    pub(crate) fn set(&mut self, dialect: Dialect, text: String) {
        match dialect {
            Dialect::Legacy => self.legacy = Some(text),
            Dialect::Conference => self.conference = Some(text),
        }
    }

    /// Reads both forms; an invitation counts as one wherever it stands
    /// (docs/protocol/xmpp.md, conference stanzas \[I\]).
    pub(super) fn read(query: &Element, child: &'static str) -> Result<Self, QueryError> {
        let read = |child| Ok(text(query, child)?.filter(|text| !is_blank(text)));
        let (mut legacy, mut conference) = (read(child)?, read(CHILD)?);
        if legacy.as_deref().is_some_and(conference::is_invitation) {
            conference = conference.or_else(|| legacy.take());
            legacy = None;
        }
        Ok(Self { legacy, conference })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITATION: &str = "62706C6973743030d5";

    fn read(inner: &str) -> Offer {
        let text = format!("<query xmlns='apple:iq:vc:response'>{inner}</query>");
        Offer::read(&text.parse().unwrap(), "connectData").unwrap()
    }

    #[test]
    fn an_invitation_is_one_wherever_it_stands() {
        let conference = Offer::of(Dialect::Conference, INVITATION.to_owned());
        let in_either = [
            format!("<connectData>{INVITATION}</connectData>"),
            format!("<AVChatConferenceData>{INVITATION}</AVChatConferenceData>"),
            format!(
                "<connectData>62706c697374ff</connectData><AVChatConferenceData>{INVITATION}</AVChatConferenceData>"
            ),
        ];
        for inner in in_either {
            assert_eq!(read(&inner), conference, "{inner}");
        }
        let list = read("<connectData>\n00ff</connectData>");
        assert_eq!(list, Offer::of(Dialect::Legacy, "\n00ff".to_owned()));
    }

    #[test]
    fn blank_is_nothing() {
        let blank = read("<connectData>\n </connectData><AVChatConferenceData/>");
        assert_eq!(blank, Offer::default());
        assert!(blank.is_blank());
        assert!(Offer::of(Dialect::Legacy, " \n".to_owned()).is_blank());
    }

    #[test]
    fn of_two_forms_the_preferred_one_is_taken_and_of_one_that() {
        let mut offer = Offer::of(Dialect::Legacy, "00".to_owned());
        assert_eq!(
            offer.prefer(Dialect::Conference),
            Some((Dialect::Legacy, "00"))
        );
        assert!(!offer.is_double());
        offer.set(Dialect::Conference, INVITATION.to_owned());
        assert!(offer.is_double());
        assert_eq!(
            offer.prefer(Dialect::Conference),
            Some((Dialect::Conference, INVITATION))
        );
    }
}
