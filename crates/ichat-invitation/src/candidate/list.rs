//! The blob under `SIP-ICE`: candidates one after the other.

use thiserror::Error;

use super::Candidate;

/// Most candidates of one blob that are read.
pub const MAX_CANDIDATES: usize = 64;

/// Reads all candidates of a blob. No octets are no candidates.
///
/// # Errors
///
/// [`CandidateError`] if the length is no multiple of [`Candidate::LEN`] or there are more than
/// [`MAX_CANDIDATES`]. [`decode_candidates_lossy`] reads what there is.
pub fn decode_candidates(octets: &[u8]) -> Result<Vec<Candidate>, CandidateError> {
    let (whole, rest) = octets.as_chunks::<{ Candidate::LEN }>();
    if !rest.is_empty() {
        return Err(CandidateError::Broken {
            offset: octets.len() - rest.len(),
            expected: Candidate::LEN,
            found: rest.len(),
        });
    }
    if whole.len() > MAX_CANDIDATES {
        return Err(CandidateError::TooMany {
            offset: MAX_CANDIDATES * Candidate::LEN,
            limit: MAX_CANDIDATES,
            found: whole.len(),
        });
    }
    Ok(whole.iter().map(Candidate::decode).collect())
}

/// Reads the whole candidates of a blob, at most [`MAX_CANDIDATES`], and says how many octets at its
/// end are left over.
pub fn decode_candidates_lossy(octets: &[u8]) -> (Vec<Candidate>, usize) {
    let (whole, _) = octets.as_chunks::<{ Candidate::LEN }>();
    let candidates: Vec<_> = whole
        .iter()
        .take(MAX_CANDIDATES)
        .map(Candidate::decode)
        .collect();
    let rest = octets.len() - candidates.len() * Candidate::LEN;
    (candidates, rest)
}

/// Writes a blob: the candidates in their order.
pub fn encode_candidates(candidates: &[Candidate]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(candidates.len() * Candidate::LEN);
    for candidate in candidates {
        octets.extend_from_slice(&candidate.encode());
    }
    octets
}

/// Why a blob is no list of candidates.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CandidateError {
    /// The last candidate is not whole, or this is the later, compressed form.
    #[error(
        "candidates broken off at offset {offset}: expected {expected} octets a candidate, found \
         {found}"
    )]
    Broken {
        /// Where the last, broken candidate begins, from the start of the blob.
        offset: usize,
        /// Octets of a candidate.
        expected: usize,
        /// Octets that are there.
        found: usize,
    },
    /// More candidates than we read.
    #[error("too many candidates at offset {offset}: expected at most {limit}, found {found}")]
    TooMany {
        /// Where the first candidate too many begins, from the start of the blob.
        offset: usize,
        /// Most candidates that are read.
        limit: usize,
        /// Whole candidates in the blob.
        found: usize,
    },
}
