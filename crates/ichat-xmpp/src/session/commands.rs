//! What the user does: call, accept, refuse, give up, and what the media say back.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use xmpp_parsers::jid::Jid;

use super::event::{CallId, Over, StateError};
use super::incoming::{self, Incoming};
use super::outgoing::Outgoing;
use super::{Account, Call, Mode, Session};
use crate::fault::StanzaFault;
use crate::vc::ResponseCode;

/// iChat answered the INVITE with 603 when the caller's user part was longer, for reasons unknown
/// (docs/protocol/xmpp.md, while it rings \[G\]).
const USER_LENGTH_LIMIT: usize = 10;

impl Session {
    /// Calls somebody, and tells the call's number.
    ///
    /// `peer` without a resource rings each iChat of theirs that is available, now or while it
    /// rings; on a link-local stream it is always the one at the other end. `connect_data` is our
    /// address list in hex, `external` our mapped address. `timeout` is for ringing, and for
    /// becoming a contact before it.
    pub fn call(
        &mut self,
        now: Instant,
        peer: Jid,
        connect_data: String,
        external: Option<SocketAddr>,
        timeout: Duration,
    ) -> CallId {
        let id = self.next_call();
        self.warn_of_long_name();
        let call = match &self.wire.config.mode {
            Mode::Server => Outgoing::new(now, peer, connect_data, external, timeout),
            Mode::LinkLocal { peer } => {
                let mut call = Outgoing::new(now, peer.clone(), connect_data, external, timeout);
                call.ring_at_once();
                call
            }
        };
        self.calls.insert(id, Call::Outgoing(call));
        if matches!(self.account, Account::Offline) {
            let condition = StanzaFault::new("service-unavailable");
            self.end(id, Over::Unreachable { condition });
        }
        self.advance(now);
        id
    }

    /// Takes an incoming call that rings; our address list in hex goes with it. The caller then
    /// sends its INVITE: give up after 30 s without one.
    ///
    /// # Errors [`StateError`] when the call does not ring (any more), or the list is blank, which
    /// the caller would read as a decline.
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

    /// Gives up a call of ours: `vc:cancel` goes to each device that rings, or that has accepted
    /// and is not connected. The call is forgotten; an incoming one that rings is declined.
    pub fn cancel(&mut self, now: Instant, call: CallId) {
        match self.calls.get_mut(&call) {
            Some(Call::Outgoing(outgoing)) => outgoing.withdraw(&mut self.wire),
            Some(Call::Incoming(incoming)) if incoming.is_ringing() => {
                incoming::refuse(&mut self.wire, &incoming.from, ResponseCode::Decline);
            }
            Some(Call::Incoming(_)) | None => {}
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
        let calls: Vec<CallId> = self.calls.keys().copied().collect();
        for call in calls {
            match self.calls.get(&call) {
                Some(other) if other.is_connected() => {}
                Some(_) | None => self.cancel(now, call),
            }
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
