//! `VCICEData`: what a side says about its candidates, a typedstream inside the invitation.
//!
//! ```text
//! NSMutableDictionary
//!   "connection helper"  NSMutableDictionary { "CommNAT": NSNumber (i) 0 }
//!   "version"            NSNumber (i) 2
//!   "SIP-ICE"            NSData, candidates of 148 octets each
//! ```
//!
//! Source: `docs/protocol/invitation.md`, `VCICEData` \[C\].

mod error;
mod form;
mod salvage;
mod scan;
mod skeleton;

pub use error::{IceDataEncodeError, IceDataError};
pub use salvage::{Salvaged, SalvagedBlob};
pub use typedstream::ByteOrder;

use crate::candidate::{Candidate, MAX_CANDIDATES, decode_candidates, encode_candidates};
use form::Form;
use scan::scan;

/// Key of the dictionary about the NAT.
const KEY_HELPER: &str = "connection helper";
/// Key of the version.
const KEY_VERSION: &str = "version";
/// Key of the candidates.
const KEY_CANDIDATES: &str = "SIP-ICE";
/// Key of the only number that the connection helper is known to hold.
const KEY_COMM_NAT: &str = "CommNAT";

/// `version` as captured \[C\].
const VERSION: i64 = 2;

/// What a side says about its candidates.
///
/// A value that was decoded keeps its archive: [`encode`](Self::encode) gives the same octets as long
/// as no field is changed, and where one is, everything else stays as it was: keys that are not
/// known, their order, the types of numbers, which dictionaries are mutable.
///
/// `==` compares the four fields, not the archive behind them.
///
/// Source: `docs/protocol/invitation.md`, `VCICEData` \[C\].
#[derive(Debug, Clone)]
pub struct IceData {
    /// Order of octets of the archive: little-endian from an Intel Mac, and from us.
    pub byte_order: ByteOrder,
    /// `connection helper`; `None` if it is missing or no dictionary.
    pub helper: Option<ConnectionHelper>,
    /// `version`, 2 in the capture; `None` if it is missing or no integer.
    pub version: Option<i64>,
    /// `SIP-ICE`: the candidates in their order, at most [`MAX_CANDIDATES`]. None if it is missing.
    pub candidates: Vec<Candidate>,
    form: Option<Form>,
}

/// What a side says about its NAT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ConnectionHelper {
    /// `CommNAT`, 0 in the capture; its meaning is not known. `None` if it is missing or no integer.
    pub comm_nat: Option<i64>,
}

impl ConnectionHelper {
    /// What a Mac said \[C\].
    const CAPTURED: Self = Self { comm_nat: Some(0) };
}

impl IceData {
    /// The captured form with these candidates: little-endian, `CommNAT` 0, version 2.
    pub fn new(candidates: Vec<Candidate>) -> Self {
        Self {
            byte_order: ByteOrder::Little,
            helper: Some(ConnectionHelper::CAPTURED),
            version: Some(VERSION),
            candidates,
            form: None,
        }
    }

    /// Reads the octets under `VCICEData`.
    ///
    /// Keys may be missing, and there may be others. Of a key that occurs twice the first counts.
    ///
    /// # Errors
    ///
    /// The octets are no typedstream or hold no dictionary, or what is under `SIP-ICE` is no list of
    /// whole candidates. [`salvage`](Self::salvage) shows what can be read all the same.
    pub fn decode(octets: &[u8]) -> Result<Self, IceDataError> {
        if let Some((byte_order, offset, blob)) = skeleton::split(octets) {
            // Nothing but the candidates can differ, so that nothing else has to be read or kept.
            let candidates = decode_candidates(blob)
                .map_err(|source| IceDataError::Candidates { offset, source })?;
            return Ok(Self {
                byte_order,
                ..Self::new(candidates)
            });
        }
        let scan = scan(octets);
        if let Some(fault) = scan.fault {
            return Err(fault);
        }
        let candidates = match &scan.blob {
            Some(blob) => {
                decode_candidates(blob.octets).map_err(|source| IceDataError::Candidates {
                    offset: blob.offset,
                    source,
                })?
            }
            None => Vec::new(),
        };
        Ok(Self {
            byte_order: scan.byte_order.unwrap_or_default(),
            helper: scan.helper,
            version: scan.version,
            candidates,
            form: Some(Form::new(octets, &scan)),
        })
    }

    /// Reads what can be read of octets that [`decode`](Self::decode) refuses, cut ones above all.
    pub fn salvage(octets: &[u8]) -> Salvaged<'_> {
        Salvaged::new(scan(octets))
    }

    /// Writes the octets for `VCICEData`.
    ///
    /// # Errors
    ///
    /// There are more than [`MAX_CANDIDATES`] candidates, or the archive that was decoded cannot be
    /// taken apart within the limits of memory in order to change it.
    pub fn encode(&self) -> Result<Vec<u8>, IceDataEncodeError> {
        if self.candidates.len() > MAX_CANDIDATES {
            return Err(IceDataEncodeError::TooManyCandidates {
                limit: MAX_CANDIDATES,
                found: self.candidates.len(),
            });
        }
        match &self.form {
            None => {
                let blob = encode_candidates(&self.candidates);
                skeleton::encode(self.byte_order, self.helper, self.version, &blob)
                    .map_or_else(|| form::build(self), Ok)
            }
            Some(form) => form.encode(self),
        }
    }

    /// The keys that are not known, in their order; those of the connection helper after
    /// `connection helper/`. For logs: [`encode`](Self::encode) keeps them in any case.
    pub fn unknown_keys(&self) -> Vec<String> {
        self.form
            .as_ref()
            .map(Form::unknown_keys)
            .unwrap_or_default()
    }
}

impl PartialEq for IceData {
    fn eq(&self, other: &Self) -> bool {
        self.byte_order == other.byte_order
            && self.helper == other.helper
            && self.version == other.version
            && self.candidates == other.candidates
    }
}

impl Eq for IceData {}
