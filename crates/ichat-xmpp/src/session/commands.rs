//! What the user does: call, accept, refuse, give up, and what the media say back.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use xmpp_parsers::jid::Jid;

use super::event::{CallId, Over, StateError};
use super::incoming::{self, Incoming};
use super::outgoing::{Outgoing, Plan};
use super::search::Search;
use super::{Account, Call, Mode, Session};
use crate::dialect::CallDialect;
use crate::fault::StanzaFault;
use crate::vc::{Offer, ResponseCode};

/// iChat answered the INVITE with 603 when the caller's user part was longer, for reasons unknown
/// (docs/protocol/xmpp.md, while it rings \[G\]).
const USER_LENGTH_LIMIT: usize = 10;

impl Session {
    /// Calls somebody, and tells the call's number.
    ///
    /// `peer` without a resource rings each iChat of theirs that is available, now or while it
    /// rings; on a link-local stream it is always the one at the other end. `offer` is what the
    /// request says in the form of `dialect`, or in the other one where that is missing; `external`
    /// is our mapped address, which the legacy form has room for. `timeout` is for ringing, and for
    /// becoming a contact before it.
    pub fn call(
        &mut self,
        now: Instant,
        peer: Jid,
        offer: Offer,
        dialect: CallDialect,
        external: Option<SocketAddr>,
        timeout: Duration,
    ) -> CallId {
        let id = self.next_call();
        self.warn_of_long_name();
        let (peer, search, is_over) = match &self.wire.config.mode {
            Mode::Server => {
                let is_over = matches!(self.account, Account::Offline);
                (peer, Search::Roster, is_over)
            }
            Mode::LinkLocal { peer } => {
                let is_over = matches!(self.account, Account::Offline | Account::Lost);
                (peer.clone(), Search::Direct, is_over)
            }
        };
        let plan = Plan {
            peer,
            offer,
            dialect,
            external,
            timeout,
        };
        let call = Outgoing::new(now, plan, search);
        self.calls.insert(id, Call::Outgoing(Box::new(call)));
        if is_over {
            let condition = StanzaFault::new("service-unavailable");
            self.end(now, id, Over::Unreachable { condition }.into());
        }
        self.advance(now);
        id
    }

    /// Takes an incoming call that rings, in kind: `connect_data` is our address list in hex, or our
    /// invitation where the call came in the conference dialect. The caller then sends its INVITE:
    /// give up after 30 s without one.
    ///
    /// # Errors
    /// [`StateError`] when the call does not ring (any more), or the text is blank, which the caller
    /// would read as a decline.
    pub fn accept(
        &mut self,
        now: Instant,
        call: CallId,
        connect_data: String,
    ) -> Result<(), StateError> {
        let incoming = Self::ringing(&mut self.calls, call)?;
        if connect_data.trim().is_empty() {
            return Err(StateError::NoAddresses { call });
        }
        incoming.accept(&mut self.wire, connect_data);
        self.advance(now);
        Ok(())
    }

    /// Refuses an incoming call that rings, and forgets it.
    ///
    /// # Errors
    /// [`StateError`] when the call does not ring (any more), or the code is the one that accepts.
    pub fn refuse(
        &mut self,
        now: Instant,
        call: CallId,
        response: ResponseCode,
    ) -> Result<(), StateError> {
        let from = Self::ringing(&mut self.calls, call)?.from.clone();
        if u32::from(response) == 0 {
            return Err(StateError::NotARefusal { call });
        }
        incoming::refuse(&mut self.wire, &from, response);
        self.forget(call);
        self.advance(now);
        Ok(())
    }

    /// Tells the peer of a call that was accepted more addresses of ours, in the call's dialect.
    ///
    /// # Errors
    /// [`StateError`] when the call was not accepted by either side, or the text is blank.
    pub fn counter_proposal(
        &mut self,
        now: Instant,
        call: CallId,
        connect_data: String,
    ) -> Result<(), StateError> {
        if connect_data.trim().is_empty() {
            return Err(StateError::NoAddresses { call });
        }
        match self.calls.get_mut(&call) {
            Some(Call::Outgoing(outgoing)) => {
                outgoing.propose(&mut self.wire, call, connect_data)?;
            }
            Some(Call::Incoming(incoming)) => {
                incoming.propose(&mut self.wire, call, connect_data)?;
            }
            None => return Err(StateError::UnknownCall { call }),
        }
        self.advance(now);
        Ok(())
    }

    /// Gives up a call of ours: `vc:cancel` goes to each device that rings, or that has accepted
    /// and is not connected. The call is forgotten; an incoming one that rings, or whose acceptance
    /// still waits for a stream, is declined, and so is one that had crossed ours in silence.
    pub fn cancel(&mut self, now: Instant, call: CallId) {
        match self.calls.get_mut(&call) {
            Some(Call::Outgoing(outgoing)) => {
                outgoing.withdraw(&mut self.wire);
                if let Some(crossed) = outgoing.crossing.take() {
                    incoming::refuse(&mut self.wire, &crossed.from, ResponseCode::Decline);
                }
            }
            Some(Call::Incoming(incoming)) => {
                let unanswered = incoming.is_ringing() || incoming.take_back(&mut self.wire);
                if unanswered {
                    incoming::refuse(&mut self.wire, &incoming.from, ResponseCode::Decline);
                }
            }
            None => {}
        }
        self.forget(call);
        self.advance(now);
    }

    /// Media flows: no stanza ends the call any more, and we stop looking available.
    pub fn connected(&mut self, now: Instant, call: CallId) {
        match self.calls.get_mut(&call) {
            Some(Call::Outgoing(outgoing)) => outgoing.connect(),
            Some(Call::Incoming(incoming)) => incoming.connect(),
            None => {}
        }
        self.show();
        self.advance(now);
    }

    /// The call is over: it is forgotten, and we look available again.
    pub fn finished(&mut self, now: Instant, call: CallId) {
        self.forget(call);
        self.advance(now);
    }

    /// A call is up that came another way (over another stream, or by plain SIP), or is over:
    /// one call at a time, so we do not look available meanwhile (docs/protocol/xmpp.md, busy \[G\]).
    pub fn set_available(&mut self, available: bool) {
        self.elsewhere = !available;
        self.show();
    }

    /// Says good-bye: our calls are cancelled, those that ring here declined, our presence ends.
    pub fn go_offline(&mut self, now: Instant) {
        if matches!(self.account, Account::Offline) {
            return;
        }
        let open = self.calls.iter().filter(|(_, call)| !call.is_connected());
        let calls: Vec<CallId> = open.map(|(&id, _)| id).collect();
        for call in calls {
            self.cancel(now, call);
        }
        self.calls.clear();
        self.wire.presence("unavailable", None);
        self.account = Account::Offline;
    }

    fn ringing(
        calls: &mut BTreeMap<CallId, Call>,
        call: CallId,
    ) -> Result<&mut Incoming, StateError> {
        match calls.get_mut(&call) {
            Some(Call::Incoming(incoming)) if incoming.is_ringing() => Ok(incoming),
            Some(Call::Incoming(_) | Call::Outgoing(_)) => Err(StateError::NotRinging { call }),
            None => Err(StateError::UnknownCall { call }),
        }
    }

    fn warn_of_long_name(&mut self) {
        let length = self
            .wire
            .config
            .jid
            .node()
            .map_or(0, |user| user.as_str().chars().count());
        if length > USER_LENGTH_LIMIT {
            self.wire.warn(
                "long-name",
                format!(
                    "the name before the @ of our address has {length} characters; iChat refuses \
                     calls from names longer than {USER_LENGTH_LIMIT}"
                ),
            );
        }
    }
}
