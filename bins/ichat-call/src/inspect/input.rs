//! Where the input comes from, and how much of it is read.

use std::ffi::OsStr;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

use super::ipport::counted;
use crate::failure::Failure;

/// No more octets are read: 1 MiB.
pub(super) const MAX_INPUT: usize = 1024 * 1024;

/// What was read, and how to call it in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Input {
    pub(super) octets: Vec<u8>,
    pub(super) source: Source,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    File,
    StandardInput,
    /// The argument itself.
    Text,
}

/// What some editors put before UTF-8; no octet of the input.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// An existing path, `-` for standard input, else the text itself.
pub(super) fn read(input: &OsStr) -> Result<Input, Failure> {
    if input == "-" {
        let stdin = io::stdin();
        if stdin.is_terminal() {
            eprintln!(
                "ichat-call: reading from the terminal until its end (Ctrl-D on a line of its own)"
            );
        }
        let octets = limited(stdin.lock(), "standard input")?;
        return Ok(Input {
            octets,
            source: Source::StandardInput,
        });
    }
    let path = Path::new(input);
    // What cannot be a path (too long, a NUL) does not exist either.
    if input.is_empty() || !path.exists() {
        let octets = limited(input.to_string_lossy().as_bytes(), "the text")?;
        return Ok(Input {
            octets,
            source: Source::Text,
        });
    }
    let file = || format!("the file {}", path.display());
    if path.is_dir() {
        let message = format!("expected a file, found the directory {}", path.display());
        return Err(Failure::new("input", message));
    }
    let opened = std::fs::File::open(path)
        .map_err(|error| Failure::new("input", format!("cannot read {}: {error}", file())))?;
    Ok(Input {
        octets: limited(opened, &file())?,
        source: Source::File,
    })
}

fn limited(reader: impl Read, what: &str) -> Result<Vec<u8>, Failure> {
    let mut octets = Vec::new();
    let limit = u64::try_from(MAX_INPUT)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    match reader.take(limit).read_to_end(&mut octets) {
        Err(error) => Err(Failure::new(
            "input",
            format!("cannot read {what}: {error}"),
        )),
        Ok(read) if read > MAX_INPUT => Err(Failure::new(
            "input",
            format!(
                "{what} is too long: expected at most {}, found more",
                counted(MAX_INPUT, "octet")
            ),
        )),
        Ok(_) if octets.starts_with(BYTE_ORDER_MARK) => Ok(octets.split_off(BYTE_ORDER_MARK.len())),
        Ok(_) => Ok(octets),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_is_the_text_itself() {
        let read = |text: &str| read(OsStr::new(text));
        let input = read("no such file").unwrap();
        assert_eq!(
            (input.octets.as_slice(), input.source),
            (&b"no such file"[..], Source::Text)
        );
        assert_eq!(read("").unwrap().source, Source::Text);
        assert_eq!(read("a\0b").unwrap().source, Source::Text);
        assert!(read(&"x".repeat(100_000)).is_ok());
        assert_eq!(read("\u{feff}<a/>").unwrap().octets, b"<a/>");
    }

    #[test]
    fn directories_and_long_inputs_are_refused_in_one_line() {
        let read = |text: &str| read(OsStr::new(text));
        let failure = read(env!("CARGO_MANIFEST_DIR")).unwrap_err();
        assert_eq!((failure.code, failure.status), ("input", 1));
        let failure = read(&"x".repeat(MAX_INPUT + 1)).unwrap_err();
        assert_eq!(
            failure.message,
            "the text is too long: expected at most 1048576 octets, found more"
        );
    }
}
