//! Glare: the person whom we ring rings us.
//!
//! docs/protocol/field.md, glare \[I\]: the bare address that sorts lower stays the caller. This is
//! that side, whose request stands; the other gives way, or does not know that it should.

use std::time::{Duration, Instant};

use xmpp_parsers::jid::Jid;

use super::same_device;
use crate::vc::{Request, ResponseCode};

/// How long a request that crossed ours may still be taken back after ours was refused, before we
/// take it.
const PATIENCE: Duration = Duration::from_secs(1);

/// The peer's request beside ours, if there is one.
#[derive(Debug, Default)]
pub(super) struct Crossing {
    standing: Option<Standing>,
    /// Who has taken its request back, as the one that sorts higher should.
    withdrawn_by: Option<Jid>,
    rung_again: bool,
}

/// A request that rings nowhere.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) from: Jid,
    pub(super) id: Option<String>,
    pub(super) request: Request,
    /// When it is taken, since that device refused ours.
    due: Option<Instant>,
}

/// What a refusal from a device means beside its own request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// What it says.
    Counts,
    /// Perhaps only that the device was calling us: see whether its request stands.
    Waits,
    /// Only that it was calling us: both requests were given up, and ours goes out once more.
    RingAgain,
}

impl Crossing {
    /// Notes a request; the one before it of another device is given back.
    pub(super) fn meet(&mut self, from: &Jid, id: Option<&str>, request: Request) -> Meet {
        let standing = Standing {
            from: from.clone(),
            id: id.map(str::to_owned),
            request,
            due: None,
        };
        match &mut self.standing {
            Some(known) if same_device(&known.from, from) => {
                let due = known.due;
                *known = Standing { due, ..standing };
                Meet::Noted
            }
            Some(_) => Meet::Busy,
            None => {
                self.standing = Some(standing);
                Meet::Noted
            }
        }
    }

    /// Ours was refused by that device.
    pub(super) fn refused(
        &mut self,
        now: Instant,
        by: &Jid,
        code: Option<ResponseCode>,
    ) -> Refusal {
        if let Some(standing) = &mut self.standing
            && same_device(&standing.from, by)
        {
            standing.due = standing.due.or(Some(now + PATIENCE));
            return Refusal::Waits;
        }
        let withdrawn = self
            .withdrawn_by
            .as_ref()
            .is_some_and(|withdrawn_by| same_device(withdrawn_by, by));
        if withdrawn && code == Some(ResponseCode::Busy) {
            return self.ring_again();
        }
        Refusal::Counts
    }

    /// It has taken its request back; `None` if it had none here.
    pub(super) fn withdrawn(&mut self, by: &Jid) -> Option<Refusal> {
        let standing = self
            .standing
            .take_if(|standing| same_device(&standing.from, by))?;
        self.withdrawn_by = Some(standing.from);
        Some(match standing.due {
            Some(_) => self.ring_again(),
            None => Refusal::Waits,
        })
    }

    /// That device has gone, and its request with it.
    pub(super) fn gone(&mut self, gone: &Jid) {
        self.standing.take_if(|standing| {
            standing.from == *gone || (gone.is_bare() && standing.from.to_bare() == gone.to_bare())
        });
    }

    fn ring_again(&mut self) -> Refusal {
        if std::mem::replace(&mut self.rung_again, true) {
            Refusal::Counts
        } else {
            Refusal::RingAgain
        }
    }

    /// When the request that stands is to be taken.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.standing.as_ref()?.due
    }

    /// Whether a refusal waits to be understood.
    pub(super) fn is_pending(&self) -> bool {
        self.deadline().is_some()
    }

    /// The request that stands, for somebody else to deal with.
    pub(super) fn take(&mut self) -> Option<Standing> {
        self.standing.take()
    }
}

/// What becomes of a request that crosses ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meet {
    /// It stands, in silence.
    Noted,
    /// Another device of that person has one already.
    Busy,
}
