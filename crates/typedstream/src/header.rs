//! The head of an archive: who wrote it, and in which order of octets.

use crate::DecodeError;
use crate::input::Input;

/// The only streamer version that is read and written.
pub(crate) const STREAMER_VERSION: u8 = 4;
/// The streamer version before, which early NeXT systems wrote.
pub(crate) const OLD_STREAMER_VERSION: u8 = 3;
/// The system version of every Mac.
const SYSTEM_VERSION: i32 = 1000;

/// The order of the octets of an integer that takes more than one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ByteOrder {
    /// Signature `streamtyped`: least significant octet first, as an Intel Mac writes.
    #[default]
    Little,
    /// Signature `typedstream`: most significant octet first, as a PowerPC Mac or a NeXT writes.
    Big,
}

impl ByteOrder {
    /// The signature that says so: eleven octets.
    pub fn signature(self) -> &'static [u8; 11] {
        match self {
            Self::Little => b"streamtyped",
            Self::Big => b"typedstream",
        }
    }
}

/// The head of an archive.
///
/// Source: `docs/protocol/invitation.md`, grammar \[C\].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Header {
    /// The order of octets, from the signature.
    pub byte_order: ByteOrder,
    /// Version of the format; always 4 here, other archives are refused.
    pub streamer_version: u8,
    /// Version of the system that wrote the archive: 1000 for every Mac.
    pub system_version: i32,
}

impl Header {
    /// The head that a Mac writes: streamer version 4, system version 1000.
    pub fn new(byte_order: ByteOrder) -> Self {
        Self {
            byte_order,
            streamer_version: STREAMER_VERSION,
            system_version: SYSTEM_VERSION,
        }
    }

    /// Reads the head, and sets the byte order of what follows.
    pub(crate) fn decode(input: &mut Input<'_>) -> Result<Self, DecodeError> {
        let streamer_version = input.octet()?;
        if streamer_version == OLD_STREAMER_VERSION {
            return Err(DecodeError::OldStreamerVersion);
        }
        if streamer_version != STREAMER_VERSION {
            return Err(DecodeError::StreamerVersion {
                found: streamer_version,
            });
        }
        let length = input.octet()?;
        let signature = ByteOrder::Little.signature();
        if usize::from(length) != signature.len() {
            return Err(DecodeError::SignatureLength { found: length });
        }
        let found = input.take(signature.len())?;
        let byte_order = if found == ByteOrder::Little.signature() {
            ByteOrder::Little
        } else if found == ByteOrder::Big.signature() {
            ByteOrder::Big
        } else {
            return Err(DecodeError::Signature);
        };
        input.order = byte_order;
        let system_version = input.int()?;
        Ok(Self {
            byte_order,
            streamer_version,
            system_version,
        })
    }
}

impl Default for Header {
    /// The head that an Intel Mac writes.
    fn default() -> Self {
        Self::new(ByteOrder::Little)
    }
}
