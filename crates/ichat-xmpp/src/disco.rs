//! Service discovery (XEP-0030): what we answer, and what a peer's answer holds.
//!
//! docs/protocol/xmpp.md, capabilities \[G, P, C\]; docs/protocol/field.md, 5: servers ask us about
//! ourselves (tried).

use std::collections::BTreeSet;

use minidom::Element;
use xmpp_parsers::disco::{DiscoInfoResult, Identity};
use xmpp_parsers::ns as standard;
use xmpp_parsers::version::VersionResult;

use crate::caps::{CapsNode, ExtToken};
use crate::ns;

/// How many features of a peer's answer are kept.
const FEATURE_LIMIT: usize = 512;

/// The features of `NODE#VER`: everything that is no bundle.
const BASE_FEATURES: [&str; 4] = [
    standard::DISCO_INFO,
    standard::DISCO_ITEMS,
    standard::VERSION,
    standard::PING,
];

/// The features of whoever tells the time, beside those.
const TIME_FEATURES: [&str; 2] = [standard::TIME, ns::TIME_OLD];

/// What the program is, for `jabber:iq:version` (XEP-0092) and the name of its identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Software {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The system that it runs on; `None` keeps that to ourselves.
    pub os: Option<String>,
}

impl Software {
    /// The answer to `jabber:iq:version`.
    pub(crate) fn to_element(&self) -> Element {
        VersionResult {
            name: self.name.clone(),
            version: self.version.clone(),
            os: self.os.clone(),
        }
        .into()
    }
}

/// Which bundle a node of ours names.
enum Bundle {
    /// No node: all that we are now.
    Whole,
    /// `NODE#VER`.
    Base,
    /// `NODE#TOKEN`, which means this feature.
    Token(&'static str),
}

impl Bundle {
    fn parse(node: Option<&str>, version: &str) -> Option<Self> {
        let Some(node) = node else {
            return Some(Self::Whole);
        };
        let (name, fragment) = node.split_once('#').unwrap_or((node, version));
        if !CapsNode::parse(name).is_ichat() {
            return None;
        }
        if fragment == version {
            return Some(Self::Base);
        }
        ExtToken::parse(fragment).feature().map(Self::Token)
    }
}

/// The answer to a disco#info query of ours; `None` for a node that is not ours (item-not-found).
///
/// `current` are the tokens that we advertise now. A token's bundle holds exactly its one feature and
/// no name of ours, since servers and iChats keep it for everyone (docs/protocol/field.md, caps
/// poisoning). For the same reason every known bundle is explained, not only those that we
/// advertise: what it means does not depend on us.
pub(crate) fn info(
    node: Option<&str>,
    version: &str,
    current: &[ExtToken],
    software: &Software,
    tells_time: bool,
) -> Option<Element> {
    let time = TIME_FEATURES.into_iter().filter(|_| tells_time);
    let base = BASE_FEATURES.into_iter().chain(time).map(str::to_owned);
    let (name, features) = match Bundle::parse(node, version)? {
        Bundle::Whole => {
            let current = current.iter().filter_map(ExtToken::feature);
            let all: BTreeSet<String> = current.map(str::to_owned).chain(base).collect();
            (Some(software.name.clone()), all)
        }
        Bundle::Base => (Some(software.name.clone()), base.collect()),
        Bundle::Token(feature) => (None, BTreeSet::from([feature.to_owned()])),
    };
    let identity = Identity {
        category: "client".to_owned(),
        type_: "pc".to_owned(),
        lang: None,
        name,
    };
    let result = DiscoInfoResult {
        node: node.map(str::to_owned),
        identities: vec![identity],
        features,
        extensions: Vec::new(),
    };
    Some(result.into())
}

/// What a peer answered: the features, in order and once each.
pub fn features(query: &Element) -> BTreeSet<String> {
    query
        .children()
        .filter(|child| child.name() == "feature")
        .filter_map(|child| child.attr("var"))
        .take(FEATURE_LIMIT)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Dialect;

    fn ask(node: Option<&str>) -> Option<String> {
        let mut current = Dialect::Legacy.tokens();
        current.retain(|token| *token != ExtToken::AvAvail);
        let software = Software {
            name: "ichat-call".to_owned(),
            version: "0.1.0".to_owned(),
            os: Some("Debian".to_owned()),
        };
        info(node, "471", &current, &software, true)
            .as_ref()
            .map(String::from)
    }

    #[test]
    fn each_bundle_holds_its_one_feature_and_no_name() {
        for node in [ns::CAPS_NODE, ns::CAPS_NODE_URI] {
            for token in Dialect::Conference.tokens() {
                let answer = ask(Some(&format!("{node}#{token}"))).unwrap();
                assert_eq!(answer.matches("<feature").count(), 1, "{answer}");
                assert!(answer.contains(token.feature().unwrap()), "{answer}");
                assert!(!answer.contains("ichat-call"), "{answer}");
            }
        }
        insta::assert_snapshot!(ask(Some("apple:ichat:caps#avavail")).unwrap());
        insta::assert_snapshot!(ask(Some("http://www.apple.com/ichat/caps#audio")).unwrap());
    }

    #[test]
    fn the_version_holds_the_rest() {
        insta::assert_snapshot!(ask(Some("apple:ichat:caps#471")).unwrap());
        assert!(ask(Some("apple:ichat:caps")).is_some());
    }

    #[test]
    fn without_a_node_it_is_what_we_are_now() {
        insta::assert_snapshot!(ask(None).unwrap());
    }

    #[test]
    fn a_node_of_others_or_a_bundle_that_nobody_knows_is_not_found() {
        for node in [
            "",
            "#",
            "urn:other#471",
            "urn:other#audio",
            "apple:ichat:caps#388",
            "apple:ichat:caps#nonsense",
            "apple:ichat:caps#",
        ] {
            assert_eq!(ask(Some(node)), None, "{node}");
        }
    }

    #[test]
    fn the_version_answer_names_the_program() {
        let software = Software {
            name: "ichat-call".to_owned(),
            version: "0.1.0".to_owned(),
            os: None,
        };
        insta::assert_snapshot!(String::from(&software.to_element()));
    }

    #[test]
    fn a_real_ichats_features_are_read() {
        let stanza: Element = include_str!("../tests/vectors/ichat3-disco-info.xml")
            .replacen("<iq ", "<iq xmlns='jabber:client' ", 1)
            .parse()
            .unwrap();
        let features = features(stanza.children().next().unwrap());
        assert_eq!(features.len(), 14);
        assert!(features.contains("apple:iq:vc:available"));
    }
}
