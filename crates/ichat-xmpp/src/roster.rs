//! The roster: who our contacts are, and which presences are theirs to see (RFC 6121 §2).

use minidom::Element;
use xmpp_parsers::jid::{BareJid, Jid};
use xmpp_parsers::ns as standard;
use xmpp_parsers::roster::Roster;

/// Who sees whose presence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Subscription {
    /// Neither.
    #[default]
    None,
    /// We see theirs.
    To,
    /// They see ours.
    From,
    /// Both.
    Both,
}

impl Subscription {
    /// Whether their presence comes to us.
    pub fn sees_them(self) -> bool {
        match self {
            Self::To | Self::Both => true,
            Self::None | Self::From => false,
        }
    }

    /// Whether ours goes to them.
    pub fn shows_us(self) -> bool {
        match self {
            Self::From | Self::Both => true,
            Self::None | Self::To => false,
        }
    }

    /// The word of the roster: `none`, `to`, `from` or `both`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::To => "to",
            Self::From => "from",
            Self::Both => "both",
        }
    }
}

/// What the roster says of a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) jid: BareJid,
    pub(crate) name: Option<String>,
    /// `None`: it leaves the roster.
    pub(crate) subscription: Option<Subscription>,
    /// We asked, they have not answered.
    pub(crate) asked: bool,
}

/// The question for all of it.
pub(crate) fn query() -> Element {
    Roster {
        ver: None,
        items: Vec::new(),
    }
    .into()
}

/// The contacts in a `<query/>`; those with an unreadable address are left out.
pub(crate) fn items(query: &Element) -> impl Iterator<Item = Item> {
    query
        .children()
        .filter(|child| child.is("item", standard::ROSTER))
        .filter_map(item)
}

fn item(element: &Element) -> Option<Item> {
    let jid = match Jid::new(element.attr("jid").unwrap_or_default()) {
        Ok(jid) => jid.into_bare(),
        Err(error) => {
            tracing::debug!(%error, "a contact with an unreadable address");
            return None;
        }
    };
    let subscription = match element.attr("subscription").unwrap_or_default() {
        "remove" => None,
        "to" => Some(Subscription::To),
        "from" => Some(Subscription::From),
        "both" => Some(Subscription::Both),
        _ => Some(Subscription::None),
    };
    Some(Item {
        jid,
        name: element
            .attr("name")
            .filter(|name| !name.is_empty())
            .map(str::to_owned),
        subscription,
        asked: element.attr("ask") == Some("subscribe"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_items_do_not_spoil_the_others() {
        let element: Element = "<query xmlns='jabber:iq:roster'>\
            <item jid='mac@im.test' name='Mac' subscription='both'/><item jid='@'/><item/>\
            <item jid='New@IM.test/x' ask='subscribe' subscription='odd' name=''/>\
            <item jid='old@im.test' subscription='remove'/><group/></query>"
            .parse()
            .unwrap();
        let items: Vec<Item> = items(&element).collect();
        assert_eq!(items.len(), 3);
        assert_eq!(items[0].subscription, Some(Subscription::Both));
        assert_eq!(items[1].jid.as_str(), "new@im.test");
        assert_eq!(
            (items[1].subscription, items[1].asked),
            (Some(Subscription::None), true)
        );
        assert_eq!((&items[1].name, items[2].subscription), (&None, None));
    }

    #[test]
    fn the_question_is_empty() {
        insta::assert_snapshot!(String::from(&query()), @"<query xmlns='jabber:iq:roster'/>");
    }
}
