//! Presence: reading anyone's, writing ours (RFC 6121 §3 and §4; docs/protocol/xmpp.md,
//! capabilities).

use minidom::Element;
use minidom::rxml::xml_ncname;
use xmpp_parsers::jid::Jid;
use xmpp_parsers::ns as standard;

use crate::caps::Caps;
use crate::fault::StanzaFault;
use crate::stanza::{StanzaError, child_text};

/// At most this many octets of a status line are kept.
const STATUS_LIMIT: usize = 1024;

/// How willing a device is, best first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Show {
    /// `chat`: eager.
    Chat,
    /// No `<show/>`, or a text that nobody knows.
    #[default]
    Available,
    /// `away`
    Away,
    /// `xa`: away for long.
    ExtendedAway,
    /// `dnd`: do not disturb.
    DoNotDisturb,
}

impl Show {
    /// Reads the text of `<show/>`; an unknown one, such as `available`, is available.
    pub fn parse(text: &str) -> Self {
        match text.trim() {
            "chat" => Self::Chat,
            "away" => Self::Away,
            "xa" => Self::ExtendedAway,
            "dnd" => Self::DoNotDisturb,
            _ => Self::Available,
        }
    }

    /// The word to show: `chat`, `available`, `away`, `xa` or `dnd`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Available => "available",
            Self::Away => "away",
            Self::ExtendedAway => "xa",
            Self::DoNotDisturb => "dnd",
        }
    }
}

/// What a device says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Availability {
    /// How willing.
    pub show: Show,
    /// Among the devices of one person, −128 to 127; what cannot be read is 0.
    pub priority: i8,
    /// The line under the name, at most 1024 octets.
    pub status: Option<String>,
    /// Its capabilities.
    pub caps: Option<Caps>,
}

impl Availability {
    fn parse(presence: &Element) -> Self {
        let priority = child_text(presence, "priority")
            .and_then(|text| text.trim().parse::<i64>().ok())
            .map_or(0, |number| {
                i8::try_from(number.clamp(-128, 127)).unwrap_or_default()
            });
        Self {
            show: child_text(presence, "show").map_or(Show::Available, |text| Show::parse(&text)),
            priority,
            status: child_text(presence, "status")
                .filter(|text| !text.is_empty() && text.len() <= STATUS_LIMIT),
            caps: Caps::find(presence),
        }
    }
}

/// A presence as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IncomingPresence {
    Available(Availability),
    Unavailable,
    Subscribe,
    Subscribed,
    Unsubscribe,
    Unsubscribed,
    Probe,
    Error(StanzaFault),
}

impl IncomingPresence {
    pub(crate) fn parse(presence: &Element) -> Result<Self, StanzaError> {
        Ok(match presence.attr("type").unwrap_or_default() {
            "" | "available" => Self::Available(Availability::parse(presence)),
            "unavailable" => Self::Unavailable,
            "subscribe" => Self::Subscribe,
            "subscribed" => Self::Subscribed,
            "unsubscribe" => Self::Unsubscribe,
            "unsubscribed" => Self::Unsubscribed,
            "probe" => Self::Probe,
            "error" => Self::Error(StanzaFault::find(presence)),
            found => {
                return Err(StanzaError::UnknownType {
                    stanza: "presence",
                    found: found.to_owned(),
                });
            }
        })
    }
}

/// Our presence, to everyone or to one: with a priority of 0 or more, so that waiting messages
/// arrive (docs/protocol/xmpp.md, ringing \[G\]).
pub(crate) fn available(to: Option<&Jid>, priority: i8, caps: &Caps) -> Element {
    Element::builder("presence", standard::JABBER_CLIENT)
        .attr(xml_ncname!("to").to_owned(), to.map(Jid::to_string))
        .append(
            Element::builder("priority", standard::JABBER_CLIENT)
                .append(priority.to_string())
                .build(),
        )
        .append(caps.to_element())
        .build()
}

/// A presence that is nothing but its type: `unavailable`, `subscribe`, `subscribed`,
/// `unsubscribed`, `probe`.
pub(crate) fn typed(kind: &'static str, to: Option<&Jid>) -> Element {
    Element::builder("presence", standard::JABBER_CLIENT)
        .attr(xml_ncname!("to").to_owned(), to.map(Jid::to_string))
        .attr(xml_ncname!("type").to_owned(), kind)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> IncomingPresence {
        let text = text.replacen("<presence", "<presence xmlns='jabber:client'", 1);
        IncomingPresence::parse(&text.parse().unwrap()).unwrap()
    }

    fn availability(text: &str) -> Availability {
        let read = read(text);
        let IncomingPresence::Available(availability) = read else {
            panic!("{read:?} is not available");
        };
        availability
    }

    #[test]
    fn of_a_real_ichats_three_presences_the_first_is_not_callable() {
        let lines = include_str!("../tests/vectors/ichat3-presence.xml").lines();
        let caps: Vec<Caps> = lines.map(|line| availability(line).caps.unwrap()).collect();
        assert_eq!(
            caps.iter().map(Caps::is_ichat).collect::<Vec<_>>(),
            [true, true, true]
        );
        assert_eq!(
            caps.iter().map(Caps::is_callable).collect::<Vec<_>>(),
            [false, true, true]
        );
        assert!(caps.iter().all(|caps| caps.version == "388"));
    }

    #[test]
    fn what_old_clients_write_is_taken() {
        let odd = availability("<presence><show>available</show><priority/><status/></presence>");
        assert_eq!(odd, Availability::default());
        assert_eq!(
            availability("<presence><priority> 5 </priority></presence>").priority,
            5
        );
        assert_eq!(
            availability("<presence><priority>1000</priority></presence>").priority,
            127
        );
        assert_eq!(
            availability("<presence><priority>-1000</priority></presence>").priority,
            -128
        );
        assert_eq!(
            availability("<presence><show>dnd</show></presence>").show,
            Show::DoNotDisturb
        );
    }

    #[test]
    fn shows_sort_best_first() {
        assert!(Show::parse("chat") < Show::parse(""));
        assert!(Show::parse("anything") < Show::parse("away"));
        assert!(Show::parse("xa") < Show::parse("dnd"));
    }

    #[test]
    fn an_unknown_type_is_refused() {
        let element = "<presence xmlns='jabber:client' type='invisible'/>"
            .parse()
            .unwrap();
        let error = IncomingPresence::parse(&element).unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected a known type of <presence>, found \"invisible\""
        );
    }

    #[test]
    fn a_refused_presence_says_why() {
        let text = "<presence type='error'><error code='404'/></presence>";
        assert_eq!(
            read(text),
            IncomingPresence::Error(StanzaFault::new("item-not-found"))
        );
    }
}
