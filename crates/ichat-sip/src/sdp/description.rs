//! A whole session description.

use sdp_types::{Media, Session};

use super::clean::clean;

/// No description may be longer, in octets.
pub const MAX_SDP_OCTETS: usize = 65_536;

/// Why there is no call in a description.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// Longer than [`MAX_SDP_OCTETS`].
    #[error("expected at most {MAX_SDP_OCTETS} octets of session description, found {length}")]
    TooLong {
        /// How long it is.
        length: usize,
    },
    /// Not a single line of it can be read.
    #[error("expected a session description, found none in {length} octets")]
    NoDescription {
        /// How long it is.
        length: usize,
    },
    /// It has no `m=audio` that is usable: RTP/AVP, and a port.
    #[error(
        "expected an `m=audio` line with a port and RTP/AVP, found none in {media} media lines"
    )]
    NoAudio {
        /// How many `m=` lines it has.
        media: usize,
    },
    /// Both sides know no common codec.
    #[error("expected a codec of ours among {offered} offered, found none")]
    NoCommonCodec {
        /// How many formats the `m=audio` line lists.
        offered: usize,
    },
}

/// A session description. Every line of it is kept, known or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    pub(super) session: Session,
    ignored: Vec<String>,
}

impl Description {
    /// Reads a description. Lines that make no sense are left out one by one
    /// ([`ignored_lines`](Self::ignored_lines)); order, LF alone, a missing `v=`, `o=`, `s=` or
    /// `t=` and octets that are no UTF-8 are forgiven.
    ///
    /// # Errors
    /// Where it is too long, or no line of it can be read.
    pub fn parse(octets: &[u8]) -> Result<Self, SdpError> {
        let length = octets.len();
        if length > MAX_SDP_OCTETS {
            return Err(SdpError::TooLong { length });
        }
        if let Ok(session) = Session::parse(octets) {
            return Ok(Self {
                session,
                ignored: Vec::new(),
            });
        }
        let cleaned = clean(&String::from_utf8_lossy(octets));
        let nothing = cleaned.text.lines().count() <= 1;
        match Session::parse(cleaned.text.as_bytes()) {
            Ok(session) if !nothing => Ok(Self {
                session,
                ignored: cleaned.ignored,
            }),
            Ok(_) | Err(_) => Err(SdpError::NoDescription { length }),
        }
    }

    /// How many `m=` lines it has, of any kind.
    pub fn media_count(&self) -> usize {
        self.session.medias.len()
    }

    /// Whether it has an `m=` line of this kind: `video`.
    pub fn has_media(&self, kind: &str) -> bool {
        self.session
            .medias
            .iter()
            .any(|media| media.media.eq_ignore_ascii_case(kind))
    }

    /// The session's name; iChat's is its IM id (docs/protocol/sip.md, SDP \[C\]).
    pub fn session_name(&self) -> &str {
        &self.session.session_name
    }

    /// The values of a session attribute, `""` where it has none. Names compare with regard to
    /// case: `a=RTCP:AUDIO …` is not `a=rtcp:…` (docs/protocol/sip.md, SDP \[C\]).
    pub fn attributes<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        values(&self.session.attributes, name)
    }

    /// Lines that could not be read.
    pub fn ignored_lines(&self) -> &[String] {
        &self.ignored
    }

    /// The description, line by line.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        // Writing to a vector cannot fail.
        let _ = self.session.write(&mut out);
        out
    }

    /// The first `m=audio` that is usable, else the first of all, with its place.
    pub(super) fn audio_line(&self) -> Option<(usize, &Media)> {
        let audio = |(_, media): &(usize, &Media)| media.media.eq_ignore_ascii_case("audio");
        let all = || self.session.medias.iter().enumerate().filter(audio);
        all()
            .find(|(_, media)| is_usable(media))
            .or_else(|| all().next())
    }
}

/// Whether an `m=` line offers plain RTP on a port.
pub(super) fn is_usable(media: &Media) -> bool {
    let plain = ["RTP/AVP", "RTP/AVPF"];
    media.port != 0
        && plain
            .iter()
            .any(|name| media.proto.eq_ignore_ascii_case(name))
}

pub(super) fn values<'a>(
    attributes: &'a [sdp_types::Attribute],
    name: &'a str,
) -> impl Iterator<Item = &'a str> {
    let named = attributes
        .iter()
        .filter(move |attribute| attribute.attribute == name);
    named.map(|attribute| attribute.value.as_deref().unwrap_or("").trim())
}
