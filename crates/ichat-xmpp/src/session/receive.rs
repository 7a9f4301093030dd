//! What comes in, and whose it is.

use std::time::Instant;

use minidom::Element;
use xmpp_parsers::jid::Jid;
use xmpp_parsers::ns as standard;

use super::event::Event;
use super::{Account, Mode, Session};
use crate::message;
use crate::ns;
use crate::presence::IncomingPresence;
use crate::stanza::{self, IncomingIq, IqKind, StanzaError, child_text};
use crate::vc::Query;

impl Session {
    /// Takes a stanza, or a stream error, from the stream.
    ///
    /// # Errors
    /// [`StanzaError`] when it cannot be used; a request is then answered with an error
    /// where it can be, and nothing ends.
    pub fn handle_stanza(&mut self, now: Instant, stanza: &Element) -> Result<(), StanzaError> {
        if matches!(self.account, Account::Offline | Account::Lost) {
            return Ok(());
        }
        if stanza.is("error", standard::STREAM) {
            self.handle_stream_error(stanza);
            return Ok(());
        }
        if !stanza::is_stanza(stanza) {
            return Err(not_a_stanza(stanza));
        }
        let from = self.sender(stanza)?;
        match stanza.name() {
            "iq" => self.handle_iq(now, from, stanza),
            "presence" => {
                if self.wire.config.mode == Mode::Server {
                    self.handle_presence(now, from.as_ref(), IncomingPresence::parse(stanza)?);
                }
                Ok(())
            }
            "message" => {
                if let Some(body) = message::text(stanza) {
                    let from = from.unwrap_or_else(|| self.wire.config.jid.to_bare().into());
                    self.wire.event(Event::Message { from, body });
                }
                Ok(())
            }
            _ => Err(not_a_stanza(stanza)),
        }
    }

    /// Who sent it; on a link-local stream nobody else can.
    fn sender(&self, stanza: &Element) -> Result<Option<Jid>, StanzaError> {
        match &self.wire.config.mode {
            Mode::Server => stanza::sender(stanza),
            Mode::LinkLocal { peer } => Ok(Some(peer.clone())),
        }
    }

    fn handle_iq(
        &mut self,
        now: Instant,
        from: Option<Jid>,
        stanza: &Element,
    ) -> Result<(), StanzaError> {
        let iq = match IncomingIq::parse(stanza) {
            Ok(iq) => iq,
            Err(error) => {
                if matches!(error, StanzaError::NoPayload) {
                    self.wire
                        .refuse(from.as_ref(), stanza.attr("id"), "bad-request");
                }
                return Err(error);
            }
        };
        match iq.kind {
            IqKind::Request { payload, is_get } => {
                self.handle_request(now, from, iq.id, payload)?;
                if is_get && iq.id.is_none() {
                    return Err(StanzaError::NoId);
                }
            }
            IqKind::Result { payload } => {
                if self.is_roster_answer(from.as_ref(), iq.id) {
                    self.handle_roster(now, Ok(payload));
                }
            }
            IqKind::Error(fault) => {
                if self.is_roster_answer(from.as_ref(), iq.id) {
                    self.handle_roster(now, Err(fault));
                } else if let Some(id) = iq.id {
                    tracing::debug!(%fault, "a stanza of ours came back");
                    self.handle_fault(now, id, &fault);
                }
            }
        }
        Ok(())
    }

    fn handle_request(
        &mut self,
        now: Instant,
        from: Option<Jid>,
        id: Option<&str>,
        payload: &Element,
    ) -> Result<(), StanzaError> {
        if payload.is("query", standard::ROSTER) {
            if self.is_from_our_account(from.as_ref()) {
                self.handle_roster_push(now, payload);
                self.wire.answer(from.as_ref(), id, None);
            } else {
                // Nobody else may touch our roster (RFC 6121 §2.1.6).
                self.wire.refuse(from.as_ref(), id, "service-unavailable");
            }
            return Ok(());
        }
        if !payload.ns().starts_with(ns::VC_PREFIX) {
            self.answer(now, from.as_ref(), id, payload);
            return Ok(());
        }
        match Query::parse(payload) {
            Ok(Some(query)) => {
                // An empty result for hygiene; the answer that counts is a set of its own.
                self.wire.answer(from.as_ref(), id, None);
                let from = from.unwrap_or_else(|| self.wire.config.jid.to_bare().into());
                self.handle_query(now, &from, id, query);
                Ok(())
            }
            Ok(None) => {
                self.answer(now, from.as_ref(), id, payload);
                Ok(())
            }
            Err(error) => {
                self.wire.refuse(from.as_ref(), id, "not-acceptable");
                Err(error.into())
            }
        }
    }

    /// Whether it answers our question for the roster, from our account or from our server.
    fn is_roster_answer(&self, from: Option<&Jid>, id: Option<&str>) -> bool {
        let awaited = match &self.account {
            Account::AwaitsRoster { id, .. } => Some(id.as_str()),
            Account::Ready { late } => late.as_deref(),
            Account::Lost | Account::Offline => None,
        };
        let domain = self.wire.config.jid.domain().as_str();
        awaited.is_some()
            && id == awaited
            && (self.is_from_our_account(from) || from.is_some_and(|from| from.as_str() == domain))
    }

    /// No sender, our account, or our very session: the forms that servers old and new give to what
    /// they say themselves.
    fn is_from_our_account(&self, from: Option<&Jid>) -> bool {
        if self.wire.config.mode != Mode::Server {
            return false;
        }
        let ours = &self.wire.config.jid;
        from.is_none_or(|from| {
            let full: &Jid = ours;
            from == full || ours.to_bare() == *from
        })
    }

    fn handle_stream_error(&mut self, error: &Element) {
        let condition = error
            .children()
            .find(|child| child.has_ns(standard::XMPP_STREAMS) && child.name() != "text")
            .map_or("undefined-condition", Element::name);
        if condition == "conflict" {
            self.wire.event(Event::Conflict);
        } else {
            let (condition, text) = (condition.to_owned(), child_text(error, "text"));
            self.wire.event(Event::StreamError { condition, text });
        }
    }
}

fn not_a_stanza(element: &Element) -> StanzaError {
    StanzaError::NotAStanza {
        name: element.name().to_owned(),
        namespace: element.ns(),
    }
}
