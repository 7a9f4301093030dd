//! iChat's presence, its disco#info answers, and a look at the peer's
//! (`docs/protocol/xmpp.md`, presence and capabilities `[C, G, P]`).

use crate::checks::Findings;
use crate::options::VcOptions;
use crate::xml::{Element, escape};

/// iChat's older caps node.
const OLD_NODE: &str = "apple:ichat:caps";
/// iChat's newer caps node.
const NEW_NODE: &str = "http://www.apple.com/ichat/caps";
/// iChat 3.0 on Mac OS X 10.4.0.
pub(crate) const VERSION: &str = "388";
/// The tokens of the captured presence with a microphone.
const TOKENS: &str = "avcap avavail maudio audio";
/// With these an iChat is called in the conference dialect.
pub(crate) const ALL_TOKENS: &str =
    "ice recauth rdserver rdclient rdmuxing maudio mvideo auxvideo audio video avcap avavail";
const CAPS: &str = "http://jabber.org/protocol/caps";
const DISCO_INFO: &str = "http://jabber.org/protocol/disco#info";

/// Token and feature.
const BUNDLES: [(&str, &str); 12] = [
    ("ice", "apple:iq:vc:ice"),
    ("recauth", "apple:iq:vc:recauth"),
    ("rdserver", "apple:iq:rd:server"),
    ("rdclient", "apple:iq:rd:client"),
    ("rdmuxing", "apple:iq:rd:muxing"),
    ("maudio", "apple:iq:vc:multiaudio"),
    ("mvideo", "apple:iq:vc:multivideo"),
    ("auxvideo", "apple:iq:vc:auxvideo"),
    ("audio", "apple:iq:vc:audio"),
    ("video", "apple:iq:vc:video"),
    ("avcap", "apple:iq:vc:capable"),
    ("avavail", "apple:iq:vc:available"),
];

/// What the captured disco#info answer without a node listed.
const FEATURES: [&str; 14] = [
    "http://jabber.org/protocol/bytestreams",
    "vcard-temp:x:update",
    "http://jabber.org/protocol/si",
    "http://jabber.org/protocol/si/profile/file-transfer",
    "http://jabber.org/protocol/xhtml-im",
    "apple:profile:bundle-transfer",
    "apple:iq:vc:available",
    "apple:iq:vc:multiaudio",
    "jabber:iq:version",
    "apple:iq:vc:audio",
    "http://jabber.org/protocol/disco#info",
    "http://jabber.org/protocol/sipub",
    "apple:iq:vc:multivideo",
    "apple:iq:vc:capable",
];

/// The caps node that we show.
pub(crate) fn own_node(options: &VcOptions) -> &'static str {
    match options.new_node {
        true => NEW_NODE,
        false => OLD_NODE,
    }
}

/// Our presence; without tokens it is iChat's first one.
pub(crate) fn presence(options: &VcOptions, tokens: &str) -> String {
    let show = options
        .show
        .as_ref()
        .map(|show| format!("<show>{}</show>", escape(show)));
    let ext = match tokens {
        "" => String::new(),
        _ => format!("ext='{}' ", escape(tokens)),
    };
    format!(
        "<presence>{}<priority>{}</priority><x xmlns='vcard-temp:x:update'/>\
         <c {ext}node='{}' ver='{VERSION}' xmlns='{CAPS}'/>\
         <x xmlns='http://jabber.org/protocol/tune'/></presence>",
        show.unwrap_or_default(),
        options.priority,
        own_node(options),
    )
}

/// Our tokens, with or without `avavail`.
pub(crate) fn tokens(options: &VcOptions, available: bool) -> String {
    let all = options.ext.as_deref().unwrap_or(TOKENS);
    let available = available && !options.no_avavail;
    let kept = all
        .split_whitespace()
        .filter(|token| available || *token != "avavail");
    kept.collect::<Vec<_>>().join(" ")
}

/// The answer to a disco#info query, `None` if there is no such node.
pub(crate) fn disco_answer(options: &VcOptions, query: &Element) -> Option<String> {
    let node = query.attribute("node");
    let features: Vec<&str> = match node.strip_prefix(own_node(options)) {
        None if node.is_empty() => {
            let ext = options.ext.as_deref().unwrap_or_default();
            let ours = BUNDLES
                .iter()
                .filter(|(token, feature)| {
                    ext.split_whitespace().any(|known| known == *token)
                        && !FEATURES.contains(feature)
                })
                .map(|(_, feature)| *feature);
            FEATURES.iter().copied().chain(ours).collect()
        }
        None => return None,
        Some(part) => match part.strip_prefix('#')? {
            VERSION => FEATURES
                .iter()
                .copied()
                .filter(|f| !f.starts_with("apple:iq:"))
                .collect(),
            token => BUNDLES
                .iter()
                .filter(|(known, _)| *known == token)
                .map(|b| b.1)
                .collect(),
        },
    };
    if features.is_empty() {
        return None;
    }
    let node = match node {
        "" => String::new(),
        _ => format!(" node='{}'", escape(node)),
    };
    let features: String = features
        .iter()
        .map(|f| format!("<feature var='{f}'/>"))
        .collect();
    Some(format!(
        "<query xmlns='{DISCO_INFO}'{node}>\
         <identity category='client' type='pc' name='iChatAgent'/>{features}</query>"
    ))
}

/// It asks for disco#info.
pub(crate) fn is_disco_info(query: &Element) -> bool {
    query.ns == DISCO_INFO
}

/// The caps of a presence, if they are an iChat's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Caps {
    pub(crate) node: String,
    pub(crate) version: String,
    pub(crate) tokens: Vec<String>,
}

impl Caps {
    /// Reads them.
    pub(crate) fn of(presence: &Element) -> Option<Self> {
        let caps = presence
            .children()
            .find(|child| child.name == "c" && child.ns == CAPS)?;
        let text = |name| caps.attribute(name);
        Self::new(text("node"), text("ver"), text("ext"))
    }

    /// Takes them if the node is an iChat's.
    pub(crate) fn new(node: &str, version: &str, tokens: &str) -> Option<Self> {
        matches!(node, OLD_NODE | NEW_NODE).then(|| Self {
            node: node.to_owned(),
            version: version.to_owned(),
            tokens: tokens.split_whitespace().map(str::to_owned).collect(),
        })
    }

    /// It can be called.
    pub(crate) fn available(&self) -> bool {
        self.tokens.iter().any(|token| token == "avavail")
    }

    /// The disco#info queries that iChat sends, one a bundle.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = String> {
        let bundles = std::iter::once(&self.version).chain(&self.tokens);
        bundles.map(|bundle| format!("{}#{bundle}", self.node))
    }
}

/// One disco#info query.
pub(crate) fn disco_query(node: &str) -> String {
    format!("<query xmlns='{DISCO_INFO}' node='{}'/>", escape(node))
}

/// What is wrong with an iChat's presence.
pub(crate) fn check_presence(presence: &Element) -> Vec<String> {
    let mut found = Findings::default();
    let Some(caps) = presence.children().find(|child| child.name == "c") else {
        return found.0;
    };
    found.expect(caps.has("hash").is_none(), || {
        "caps with a hash: iChat's form has none".into()
    });
    check_caps(caps.attribute("ver"), caps.has("ext"), &mut found);
    if let Some(priority) = presence.child("priority") {
        let text = priority.text();
        found.expect(text.parse::<i8>().is_ok(), || format!("priority {text:?}"));
    }
    found.0
}

/// What is wrong with an iChat's caps.
pub(crate) fn check_caps(version: &str, ext: Option<&str>, found: &mut Findings) {
    found.expect(
        !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit()),
        || format!("caps ver {version:?} is no build number of iChat's"),
    );
    if let Some(ext) = ext {
        for token in ext.split_whitespace() {
            found.expect(BUNDLES.iter().any(|(known, _)| *known == token), || {
                format!("unknown caps token {token:?}")
            });
        }
        for token in ["avcap", "audio"] {
            found.expect(ext.split_whitespace().any(|known| known == token), || {
                format!("caps ext {ext:?} lacks {token}")
            });
        }
    }
}

/// What is wrong with the answer to [`disco_query`] for `node`.
pub(crate) fn check_disco(node: &str, answer: &Element) -> Vec<String> {
    let mut found = Findings::default();
    let Some(query) = answer
        .child("query")
        .filter(|_| answer.attribute("type") == "result")
    else {
        found.add(format!("disco#info for {node} was refused or empty"));
        return found.0;
    };
    found.expect(query.attribute("node") == node, || {
        format!("disco#info for {node}: no such node")
    });
    let identity = query.child("identity");
    let client = identity.is_some_and(|identity| {
        (identity.attribute("category"), identity.attribute("type")) == ("client", "pc")
    });
    found.expect(client, || {
        format!("disco#info for {node}: the identity is not client/pc")
    });
    let features: Vec<&str> = query
        .children()
        .filter(|child| child.name == "feature")
        .map(|feature| feature.attribute("var"))
        .collect();
    let token = node.rsplit('#').next().unwrap_or_default();
    match BUNDLES.iter().find(|(known, _)| *known == token) {
        Some((_, feature)) => found.expect(features == [*feature], || {
            format!("disco#info for {node}: {features:?} instead of exactly {feature}")
        }),
        None => found.expect(features.contains(&"jabber:iq:version"), || {
            format!("disco#info for {node}: jabber:iq:version is missing")
        }),
    }
    found.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{Item, StreamReader};

    fn element(text: &str) -> Element {
        let mut reader = StreamReader::default();
        reader.push(b"<s xmlns='jabber:client'>");
        reader.push(text.as_bytes());
        reader.next().unwrap();
        match reader.next() {
            Ok(Some(Item::Stanza(element))) => element,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn our_presence_is_the_captured_one() {
        let captured = include_str!("../tests/vectors/ichat3-presence.xml");
        let options = VcOptions::default();
        for (line, ours) in captured.lines().zip([
            presence(&options, ""),
            presence(&options, &tokens(&options, true)),
        ]) {
            let captured = element(line);
            let ours = element(&ours);
            assert_eq!(captured.children().count(), ours.children().count());
            assert_eq!(Caps::of(&captured), Caps::of(&ours));
            for (theirs, ours) in captured.children().zip(ours.children()) {
                assert_eq!((&theirs.name, &theirs.ns), (&ours.name, &ours.ns));
            }
        }
        assert_eq!(tokens(&options, false), "avcap maudio audio");
    }

    #[test]
    fn the_captures_themselves_are_found_right() {
        for line in include_str!("../tests/vectors/ichat3-presence.xml").lines() {
            assert_eq!(check_presence(&element(line)), [""; 0]);
        }
    }

    #[test]
    fn every_feature_of_the_captured_disco_answer_is_ours() {
        let captured = element(include_str!("../tests/vectors/ichat3-disco-info.xml"));
        for feature in captured.child("query").unwrap().children() {
            if feature.name == "feature" {
                assert!(FEATURES.contains(&feature.attribute("var")));
            }
        }
        let options = VcOptions::default();
        let ask = |node: &str| {
            let query = element(&disco_query(node));
            let answer = disco_answer(&options, &query)?;
            Some(element(&format!("<iq type='result'>{answer}</iq>")))
        };
        for node in [
            "apple:ichat:caps#388",
            "apple:ichat:caps#avavail",
            "apple:ichat:caps#audio",
        ] {
            assert_eq!(check_disco(node, &ask(node).unwrap()), [""; 0]);
        }
        assert!(ask("apple:ichat:caps#sparkle").is_none());
        assert!(ask("").is_some());
        let wrong = check_disco(
            "apple:ichat:caps#audio",
            &ask("apple:ichat:caps#avcap").unwrap(),
        );
        assert_eq!(wrong.len(), 2, "{wrong:?}");
        let refused = element("<iq type='error'/>");
        assert_eq!(check_disco("apple:ichat:caps#audio", &refused).len(), 1);
    }

    #[test]
    fn every_token_of_the_conference_dialect_is_answered_for() {
        let options = VcOptions {
            ext: Some(ALL_TOKENS.into()),
            ..VcOptions::default()
        };
        let ask = |node: &str| {
            let query = element(&disco_query(node));
            let answer = disco_answer(&options, &query).unwrap();
            element(&format!("<iq type='result'>{answer}</iq>"))
        };
        let everything = ask("");
        let features: Vec<&str> = everything
            .child("query")
            .unwrap()
            .children()
            .map(|feature| feature.attribute("var"))
            .collect();
        for (token, feature) in BUNDLES {
            let node = format!("{OLD_NODE}#{token}");
            assert_eq!(check_disco(&node, &ask(&node)), [""; 0]);
            let times = features.iter().filter(|known| **known == feature).count();
            assert_eq!(times, 1, "{feature}");
            assert!(tokens(&options, true).contains(token));
        }
        assert!(!tokens(&options, false).contains("avavail"));
    }

    #[test]
    fn presence_that_is_not_ichat_s_is_found() {
        for (caps, word) in [
            ("hash='sha-1' ver='1' node='apple:ichat:caps'", "hash"),
            ("ver='abc' node='apple:ichat:caps'", "build number"),
            (
                "ver='448' ext='avavail avcap' node='apple:ichat:caps'",
                "lacks audio",
            ),
            (
                "ver='448' ext='avcap audio sparkle' node='apple:ichat:caps'",
                "sparkle",
            ),
        ] {
            let text = format!("<presence><priority/><c xmlns='{CAPS}' {caps}/></presence>");
            let found = check_presence(&element(&text)).join("\n");
            assert!(
                found.contains(word) && found.contains("priority"),
                "{word}: {found}"
            );
        }
    }
}
