//! `ichat-call inspect`: what goes over the wire, decoded and explained.
//!
//! The input is recognised by itself ([`recognise`]), decoded into a [`Document`] of fields with
//! places, meanings and grades, and printed as a tree or as one JSON value. In the JSON `raw` is
//! the input in hex, and `offset` and `length` count in the nearest `raw` above.

mod field;
mod hexadecimal;
mod input;
mod ipport;
mod lines;
mod recognise;
mod sdp;
mod sip;
mod stanza;
mod text;
mod tree;
mod xml;

use std::io::IsTerminal;

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
        (false, _) => tree::render(&document, is_terminal && wants_colours()),
    };
    printer.line(&text);
    Ok(0)
}

fn decode(input: input::Input) -> Result<Document, Failure> {
    match recognise::kind(&input)? {
        Kind::IpPortHex => {
            let text = String::from_utf8_lossy(&input.octets);
            Ok(ipport::from_hex(&hexadecimal::Hex::read(&text)))
        }
        Kind::IpPortOctets => Ok(ipport::from_octets(input.octets)),
        Kind::Xml => stanza::document(input.octets),
        Kind::Sip => sip::document(input.octets),
        Kind::Sdp => Ok(sdp::document(input.octets)),
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
mod tests;
