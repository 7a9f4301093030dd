//! Why octets are no `VCICEData`, and why a value cannot become one.

use thiserror::Error;

use crate::candidate::CandidateError;

/// Why octets are no `VCICEData`. Every offset counts from the first octet of the archive.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IceDataError {
    /// The octets are no typedstream that can be read.
    #[error("VCICEData is no archive: {0}")]
    Archive(#[from] typedstream::DecodeError),
    /// The archive holds something else than one dictionary.
    #[error("VCICEData holds no dictionary at offset {offset}")]
    NoDictionary {
        /// Where the dictionary should begin.
        offset: usize,
    },
    /// A dictionary has more or fewer entries than it says.
    #[error("dictionary at offset {offset}: expected {expected} entries, found {found}")]
    EntryCount {
        /// Where the dictionary begins.
        offset: usize,
        /// How many entries it says it has.
        expected: i32,
        /// How many there are.
        found: i32,
    },
    /// What is under `SIP-ICE` is no data, or data of another length than it says.
    #[error("SIP-ICE at offset {offset} is no data of the length that it says")]
    NoData {
        /// Where the object begins.
        offset: usize,
    },
    /// What is under `SIP-ICE` is no list of whole candidates.
    #[error("SIP-ICE at offset {offset}: {source}")]
    Candidates {
        /// Where the candidates begin; the offset in `source` counts from there.
        offset: usize,
        /// What is wrong with them.
        source: CandidateError,
    },
}

/// Why a value cannot become `VCICEData`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IceDataEncodeError {
    /// There are more candidates than anybody reads.
    #[error("too many candidates: expected at most {limit}, found {found}")]
    TooManyCandidates {
        /// Most candidates that are sent.
        limit: usize,
        /// Candidates of the value.
        found: usize,
    },
    /// The archive that was decoded takes too much memory to be changed.
    #[error("VCICEData cannot be changed: {0}")]
    Form(typedstream::DecodeError),
    /// The archive that was decoded holds no dictionary of the form that can be changed.
    #[error("VCICEData cannot be changed: its archive holds no dictionary of the known form")]
    NoDictionary,
    /// The archive cannot be written.
    #[error("VCICEData cannot be written: {0}")]
    Archive(#[from] typedstream::EncodeError),
}
