//! The conference dialect's form: what stands around an invitation.
//!
//! docs/protocol/xmpp.md, conference stanzas. Of a real request only two texts are known: `0` in a
//! first child, and the hex \[C\]. All names but `AVChatConferenceData`, and all siblings, are
//! inferred from the legacy form \[I\]. What we send is decided here and nowhere else.

/// The child that holds an invitation as hex text \[C\].
pub(super) const CHILD: &str = "AVChatConferenceData";

/// The hex digits of `bplist`, with which an invitation begins: it is a binary property list.
const MAGIC: [u8; 12] = *b"62706c697374";

/// The children of a request, but the version: first whether it is audio only, then the
/// invitation \[C for the order of the texts, I for the first name\].
pub(super) fn request(audio_only: &'static str, invitation: &str) -> Vec<(&'static str, String)> {
    vec![
        ("isAudioOnly", audio_only.to_owned()),
        (CHILD, invitation.to_owned()),
    ]
}

/// The children of an acceptance, but the version \[I\]. A refusal is the legacy one.
pub(super) fn acceptance(code: String, invitation: &str) -> Vec<(&'static str, String)> {
    vec![("response", code), (CHILD, invitation.to_owned())]
}

/// The children of a counter-proposal, but the version \[I\].
pub(super) fn counter_proposal(invitation: &str) -> Vec<(&'static str, String)> {
    vec![(CHILD, invitation.to_owned())]
}

/// Whether the hex text is an invitation rather than a list of addresses, which begins with the
/// flags of the first (docs/protocol/addresses.md, the address record).
pub(super) fn is_invitation(text: &str) -> bool {
    let digits = text.bytes().filter(|byte| !byte.is_ascii_whitespace());
    let mut begin = digits.map(|byte| byte.to_ascii_lowercase());
    MAGIC.iter().all(|digit| begin.next() == Some(*digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_is_known_by_its_beginning() {
        for invitation in ["62706c6973743030", "\n6270 6C6973\n74", "62706c697374"] {
            assert!(is_invitation(invitation), "{invitation}");
        }
        for other in ["", "62706c6973", "00000000656e30", "6270zz697374"] {
            assert!(!is_invitation(other), "{other}");
        }
    }
}
