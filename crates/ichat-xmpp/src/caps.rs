//! Capabilities in the form of XEP-0115 before 1.4: a node, a version and named bundles.
//!
//! docs/protocol/xmpp.md, capabilities \[C, G\] and all tokens \[P\].

use std::fmt;

use minidom::Element;
use minidom::rxml::xml_ncname;
use xmpp_parsers::ns as standard;

use crate::dialect::Dialect;
use crate::ns;

/// How many tokens of a peer's `ext` are looked at.
const TOKEN_LIMIT: usize = 64;

/// One bundle of features, a word in the attribute `ext` of `<c/>`; open, so that an unknown one
/// survives.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExtToken {
    /// `avavail`: free for a call now.
    AvAvail,
    /// `avcap`: able to hold calls.
    AvCap,
    /// `audio`: audio calls.
    Audio,
    /// `video`: video calls.
    Video,
    /// `maudio`: audio with several people.
    MultiAudio,
    /// `mvideo`: video with several people.
    MultiVideo,
    /// `auxvideo`: iChat Theater.
    AuxVideo,
    /// `ice`: connectivity checks.
    Ice,
    /// `recauth`: asks before it records.
    RecAuth,
    /// `rdserver`: shows its screen.
    RdServer,
    /// `rdclient`: looks at a screen.
    RdClient,
    /// `rdmuxing`: a screen beside audio on one port.
    RdMuxing,
    /// Any other word, as it came.
    Other(String),
}

/// The tokens that have a name here, each with its word and its feature.
const TOKENS: [(ExtToken, &str, &str); 12] = [
    (ExtToken::AvAvail, "avavail", "apple:iq:vc:available"),
    (ExtToken::AvCap, "avcap", "apple:iq:vc:capable"),
    (ExtToken::Audio, "audio", "apple:iq:vc:audio"),
    (ExtToken::Video, "video", "apple:iq:vc:video"),
    (ExtToken::MultiAudio, "maudio", "apple:iq:vc:multiaudio"),
    (ExtToken::MultiVideo, "mvideo", "apple:iq:vc:multivideo"),
    (ExtToken::AuxVideo, "auxvideo", "apple:iq:vc:auxvideo"),
    (ExtToken::Ice, "ice", "apple:iq:vc:ice"),
    (ExtToken::RecAuth, "recauth", "apple:iq:vc:recauth"),
    (ExtToken::RdServer, "rdserver", "apple:iq:rd:server"),
    (ExtToken::RdClient, "rdclient", "apple:iq:rd:client"),
    (ExtToken::RdMuxing, "rdmuxing", "apple:iq:rd:muxing"),
];

/// All of them, in the order in which we advertise them.
pub(crate) fn known_tokens() -> impl Iterator<Item = ExtToken> {
    TOKENS.iter().map(|(token, _, _)| token.clone())
}

impl ExtToken {
    /// Reads one word of `ext`; words are compared as they are, in lower case as iChat writes them.
    pub fn parse(word: &str) -> Self {
        TOKENS
            .iter()
            .find(|(_, known, _)| *known == word)
            .map_or_else(
                || Self::Other(word.to_owned()),
                |(token, _, _)| token.clone(),
            )
    }

    /// The word in `ext`.
    pub fn as_str(&self) -> &str {
        if let Self::Other(word) = self {
            return word;
        }
        TOKENS
            .iter()
            .find(|(token, _, _)| token == self)
            .map_or("", |(_, word, _)| word)
    }

    /// The one feature that the bundle stands for; `None` for an unknown one.
    ///
    /// It is fixed: servers and iChats cache `apple:ichat:caps#audio` for everyone
    /// (docs/protocol/field.md, caps poisoning).
    pub fn feature(&self) -> Option<&'static str> {
        TOKENS
            .iter()
            .find(|(token, _, _)| token == self)
            .map(|(_, _, feature)| *feature)
    }
}

impl fmt::Display for ExtToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whose capabilities these are; open.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CapsNode {
    /// `apple:ichat:caps` \[G\].
    IChat,
    /// `http://www.apple.com/ichat/caps` \[P\].
    IChatUri,
    /// Another program.
    Other(String),
}

impl CapsNode {
    /// Reads the attribute `node`.
    pub fn parse(text: &str) -> Self {
        match text {
            ns::CAPS_NODE => Self::IChat,
            ns::CAPS_NODE_URI => Self::IChatUri,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The attribute `node`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::IChat => ns::CAPS_NODE,
            Self::IChatUri => ns::CAPS_NODE_URI,
            Self::Other(node) => node,
        }
    }

    /// Whether it is one of iChat's.
    pub fn is_ichat(&self) -> bool {
        match self {
            Self::IChat | Self::IChatUri => true,
            Self::Other(_) => false,
        }
    }
}

/// The element `<c/>` of a presence.
///
/// It is read and written as an element of its own: the type of the library wants a `hash`, which
/// iChat's has not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Whose.
    pub node: CapsNode,
    /// The attribute `ver`, for iChat its build number (388 is iChat 3.0); may be empty.
    pub version: String,
    /// The attribute `ext`, in its order.
    pub tokens: Vec<ExtToken>,
}

impl Caps {
    /// Reads a `<c/>`; whatever is missing is empty.
    pub fn parse(element: &Element) -> Self {
        Self {
            node: CapsNode::parse(element.attr("node").unwrap_or_default().trim()),
            version: element.attr("ver").unwrap_or_default().trim().to_owned(),
            tokens: element
                .attr("ext")
                .unwrap_or_default()
                .split_whitespace()
                .take(TOKEN_LIMIT)
                .map(ExtToken::parse)
                .collect(),
        }
    }

    /// The capabilities among a presence's children, iChat's first when there are several.
    pub fn find(presence: &Element) -> Option<Self> {
        let all = || {
            presence
                .children()
                .filter(|child| child.is("c", standard::CAPS))
                .map(Self::parse)
        };
        all().find(Self::is_ichat).or_else(|| all().next())
    }

    /// Writes the `<c/>`; without tokens there is no `ext`.
    pub fn to_element(&self) -> Element {
        let words: Vec<&str> = self.tokens.iter().map(ExtToken::as_str).collect();
        Element::builder("c", standard::CAPS)
            .attr(xml_ncname!("node").to_owned(), self.node.as_str())
            .attr(xml_ncname!("ver").to_owned(), self.version.as_str())
            .attr(
                xml_ncname!("ext").to_owned(),
                (!words.is_empty()).then(|| words.join(" ")),
            )
            .build()
    }

    /// Whether an iChat, or something that speaks like one, sent it.
    pub fn is_ichat(&self) -> bool {
        self.node.is_ichat()
    }

    /// Whether it can be rung now: iChat's node and `avavail`.
    ///
    /// No other token is relied on: `audio` needs a microphone, `avcap` was absent from a real
    /// first presence \[C\].
    pub fn is_callable(&self) -> bool {
        self.is_ichat() && self.tokens.contains(&ExtToken::AvAvail)
    }

    /// Whether it announces calls of any kind, were it free: a real iChat that has only just signed
    /// in, or has neither microphone nor camera, does not \[C\].
    pub fn is_capable(&self) -> bool {
        let speaks = |token: &ExtToken| match token {
            ExtToken::AvAvail | ExtToken::AvCap | ExtToken::Audio | ExtToken::Video => true,
            ExtToken::MultiAudio
            | ExtToken::MultiVideo
            | ExtToken::AuxVideo
            | ExtToken::Ice
            | ExtToken::RecAuth
            | ExtToken::RdServer
            | ExtToken::RdClient
            | ExtToken::RdMuxing
            | ExtToken::Other(_) => false,
        };
        self.is_ichat() && self.tokens.iter().any(speaks)
    }

    /// The dialect in which it expects to be rung: conference with `ice` or `recauth` \[I\].
    pub fn dialect(&self) -> Dialect {
        Dialect::of_tokens(&self.tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_survives_its_word() {
        for (token, word, feature) in TOKENS {
            assert_eq!(ExtToken::parse(word), token);
            assert_eq!(token.as_str(), word);
            assert_eq!(token.feature(), Some(feature));
        }
        let unknown = ExtToken::parse("efh");
        assert_eq!(unknown, ExtToken::Other("efh".to_owned()));
        assert_eq!((unknown.as_str(), unknown.feature()), ("efh", None));
    }

    #[test]
    fn our_legacy_caps_are_the_gateways() {
        let caps = Caps {
            node: CapsNode::IChat,
            version: "448".to_owned(),
            tokens: Dialect::Legacy.tokens(),
        };
        let element = caps.to_element();
        insta::assert_snapshot!(String::from(&element));
        assert_eq!(Caps::parse(&element), caps);
        assert!(caps.is_callable());
        assert_eq!(caps.dialect(), Dialect::Legacy);
    }

    #[test]
    fn all_tokens_mean_the_conference_dialect() {
        let caps = Caps {
            node: CapsNode::IChatUri,
            version: String::new(),
            tokens: Dialect::Conference.tokens(),
        };
        assert_eq!(
            Caps::parse(&caps.to_element()).dialect(),
            Dialect::Conference
        );
    }

    #[test]
    fn another_program_is_not_callable_whatever_it_lists() {
        let text = "<presence xmlns='jabber:client'>\
            <c xmlns='http://jabber.org/protocol/caps' node='http://psi-im.org' ver='1' ext='avavail'/></presence>";
        let caps = Caps::find(&text.parse().unwrap()).unwrap();
        assert!(!caps.is_ichat() && !caps.is_callable());
    }

    #[test]
    fn ichats_caps_win_over_a_second_pair() {
        let text = "<presence xmlns='jabber:client'>\
            <c xmlns='http://jabber.org/protocol/caps' node='urn:other' ver='1'/>\
            <c xmlns='http://jabber.org/protocol/caps' ext=' audio  avavail ' node='apple:ichat:caps'/></presence>";
        let caps = Caps::find(&text.parse().unwrap()).unwrap();
        assert_eq!(caps.tokens, [ExtToken::Audio, ExtToken::AvAvail]);
        assert!(caps.is_callable());
    }
}
