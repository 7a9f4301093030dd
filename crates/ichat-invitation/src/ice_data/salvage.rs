//! What can be read of a `VCICEData` that is cut or broken.

use super::scan::Scan;
use super::{ByteOrder, ConnectionHelper, IceDataError};
use crate::candidate::{Candidate, decode_candidates, decode_candidates_lossy};

/// What can be read of a `VCICEData` that is cut or broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salvaged<'a> {
    /// Order of octets of the archive; `None` if not even its head could be read.
    pub byte_order: Option<ByteOrder>,
    /// `connection helper`, as far as it was read.
    pub helper: Option<ConnectionHelper>,
    /// `version`
    pub version: Option<i64>,
    /// The whole candidates of `SIP-ICE`.
    pub candidates: Vec<Candidate>,
    /// `SIP-ICE` as far as its octets are there.
    pub blob: Option<SalvagedBlob<'a>>,
    /// What [`IceData::decode`](super::IceData::decode) stumbles over; `None` if it does not.
    pub fault: Option<IceDataError>,
}

/// The octets under `SIP-ICE`, as far as they are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SalvagedBlob<'a> {
    /// Where they begin, from the first octet of the archive.
    pub offset: usize,
    /// How many the archive says there are.
    pub expected: usize,
    /// Those that are there.
    pub octets: &'a [u8],
}

impl<'a> Salvaged<'a> {
    pub(super) fn new(scan: Scan<'a>) -> Self {
        let octets = scan.blob.map(|blob| blob.octets).unwrap_or_default();
        let (candidates, _) = decode_candidates_lossy(octets);
        let fault = scan.fault.or_else(|| {
            let source = decode_candidates(octets).err()?;
            let offset = scan.blob?.offset;
            Some(IceDataError::Candidates { offset, source })
        });
        Self {
            byte_order: scan.byte_order,
            helper: scan.helper,
            version: scan.version,
            candidates,
            blob: scan.blob,
            fault,
        }
    }

    /// The octets of `SIP-ICE` after the last of [`candidates`](Self::candidates): a candidate that
    /// is not whole, as far as it goes. Empty if there is none.
    pub fn partial_candidate(&self) -> &'a [u8] {
        let whole = self.candidates.len() * Candidate::LEN;
        self.blob
            .and_then(|blob| blob.octets.get(whole..))
            .unwrap_or_default()
    }
}
