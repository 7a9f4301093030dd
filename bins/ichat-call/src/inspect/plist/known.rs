//! The keys of an invitation: `docs/protocol/invitation.md`, top dictionary and a member of
//! `VCInviteesList`.

use ichat_invitation::invitation::{FieldInfo, INVITATION_FIELDS, INVITEE_FIELDS};

/// Which dictionary a key is looked up in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The invitation itself.
    Top,
    /// The array of its members.
    Invitees,
    /// A member.
    Invitee,
    /// Anything else.
    Elsewhere,
}

impl Place {
    /// The place of the value under this key.
    pub(super) fn below(self, key: &str) -> Self {
        match (self, key) {
            (Self::Top, "VCInviteesList") => Self::Invitees,
            (Self::Top | Self::Invitees | Self::Invitee | Self::Elsewhere, _) => Self::Elsewhere,
        }
    }

    /// The place of a member of an array.
    pub(super) fn member(self) -> Self {
        match self {
            Self::Invitees => Self::Invitee,
            Self::Top | Self::Invitee | Self::Elsewhere => Self::Elsewhere,
        }
    }

    /// What is known of a key here.
    pub(super) fn known(self, key: &str) -> Option<&'static FieldInfo> {
        let fields = match self {
            Self::Top => INVITATION_FIELDS,
            Self::Invitee => INVITEE_FIELDS,
            Self::Invitees | Self::Elsewhere => return None,
        };
        fields.iter().find(|field| field.key == key)
    }
}
