//! What an input is, by its own octets.

use super::hexadecimal::Hex;
use super::input::{Input, Source};
use super::ipport::{self, counted};
use super::text::beginning;
use super::{archive, plist, sdp, sip};
use crate::failure::Failure;

/// What can be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    IpPortHex,
    IpPortOctets,
    /// In hex or in octets.
    PropertyList(&'static str),
    /// In hex or in octets.
    Typedstream(&'static str),
    /// In hex or in octets.
    Candidates(&'static str),
    XmlPropertyList,
    Xml,
    Sip,
    Sdp,
}

/// Octets of one IPPORT record, and of one candidate.
const RECORD: usize = 40;
const CANDIDATE: usize = 148;

/// Everything that is recognised, for the message when nothing is.
const EXPECTED: &str = "expected an invitation, a property list, a typedstream, candidates or an IPPORT \
    list (hex or octets), a stanza, a SIP message or SDP";

/// Recognises the input.
///
/// # Errors
/// `not-yet` for what is known but not decoded yet, `unrecognised` for everything else.
pub(super) fn kind(input: &Input) -> Result<Kind, Failure> {
    let octets = &input.octets;
    if let Some(kind) = by_magic(octets, "octets")? {
        return Ok(kind);
    }
    let text = octets.trim_ascii_start();
    if plist::is_xml(octets) {
        return Ok(Kind::XmlPropertyList);
    }
    if text.starts_with(b"<") {
        return Ok(Kind::Xml);
    }
    if sip::is_sip(octets) {
        return Ok(Kind::Sip);
    }
    if sdp::is_sdp(octets) {
        return Ok(Kind::Sdp);
    }
    if let Ok(text) = std::str::from_utf8(octets)
        && let Some(kind) = hex_kind(text)?
    {
        return Ok(kind);
    }
    if is_candidates(octets) {
        return Ok(Kind::Candidates("octets"));
    }
    if ipport::is_plausible(octets, true) {
        return Ok(Kind::IpPortOctets);
    }
    Err(unrecognised(input))
}

/// What the first octets say.
fn by_magic(octets: &[u8], form: &'static str) -> Result<Option<Kind>, Failure> {
    const PCAP: [&[u8]; 5] = [
        b"\xd4\xc3\xb2\xa1",
        b"\xa1\xb2\xc3\xd4",
        b"\x4d\x3c\xb2\xa1",
        b"\xa1\xb2\x3c\x4d",
        b"\x0a\x0d\x0d\x0a",
    ];
    if ichat_invitation::bplist::is_binary(octets) {
        return Ok(Some(Kind::PropertyList(form)));
    }
    if archive::is_archive(octets) {
        return Ok(Some(Kind::Typedstream(form)));
    }
    if PCAP.iter().any(|magic| octets.starts_with(magic)) {
        return Err(Failure::not_yet("decoding packet captures (pcap)"));
    }
    Ok(None)
}

/// Hex of something.
fn hex_kind(text: &str) -> Result<Option<Kind>, Failure> {
    let hex = Hex::read(text);
    if let Some(kind) = by_magic(&hex.octets, "hex")? {
        return Ok(Some(kind));
    }
    if hex.is_whole() && is_candidates(&hex.octets) {
        return Ok(Some(Kind::Candidates("hex")));
    }
    if ipport::is_plausible(&hex.octets, false) {
        return Ok(Some(Kind::IpPortHex));
    }
    if hex.is_whole() && hex.octets.len() >= RECORD {
        let message = format!(
            "{EXPECTED}; found hex of {} without the name of an interface at offset 4",
            counted(hex.octets.len(), "octet")
        );
        return Err(Failure::new("unrecognised", message));
    }
    if hex.is_whole() {
        let found = counted(hex.digits, "hex digit");
        let message = format!("{EXPECTED}; found {found}, and an IPPORT record has 80");
        return Err(Failure::new("unrecognised", message));
    }
    Ok(None)
}

/// Whole candidates: a known type, and an IPPORT where its first one stands
/// (`docs/protocol/addresses.md`, candidates).
fn is_candidates(octets: &[u8]) -> bool {
    let kind = octets.get(4..8).and_then(|kind| kind.first_chunk::<4>());
    let is_kind = kind.is_some_and(|kind| matches!(u32::from_be_bytes(*kind), 1 | 3 | 5 | 6 | 7));
    !octets.is_empty()
        && octets.len().is_multiple_of(CANDIDATE)
        && is_kind
        && octets
            .get(24..64)
            .is_some_and(|record| ipport::is_plausible(record, true))
}

fn unrecognised(input: &Input) -> Failure {
    let found = match (input.octets.as_slice(), input.source) {
        ([], _) => "nothing".to_owned(),
        (octets, _) if octets.trim_ascii().is_empty() => "only white space".to_owned(),
        (octets, Source::Text) => {
            format!("{}, which is no existing file either", beginning(octets))
        }
        (octets, Source::File | Source::StandardInput) => {
            format!(
                "{}, beginning with {}",
                counted(octets.len(), "octet"),
                beginning(octets)
            )
        }
    };
    Failure::new("unrecognised", format!("{EXPECTED}; found {found}"))
}
