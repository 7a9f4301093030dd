//! `ichat-call compose`: the reverse of `inspect --json`.
//!
//! Where nothing was changed the very octets that were inspected come out, however they were
//! written. Where `content` was changed it is written anew, as iChat would write it.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;

use serde_json::Value as Json;
use serde_json::value::RawValue;

use crate::cli::ComposeArgs;
use crate::failure::Failure;
use crate::inspect;
use crate::output::Printer;

/// No more octets of JSON are read: it explains at length what it explains.
const MAX_JSON: u64 = 64 * 1024 * 1024;

const EXPECTED: &str = "expected what inspect --json prints";

/// Writes what `args.file` describes.
pub(crate) fn compose(args: &ComposeArgs, printer: &mut Printer) -> Result<u8, Failure> {
    let text = read(args.file.as_deref())?;
    let (octets, is_text) = octets(&Given::parse(&text)?)?;
    if args.raw || (is_text && !io::stdout().is_terminal()) {
        let mut out = io::stdout().lock();
        // Whoever has closed the output wants no more of it.
        if out.write_all(&octets).and_then(|()| out.flush()).is_err() {
            tracing::debug!("standard output is closed");
        }
    } else if is_text {
        // A terminal is shown nothing that it would obey.
        for line in String::from_utf8_lossy(&octets).lines() {
            printer.line(&inspect::printable(line));
        }
    } else {
        printer.line(&hex::encode(octets));
    }
    Ok(0)
}

/// What counts of what `inspect --json` printed.
#[derive(Debug, Clone, PartialEq)]
struct Given {
    kind: String,
    raw: Option<Vec<u8>>,
    is_text: bool,
    content: Option<Json>,
}

impl Given {
    /// The explanations, which may be nested deeper than a JSON value is read, are passed over.
    fn parse(text: &[u8]) -> Result<Self, Failure> {
        let parts: BTreeMap<String, &RawValue> = serde_json::from_slice(text).map_err(|error| {
            let found = if error.is_data() {
                "another JSON value"
            } else {
                "no JSON"
            };
            bad(format!("{EXPECTED}, found {found}: {error}"))
        })?;
        let part = |name: &str| match parts.get(name) {
            Some(value) => serde_json::from_str(value.get())
                .map(|value| Some(value).filter(|value: &Json| !value.is_null()))
                .map_err(|error| bad(format!("{name}: {error}"))),
            None => Ok(None),
        };
        let text = |name: &str| match part(name)? {
            Some(Json::String(text)) => Ok(Some(text)),
            None => Ok(None),
            Some(_) => Err(bad(format!("{name}: expected a text"))),
        };
        let kind = text("kind")?.filter(|kind| !kind.is_empty());
        let kind = kind.ok_or_else(|| bad(format!("{EXPECTED}: the key kind is missing")))?;
        let raw = text("raw")?
            .map(|raw| inspect::octets_of_hex(&raw).map_err(|fault| bad(format!("raw: {fault}"))));
        Ok(Self {
            kind,
            raw: raw.transpose()?,
            is_text: text("form")?.as_deref() == Some("text"),
            content: part("content")?,
        })
    }
}

/// The octets, and whether they are text.
fn octets(given: &Given) -> Result<(Vec<u8>, bool), Failure> {
    match (&given.content, &given.raw) {
        (Some(content), Some(raw))
            if inspect::content_of(&given.kind, raw).as_ref() == Some(content) =>
        {
            Ok((raw.clone(), given.is_text))
        }
        (Some(content), _) => inspect::octets_of(&given.kind, content)
            .map(|octets| (octets, false))
            .map_err(bad),
        (None, Some(raw)) => Ok((raw.clone(), given.is_text)),
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

#[cfg(test)]
mod tests {
    use super::*;

    const INVITATION: &str = include_str!("../tests/vectors/invitation-2010.hex");
    const VECTORS: [&[u8]; 5] = [
        INVITATION.as_bytes(),
        include_bytes!("../tests/vectors/vcicedata-intel.typedstream"),
        include_bytes!("../tests/vectors/vcicedata-powerpc.typedstream"),
        include_bytes!("../tests/vectors/unknown-class.typedstream"),
        include_bytes!("../tests/vectors/sip-ice.candidates"),
    ];

    /// What `inspect --json` prints of these octets, and the octets that were shown.
    fn inspected(octets: &[u8]) -> Option<(Vec<u8>, String)> {
        let json = inspect::json_of(octets.to_vec())?;
        let parsed = Given::parse(json.as_bytes()).unwrap();
        Some((parsed.raw.unwrap(), json))
    }

    /// Composes what was inspected; then what it says without its octets.
    fn check(input: &[u8]) {
        let Some((shown, json)) = inspected(input) else {
            return;
        };
        let given = Given::parse(json.as_bytes()).unwrap();
        assert_eq!(octets(&given).unwrap().0, shown, "{json}");
        // Without the octets: another spelling perhaps, but the same content.
        let Some(content) = &given.content else {
            return;
        };
        if let Ok(written) = inspect::octets_of(&given.kind, content) {
            let again = inspect::content_of(&given.kind, &written);
            assert_eq!(again.as_ref(), Some(content), "{json}");
        }
    }

    #[test]
    fn numbers_keep_every_bit() {
        let mut list = b"bplist00\xaf\x10\x20".to_vec();
        list.extend(1..=32_u8);
        let mut offsets = vec![8_u16];
        for seed in 1..=32_u64 {
            offsets.push(u16::try_from(list.len()).unwrap());
            let bits = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            list.push(0x23);
            list.extend(bits.to_be_bytes());
        }
        let table = u64::try_from(list.len()).unwrap();
        list.extend(offsets.iter().flat_map(|offset| offset.to_be_bytes()));
        list.extend([0, 0, 0, 0, 0, 0, 2, 1]);
        for word in [33, 0, table] {
            list.extend(u64::to_be_bytes(word));
        }
        let (shown, json) = inspected(&list).unwrap();
        assert_eq!(shown, list);
        let given = Given::parse(json.as_bytes()).unwrap();
        assert_eq!(given.content.map(|content| content.is_array()), Some(true));
        check(&list);
    }

    #[test]
    fn octets_beyond_half_a_megabyte_are_composed_too() {
        let list = [b"bplist00".as_slice(), &[0x50; 900_000]].concat();
        check(&list);
    }

    #[test]
    fn explanations_may_be_deeper_than_a_value_of_json() {
        let deep = "[".repeat(5000) + &"]".repeat(5000);
        let text = format!(r#"{{"kind":"stanza","raw":"00","fields":{deep}}}"#);
        assert!(Given::parse(text.as_bytes()).is_ok());
        let text = format!(r#"{{"kind":"stanza","content":{deep}}}"#);
        let error = Given::parse(text.as_bytes()).unwrap_err();
        assert!(
            error.message.starts_with("content: recursion limit"),
            "{}",
            error.message
        );
    }

    #[test]
    fn changed_and_cut_vectors_are_composed_as_they_were_inspected() {
        for vector in VECTORS {
            let octets = inspect::octets_of_hex(&String::from_utf8_lossy(vector));
            let octets = octets.unwrap_or_else(|_| vector.to_vec());
            check(&octets);
            // One change at every other place, and a cut at some.
            for place in (0..octets.len()).step_by(2) {
                let mut changed = octets.clone();
                let change = u8::try_from(place * 37 % 255).unwrap() + 1;
                changed[place] ^= change;
                check(&changed);
                if place % 8 == 0 {
                    check(&octets[..place]);
                }
            }
        }
    }
}
