//! The agent without a server: presence is what the neighbours announce
//! (`docs/protocol/xmpp.md`, without a server `[P, I]`).

use crate::agent::Agent;
use crate::checks::Book;
use crate::presence::Caps;
use crate::ring::Ring;
use serde_json::json;
use std::time::Instant;

/// An announced name, or its part before the `@`.
fn is_meant(name: &str, wanted: &str) -> bool {
    let user = name.split('@').next().unwrap_or_default();
    name.eq_ignore_ascii_case(wanted) || user.eq_ignore_ascii_case(wanted)
}

impl Agent {
    /// The tokens that we announce first.
    pub(crate) fn first_tokens(&self) -> String {
        let available = self.options.vc.avavail_after.is_none();
        crate::presence::tokens(&self.options.vc, available)
    }

    /// Our announcement is out, under this name. `true`: whom we look for is there already.
    pub(crate) fn announced(&mut self, now: Instant, name: String) -> bool {
        self.jid = name;
        self.greeted = true;
        self.avavail_at = self.options.vc.avavail_after.map(|after| now + after);
        self.tell("online", json!({ "jid": self.jid }));
        self.begin_ring(now);
        self.greet_target(now)
    }

    /// Old clients shut out whoever is not announced yet, so the target is greeted once we are.
    fn greet_target(&mut self, now: Instant) -> bool {
        let target = self.target.clone();
        let is_due = self.greeted && self.peers.caps(&target).is_some();
        let is_first = is_due && self.peers.is_new(&target, "greeting");
        if is_first {
            self.greet_peer(now, &target);
        }
        is_first
    }

    /// A neighbour announces these capabilities. `true`: it is the one that we look for, seen
    /// for the first time.
    pub(crate) fn see(&mut self, now: Instant, name: String, caps: Caps, book: &mut Book) -> bool {
        let ext = caps.tokens.join(" ");
        let before = self.peers.caps(&name);
        if before.as_ref() != Some(&caps) {
            self.tell("presence", json!({ "from": name, "ext": ext }));
        }
        let is_target = !self.target.is_empty() && is_meant(&name, &self.target);
        if is_target {
            self.target.clone_from(&name);
        }
        if caps.available() {
            book.tally.peer_ext = Some(ext);
        }
        self.peers.note(name.clone(), caps, book);
        // It may ring before its announcement is here.
        if before.is_none() && matches!(&self.ring, Ring::Rung { from, .. } if *from == name) {
            self.expect_callable(&name, "rings", book);
            self.peers.watch(&name);
        }
        let is_first = is_target && self.greet_target(now);
        self.ring_more(now);
        is_first
    }

    /// A neighbour is there no more.
    pub(crate) fn gone(&mut self, name: &str) {
        self.peers.forget(name);
        self.tell("gone", json!({ "from": name }));
    }

    /// A stream with a neighbour has begun. `true`: it is the first one, and from it.
    pub(crate) fn stream_opened(&mut self, now: Instant, name: &str) -> bool {
        // Who has no caps may not even answer.
        if let Some(caps) = self.peers.caps(name).filter(|caps| !caps.node.is_empty()) {
            self.ask_for(now, name, &caps);
        }
        let is_first = self.target.is_empty() && self.peers.is_new(name, "greeting");
        if is_first {
            self.greet_peer(now, name);
        }
        is_first
    }

    /// The last stream with a neighbour is over: it cannot answer, or does not wait any more.
    pub(crate) fn stream_closed(&mut self, name: &str) {
        match &self.ring {
            Ring::Calling { rung, .. } if rung.iter().any(|(known, _)| known == name) => {
                self.request_failed(name);
            }
            Ring::Rung { from, .. } if from == name => self.caller_left(),
            _ => {}
        }
    }

    /// Whoever takes part in a call shows that it can.
    pub(crate) fn expect_callable(&self, name: &str, what: &str, book: &mut Book) {
        let caps = self.peers.caps(name);
        let callable = caps.is_some_and(|caps| caps.available());
        book.faults.expect(callable, || {
            format!("{name} {what}, but announces no avavail")
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neighbour_is_meant_by_its_name_or_its_user_part() {
        assert!(is_meant("Amy@one", "amy@ONE"));
        assert!(is_meant("Amy@one", "amy"));
        assert!(!is_meant("Amy@one", "amy@two"));
        assert!(!is_meant("Amy@one", "one"));
    }
}
