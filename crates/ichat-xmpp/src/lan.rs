//! Presence without a server: the TXT record of a `_presence._tcp` service (XEP-0174 §3).
//!
//! docs/protocol/xmpp.md, without a server \[P\]. A record tells what a `<presence/>` would tell
//! through a server. Anybody on the network can announce anything: nothing in it is vouched for.

pub(crate) mod text;

use std::fmt;

use crate::caps::{Caps, CapsNode, ExtToken};

/// The service type that is announced and browsed, in its domain.
pub const SERVICE_TYPE: &str = "_presence._tcp.local.";

/// The port where streams are expected unless a record says otherwise.
pub const LAN_PORT: u16 = 5298;

/// How many keys of a record are looked at.
const KEY_LIMIT: usize = 64;

/// How many octets of a value are kept.
const VALUE_LIMIT: usize = 1024;

/// Octets of one string of a record: `key=value` behind one octet of length (RFC 6763 §6.1).
const STRING_LIMIT: usize = 255;

/// Octets of a whole record, the octets of length counted, so that it fits into one Ethernet frame
/// (RFC 6763 §6.2).
const RECORD_LIMIT: usize = 1300;

/// The key `status`; open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum LanAvailability {
    /// `avail`, or nothing.
    #[default]
    Available,
    /// `away`
    Away,
    /// `dnd`: do not disturb.
    DoNotDisturb,
    /// Any other word, as it came.
    Other(String),
}

impl LanAvailability {
    /// Reads the value of `status`, in any case.
    pub fn parse(word: &str) -> Self {
        let word = word.trim();
        match word.to_ascii_lowercase().as_str() {
            "" | "avail" => Self::Available,
            "away" => Self::Away,
            "dnd" => Self::DoNotDisturb,
            _ => Self::Other(word.to_owned()),
        }
    }

    /// The value of `status`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Available => "avail",
            Self::Away => "away",
            Self::DoNotDisturb => "dnd",
            Self::Other(word) => word,
        }
    }
}

impl fmt::Display for LanAvailability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The key `vc`: letters in any order that say which calls are possible; kept as they came.
///
/// Their meaning is XEP-0174's (§3); that iChat agrees is a guess \[I\].
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct VcLetters(String);

impl VcLetters {
    /// The letters, as they came.
    pub fn new(letters: impl Into<String>) -> Self {
        Self(letters.into())
    }

    /// What we announce: audio (`A`), and `!` unless a call goes on.
    pub fn audio(busy: bool) -> Self {
        Self::new(if busy { "A" } else { "A!" })
    }

    /// The letters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `A`: audio calls are possible.
    pub fn has_audio(&self) -> bool {
        self.0.contains('A')
    }

    /// `V`: video calls are possible.
    pub fn has_video(&self) -> bool {
        self.0.contains('V')
    }

    /// `!`: no call goes on.
    pub fn is_free(&self) -> bool {
        self.0.contains('!')
    }
}

/// What a neighbour announces of itself, or what we do.
///
/// ```
/// use ichat_xmpp::LanPresence;
///
/// let record: [(&str, &[u8]); 4] =
///     [("txtvers", b"1"), ("1st", b"Ada"), ("last", b"Byron"), ("vc", b"CA!")];
/// let presence = LanPresence::from_txt(record.into_iter());
/// assert_eq!(presence.display_name().as_deref(), Some("Ada Byron"));
/// assert!(presence.is_callable());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LanPresence {
    /// `1st`: the given name.
    pub first: Option<String>,
    /// `last`: the family name.
    pub last: Option<String>,
    /// `nick`
    pub nick: Option<String>,
    /// `email`
    pub email: Option<String>,
    /// `status`
    pub availability: LanAvailability,
    /// `msg`: what the user says of their state.
    pub message: Option<String>,
    /// `node`, `ver` and `ext`, if there is any of them: the words of XEP-0115, as in a
    /// presence through a server.
    pub caps: Option<Caps>,
    /// `vc`
    pub vc: Option<VcLetters>,
    /// `port.p2pj`. It counts only where the SRV record has no port.
    pub port: Option<u16>,
    /// All other keys but `txtvers`, in their order.
    pub other: Vec<(String, Vec<u8>)>,
}

impl LanPresence {
    /// Reads the keys of a TXT record.
    ///
    /// Keys are compared in any case, and the first of a name counts (RFC 6763 §6.4). At most 64
    /// keys are looked at and 1 KiB of a value. What is no UTF-8, controls a terminal or turns the
    /// direction of writing becomes U+FFFD in texts. Empty texts, which iChat sends, are none.
    pub fn from_txt<'a>(pairs: impl Iterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut presence = Self::default();
        let mut seen: Vec<String> = Vec::new();
        let mut caps = Caps {
            node: CapsNode::Other(String::new()),
            version: String::new(),
            tokens: Vec::new(),
        };
        for (key, value) in pairs.take(KEY_LIMIT) {
            let name = key.to_ascii_lowercase();
            if key.is_empty() || seen.contains(&name) {
                continue;
            }
            let value = value.get(..VALUE_LIMIT).unwrap_or(value);
            let said = || Some(text::safe(value)).filter(|text| !text.is_empty());
            match name.as_str() {
                "txtvers" => {}
                "1st" => presence.first = said(),
                "last" => presence.last = said(),
                "nick" => presence.nick = said(),
                "email" => presence.email = said(),
                "msg" => presence.message = said(),
                "status" => presence.availability = LanAvailability::parse(&text::safe(value)),
                "vc" => presence.vc = said().map(VcLetters),
                "port.p2pj" => {
                    presence.port = text::safe(value).parse().ok().filter(|port| *port != 0);
                }
                "node" => caps.node = CapsNode::parse(&text::safe(value)),
                "ver" => caps.version = text::safe(value),
                "ext" => {
                    let words = text::safe(value);
                    caps.tokens = words.split_whitespace().map(ExtToken::parse).collect();
                }
                _ => presence
                    .other
                    .push((text::safe(key.as_bytes()), value.to_vec())),
            }
            seen.push(name);
        }
        let none = caps.node.as_str().is_empty() && caps.version.is_empty();
        if !(none && caps.tokens.is_empty()) {
            presence.caps = Some(caps);
        }
        presence
    }

    /// Writes the keys of a TXT record, `txtvers` first and `status` always.
    ///
    /// Each string keeps within 255 octets (a longer value is cut between two characters), and the
    /// whole within 1300: what does not fit is left out, the least needed first, which is
    /// [`LanPresence::other`]. Of that, only what is text is written.
    pub fn to_txt(&self) -> Vec<(String, String)> {
        let mut record = Record::default();
        record.put("txtvers", "1");
        let port = self.port.map(|port| port.to_string());
        record.put_some("port.p2pj", port.as_deref());
        record.put("status", self.availability.as_str());
        record.put_some("vc", self.vc.as_ref().map(VcLetters::as_str));
        if let Some(caps) = &self.caps {
            let words: Vec<&str> = caps.tokens.iter().map(ExtToken::as_str).collect();
            for (key, value) in [
                ("node", caps.node.as_str()),
                ("ver", &caps.version),
                ("ext", &words.join(" ")),
            ] {
                record.put_some(key, Some(value).filter(|value| !value.is_empty()));
            }
        }
        for (key, value) in [
            ("1st", &self.first),
            ("last", &self.last),
            ("nick", &self.nick),
            ("email", &self.email),
            ("msg", &self.message),
        ] {
            record.put_some(key, value.as_deref());
        }
        for (key, value) in &self.other {
            if let Ok(value) = str::from_utf8(value) {
                record.put(key, value);
            }
        }
        record.strings
    }

    /// Whether it can be rung now \[I\]: `avavail` among its words, or the letters `A` and `!`.
    ///
    /// Here the node does not matter: who announces the word knows iChat's calls.
    pub fn is_callable(&self) -> bool {
        let word = |caps: &Caps| caps.tokens.contains(&ExtToken::AvAvail);
        let letters = |vc: &VcLetters| vc.has_audio() && vc.is_free();
        self.caps.as_ref().is_some_and(word) || self.vc.as_ref().is_some_and(letters)
    }

    /// First and last name, else the nick.
    pub fn display_name(&self) -> Option<String> {
        let names: Vec<&str> = [&self.first, &self.last]
            .into_iter()
            .filter_map(|name| name.as_deref())
            .collect();
        if names.is_empty() {
            self.nick.clone()
        } else {
            Some(names.join(" "))
        }
    }
}

/// A TXT record that is being written.
#[derive(Default)]
struct Record {
    strings: Vec<(String, String)>,
    octets: usize,
}

impl Record {
    fn put_some(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    /// Keys are printable ASCII without `=` (RFC 6763 §6.4); others are left out.
    fn put(&mut self, key: &str, value: &str) {
        let printable = |octet: u8| matches!(octet, b' '..=b'~') && octet != b'=';
        let known = |(before, _): &(String, String)| before.eq_ignore_ascii_case(key);
        let Some(room) = STRING_LIMIT.checked_sub(key.len() + 1) else {
            return;
        };
        if key.is_empty() || !key.bytes().all(printable) || self.strings.iter().any(known) {
            return;
        }
        let value = text::cut(value, room);
        let octets = 1 + key.len() + 1 + value.len();
        if self.octets + octets <= RECORD_LIMIT {
            self.octets += octets;
            self.strings.push((key.to_owned(), value.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests;
