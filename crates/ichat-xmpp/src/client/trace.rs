//! The trace: every stanza in both directions, for whoever has to find out what a peer said.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use minidom::Element;

use super::xml;

/// Which way a stanza went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// From the peer.
    Received,
    /// To the peer.
    Sent,
}

impl Direction {
    fn arrow(self) -> &'static str {
        match self {
            Self::Received => "<-",
            Self::Sent => "->",
        }
    }
}

/// Where stanzas are written down, one a line: the time (RFC 3339, UTC), `<-` or `->`, the XML.
///
/// Passwords and the payloads of SASL are replaced by their length. Each line is flushed. A clone
/// writes to the same place. When writing fails, that is said once, and the trace ends there; the
/// connection goes on.
#[derive(Clone)]
pub struct Trace {
    output: Arc<Mutex<Option<Box<dyn Write + Send>>>>,
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace").finish_non_exhaustive()
    }
}

impl Trace {
    /// Writes to a file, which is truncated and which only its owner can read (mode 0600 where
    /// there are modes).
    ///
    /// # Errors
    ///
    /// The file cannot be opened for writing.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self::to_writer(private_file(path)?))
    }

    /// Writes to anything.
    pub fn to_writer(output: impl Write + Send + 'static) -> Self {
        Self {
            output: Arc::new(Mutex::new(Some(Box::new(output)))),
        }
    }

    pub(super) fn stanza(&self, direction: Direction, element: &Element) {
        self.line(direction, &xml::to_trace(element));
    }

    /// A stream header or a remark, as it is; it must hold no secret.
    pub(super) fn line(&self, direction: Direction, text: &str) {
        let line = format!(
            "{} {} {}\n",
            timestamp(SystemTime::now()),
            direction.arrow(),
            xml::one_line(text)
        );
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(writer) = output.as_mut() else {
            return;
        };
        if let Err(error) = writer
            .write_all(line.as_bytes())
            .and_then(|()| writer.flush())
        {
            tracing::warn!(%error, "the trace ends here: it cannot be written");
            *output = None;
        }
    }
}

#[cfg(unix)]
fn private_file(path: &Path) -> io::Result<File> {
    use std::fs::Permissions;
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    // Private first, empty then. A device or a pipe is taken as it is.
    if file.metadata()?.is_file() {
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.set_len(0)?;
    }
    Ok(file)
}

#[cfg(not(unix))]
fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)
}

/// RFC 3339 with microseconds, in UTC.
fn timestamp(now: SystemTime) -> String {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs();
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let micros = since.subsec_micros();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar.
fn date(mut day: u64) -> (u64, u64, u64) {
    // 400 years are 146097 days whatever they begin with.
    let mut year = 1970 + day / 146_097 * 400;
    day %= 146_097;
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if day < length {
            break;
        }
        day -= length;
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    (year, month, day + 1)
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(seconds: u64) -> String {
        timestamp(UNIX_EPOCH + Duration::from_secs(seconds))
    }

    #[test]
    fn times_are_written_as_rfc_3339_has_them() {
        assert_eq!(at(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(at(951_782_399), "2000-02-28T23:59:59.000000Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00.000000Z");
        assert_eq!(at(1_709_251_199), "2024-02-29T23:59:59.000000Z");
        assert_eq!(at(4_107_542_400), "2100-03-01T00:00:00.000000Z");
        let precise = UNIX_EPOCH + Duration::from_micros(1_500_000_000_000_042);
        assert_eq!(timestamp(precise), "2017-07-14T02:40:00.000042Z");
    }

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(octets)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn each_stanza_is_one_line_with_time_and_direction() {
        let paper = Paper::default();
        let trace = Trace::to_writer(paper.clone());
        let stanza: Element = "<message xmlns='jabber:client'><body>a\nb</body></message>"
            .parse()
            .unwrap();
        trace.stanza(Direction::Sent, &stanza);
        trace.clone().stanza(Direction::Received, &stanza);
        let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].contains("Z -> <message"), "{text}");
        assert!(lines[1].contains("Z <- <message"), "{text}");
    }

    #[test]
    fn a_trace_that_cannot_be_written_ends_without_harm() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let trace = Trace::to_writer(Full);
        trace.line(Direction::Sent, "<a/>");
        assert!(trace.output.lock().unwrap().is_none());
        trace.line(Direction::Sent, "<a/>");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_the_file_even_if_it_was_there_before() {
        use std::os::unix::fs::PermissionsExt;
        let path = std::env::temp_dir().join(format!("ichat-xmpp-trace-{}", std::process::id()));
        std::fs::write(&path, "old text that is longer than what follows, by far").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        Trace::create(&path).unwrap().line(Direction::Sent, "<a/>");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(mode & 0o777, 0o600);
        assert!(
            text.ends_with("-> <a/>\n") && text.lines().count() == 1,
            "{text}"
        );
    }
}
