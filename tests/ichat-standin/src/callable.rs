//! Who is there with which caps, and whether `avavail` goes and comes back as it must
//! (`docs/protocol/xmpp.md`, presence and ringing `[G]`).

use crate::checks::{Book, Faults};
use crate::options::same_bare;
use crate::presence::{Caps, check_presence};
use crate::xml::Element;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// How long `avavail` may take to go. Multicast DNS lets a record change only now and then
/// (RFC 6762 §8.3, §10.2).
const AVAVAIL_TIME: Duration = Duration::from_secs(2);
const LAN_AVAVAIL_TIME: Duration = Duration::from_secs(6);

/// The call's course, for `avavail`.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// It must be there.
    Ringing,
    /// Between the 200 and the ACK anything goes.
    Begun,
    /// It must be gone at this time.
    Connected(Instant),
    /// It was looked at.
    Checked,
    /// It must come back.
    Ended,
}

/// Every resource with iChat's caps.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    present: BTreeMap<String, Caps>,
    checked: BTreeSet<String>,
    watched: Option<(String, Stage)>,
}

impl Peers {
    /// A presence that is `available` or `unavailable`. Says the caps if they are an iChat's.
    pub(crate) fn handle(&mut self, presence: &Element, book: &mut Book) -> Option<Caps> {
        let from = presence.attribute("from").to_owned();
        if presence.attribute("type") == "unavailable" {
            self.present.remove(&from);
            return None;
        }
        let caps = Caps::of(presence)?;
        book.faults.absorb("presence", check_presence(presence));
        self.note(from, caps.clone(), book);
        Some(caps)
    }

    /// Its caps.
    pub(crate) fn caps(&self, name: &str) -> Option<Caps> {
        self.present.get(name).cloned()
    }

    /// It is there no more.
    pub(crate) fn forget(&mut self, name: &str) {
        self.present.remove(name);
    }

    /// It is there with these caps.
    pub(crate) fn note(&mut self, from: String, caps: Caps, book: &mut Book) {
        let before = self.present.insert(from.clone(), caps.clone());
        if let Some((watched, Stage::Ringing)) = &self.watched {
            let had = before.is_some_and(|before| before.available());
            let lost = *watched == from && had && !caps.available();
            book.faults
                .expect(!lost, || "avavail went while it rang".into());
        }
    }

    /// It is the first that was seen of this bundle of this resource.
    pub(crate) fn is_new(&mut self, from: &str, node: &str) -> bool {
        self.checked.insert(format!("{from} {node}"))
    }

    /// The resources of an account that can be called, or that one resource.
    pub(crate) fn callable(&self, jid: &str) -> Vec<String> {
        self.present
            .iter()
            .filter(|(full, caps)| {
                let right = if jid.contains('/') {
                    *full == jid
                } else {
                    same_bare(full, jid)
                };
                right && caps.available()
            })
            .map(|(full, _)| full.clone())
            .collect()
    }

    /// A resource has an iChat's caps.
    pub(crate) fn knows(&self, full: &str) -> bool {
        self.present.contains_key(full)
    }

    /// It rings with this one.
    pub(crate) fn watch(&mut self, full: &str) {
        if self.present.get(full).is_some_and(Caps::available) {
            self.watched = Some((full.to_owned(), Stage::Ringing));
        }
    }

    /// A 200 went over the wire.
    pub(crate) fn begun(&mut self) {
        self.stage(Stage::Begun);
    }

    /// The call is up.
    pub(crate) fn connected(&mut self, now: Instant, has_server: bool) {
        let time = match has_server {
            true => AVAVAIL_TIME,
            false => LAN_AVAVAIL_TIME,
        };
        self.stage(Stage::Connected(now + time));
    }

    /// The call is over. Without a call there is nothing to come back.
    pub(crate) fn ended(&mut self) {
        self.stage(Stage::Ended);
    }

    fn stage(&mut self, next: Stage) {
        if let Some((_, stage)) = &mut self.watched {
            *stage = next;
        }
    }

    fn watched_is_available(&self) -> Option<bool> {
        let (full, _) = self.watched.as_ref()?;
        self.present.get(full).map(Caps::available)
    }

    /// Looks when it is time.
    pub(crate) fn handle_timeout(&mut self, now: Instant, faults: &mut Faults) {
        if let Some((_, Stage::Connected(at))) = self.watched
            && at <= now
        {
            let there = self.watched_is_available() == Some(true);
            faults.expect(!there, || {
                "avavail is still advertised seconds into the call".into()
            });
            self.stage(Stage::Checked);
        }
    }

    /// When it is time.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match self.watched {
            Some((_, Stage::Connected(at))) => Some(at),
            _ => None,
        }
    }

    /// `avavail` is awaited after the call.
    pub(crate) fn is_awaited(&self) -> bool {
        let ended = matches!(self.watched, Some((_, Stage::Ended)));
        ended && self.watched_is_available() == Some(false)
    }

    /// The last look.
    pub(crate) fn finish(&self, faults: &mut Faults) {
        faults.expect(!self.is_awaited(), || {
            "avavail did not come back after the call".into()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::VcOptions;
    use crate::presence;
    use crate::xml::{Item, StreamReader};

    fn see(peers: &mut Peers, book: &mut Book, available: bool) {
        let options = VcOptions::default();
        let text = presence::presence(&options, &presence::tokens(&options, available));
        let text = text.replace("<presence>", "<presence from='us@im.test/a'>");
        let mut reader = StreamReader::default();
        reader.push(format!("<s xmlns='jabber:client'>{text}").as_bytes());
        reader.next().unwrap();
        let Ok(Some(Item::Stanza(element))) = reader.next() else {
            panic!()
        };
        peers.handle(&element, book);
    }

    fn run(while_ringing: bool, while_up: bool, afterwards: bool) -> String {
        let (mut peers, mut book, now) = (Peers::default(), Book::default(), Instant::now());
        see(&mut peers, &mut book, true);
        assert_eq!(peers.callable("US@im.test"), ["us@im.test/a"]);
        peers.watch("us@im.test/a");
        see(&mut peers, &mut book, while_ringing);
        peers.begun();
        peers.connected(now, true);
        see(&mut peers, &mut book, while_up);
        peers.handle_timeout(now + AVAVAIL_TIME, &mut book.faults);
        peers.ended();
        see(&mut peers, &mut book, afterwards);
        peers.finish(&mut book.faults);
        book.faults.lines().join("\n")
    }

    #[test]
    fn avavail_goes_at_connected_and_comes_back() {
        assert_eq!(run(true, false, true), "");
        assert!(run(false, false, true).contains("while it rang"));
        assert!(run(true, true, true).contains("still advertised"));
        assert!(run(true, false, false).contains("did not come back"));
    }
}
