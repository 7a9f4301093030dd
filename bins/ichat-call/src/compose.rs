//! `ichat-call compose`: the reverse of `inspect --json`.
//!
//! Where nothing was changed the very octets that were inspected come out, however they were
//! written. Where `content` was changed it is written anew, as iChat would write it.

use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;

use serde_json::Value as Json;

use crate::cli::ComposeArgs;
use crate::failure::Failure;
use crate::inspect;
use crate::output::Printer;

/// No more octets of JSON are read: it explains at length what it explains.
const MAX_JSON: u64 = 64 * 1024 * 1024;

/// Writes what `args.file` describes.
pub(crate) fn compose(args: &ComposeArgs, printer: &mut Printer) -> Result<u8, Failure> {
    let text = read(args.file.as_deref())?;
    let json: Json = serde_json::from_slice(&text).map_err(|error| {
        bad(format!(
            "expected what inspect --json prints, found no JSON: {error}"
        ))
    })?;
    let (octets, is_text) = octets(&json)?;
    if args.raw {
        let mut out = io::stdout().lock();
        // Whoever has closed the output wants no more of it.
        if out.write_all(&octets).and_then(|()| out.flush()).is_err() {
            tracing::debug!("standard output is closed");
        }
    } else if is_text {
        printer.line(String::from_utf8_lossy(&octets).trim_end_matches('\n'));
    } else {
        printer.line(&hex::encode(octets));
    }
    Ok(0)
}

/// The octets, and whether they are text.
fn octets(json: &Json) -> Result<(Vec<u8>, bool), Failure> {
    let kind = json.get("kind").and_then(Json::as_str).unwrap_or_default();
    if kind.is_empty() {
        return Err(bad(
            "expected what inspect --json prints: the key kind is missing",
        ));
    }
    let raw = match json.get("raw") {
        Some(Json::String(text)) => {
            let octets = ichat_invitation::hex_text::decode(text);
            Some(octets.map_err(|error| bad(format!("raw: {error}")))?)
        }
        Some(Json::Null) | None => None,
        Some(_) => return Err(bad("raw: expected hex")),
    };
    let is_text = json.get("form").and_then(Json::as_str) == Some("text");
    let content = json.get("content").filter(|content| !content.is_null());
    match (content, raw) {
        (Some(content), Some(raw)) if inspect::content_of(kind, &raw).as_ref() == Some(content) => {
            Ok((raw, is_text))
        }
        (Some(content), _) => inspect::octets_of(kind, content)
            .map(|octets| (octets, false))
            .map_err(bad),
        (None, Some(raw)) => Ok((raw, is_text)),
        (None, None) => Err(bad("expected content or raw, found neither")),
    }
}

fn bad(message: impl std::fmt::Display) -> Failure {
    Failure::new("bad-content", message)
}

fn read(file: Option<&Path>) -> Result<Vec<u8>, Failure> {
    let unreadable = |what: &str, error: io::Error| {
        Failure::new("input", format!("cannot read {what}: {error}"))
    };
    let mut octets = Vec::new();
    let read = match file.filter(|file| *file != Path::new("-")) {
        Some(path) => {
            let what = format!("the file {}", path.display());
            let file = std::fs::File::open(path).map_err(|error| unreadable(&what, error))?;
            file.take(MAX_JSON + 1)
                .read_to_end(&mut octets)
                .map_err(|error| unreadable(&what, error))?
        }
        None => {
            let stdin = io::stdin();
            if stdin.is_terminal() {
                eprintln!(
                    "ichat-call: reading from the terminal until its end (Ctrl-D on a line of its own)"
                );
            }
            stdin
                .lock()
                .take(MAX_JSON + 1)
                .read_to_end(&mut octets)
                .map_err(|error| unreadable("standard input", error))?
        }
    };
    if u64::try_from(read).is_ok_and(|read| read > MAX_JSON) {
        return Err(bad(format!(
            "too long: expected at most {MAX_JSON} octets of JSON, found more"
        )));
    }
    Ok(octets)
}
