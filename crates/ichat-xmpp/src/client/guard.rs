//! The first look at a peer's octets, before any XML parser sees them.
//!
//! rxml collects a whole tag before it hands it on, and looks a default namespace up through every
//! open element, so that a long tag costs memory and a deep document costs time that grows with the
//! square of its depth. The builders above count only what comes out of the parser. So the octets
//! pass here first: one step of a small scanner for each, no allocation.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Elements open at once, the stream's root among them. [`super::element`] refuses a stanza at a
/// quarter of that and the stream goes on; beyond this it ends.
pub(super) const DEPTH_LIMIT: usize = 256;

/// Octets of one tag with all its attributes.
pub(super) const TAG_LIMIT: usize = 64 * 1024;

/// Octets of one stanza that are read (and thrown away above [`super::element::OCTET_LIMIT`]) before
/// the stream is given up.
pub(super) const STANZA_LIMIT: usize = 16 * 1024 * 1024;

/// Why a stream was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// More elements open at once than [`struct@super::Connection`] reads.
    #[error("more than {DEPTH_LIMIT} elements inside each other")]
    Depth,
    /// One tag is too long.
    #[error("a tag of more than {TAG_LIMIT} octets")]
    Tag,
    /// One stanza is far too long.
    #[error("a stanza of more than {STANZA_LIMIT} octets")]
    Stanza,
}

impl From<Breach> for io::Error {
    fn from(breach: Breach) -> Self {
        Self::new(io::ErrorKind::InvalidData, breach)
    }
}

/// A transport whose input is looked at first.
#[derive(Debug)]
pub(super) struct Guard<S> {
    inner: S,
    scanner: Scanner,
    breach: Option<Breach>,
}

impl<S> Guard<S> {
    pub(super) fn new(inner: S) -> Self {
        Self {
            inner,
            scanner: Scanner::default(),
            breach: None,
        }
    }

    /// A new stream begins on the same transport (RFC 6120 §4.3.3).
    pub(super) fn restart(&mut self) {
        self.scanner = Scanner::default();
    }

    pub(super) fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guard<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(breach) = this.breach {
            return Poll::Ready(Err(breach.into()));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.inner).poll_read(cx, buf))?;
        let fresh = buf.filled().get(before..).unwrap_or_default();
        if let Err((harmless, breach)) = this.scanner.feed(fresh) {
            this.breach = Some(breach);
            if harmless == 0 {
                return Poll::Ready(Err(breach.into()));
            }
            // What came before is still delivered; the error follows with the next read.
            buf.set_filled(before + harmless);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(cx, octets)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

/// Where in a document the scanner stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    /// Between tags.
    #[default]
    Text,
    /// Behind a `<`.
    Open,
    /// In a tag; whether it is a closing one, and whether the last octet was a slash.
    Tag { closing: bool, slash: bool },
    /// In an attribute's value, up to this quote.
    Quoted(u8),
    /// Behind `<!`: so many octets of `[CDATA[` have come.
    Bang(usize),
    /// In a CDATA section: so many octets of `]]>` have come.
    CData(usize),
    /// In anything else that begins with `<?` or `<!`. The parser refuses all of it but the
    /// declaration.
    Other,
}

const CDATA: &[u8] = b"[CDATA[";

/// Counts depth and length without understanding more than tags. It sees the very octets that the
/// parser sees; where the two would disagree about them, the parser has already refused them.
#[derive(Debug, Default)]
struct Scanner {
    place: Place,
    depth: usize,
    tag: usize,
    stanza: usize,
}

impl Scanner {
    /// Takes the next octets. On a breach, how many of them were harmless.
    fn feed(&mut self, octets: &[u8]) -> Result<(), (usize, Breach)> {
        for (index, octet) in octets.iter().enumerate() {
            self.step(*octet).map_err(|breach| (index, breach))?;
        }
        Ok(())
    }

    fn step(&mut self, octet: u8) -> Result<(), Breach> {
        if !(self.depth == 1 && self.place == Place::Text && octet != b'<') {
            self.stanza += 1;
            if self.stanza > STANZA_LIMIT {
                return Err(Breach::Stanza);
            }
        }
        if !matches!(self.place, Place::Text | Place::CData(_)) {
            self.tag += 1;
            if self.tag > TAG_LIMIT {
                return Err(Breach::Tag);
            }
        }
        self.place = match (self.place, octet) {
            (Place::Text, b'<') => {
                self.tag = 1;
                Place::Open
            }
            (Place::Text, _) => Place::Text,
            (Place::Open, b'/') => Place::Tag {
                closing: true,
                slash: false,
            },
            (Place::Open, b'!') => Place::Bang(0),
            (Place::Open, b'?') => Place::Other,
            (Place::Open, _) => Place::Tag {
                closing: false,
                slash: false,
            },
            (Place::Tag { closing, slash }, b'>') => {
                self.end_of_tag(closing, slash)?;
                Place::Text
            }
            (Place::Tag { .. }, b'\'' | b'"') => Place::Quoted(octet),
            (Place::Tag { closing, .. }, _) => Place::Tag {
                closing,
                slash: octet == b'/',
            },
            (Place::Quoted(quote), _) if octet == quote => Place::Tag {
                closing: false,
                slash: false,
            },
            (Place::Quoted(quote), _) => Place::Quoted(quote),
            (Place::Bang(count), _) if CDATA.get(count) == Some(&octet) => {
                if count + 1 == CDATA.len() {
                    Place::CData(0)
                } else {
                    Place::Bang(count + 1)
                }
            }
            (Place::Bang(_), _) => Place::Other,
            (Place::CData(2), b'>') => Place::Text,
            (Place::CData(count), b']') => Place::CData((count + 1).min(2)),
            (Place::CData(_), _) => Place::CData(0),
            (Place::Other, b'>') => Place::Text,
            (Place::Other, _) => Place::Other,
        };
        Ok(())
    }

    fn end_of_tag(&mut self, closing: bool, empty: bool) -> Result<(), Breach> {
        if closing {
            self.depth = self.depth.saturating_sub(1);
        } else if !empty {
            if self.depth == DEPTH_LIMIT {
                return Err(Breach::Depth);
            }
            self.depth += 1;
        }
        if self.depth <= 1 {
            self.stanza = 0;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    fn depth_after(text: &str) -> usize {
        let mut scanner = Scanner::default();
        scanner.feed(text.as_bytes()).unwrap();
        scanner.depth
    }

    #[test]
    fn tags_are_counted_wherever_they_stand() {
        assert_eq!(
            depth_after("<?xml version='1.0'?><stream:stream a='b' c=\"d\">"),
            1
        );
        assert_eq!(depth_after("<s><a/><b></b><c>"), 2);
        assert_eq!(depth_after("<s><a b='>' c='/'>"), 2);
        assert_eq!(depth_after("<s><a b='x'/>"), 1);
        assert_eq!(depth_after("<s><a b=\"it's\" />"), 1);
        assert_eq!(depth_after("<s><a>]]&gt; <![CDATA[<b><c>]]]></a>"), 1);
        assert_eq!(depth_after("<s><a></a ></s>"), 0);
    }

    #[test]
    fn a_closing_tag_too_many_is_left_to_the_parser() {
        assert_eq!(depth_after("</a></a>"), 0);
    }

    #[test]
    fn only_what_lies_within_a_stanza_counts_toward_its_length() {
        let mut scanner = Scanner::default();
        scanner.feed(b"<s>").unwrap();
        for _ in 0..10_000 {
            scanner.feed(b" \n").unwrap();
        }
        assert_eq!(scanner.stanza, 0);
        scanner.feed(b"<a>12345").unwrap();
        assert_eq!(scanner.stanza, 8);
        scanner.feed(b"</a>").unwrap();
        assert_eq!(scanner.stanza, 0);
    }

    #[tokio::test]
    async fn what_came_before_a_breach_is_delivered_and_then_the_error() {
        let harmless = "<a>".repeat(DEPTH_LIMIT);
        let octets = format!("{harmless}<a><a>");
        let mut guard = Guard::new(octets.as_bytes());
        let mut got = Vec::new();
        let error = guard.read_to_end(&mut got).await.unwrap_err();
        assert_eq!(got, octets.as_bytes()[..harmless.len() + 2]);
        let breach = error.get_ref().unwrap().downcast_ref::<Breach>();
        assert_eq!(breach, Some(&Breach::Depth));
        assert!(guard.read(&mut [0; 8]).await.is_err());
    }

    #[tokio::test]
    async fn an_endless_tag_ends_the_stream() {
        let octets = format!("<s><a {}", "b='' ".repeat(TAG_LIMIT));
        let mut got = Vec::new();
        let error = Guard::new(octets.as_bytes())
            .read_to_end(&mut got)
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "a tag of more than 65536 octets");
        assert_eq!(got.len(), 3 + TAG_LIMIT);
    }

    #[test]
    fn a_stanza_without_end_is_a_breach() {
        let mut scanner = Scanner::default();
        scanner.feed(b"<s><a>").unwrap();
        let chunk = [b'x'; 1 << 16];
        let breach = loop {
            if let Err((_, breach)) = scanner.feed(&chunk) {
                break breach;
            }
        };
        assert_eq!(breach, Breach::Stanza);
    }
}
