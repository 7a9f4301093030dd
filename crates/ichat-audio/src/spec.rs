//! Where sound comes from and goes to, as a user writes it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where a call's sound comes from.
///
/// As text: `mic`, `mic:NAME`, `FILE.wav`, `tone:HZ` or `silence`. A text is a file if it ends in
/// `.wav` or `.wave` or has a path separator in it.
#[derive(Debug, Clone, PartialEq)]
pub enum SourceSpec {
    /// A microphone: the default one, or the one with this name.
    Mic(Option<String>),
    /// A WAV file of any rate.
    File(PathBuf),
    /// A sine of this frequency in hertz.
    Tone(f64),
    /// Digital silence.
    Silence,
}

/// Where a call's sound goes.
///
/// As text: `speaker`, `speaker:NAME`, `FILE.wav` or `null`. What is a file is decided as for
/// [`SourceSpec`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkSpec {
    /// A loudspeaker: the default one, or the one with this name.
    Speaker(Option<String>),
    /// A WAV file, 48 kHz mono, truncated.
    File(PathBuf),
    /// Nowhere.
    Null,
}

/// A text is no source or no sink.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// None of the forms fits.
    #[error("expected {expected}, found `{found}`")]
    Unknown {
        /// The forms.
        expected: &'static str,
        /// The text.
        found: String,
    },
    /// Nothing follows the colon.
    #[error("expected a device's name after `{prefix}`, found nothing")]
    NoName {
        /// `mic:` or `speaker:`.
        prefix: &'static str,
    },
    /// What follows `tone:` is no frequency.
    #[error("expected a frequency above 0 in hertz after `tone:`, found `{found}`")]
    Frequency {
        /// What follows.
        found: String,
    },
}

impl FromStr for SourceSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        match text {
            "mic" => return Ok(Self::Mic(None)),
            "silence" => return Ok(Self::Silence),
            _ => {}
        }
        if let Some(name) = text.strip_prefix("mic:") {
            return device_name("mic:", name).map(|name| Self::Mic(Some(name)));
        }
        if let Some(frequency) = text.strip_prefix("tone:") {
            return match frequency.parse::<f64>() {
                Ok(hz) if hz.is_finite() && hz > 0.0 => Ok(Self::Tone(hz)),
                Ok(_) | Err(_) => Err(SpecError::Frequency {
                    found: frequency.to_owned(),
                }),
            };
        }
        if looks_like_file(text) {
            return Ok(Self::File(PathBuf::from(text)));
        }
        Err(SpecError::Unknown {
            expected: "mic, mic:NAME, FILE.wav, tone:HZ or silence",
            found: text.to_owned(),
        })
    }
}

impl FromStr for SinkSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        match text {
            "speaker" => return Ok(Self::Speaker(None)),
            "null" => return Ok(Self::Null),
            _ => {}
        }
        if let Some(name) = text.strip_prefix("speaker:") {
            return device_name("speaker:", name).map(|name| Self::Speaker(Some(name)));
        }
        if looks_like_file(text) {
            return Ok(Self::File(PathBuf::from(text)));
        }
        Err(SpecError::Unknown {
            expected: "speaker, speaker:NAME, FILE.wav or null",
            found: text.to_owned(),
        })
    }
}

fn device_name(prefix: &'static str, name: &str) -> Result<String, SpecError> {
    if name.trim().is_empty() {
        return Err(SpecError::NoName { prefix });
    }
    Ok(name.to_owned())
}

fn looks_like_file(text: &str) -> bool {
    let extension = Path::new(text).extension().unwrap_or_default();
    extension.eq_ignore_ascii_case("wav")
        || extension.eq_ignore_ascii_case("wave")
        || text.chars().any(std::path::is_separator)
}

impl fmt::Display for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mic(None) => f.write_str("mic"),
            Self::Mic(Some(name)) => write!(f, "mic:{name}"),
            Self::File(path) => path.display().fmt(f),
            Self::Tone(hz) => write!(f, "tone:{hz}"),
            Self::Silence => f.write_str("silence"),
        }
    }
}

impl fmt::Display for SinkSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Speaker(None) => f.write_str("speaker"),
            Self::Speaker(Some(name)) => write!(f, "speaker:{name}"),
            Self::File(path) => path.display().fmt(f),
            Self::Null => f.write_str("null"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn source(text: &str) -> Result<SourceSpec, SpecError> {
        text.parse()
    }

    #[test]
    fn every_form_of_a_source_is_read() {
        assert_eq!(source("mic"), Ok(SourceSpec::Mic(None)));
        assert_eq!(
            source("mic:USB Audio"),
            Ok(SourceSpec::Mic(Some("USB Audio".to_owned())))
        );
        assert_eq!(source("tone:440"), Ok(SourceSpec::Tone(440.0)));
        assert_eq!(source("silence"), Ok(SourceSpec::Silence));
        assert_eq!(
            source("Speech.WAV"),
            Ok(SourceSpec::File("Speech.WAV".into()))
        );
        assert_eq!(source("./mic"), Ok(SourceSpec::File("./mic".into())));
        assert_eq!(
            source("mic:hw:0,0"),
            Ok(SourceSpec::Mic(Some("hw:0,0".to_owned())))
        );
    }

    #[test]
    fn every_form_of_a_sink_is_read() {
        assert_eq!("speaker".parse(), Ok(SinkSpec::Speaker(None)));
        assert_eq!(
            "speaker:pulse".parse(),
            Ok(SinkSpec::Speaker(Some("pulse".to_owned())))
        );
        assert_eq!("null".parse(), Ok(SinkSpec::Null));
        assert_eq!("out.wav".parse(), Ok(SinkSpec::File("out.wav".into())));
    }

    #[test]
    fn a_misspelt_word_is_no_file() {
        let error = source("micc").unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected mic, mic:NAME, FILE.wav, tone:HZ or silence, found `micc`"
        );
        assert!("speakr".parse::<SinkSpec>().is_err());
        assert!(source("").is_err());
    }

    #[test]
    fn a_tone_without_a_sensible_frequency_is_refused() {
        for text in [
            "tone:", "tone:abc", "tone:0", "tone:-3", "tone:inf", "tone:NaN",
        ] {
            assert!(
                matches!(source(text), Err(SpecError::Frequency { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn a_colon_wants_a_name() {
        assert_eq!(source("mic: "), Err(SpecError::NoName { prefix: "mic:" }));
        assert_eq!(
            "speaker:".parse::<SinkSpec>(),
            Err(SpecError::NoName { prefix: "speaker:" })
        );
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(text in "mic|mic:[a-zA-Z0-9:,= ]*[a-z]|tone:[1-9][0-9]{0,3}(\\.[0-9][1-9])?|silence|[a-z/]{1,9}\\.wav") {
            let spec: SourceSpec = text.parse().unwrap();
            prop_assert_eq!(spec.to_string(), text);
        }
    }
}
