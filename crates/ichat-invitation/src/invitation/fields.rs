//! The keys of an invitation and of its members, and what is known about them.

use crate::bplist::Kind;

/// A key that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldInfo {
    /// The key.
    pub key: &'static str,
    /// The kind of its value in the captured form.
    pub kind: Kind,
    /// What it means.
    pub meaning: &'static str,
    /// How well that is known: `C` captured, `P` published, `I` inferred.
    pub grade: &'static str,
}

/// The keys of the top dictionary, in the captured order.
///
/// Source: `docs/protocol/invitation.md`, top dictionary [C; P, 2010].
pub const INVITATION_FIELDS: &[FieldInfo] = &[
    info(
        InvitationKey::SessionId.name(),
        Kind::Integer,
        "names the conference, chosen by the inviter",
        "C",
    ),
    info(
        InvitationKey::IceData.name(),
        Kind::Data,
        "the sender's candidates, a typedstream",
        "C",
    ),
    info(
        InvitationKey::InviteesList.name(),
        Kind::Array,
        "the members of the conference, the inviter first",
        "P",
    ),
    info(
        InvitationKey::SecurityEnabled.name(),
        Kind::Boolean,
        "whether media are encrypted",
        "I",
    ),
    info(
        InvitationKey::OrderIsFinal.name(),
        Kind::Boolean,
        "whether the order of the members is final",
        "I",
    ),
];

/// The keys of a member of `VCInviteesList`; their order is inferred.
///
/// Source: `docs/protocol/invitation.md`, a member of `VCInviteesList` [P, 2010].
pub const INVITEE_FIELDS: &[FieldInfo] = &[
    info(
        InviteeKey::ArdRole.name(),
        Kind::Integer,
        "role in a shared screen",
        "I",
    ),
    info(InviteeKey::Error.name(), Kind::Integer, "0: none", "I"),
    info(
        InviteeKey::State.name(),
        Kind::Integer,
        "0 for the caller, 2 for the callee",
        "P",
    ),
    info(
        InviteeKey::InvitedBy.name(),
        Kind::String,
        "full JID of the caller",
        "P",
    ),
    info(
        InviteeKey::PresentityId.name(),
        Kind::String,
        "bare JID of this member",
        "P",
    ),
    info(
        InviteeKey::PresentityName.name(),
        Kind::String,
        "display name of this member",
        "P",
    ),
    info(
        InviteeKey::SendingAudio.name(),
        Kind::Boolean,
        "whether this member sends sound",
        "P",
    ),
    info(
        InviteeKey::SendingVideo.name(),
        Kind::Boolean,
        "whether this member sends pictures; false in an audio call",
        "I",
    ),
    info(
        InviteeKey::PartyId.name(),
        Kind::String,
        "bare JID of this member with its place appended",
        "P",
    ),
    info(
        InviteeKey::UsingIce.name(),
        Kind::Boolean,
        "false for the caller, true for the callee",
        "P",
    ),
];

const fn info(
    key: &'static str,
    kind: Kind,
    meaning: &'static str,
    grade: &'static str,
) -> FieldInfo {
    FieldInfo {
        key,
        kind,
        meaning,
        grade,
    }
}

/// A key of the top dictionary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InvitationKey {
    SessionId,
    IceData,
    InviteesList,
    SecurityEnabled,
    OrderIsFinal,
}

impl InvitationKey {
    /// In the captured order.
    pub(super) const ALL: &'static [Self] = &[
        Self::SessionId,
        Self::IceData,
        Self::InviteesList,
        Self::SecurityEnabled,
        Self::OrderIsFinal,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::SessionId => "VCSessionID",
            Self::IceData => "VCICEData",
            Self::InviteesList => "VCInviteesList",
            Self::SecurityEnabled => "VCSecurityEnabled",
            Self::OrderIsFinal => "VCOrderIsFinal",
        }
    }
}

/// A key of a member of `VCInviteesList`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InviteeKey {
    ArdRole,
    Error,
    State,
    InvitedBy,
    PresentityId,
    PresentityName,
    SendingAudio,
    SendingVideo,
    PartyId,
    UsingIce,
}

impl InviteeKey {
    /// In the inferred order.
    pub(super) const ALL: &'static [Self] = &[
        Self::ArdRole,
        Self::Error,
        Self::State,
        Self::InvitedBy,
        Self::PresentityId,
        Self::PresentityName,
        Self::SendingAudio,
        Self::SendingVideo,
        Self::PartyId,
        Self::UsingIce,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::ArdRole => "ardRole",
            Self::Error => "error",
            Self::State => "state",
            Self::InvitedBy => "invitedBy",
            Self::PresentityId => "presentityID",
            Self::PresentityName => "presentityName",
            Self::SendingAudio => "sendingAudio",
            Self::SendingVideo => "sendingVideo",
            Self::PartyId => "vcPartyID",
            Self::UsingIce => "usingICE",
        }
    }
}
