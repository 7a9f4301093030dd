//! What a peer says of its addresses: in its request or acceptance, and later.

use std::time::Instant;

use super::links::Leg;
use super::{Driver, Stage};
use crate::event::{CallNumber, Candidate};
use crate::introductions::{Complaint, Introduction};

/// At most this many addresses of a peer are kept.
const MAX_LISTED: usize = 64;

impl Driver {
    /// Whether anything can be done with it: an address to dial, or candidates, whose owner may
    /// check us even where we cannot reach it.
    pub(super) fn is_usable(&self, theirs: &Introduction) -> bool {
        theirs.conference.is_some() || !self.routes_to(&theirs.addresses()).is_empty()
    }

    /// One warning about what a peer said of its addresses, if there is reason for one.
    pub(super) fn warn_of(
        &self,
        number: CallNumber,
        read: &Result<Introduction, Complaint>,
        usable: bool,
    ) {
        let complaint = match read {
            Err(complaint) => complaint.clone(),
            Ok(_) if !usable => Complaint {
                code: "bad-address-list",
                message: NO_USABLE_ADDRESS.to_owned(),
            },
            Ok(Introduction {
                complaint: Some(complaint),
                ..
            }) => complaint.clone(),
            Ok(_) => return,
        };
        self.warn(Some(number), complaint.code, complaint.message);
    }

    /// The peer names more addresses.
    pub(super) fn handle_counter_proposal(
        &mut self,
        now: Instant,
        leg: Leg,
        dialect: ichat_xmpp::Dialect,
        text: &str,
    ) {
        let known = match &self.stage {
            Stage::Asked(asked) => Some(asked.leg),
            stage @ (Stage::Idle
            | Stage::Gathering { .. }
            | Stage::Calling { .. }
            | Stage::Glare { .. }
            | Stage::Checking(_)
            | Stage::Talking { .. }) => stage.accepted_leg(),
        };
        let Some(number) = self.stage.number().filter(|_| known == Some(leg)) else {
            return;
        };
        let read = Introduction::read(dialect, text);
        self.warn_of(
            number,
            &read,
            read.as_ref().is_ok_and(|more| self.is_usable(more)),
        );
        let Ok(more) = read else {
            return;
        };
        match &mut self.stage {
            Stage::Asked(asked) => extend(&mut asked.theirs, more),
            Stage::Checking(checking) => {
                extend(&mut checking.theirs, more.clone());
                self.try_more(now, &more);
            }
            Stage::Talking { .. } => self.try_more(now, &more),
            Stage::Idle | Stage::Gathering { .. } | Stage::Calling { .. } | Stage::Glare { .. } => {
            }
        }
    }

    fn try_more(&mut self, now: Instant, more: &Introduction) {
        if let Some(conference) = &more.conference {
            if let Some(connection) = &mut self.connection
                && connection.ways.is_checking()
            {
                connection.ways.check(now, &conference.candidates);
                return;
            }
        } else if !self.is_checked() && self.stage.call().is_some_and(|call| !call.has_media()) {
            self.open_pinholes(now, &more.addresses());
        }
        let routes = self.routes_to(&more.addresses());
        if let Some(call) = self.stage.call_mut() {
            call.add_routes(now, &routes);
        }
    }
}

/// Adds what is new, as far as there is room.
fn extend(known: &mut Introduction, more: Introduction) {
    let new = |candidate: &Candidate| {
        let same = |known: &Candidate| known.address == candidate.address;
        !known.listed.iter().any(same)
    };
    let listed: Vec<Candidate> = more.listed.into_iter().filter(new).collect();
    let room = MAX_LISTED.saturating_sub(known.listed.len());
    known.listed.extend(listed.into_iter().take(room));
    if let (Some(known), Some(more)) = (&mut known.conference, more.conference) {
        let room = MAX_LISTED.saturating_sub(known.candidates.len());
        let more = more.candidates.into_iter();
        known.candidates.extend(more.take(room));
    }
}

const NO_USABLE_ADDRESS: &str = "the peer lists no address that this machine can reach: it may have \
                                 no network, or only IPv6 where we have only IPv4";
