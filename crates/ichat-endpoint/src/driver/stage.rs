//! What the driver is about.

use std::time::Instant;

use ichat_xmpp::Jid;

use super::links::{Leg, LinkId};
use crate::call::Call;
use crate::event::CallNumber;
use crate::introductions::Introduction;

/// What the driver is about.
#[derive(Debug)]
pub(super) enum Stage {
    /// Nothing.
    Idle,
    /// We are about to ring, and servers are still to say where they see us.
    Gathering {
        number: CallNumber,
        link: LinkId,
        peer: Jid,
        since: Instant,
    },
    /// Our request rings.
    Calling {
        number: CallNumber,
        leg: Leg,
        since: Instant,
    },
    /// The peer called while ours rang; its call is about to take the place of ours.
    Glare { number: CallNumber, link: LinkId },
    /// Somebody's request rings here.
    Asked(Box<Asked>),
    /// The callee has accepted in the conference dialect, and no way to it is known to work.
    Checking(Box<Checking>),
    /// A call from its INVITE on; with its leg when XMPP signalled it.
    Talking { call: Box<Call>, leg: Option<Leg> },
}

/// Somebody's request.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) number: CallNumber,
    pub(super) leg: Leg,
    pub(super) from: Jid,
    /// What the caller said of its addresses.
    pub(super) theirs: Introduction,
    /// It is to be accepted, as soon as servers have said where they see us.
    pub(super) answered: bool,
}

/// An accepted call of ours before its INVITE.
#[derive(Debug)]
pub(super) struct Checking {
    pub(super) number: CallNumber,
    pub(super) leg: Leg,
    pub(super) by: Jid,
    pub(super) since: Instant,
    /// What the callee said of its addresses.
    pub(super) theirs: Introduction,
    /// When to dial without a path; `None` when nothing can be dialled.
    pub(super) direct_at: Option<Instant>,
    /// When to give up.
    pub(super) give_up: Instant,
}

impl Stage {
    /// The number of the call that it is about.
    pub(super) fn number(&self) -> Option<CallNumber> {
        match self {
            Self::Idle => None,
            Self::Gathering { number, .. }
            | Self::Calling { number, .. }
            | Self::Glare { number, .. } => Some(*number),
            Self::Asked(asked) => Some(asked.number),
            Self::Checking(checking) => Some(checking.number),
            Self::Talking { call, .. } => Some(call.number()),
        }
    }

    /// The call, from its INVITE on.
    pub(super) fn call(&self) -> Option<&Call> {
        match self {
            Self::Talking { call, .. } => Some(call),
            Self::Idle
            | Self::Gathering { .. }
            | Self::Calling { .. }
            | Self::Glare { .. }
            | Self::Asked(_)
            | Self::Checking(_) => None,
        }
    }

    /// The same, to be changed.
    pub(super) fn call_mut(&mut self) -> Option<&mut Call> {
        match self {
            Self::Talking { call, .. } => Some(call),
            Self::Idle
            | Self::Gathering { .. }
            | Self::Calling { .. }
            | Self::Glare { .. }
            | Self::Asked(_)
            | Self::Checking(_) => None,
        }
    }

    /// The leg of a call that one side has accepted.
    pub(super) fn accepted_leg(&self) -> Option<Leg> {
        match self {
            Self::Checking(checking) => Some(checking.leg),
            Self::Talking { leg, .. } => *leg,
            Self::Idle
            | Self::Gathering { .. }
            | Self::Calling { .. }
            | Self::Glare { .. }
            | Self::Asked(_) => None,
        }
    }
}
