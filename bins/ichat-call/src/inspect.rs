//! `ichat-call inspect`: what goes over the wire, decoded and explained.
//!
//! The input is recognised by itself ([`recognise`]), decoded into a [`Document`] of fields with
//! places, meanings and grades, and printed as a tree or as one JSON value. In the JSON `raw` is
//! the input in hex, and `offset` and `length` count in the nearest `raw` above.

mod archive;
mod candidates;
mod content;
mod dump;
mod field;
mod hexadecimal;
mod input;
mod ipport;
mod lines;
mod plist;
mod recognise;
mod sdp;
mod sip;
mod stanza;
mod text;
mod tree;
mod xml;

use std::io::IsTerminal;

use serde_json::Value as Json;

use crate::cli::InspectArgs;
use crate::failure::Failure;
use crate::output::Printer;
use field::Document;
use recognise::Kind;

/// Decodes `args.input` and prints it.
pub(crate) fn inspect(args: &InspectArgs, printer: &mut Printer) -> Result<u8, Failure> {
    let document = decode(input::read(&args.input)?)?;
    let is_terminal = std::io::stdout().is_terminal();
    let text = match (args.json, is_terminal) {
        (true, true) => format!("{:#}", document.json()),
        (true, false) => document.json().to_string(),
        (false, _) if args.dump => dump::render(&document),
        (false, _) => tree::render(&document, is_terminal && wants_colours()),
    };
    printer.line(&text);
    match (document.fault, args.json) {
        (None, _) => Ok(0),
        // The JSON value says it already, and is the only one on standard output.
        (Some(fault), true) => {
            eprintln!("ichat-call: {}", fault.message);
            Ok(fault.status)
        }
        (Some(fault), false) => Err(fault),
    }
}

/// The content that `--json` would show of these octets, for `compose` to see what was changed.
pub(crate) fn content_of(kind: &str, raw: &[u8]) -> Option<Json> {
    let octets = raw.to_vec();
    let document = match kind {
        "invitation" | "property-list" => plist::document(octets, "octets"),
        "typedstream" => archive::document(octets, "octets"),
        "candidates" => candidates::document(octets, "octets"),
        "ipport-list" => ipport::from_octets(octets),
        _ => return None,
    };
    Some(document.content)
}

/// The octets of a content that was changed.
///
/// # Errors
/// What is wrong with it, and where.
pub(crate) fn octets_of(kind: &str, content: &Json) -> Result<Vec<u8>, String> {
    let octets = match kind {
        "invitation" | "property-list" => content::property_list_octets(content),
        "typedstream" => content::archive_octets(content),
        "candidates" => content::candidate_octets(content),
        "ipport-list" => content::record_octets(content),
        other => {
            return Err(format!(
                "the kind {other:?} has no content that can be written: expected invitation, \
                 property-list, typedstream, candidates or ipport-list"
            ));
        }
    };
    octets.map_err(|error| error.to_string())
}

fn decode(input: input::Input) -> Result<Document, Failure> {
    match recognise::kind(&input)? {
        Kind::IpPortHex => {
            let text = String::from_utf8_lossy(&input.octets);
            Ok(ipport::from_hex(&hexadecimal::Hex::read(&text)))
        }
        Kind::IpPortOctets => Ok(ipport::from_octets(input.octets)),
        Kind::PropertyList(form) => Ok(plist::document(unhexed(input.octets, form), form)),
        Kind::Typedstream(form) => Ok(archive::document(unhexed(input.octets, form), form)),
        Kind::Candidates(form) => Ok(candidates::document(unhexed(input.octets, form), form)),
        Kind::XmlPropertyList => plist::xml(input.octets),
        Kind::Xml => stanza::document(input.octets),
        Kind::Sip => sip::document(input.octets),
        Kind::Sdp => Ok(sdp::document(input.octets)),
    }
}

/// The octets themselves: those that hex stands for, as far as it is hex.
fn unhexed(octets: Vec<u8>, form: &str) -> Vec<u8> {
    if form == "hex" {
        hexadecimal::Hex::read(&String::from_utf8_lossy(&octets)).octets
    } else {
        octets
    }
}

/// Whether the user wants colours on a terminal (<https://no-color.org>).
fn wants_colours() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    !refused && !dumb && understands_colours()
}

#[cfg(not(windows))]
fn understands_colours() -> bool {
    true
}

#[cfg(windows)]
fn understands_colours() -> bool {
    crossterm::ansi_support::supports_ansi()
}

#[cfg(test)]
mod invitation_tests;
#[cfg(test)]
mod tests;
