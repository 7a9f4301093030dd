//! Stream management (XEP-0198): which stanzas the other side has, and a session that outlives its
//! stream. A machine: elements go in, elements come out of [`Management::poll_output`].

use std::collections::VecDeque;

use minidom::Element;
use xmpp_parsers::ns::{JABBER_CLIENT, SM};

use super::xml::set_attribute;

/// Stanzas that are kept until the server has acknowledged them. It is asked with every burst; one
/// that lets so many pass without an answer does not keep its word.
pub(super) const UNACKNOWLEDGED_LIMIT: usize = 512;

/// For how long we ask the server to keep a session without a stream, in seconds. Whoever was killed
/// is shown as online to the end of it.
const RESUMPTION: &str = "300";

/// Whether the server offers stream management.
pub(super) fn is_offered(features: &Element) -> bool {
    features.has_child("sm", SM)
}

/// Asks for it, on a stream that has its resource.
pub(super) fn enable() -> Element {
    let mut enable = Element::bare("enable", SM);
    set_attribute(&mut enable, "resume", "true");
    set_attribute(&mut enable, "max", RESUMPTION);
    enable
}

/// Whether this is a stanza, which both sides count, and no other element on its level.
fn is_stanza(element: &Element) -> bool {
    element.ns() == JABBER_CLIENT && matches!(element.name(), "iq" | "message" | "presence")
}

/// What an element was.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Something for the program.
    Stanza,
    /// Part of stream management.
    Ours,
}

/// The server acknowledged more than it was sent, or takes an acknowledgement back.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Miscounted;

/// One managed session, from `<enabled/>` on, over as many streams as it takes.
#[derive(Debug)]
pub(super) struct Management {
    /// What names the session; `None` where it cannot be resumed.
    token: Option<String>,
    /// Stanzas of ours that the server has, modulo 2^32.
    acknowledged: u32,
    /// Of those behind them, so many that were not kept.
    forgotten: usize,
    /// The rest, in order.
    unacknowledged: VecDeque<Element>,
    /// Stanzas that we have, modulo 2^32.
    handled: u32,
    /// Whether the server was asked and has not answered.
    asked: bool,
    output: VecDeque<Element>,
}

impl Management {
    /// Begins with the server's `<enabled/>`.
    pub(super) fn new(enabled: &Element) -> Self {
        let resumable = matches!(enabled.attr("resume"), Some("true" | "1"));
        let token = enabled.attr("id").filter(|id| resumable && !id.is_empty());
        Self {
            token: token.map(str::to_owned),
            acknowledged: 0,
            forgotten: 0,
            unacknowledged: VecDeque::new(),
            handled: 0,
            asked: false,
            output: VecDeque::new(),
        }
    }

    /// A stanza of ours goes out.
    pub(super) fn handle_sent(&mut self, stanza: Element) {
        if !is_stanza(&stanza) {
            return;
        }
        self.unacknowledged.push_back(stanza);
        if self.unacknowledged.len() > UNACKNOWLEDGED_LIMIT {
            if self.token.take().is_some() {
                tracing::warn!("the server acknowledges nothing; its session cannot be resumed");
            }
            self.unacknowledged.pop_front();
            self.forgotten += 1;
        }
    }

    /// A burst of ours is out: asks the server how far it is, unless it owes that already.
    pub(super) fn request(&mut self) {
        if !self.asked && !self.unacknowledged.is_empty() {
            self.asked = true;
            self.output.push_back(Element::bare("r", SM));
        }
    }

    /// An element has come.
    pub(super) fn handle_arrival(&mut self, element: &Element) -> Result<Heard, Miscounted> {
        if is_stanza(element) {
            self.handle_passed_over();
            return Ok(Heard::Stanza);
        }
        if element.is("r", SM) {
            self.output.push_back(self.acknowledgement());
        } else if element.is("a", SM) {
            self.asked = false;
            self.acknowledge(element)?;
        } else if element.ns() != SM {
            return Ok(Heard::Stanza);
        }
        Ok(Heard::Ours)
    }

    /// A stanza has come that was read past. The server has sent it all the same.
    pub(super) fn handle_passed_over(&mut self) {
        self.handled = self.handled.wrapping_add(1);
    }

    /// The next element to be sent.
    pub(super) fn poll_output(&mut self) -> Option<Element> {
        self.output.pop_front()
    }

    /// What we have, for the server: unasked at the end of a stream.
    pub(super) fn acknowledgement(&self) -> Element {
        let mut element = Element::bare("a", SM);
        set_attribute(&mut element, "h", &self.handled.to_string());
        element
    }

    /// Asks for the session on a new stream, in place of a resource; `None` where it cannot be
    /// resumed.
    pub(super) fn resume(&self) -> Option<Element> {
        let token = self.token.as_deref()?;
        let mut resume = Element::bare("resume", SM);
        set_attribute(&mut resume, "h", &self.handled.to_string());
        set_attribute(&mut resume, "previd", token);
        Some(resume)
    }

    /// The server goes on with the session. Gives what it has not got, which has to be sent again
    /// before all else.
    pub(super) fn handle_resumed(
        &mut self,
        resumed: &Element,
    ) -> Result<VecDeque<Element>, Miscounted> {
        self.acknowledge(resumed)?;
        // What was meant for the stream before.
        self.asked = false;
        self.output.clear();
        Ok(std::mem::take(&mut self.unacknowledged))
    }

    /// The session is over; `failed` is what the server says about it, if it was asked. Gives what
    /// it has not got, as far as can be known.
    pub(super) fn into_unacknowledged(mut self, failed: Option<&Element>) -> VecDeque<Element> {
        if let Some(failed) = failed
            && self.acknowledge(failed).is_err()
        {
            tracing::debug!("the server counted more than it was sent");
        }
        self.unacknowledged
    }

    /// Drops what `h` of this element says that the server has. Without `h` nothing is known.
    fn acknowledge(&mut self, element: &Element) -> Result<(), Miscounted> {
        let Some(h) = element.attr("h").and_then(|h| h.trim().parse::<u32>().ok()) else {
            return Ok(());
        };
        let more = usize::try_from(h.wrapping_sub(self.acknowledged)).map_err(|_| Miscounted)?;
        let kept = more.saturating_sub(self.forgotten);
        if kept > self.unacknowledged.len() {
            return Err(Miscounted);
        }
        self.forgotten = self.forgotten.saturating_sub(more);
        self.unacknowledged.drain(..kept);
        self.acknowledged = h;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
