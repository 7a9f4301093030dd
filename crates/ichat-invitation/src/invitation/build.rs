//! Invitations of our own, in the captured form.

use super::compare::bare;
use super::{Form, Invitation, Invitee, InviteeState, SessionId};

/// One of the two who talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Party<'a> {
    /// Its JID; the caller's with the resource, of the callee's the resource is not used.
    pub jid: &'a str,
    /// Its display name; empty if there is none, then the part of the JID before the `@` is written.
    pub name: &'a str,
}

impl<'a> Party<'a> {
    /// The name to display.
    fn display_name(&self) -> &'a str {
        match self.name {
            "" => bare(self.jid).split('@').next().unwrap_or_default(),
            name => name,
        }
    }
}

/// What an invitation for two says.
#[derive(Debug, Clone, Copy)]
pub struct InvitationParams<'a> {
    /// Who calls: the first member, in the request and in the answer.
    pub caller: Party<'a>,
    /// Who is called.
    pub callee: Party<'a>,
    /// Whether pictures are sent; false for an audio call.
    pub video: bool,
    /// The sender's candidates as a typedstream.
    pub ice_data: &'a [u8],
}

impl Invitation {
    /// An invitation for two, as the captured one is made.
    ///
    /// Source: `docs/protocol/invitation.md`, a member of `VCInviteesList` [P, 2010]; that
    /// `sendingVideo` is false for an audio call \[I\].
    pub fn build(session_id: SessionId, params: &InvitationParams<'_>) -> Self {
        let InvitationParams {
            caller,
            callee,
            video,
            ice_data,
        } = *params;
        let member = |party: Party<'_>, place: u8| {
            let presentity_id = bare(party.jid);
            Invitee {
                ard_role: Some(0),
                error: Some(0),
                state: Some(match place {
                    1 => InviteeState::None,
                    _ => InviteeState::Waiting,
                }),
                invited_by: Some(caller.jid.to_owned()),
                presentity_id: Some(presentity_id.to_owned()),
                presentity_name: Some(party.display_name().to_owned()),
                sending_audio: Some(true),
                sending_video: Some(video),
                party_id: Some(format!("{presentity_id}{place}")),
                using_ice: Some(place != 1),
                ..Invitee::default()
            }
        };
        Self {
            session_id: Some(session_id),
            ice_data: Some(ice_data.to_owned()),
            invitees: vec![member(caller, 1), member(callee, 2)],
            security_enabled: Some(false),
            order_is_final: Some(false),
            form: Form::Binary,
            ..Self::default()
        }
    }

    /// The answer to this invitation: its session id, the same two members in the same order, our
    /// candidates. An invitation without an id gets an answer without one.
    ///
    /// Source: `docs/protocol/xmpp.md`, conference stanzas \[I\].
    pub fn answer(&self, params: &InvitationParams<'_>) -> Self {
        let placeholder = self.session_id.unwrap_or(SessionId::new(0));
        Self {
            session_id: self.session_id,
            ..Self::build(placeholder, params)
        }
    }
}
