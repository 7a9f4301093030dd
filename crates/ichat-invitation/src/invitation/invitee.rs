//! A member of `VCInviteesList`.

use std::borrow::Cow;
use std::fmt;

use super::fields::InviteeKey;
use super::layout::{self, Fields, Layout};
use crate::bplist::PlistValue;

/// A member of a conference.
///
/// Source: `docs/protocol/invitation.md`, a member of `VCInviteesList` [P, 2010].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Invitee {
    /// `ardRole`: role in a shared screen; 0.
    pub ard_role: Option<i64>,
    /// `error`: 0 for none.
    pub error: Option<i64>,
    /// `state`: 0 for the caller, 2 for the callee.
    pub state: Option<InviteeState>,
    /// `invitedBy`: the caller's full JID, for the caller itself too.
    pub invited_by: Option<String>,
    /// `presentityID`: this member's bare JID.
    pub presentity_id: Option<String>,
    /// `presentityName`: its display name.
    pub presentity_name: Option<String>,
    /// `sendingAudio`: true.
    pub sending_audio: Option<bool>,
    /// `sendingVideo`: false in an audio call \[I\].
    pub sending_video: Option<bool>,
    /// `vcPartyID`: its bare JID with its place, counted from 1, appended.
    pub party_id: Option<String>,
    /// `usingICE`: false for the caller, true for the callee.
    pub using_ice: Option<bool>,
    /// The member as it came, if it is no dictionary.
    pub(super) other: Option<PlistValue<'static>>,
    pub(super) layout: Layout,
}

/// `state` of a member.
///
/// The numbers are those of later software \[D\]; where the captured form disagrees, it wins: there a
/// caller is 0 and a callee 2 \[P\].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InviteeState {
    /// 0.
    None,
    /// 1.
    Invited,
    /// 2.
    Waiting,
    /// 3.
    Connecting,
    /// 4.
    Connected,
    /// 5.
    Ended,
    /// Another number.
    Unknown(i64),
}

impl From<i64> for InviteeState {
    fn from(number: i64) -> Self {
        match number {
            0 => Self::None,
            1 => Self::Invited,
            2 => Self::Waiting,
            3 => Self::Connecting,
            4 => Self::Connected,
            5 => Self::Ended,
            _ => Self::Unknown(number),
        }
    }
}

impl From<InviteeState> for i64 {
    fn from(state: InviteeState) -> Self {
        match state {
            InviteeState::None => 0,
            InviteeState::Invited => 1,
            InviteeState::Waiting => 2,
            InviteeState::Connecting => 3,
            InviteeState::Connected => 4,
            InviteeState::Ended => 5,
            InviteeState::Unknown(number) => number,
        }
    }
}

impl fmt::Display for InviteeState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::None => "none",
            Self::Invited => "invited",
            Self::Waiting => "waiting",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Ended => "ended",
            Self::Unknown(_) => "unknown",
        })
    }
}

impl Invitee {
    /// Reads a member, whatever it is.
    pub fn from_plist(value: PlistValue<'_>) -> Self {
        let mut invitee = Self::default();
        if let PlistValue::Dictionary(entries) = value {
            invitee.layout = Layout::read(&mut invitee, entries);
        } else {
            invitee.other = Some(value.into_owned());
        }
        invitee
    }

    /// The member as the value of a property list.
    pub fn to_plist(&self) -> PlistValue<'_> {
        let untouched = InviteeKey::ALL.iter().all(|key| self.is_absent(*key));
        match &self.other {
            Some(other) if untouched => other.borrowed(),
            Some(_) | None => self.layout.write(self),
        }
    }

    /// Keys that are not known, with their values, in the order found. A known key that occurs again
    /// is among them.
    pub fn unknown(&self) -> impl Iterator<Item = (Cow<'_, str>, &PlistValue<'static>)> {
        self.layout.unknown()
    }
}

impl Fields for Invitee {
    type Key = InviteeKey;

    const KEYS: &'static [InviteeKey] = InviteeKey::ALL;

    fn name(key: InviteeKey) -> &'static str {
        key.name()
    }

    fn take(&mut self, key: InviteeKey, value: PlistValue<'_>) -> Option<PlistValue<'static>> {
        match key {
            InviteeKey::ArdRole => layout::take(&mut self.ard_role, value),
            InviteeKey::Error => layout::take(&mut self.error, value),
            InviteeKey::State => layout::take(&mut self.state, value),
            InviteeKey::InvitedBy => layout::take(&mut self.invited_by, value),
            InviteeKey::PresentityId => layout::take(&mut self.presentity_id, value),
            InviteeKey::PresentityName => layout::take(&mut self.presentity_name, value),
            InviteeKey::SendingAudio => layout::take(&mut self.sending_audio, value),
            InviteeKey::SendingVideo => layout::take(&mut self.sending_video, value),
            InviteeKey::PartyId => layout::take(&mut self.party_id, value),
            InviteeKey::UsingIce => layout::take(&mut self.using_ice, value),
        }
    }

    fn canonical(&self, key: InviteeKey) -> Option<PlistValue<'_>> {
        match key {
            InviteeKey::ArdRole => layout::canonical(&self.ard_role),
            InviteeKey::Error => layout::canonical(&self.error),
            InviteeKey::State => layout::canonical(&self.state),
            InviteeKey::InvitedBy => layout::canonical(&self.invited_by),
            InviteeKey::PresentityId => layout::canonical(&self.presentity_id),
            InviteeKey::PresentityName => layout::canonical(&self.presentity_name),
            InviteeKey::SendingAudio => layout::canonical(&self.sending_audio),
            InviteeKey::SendingVideo => layout::canonical(&self.sending_video),
            InviteeKey::PartyId => layout::canonical(&self.party_id),
            InviteeKey::UsingIce => layout::canonical(&self.using_ice),
        }
    }

    fn says(&self, key: InviteeKey, value: &PlistValue<'_>) -> bool {
        match key {
            InviteeKey::ArdRole => layout::says(&self.ard_role, value),
            InviteeKey::Error => layout::says(&self.error, value),
            InviteeKey::State => layout::says(&self.state, value),
            InviteeKey::InvitedBy => layout::says(&self.invited_by, value),
            InviteeKey::PresentityId => layout::says(&self.presentity_id, value),
            InviteeKey::PresentityName => layout::says(&self.presentity_name, value),
            InviteeKey::SendingAudio => layout::says(&self.sending_audio, value),
            InviteeKey::SendingVideo => layout::says(&self.sending_video, value),
            InviteeKey::PartyId => layout::says(&self.party_id, value),
            InviteeKey::UsingIce => layout::says(&self.using_ice, value),
        }
    }

    fn is_absent(&self, key: InviteeKey) -> bool {
        self.canonical(key).is_none()
    }
}
