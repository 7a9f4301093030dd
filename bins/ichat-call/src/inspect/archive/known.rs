//! What the captured archive holds: `docs/protocol/invitation.md`, VCICEData \[C\].

use crate::inspect::field::{Field, Value};

/// The key under which the candidates stand.
pub(super) const CANDIDATES: &str = "SIP-ICE";
/// The key of the inner dictionary.
const HELPER: &str = "connection helper";

/// A dictionary of the captured archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Dictionary {
    /// The archive's root.
    Root,
    /// The one under `connection helper`.
    Helper,
    /// Any other object.
    #[default]
    Other,
}

/// A key of one of these dictionaries.
struct Entry {
    key: &'static str,
    meaning: &'static str,
    /// The number in the capture.
    number: Option<u64>,
}

const ROOT: &[Entry] = &[
    Entry {
        key: HELPER,
        meaning: "holds CommNAT in the capture",
        number: None,
    },
    Entry {
        key: "version",
        meaning: "2 in the capture",
        number: Some(2),
    },
    Entry {
        key: CANDIDATES,
        meaning: "the sender's candidates",
        number: None,
    },
];
const INSIDE_HELPER: &[Entry] = &[Entry {
    key: "CommNAT",
    meaning: "0 in the capture; what it tells is not known",
    number: Some(0),
}];

/// The classes of the captured archive and their versions.
const CLASSES: [(&str, i32); 7] = [
    ("NSMutableDictionary", 0),
    ("NSDictionary", 0),
    ("NSObject", 0),
    ("NSString", 1),
    ("NSNumber", 0),
    ("NSValue", 0),
    ("NSData", 0),
];

/// Whether these octets are `VCICEData`, whole or cut: other archives may have the same keys for
/// other things.
pub(super) fn is_ice_data(octets: &[u8]) -> bool {
    [HELPER, CANDIDATES].iter().any(|key| {
        octets
            .windows(key.len())
            .any(|window| window == key.as_bytes())
    })
}

impl Dictionary {
    /// The dictionary under a key of this one.
    pub(super) fn below(self, key: Option<&str>) -> Self {
        match (self, key) {
            (Self::Root, Some(HELPER)) => Self::Helper,
            (Self::Root | Self::Helper | Self::Other, _) => Self::Other,
        }
    }

    fn entries(self) -> &'static [Entry] {
        match self {
            Self::Root => ROOT,
            Self::Helper => INSIDE_HELPER,
            Self::Other => &[],
        }
    }

    /// Where a key stands in the capture.
    pub(super) fn position(self, key: &str) -> Option<usize> {
        self.entries().iter().position(|entry| entry.key == key)
    }

    /// Completes the row of a value.
    pub(super) fn explain(self, row: &mut Field, key: &str) {
        let class = std::mem::take(&mut row.meaning);
        let Some(entry) = self.entries().iter().find(|entry| entry.key == key) else {
            if self != Self::Other {
                row.notes
                    .push("not among the captured keys: kept".to_owned());
            }
            row.meaning = class;
            return;
        };
        row.meaning = format!("{}: {class}", entry.meaning);
        row.grade = Some("C");
        if let Some(number) = entry.number
            && row.value != Some(Value::Number(number))
        {
            row.notes.push(format!("{number} in the capture"));
        }
    }

    /// How the keys differ from the captured ones, by the positions of those that were found.
    pub(super) fn differences(self, found: &[usize]) -> Vec<String> {
        let entries = self.entries().iter().enumerate();
        let missing = entries.filter(|(position, _)| !found.contains(position));
        let mut notes: Vec<String> = missing
            .map(|(_, entry)| format!("{} is missing", entry.key))
            .collect();
        if !found.is_sorted() {
            notes.push("keys in another order than the captured one".to_owned());
        }
        notes
    }
}

/// Whether a class is in the capture, in this version if one is given; and how the version differs.
pub(super) fn captured(name: &str, version: Option<i32>) -> (bool, Option<String>) {
    let known = CLASSES.iter().find(|(known, _)| *known == name);
    match (known, version) {
        (None, _) => (false, None),
        (Some((_, expected)), Some(found)) if found != *expected => {
            let note = format!("{name} has version {expected} in the capture");
            (false, Some(note))
        }
        (Some(_), _) => (true, None),
    }
}

/// What a class of Foundation is.
pub(super) fn class(name: &str) -> Option<&'static str> {
    Some(match name {
        "NSDictionary" | "NSMutableDictionary" => "keys and values",
        "NSArray" | "NSMutableArray" => "values in their order",
        "NSSet" | "NSMutableSet" => "values without duplicates",
        "NSString" | "NSMutableString" => "text in UTF-8",
        "NSNumber" | "NSValue" => "the type, then the value in it",
        "NSData" | "NSMutableData" => "octets",
        "NSDate" => "seconds from the begin of 2001, UTC",
        "NSNull" => "nothing",
        "NSURL" => "an address of the Web",
        "NSAttributedString" | "NSMutableAttributedString" => "text with attributes",
        _ => return None,
    })
}
