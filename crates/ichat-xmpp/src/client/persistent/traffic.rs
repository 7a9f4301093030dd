//! What is to be sent, and what was sent and may have to be sent again.

use std::collections::VecDeque;

use minidom::Element;
use xmpp_parsers::ns::JABBER_CLIENT;

use crate::client::sm::{Heard, Management, Miscounted};
use crate::client::stream_error::StreamError;
use crate::client::xml;
use crate::ns::{VC_CANCEL, VC_RESPONSE};

/// Stanzas that wait to be sent.
pub(super) const QUEUE_LIMIT: usize = 256;

/// Both, for one session after the other.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    queue: VecDeque<Element>,
    management: Option<Management>,
    /// Stanzas have gone out since the server was asked for its count.
    burst: bool,
}

impl Traffic {
    /// Takes a stanza. Where too many wait, the oldest gives way that would mean nothing to another
    /// session; what does mean something never does.
    pub(super) fn push(&mut self, stanza: Element) -> Result<(), StreamError> {
        // Half a stanza would spoil all that follow, so first see whether it can be written at all.
        xml::to_xml(&stanza).map_err(StreamError::Unsendable)?;
        if self.queue.len() >= QUEUE_LIMIT {
            let passing = self.queue.iter().position(|waiting| !goes_over(waiting));
            let Some(index) = passing else {
                return Err(StreamError::Full(self.queue.len()));
            };
            self.queue.remove(index);
            tracing::debug!("too much waits to be sent; the oldest stanza is dropped");
        }
        self.queue.push_back(stanza);
        Ok(())
    }

    /// The next element to be sent. What is sent has to be told to [`sent`](Self::sent).
    pub(super) fn next(&mut self) -> Option<Element> {
        if let Some(output) = self.management.as_mut().and_then(Management::poll_output) {
            return Some(output);
        }
        if let Some(stanza) = self.queue.pop_front() {
            self.burst = true;
            return Some(stanza);
        }
        let management = self.management.as_mut()?;
        if std::mem::take(&mut self.burst) {
            management.request();
        }
        management.poll_output()
    }

    pub(super) fn sent(&mut self, element: Element) {
        if let Some(management) = &mut self.management {
            management.handle_sent(element);
        }
    }

    pub(super) fn arrived(&mut self, element: &Element) -> Result<Heard, Miscounted> {
        match &mut self.management {
            Some(management) => management.handle_arrival(element),
            None => Ok(Heard::Stanza),
        }
    }

    pub(super) fn passed_over(&mut self) {
        if let Some(management) = &mut self.management {
            management.handle_passed_over();
        }
    }

    /// What the server is told at the end of a stream.
    pub(super) fn last_word(&self) -> Option<Element> {
        self.management.as_ref().map(Management::acknowledgement)
    }

    /// What asks for this session on another stream.
    pub(super) fn resume(&self) -> Option<Element> {
        self.management.as_ref()?.resume()
    }

    /// The session goes on: what the server has not got is sent again, before all else.
    pub(super) fn resumed(&mut self, resumed: &Element) -> Result<(), Miscounted> {
        let Some(management) = &mut self.management else {
            return Ok(());
        };
        let mut again = management.handle_resumed(resumed)?;
        again.append(&mut self.queue);
        self.queue = again;
        Ok(())
    }

    /// Another session begins, and takes over of the one before what still means something.
    pub(super) fn begin(&mut self, management: Option<Management>, failed: Option<&Element>) {
        self.end(failed);
        self.queue.retain(goes_over);
        self.management = management;
        self.burst = false;
    }

    /// The session is over. What the server has not got waits again.
    pub(super) fn end(&mut self, failed: Option<&Element>) {
        if let Some(management) = self.management.take() {
            let mut left = management.into_unacknowledged(failed);
            left.append(&mut self.queue);
            self.queue = left;
        }
    }

    /// The session is over, and something that was sent is to blame. Whatever it was, it is not sent
    /// again.
    pub(super) fn end_with_blame(&mut self) {
        if let Some(management) = self.management.take() {
            let left = management.into_unacknowledged(None);
            if left.iter().any(is_chat) {
                tracing::warn!("messages are dropped: the server did not like one of them");
            }
        }
    }
}

/// Whether a stanza means the same in another session: chat, and what a peer who rings or is rung has
/// to hear at last. That comes twice if need be; the ring itself is the session's affair.
pub(super) fn goes_over(stanza: &Element) -> bool {
    let ends_a_ring = || {
        stanza
            .children()
            .any(|query| matches!(query.ns().as_str(), VC_RESPONSE | VC_CANCEL))
    };
    is_chat(stanza)
        || (stanza.is("iq", JABBER_CLIENT) && stanza.attr("type") == Some("set") && ends_a_ring())
}

fn is_chat(stanza: &Element) -> bool {
    stanza.is("message", JABBER_CLIENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stanza(name: &str, id: usize) -> Element {
        let xml = format!("<{name} xmlns='jabber:client' id='{id}'/>");
        xml.parse().unwrap()
    }

    fn queued(traffic: &Traffic) -> Vec<&str> {
        let ids = traffic.queue.iter().filter_map(|stanza| stanza.attr("id"));
        ids.collect()
    }

    #[test]
    fn what_waits_is_bounded_and_chat_is_kept_longest() {
        let mut traffic = Traffic::default();
        for id in 0..QUEUE_LIMIT / 2 {
            traffic.push(stanza("message", id)).unwrap();
        }
        for id in 1000..3000 {
            traffic.push(stanza("presence", id)).unwrap();
        }
        assert_eq!(traffic.queue.len(), QUEUE_LIMIT);
        assert_eq!(queued(&traffic)[0], "0");
        assert_eq!(queued(&traffic).last(), Some(&"2999"));
        for id in 0..QUEUE_LIMIT / 2 {
            traffic.push(stanza("message", id)).unwrap();
        }
        let error = traffic.push(stanza("message", 9)).unwrap_err();
        assert!(matches!(error, StreamError::Full(QUEUE_LIMIT)), "{error}");
        assert!(traffic.push(stanza("presence", 9)).is_err());
    }

    #[test]
    fn what_is_no_xml_is_refused_and_does_not_wait() {
        let mut traffic = Traffic::default();
        let mut bad = stanza("message", 1);
        bad.append_text("\u{1}");
        let refused = traffic.push(bad);
        assert!(matches!(refused, Err(StreamError::Unsendable(_))));
        assert!(traffic.queue.is_empty());
    }

    #[test]
    fn another_session_takes_over_chat_and_the_end_of_a_ring_and_nothing_else() {
        let mut traffic = Traffic::default();
        let iq = |kind: &str, id: &str, namespace: &str| {
            let xml = format!(
                "<iq xmlns='jabber:client' type='{kind}' id='{id}'><query xmlns='{namespace}'/></iq>"
            );
            xml.parse::<Element>().unwrap()
        };
        for stanza in [
            stanza("presence", 1),
            stanza("message", 2),
            iq("set", "3", "apple:iq:vc:request"),
            iq("set", "4", VC_RESPONSE),
            iq("set", "5", VC_CANCEL),
            iq("error", "6", VC_CANCEL),
            iq("get", "7", "jabber:iq:roster"),
            iq("result", "8", "jabber:iq:version"),
        ] {
            traffic.push(stanza).unwrap();
        }
        traffic.begin(None, None);
        assert_eq!(queued(&traffic), ["2", "4", "5"]);
    }
}
