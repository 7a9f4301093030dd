//! The stream breaks, and another one stands.
//!
//! A stream that is resumed (XEP-0198) is the same stream, and nothing of this happens. Otherwise
//! what was said into the dead one and what was answered meanwhile is lost.

use std::time::Instant;

use xmpp_parsers::jid::FullJid;

use super::event::{CallId, Over};
use super::outgoing::{End, OutgoingState};
use super::{Account, Call, Mode, Session};
use crate::fault::StanzaFault;

impl Session {
    /// The stream is gone for good; [`reconnected`](Self::reconnected) may follow.
    ///
    /// Nobody is known to be online any more. A call that was accepted does not notice. One that
    /// rings here goes on ringing, and what the user answers is sent when there is a stream again.
    /// One that we placed waits for the stream until its time is over, and then rings anew: at a
    /// device that rang, after a cancel for the ring that it may still show.
    ///
    /// A link-local stream does not come back: what rings over it is over.
    pub fn stream_lost(&mut self, now: Instant) {
        if matches!(self.account, Account::Lost | Account::Offline) {
            return;
        }
        self.account = Account::Lost;
        self.wire.close();
        self.directory.forget_presences();
        self.askers.clear();
        if self.wire.config.mode == Mode::Server {
            for call in self.calls.values_mut() {
                match call {
                    Call::Outgoing(call) => call.lose_stream(),
                    Call::Incoming(call) => call.directed.clear(),
                }
            }
        } else {
            for (call, over) in self.ends_with_the_stream() {
                self.end(now, call, End::Over(over));
            }
        }
        self.advance(now);
    }

    /// What cannot go on without its only stream.
    fn ends_with_the_stream(&self) -> Vec<(CallId, Over)> {
        let ends = self.calls.iter().filter_map(|(&id, call)| match call {
            Call::Incoming(call) => call.is_ringing().then_some((id, Over::Cancelled)),
            Call::Outgoing(call) => match &call.state {
                OutgoingState::Searching { .. } | OutgoingState::Ringing { .. } => {
                    let condition = StanzaFault::new("recipient-unavailable");
                    Some((id, Over::Unreachable { condition }))
                }
                OutgoingState::Accepted { .. } | OutgoingState::Connected { .. } => None,
            },
        });
        ends.collect()
    }

    /// Signed in anew, as `jid`: asks for the roster, shows our presence, and sends what had to wait.
    /// Nothing on a link-local stream, and nothing after [`go_offline`](Self::go_offline).
    pub fn reconnected(&mut self, now: Instant, jid: FullJid) {
        if matches!(self.account, Account::Offline) || self.wire.config.mode != Mode::Server {
            return;
        }
        self.stream_lost(now);
        self.directory.set_ours(jid.clone());
        self.wire.open(jid);
        self.account = Self::sign_in(now, &mut self.wire);
        self.wire.send_held();
        self.advance(now);
    }
}
