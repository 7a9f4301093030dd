//! What an invitation without its end still says.

use super::{Form, Invitation, InvitationError};
use crate::bplist::{self, DecodeError, Objects, PlistValue, SalvagedValue};
use crate::hex_text;

/// What could be read of an invitation.
#[derive(Debug, Clone, PartialEq)]
pub struct SalvagedInvitation {
    /// The keys whose values are whole. Of a list that is not, the members that are.
    pub invitation: Invitation,
    /// The keys of the top dictionary that are there, in their order, whether or not their values
    /// are.
    pub keys: Vec<String>,
    /// The begin of `VCICEData`, if it is cut.
    pub ice_data: Option<CutData>,
    /// What is wrong first; none if the invitation is whole.
    pub fault: Option<InvitationError>,
}

/// Data of which the end is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutData {
    /// Where it begins in the property list.
    pub offset: usize,
    /// Octets that there should be.
    pub expected: u64,
    /// The octets that are there.
    pub octets: Vec<u8>,
}

impl Invitation {
    /// Reads what is there of an invitation as hex text, which may end or go wrong anywhere.
    ///
    /// # Errors
    ///
    /// Where nothing can be read: no binary property list, or not even the top dictionary.
    pub fn salvage_hex(text: &str) -> Result<SalvagedInvitation, InvitationError> {
        let (octets, fault) = hex_text::decode_lossy(text);
        let fault = fault.map(InvitationError::Hex);
        match (Self::salvage(&octets), fault) {
            (Ok(salvaged), fault) => Ok(SalvagedInvitation {
                fault: fault.or(salvaged.fault),
                ..salvaged
            }),
            (Err(_), Some(fault)) | (Err(fault), None) => Err(fault),
        }
    }

    /// Reads what is there of an invitation, which may end anywhere.
    ///
    /// # Errors
    ///
    /// Where nothing can be read: no binary property list, or not even the top dictionary.
    pub fn salvage(octets: &[u8]) -> Result<SalvagedInvitation, InvitationError> {
        let fault = match Self::decode(octets) {
            Ok(invitation) => {
                let entries = invitation.layout.entries.iter();
                return Ok(SalvagedInvitation {
                    keys: entries.map(|entry| entry.key.to_string()).collect(),
                    invitation,
                    ice_data: None,
                    fault: None,
                });
            }
            Err(fault) => fault,
        };
        let entries = match bplist::salvage(octets) {
            Ok(salvaged) => salvaged.entries(),
            Err(_) => return Err(fault),
        };
        if entries.is_empty() {
            return Err(fault);
        }
        let mut keys = Vec::with_capacity(entries.len());
        let mut whole = Vec::with_capacity(entries.len());
        let mut ice_data = None;
        for entry in entries {
            let Some(key) = entry.key else {
                continue;
            };
            keys.push(key.to_string());
            match entry.value {
                SalvagedValue::Whole(value) | SalvagedValue::Incomplete(value) => {
                    whole.push((key, value));
                }
                SalvagedValue::Cut(partial) if key == "VCICEData" => {
                    ice_data = Some(CutData {
                        offset: partial.content_offset,
                        expected: partial.expected,
                        octets: partial.octets.to_owned(),
                    });
                }
                SalvagedValue::Cut(_) | SalvagedValue::Missing => {}
            }
        }
        Ok(SalvagedInvitation {
            invitation: Self::from_dictionary(PlistValue::Dictionary(whole), Form::Binary)?,
            keys,
            ice_data,
            fault: Some(fault),
        })
    }
}

/// Where and how a binary property list is cut, if its trailer makes no sense and that is why.
pub(super) fn cut(octets: &[u8]) -> Option<DecodeError> {
    if Objects::open(octets).is_ok() {
        return None;
    }
    let cut = bplist::salvage(octets).ok()?.fault()?;
    matches!(cut, DecodeError::Truncated { .. }).then_some(cut)
}
