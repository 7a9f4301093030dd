//! What streams bring: stanzas, and that they break, come back, or end.

use std::time::Instant;

use ichat_xmpp::FullJid;
use minidom::Element;

use super::config::RunError;
use super::links::{Kind, Leg, LinkId};
use super::stream::{Arrival, Ended};
use super::{Driver, Stage};
use crate::event::{Event, Reason};

impl Driver {
    pub(super) fn handle_arrival(
        &mut self,
        now: Instant,
        link: LinkId,
        arrival: Arrival,
    ) -> Result<(), RunError> {
        match arrival {
            Arrival::Stanza(stanza) => self.handle_stanza(now, link, &stanza),
            Arrival::Lost { error, resumable } => {
                self.handle_server_loss(now, link, &error, resumable);
            }
            Arrival::Resumed => self.tell_return(link),
            Arrival::Reconnected(jid) => self.handle_reconnection(now, link, jid),
            Arrival::Ended(Ended::Broken(error)) => self.handle_peer_loss(link, &error),
            Arrival::Ended(Ended::GaveUp(gave_up)) => {
                if gave_up.is_conflict() {
                    let message = "another program took our place on the server (same resource)";
                    self.warn(self.stage.number(), "conflict", message.into());
                }
                return self.handle_sign_out(link, RunError::SignedOut(gave_up));
            }
        }
        Ok(())
    }

    fn handle_stanza(&mut self, now: Instant, link: LinkId, stanza: &Element) {
        self.tap_stanza(false, stanza);
        if self.handle_services(now, link, stanza) {
            return;
        }
        if let Some(session) = self.links.session(link)
            && let Err(error) = session.handle_stanza(now, stanza)
        {
            tracing::debug!(%error, "a stanza that cannot be used");
        }
    }

    /// The server is gone, and is being signed in to again. Nothing waits for that: a call that is
    /// up goes on, since its packets do not go through the server, and one that rings does so for as
    /// long as it would have.
    fn handle_server_loss(&mut self, now: Instant, link: LinkId, error: &str, resumable: bool) {
        let call = self.stage.number();
        let goes_on = if call.is_some() {
            "; the call goes on"
        } else {
            ""
        };
        let message =
            format!("the connection to the server is lost{goes_on}, and we sign in again: {error}");
        self.warn(call, "stream-lost", message);
        // What may go on as if nothing had been is left alone: what it says waits with the stream.
        if !resumable && let Some(session) = self.links.session(link) {
            session.stream_lost(now);
        }
    }

    fn handle_reconnection(&mut self, now: Instant, link: LinkId, jid: FullJid) {
        if let Some(session) = self.links.session(link) {
            session.reconnected(now, jid);
        }
        self.ask_for_services(now, link);
        self.repeat_news(now);
        self.tell_return(link);
    }

    fn tell_return(&self, link: LinkId) {
        if let Some(jid) = self.links.jid(link) {
            let jid = jid.to_string();
            self.tell(Event::Online { jid });
        }
    }

    /// A stream straight to a peer has broken. A call that is up goes on.
    fn handle_peer_loss(&mut self, link: LinkId, error: &str) {
        if let Some(Kind::Server) = self.links.remove(link) {
            tracing::error!(error, "the stream to the server ended without a reason");
        }
        let lost = |leg: &Leg| leg.link == link;
        match &self.stage {
            // A neighbour that leaves while its call rings here has given up.
            Stage::Asked(asked) if lost(&asked.leg) => {
                let number = asked.number;
                self.end_ringing(number, Reason::Cancelled);
            }
            Stage::Calling { number, leg, .. } if lost(leg) => {
                let number = *number;
                let message = format!("the connection to the peer is lost: {error}");
                self.warn(Some(number), "unreachable", message);
                self.end_ringing(number, Reason::Unreachable);
            }
            Stage::Glare {
                number,
                link: glaring,
            } if *glaring == link => {
                let number = *number;
                self.warn(Some(number), "unreachable", error.to_owned());
                self.end_ringing(number, Reason::Unreachable);
            }
            Stage::Gathering { .. }
            | Stage::Calling { .. }
            | Stage::Asked(_)
            | Stage::Glare { .. }
            | Stage::Checking(_)
            | Stage::Talking { .. }
            | Stage::Idle => tracing::debug!(error, "a stream that no call needs has ended"),
        }
    }

    /// The server does not want us back. What rings over it cannot go on; a call that is up can, and
    /// the run ends after it.
    fn handle_sign_out(&mut self, link: LinkId, error: RunError) -> Result<(), RunError> {
        self.links.remove(link);
        let lost = |leg: &Leg| leg.link == link;
        match &self.stage {
            Stage::Idle => return Err(error),
            Stage::Calling { number, leg, .. } if lost(leg) => {
                let number = *number;
                self.warn(Some(number), error.code(), error.to_string());
                self.end_ringing(number, Reason::Unreachable);
            }
            Stage::Asked(asked) if lost(&asked.leg) => {
                let number = asked.number;
                self.warn(Some(number), error.code(), error.to_string());
                self.end_ringing(number, Reason::Failed);
            }
            Stage::Glare {
                number,
                link: glaring,
            } if *glaring == link => {
                let number = *number;
                self.warn(Some(number), error.code(), error.to_string());
                self.end_ringing(number, Reason::Unreachable);
            }
            Stage::Gathering { .. }
            | Stage::Checking(_)
            | Stage::Talking { .. }
            | Stage::Calling { .. }
            | Stage::Asked(_)
            | Stage::Glare { .. } => {
                let message = format!("{error}; the call goes on");
                self.warn(self.stage.number(), error.code(), message);
            }
        }
        self.lost = Some(error);
        Ok(())
    }
}
