//! The invitation of the conference dialect (`AVChatConferenceData`).
//!
//! Who is invited to which conference, and by which addresses the sender can be reached. iChat sends
//! it as a binary property list in hex; XML property lists and keyed archives are read too.
//!
//! Reading is lenient: a key that is missing leaves its field empty, one that is not known is kept,
//! a value of another type is kept and read as far as it makes sense. What differs from the captured
//! form is told by [`Invitation::deviations`], for a log or an inspector; none of it is an error.
//! Writing a decoded invitation gives the octets it came from, if a Mac wrote them.
//!
//! Source: `docs/protocol/invitation.md`, top dictionary [C; P, 2010].

mod build;
mod compare;
mod deviation;
mod error;
mod fields;
mod invitee;
mod layout;
mod salvage;
mod session_id;

use std::borrow::Cow;

use crate::bplist::{self, EncodeError, PlistValue};
use crate::hex_text;
use crate::ice_data::{IceData, IceDataError};
use crate::keyed_archive::{KeyedArchive, KeyedError, is_keyed_archive};
use crate::xml_plist;

pub use build::{InvitationParams, Party};
pub use deviation::{Deviation, Place};
pub use error::InvitationError;
pub use fields::{FieldInfo, INVITATION_FIELDS, INVITEE_FIELDS};
pub use invitee::{Invitee, InviteeState};
pub use salvage::{CutData, SalvagedInvitation};
pub use session_id::SessionId;

use fields::InvitationKey;
use layout::{Fields, Layout};

/// Most members of `VCInviteesList` that are looked at; those behind are kept as they are.
pub const MAX_INVITEES: usize = 64;

/// In which form an invitation came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Form {
    /// A binary property list, as iChat sends it \[C\].
    #[default]
    Binary,
    /// An XML property list \[I\].
    Xml,
    /// A keyed archive in a binary property list \[I\].
    KeyedBinary,
    /// A keyed archive in an XML property list \[I\].
    KeyedXml,
}

/// An invitation, or the answer to one, which is of the same form.
///
/// Made by [`decode`](Self::decode), by [`build`](Self::build), or from the empty
/// [`Default`]. Fields can be changed; what is not changed is written as it came.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Invitation {
    /// `VCSessionID`: names the conference; chosen by the inviter and repeated in the answer.
    pub session_id: Option<SessionId>,
    /// `VCICEData`: the sender's candidates in a typedstream, see [`ice_data`](Self#method.ice_data).
    pub ice_data: Option<Vec<u8>>,
    /// `VCInviteesList`: the members of the conference, the inviter first.
    pub invitees: Vec<Invitee>,
    /// `VCSecurityEnabled`: whether media are encrypted; false.
    pub security_enabled: Option<bool>,
    /// `VCOrderIsFinal`: false.
    pub order_is_final: Option<bool>,
    /// In which form it came. Writing always gives a binary property list.
    pub form: Form,
    /// Members beyond [`MAX_INVITEES`].
    surplus: Vec<PlistValue<'static>>,
    layout: Layout,
}

impl Invitation {
    /// Reads the text of an `AVChatConferenceData` element: hex of either case, white space anywhere.
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode), and where the text is no hex.
    pub fn decode_hex(text: &str) -> Result<Self, InvitationError> {
        Self::decode(&hex_text::decode(text)?)
    }

    /// Reads a binary property list, an XML property list or a keyed archive in either.
    ///
    /// # Errors
    ///
    /// Where the octets are none of these, or their value is no dictionary.
    pub fn decode(octets: &[u8]) -> Result<Self, InvitationError> {
        if bplist::is_binary(octets) {
            let value = bplist::decode(octets).map_err(|fault| {
                salvage::cut(octets).map_or(InvitationError::Binary(fault), |cut| {
                    InvitationError::Cut(cut)
                })
            })?;
            Self::from_plist(value, Form::Binary)
        } else if xml_plist::is_xml(octets) {
            Self::from_plist(xml_plist::decode(octets)?, Form::Xml)
        } else {
            Err(InvitationError::Form {
                found: std::array::from_fn(|index| octets.get(index).copied().unwrap_or_default()),
            })
        }
    }

    /// Reads the value of a property list, which may be a keyed archive.
    ///
    /// # Errors
    ///
    /// Where it is no dictionary.
    pub fn from_plist(value: PlistValue<'_>, form: Form) -> Result<Self, InvitationError> {
        if is_keyed_archive(&value) {
            let archive = KeyedArchive::decode(&value)?;
            let found = archive.top.len();
            let root = archive.root().ok_or(KeyedError::Root { found })?;
            let form = match form {
                Form::Binary | Form::KeyedBinary => Form::KeyedBinary,
                Form::Xml | Form::KeyedXml => Form::KeyedXml,
            };
            Self::from_dictionary(root.to_plist()?, form)
        } else {
            Self::from_dictionary(value, form)
        }
    }

    fn from_dictionary(value: PlistValue<'_>, form: Form) -> Result<Self, InvitationError> {
        let found = value.kind();
        let PlistValue::Dictionary(entries) = value else {
            return Err(InvitationError::Kind { found });
        };
        let mut invitation = Self {
            form,
            ..Self::default()
        };
        invitation.layout = Layout::read(&mut invitation, entries);
        Ok(invitation)
    }

    /// The invitation as the value of a property list.
    pub fn to_plist(&self) -> PlistValue<'_> {
        self.layout.write(self)
    }

    /// Writes a binary property list, numbered as CoreFoundation does.
    ///
    /// # Errors
    ///
    /// Where it would be so large that [`decode`](Self::decode) refuses it.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        bplist::encode(&self.to_plist())
    }

    /// Writes the text of an `AVChatConferenceData` element: lower-case hex without white space.
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode).
    pub fn encode_hex(&self) -> Result<String, EncodeError> {
        Ok(hex_text::encode(&self.encode()?))
    }

    /// The sender's candidates, read from [`ice_data`](Self#structfield.ice_data); none if there is no
    /// such data.
    ///
    /// # Errors
    ///
    /// Where the data is no typedstream of the expected dictionary; of what is there
    /// [`IceData::salvage`] tells more.
    pub fn ice_data(&self) -> Option<Result<IceData, IceDataError>> {
        self.ice_data.as_deref().map(IceData::decode)
    }

    /// Keys that are not known, with their values, in the order found. A known key that occurs again
    /// is among them.
    pub fn unknown(&self) -> impl Iterator<Item = (Cow<'_, str>, &PlistValue<'static>)> {
        self.layout.unknown()
    }
}

impl Fields for Invitation {
    type Key = InvitationKey;

    const KEYS: &'static [InvitationKey] = InvitationKey::ALL;

    fn name(key: InvitationKey) -> &'static str {
        key.name()
    }

    fn take(&mut self, key: InvitationKey, value: PlistValue<'_>) -> Option<PlistValue<'static>> {
        match key {
            InvitationKey::SessionId => layout::take(&mut self.session_id, value),
            InvitationKey::IceData => {
                let PlistValue::Data(octets) = value else {
                    return Some(value.into_owned());
                };
                self.ice_data = Some(octets.into_owned());
                None
            }
            InvitationKey::InviteesList => {
                let PlistValue::Array(members) = value else {
                    return Some(value.into_owned());
                };
                let mut members = members.into_iter();
                let first = members.by_ref().take(MAX_INVITEES);
                self.invitees = first.map(Invitee::from_plist).collect();
                self.surplus = members.map(PlistValue::into_owned).collect();
                None
            }
            InvitationKey::SecurityEnabled => layout::take(&mut self.security_enabled, value),
            InvitationKey::OrderIsFinal => layout::take(&mut self.order_is_final, value),
        }
    }

    fn canonical(&self, key: InvitationKey) -> Option<PlistValue<'_>> {
        match key {
            InvitationKey::SessionId => layout::canonical(&self.session_id),
            InvitationKey::IceData => {
                let octets = self.ice_data.as_deref();
                octets.map(|octets| PlistValue::Data(Cow::Borrowed(octets)))
            }
            InvitationKey::InviteesList => {
                let invitees = self.invitees.iter().map(Invitee::to_plist);
                let surplus = self.surplus.iter().map(PlistValue::borrowed);
                Some(PlistValue::Array(invitees.chain(surplus).collect()))
            }
            InvitationKey::SecurityEnabled => layout::canonical(&self.security_enabled),
            InvitationKey::OrderIsFinal => layout::canonical(&self.order_is_final),
        }
    }

    fn says(&self, key: InvitationKey, value: &PlistValue<'_>) -> bool {
        match key {
            InvitationKey::SessionId => layout::says(&self.session_id, value),
            InvitationKey::IceData => self.ice_data.is_none(),
            InvitationKey::InviteesList => self.invitees.is_empty(),
            InvitationKey::SecurityEnabled => layout::says(&self.security_enabled, value),
            InvitationKey::OrderIsFinal => layout::says(&self.order_is_final, value),
        }
    }

    fn is_absent(&self, key: InvitationKey) -> bool {
        match key {
            InvitationKey::InviteesList => self.invitees.is_empty() && self.surplus.is_empty(),
            InvitationKey::SessionId => self.session_id.is_none(),
            InvitationKey::IceData => self.ice_data.is_none(),
            InvitationKey::SecurityEnabled => self.security_enabled.is_none(),
            InvitationKey::OrderIsFinal => self.order_is_final.is_none(),
        }
    }
}
