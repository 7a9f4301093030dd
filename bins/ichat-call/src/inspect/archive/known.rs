//! The keys of `VCICEData`: `docs/protocol/invitation.md`, VCICEData [C].

/// The key under which the candidates stand.
pub(super) const CANDIDATES: &str = "SIP-ICE";

/// What a key of the captured archive means.
pub(super) fn meaning(key: &str) -> Option<&'static str> {
    Some(match key {
        "connection helper" => "what helps to connect",
        "CommNAT" => "kind of NAT that was found; 0 in what is captured",
        "version" => "2 in what is captured",
        CANDIDATES => "the sender's candidates",
        _ => return None,
    })
}

/// What a class of the captured archive is.
pub(super) fn class(name: &str) -> Option<&'static str> {
    Some(match name {
        "NSDictionary" | "NSMutableDictionary" => "keys and values",
        "NSArray" | "NSMutableArray" => "values in their order",
        "NSSet" | "NSMutableSet" => "values without duplicates",
        "NSString" | "NSMutableString" => "text in UTF-8",
        "NSNumber" | "NSValue" => "the type, then the value in it",
        "NSData" | "NSMutableData" => "octets",
        "NSDate" => "seconds from the begin of 2001, UTC",
        "NSAttributedString" | "NSMutableAttributedString" => "text with attributes",
        _ => return None,
    })
}
