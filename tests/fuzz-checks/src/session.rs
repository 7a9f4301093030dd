//! The machine of an account, to which a peer's stanzas come while calls of ours are on.

use std::time::{Duration, Instant};

use ichat_xmpp::jid::{BareJid, FullJid, Jid};
use ichat_xmpp::{
    AcceptPolicy, CallDialect, CallId, Element, Mode, Offer, Output, Session, SessionConfig,
    Software,
};

/// Outputs that one stanza or one moment may bring.
const OUTPUTS: usize = 1000;
/// Moments until nothing is due any more.
const MOMENTS: usize = 1000;
/// Of the address list in the examples of the protocol.
const ADDRESSES: &str =
    "00000000656e3000000000000000000000000000c0a8010200000000000000000000000040120000";

/// Every stanza, to an account on a server and to one end of a link-local stream.
pub(crate) fn run(stanzas: &[Element]) {
    let peer = Jid::new("mac@im.test").expect("a JID");
    for mode in [Mode::Server, Mode::LinkLocal { peer }] {
        let mut world = World::new(mode);
        for stanza in stanzas {
            let _ = world.session.handle_stanza(world.now, stanza);
            world.settle();
            world.now += Duration::from_millis(700);
            world.session.handle_timeout(world.now);
            world.settle();
        }
        world.finish();
    }
}

struct World {
    now: Instant,
    session: Session,
}

impl World {
    /// An account that calls mac@im.test and takes whatever call comes first.
    fn new(mode: Mode) -> Self {
        let now = Instant::now();
        let software = Software {
            name: "ichat-call".to_owned(),
            version: "0".to_owned(),
            os: None,
        };
        let jid = FullJid::new("me@im.test/pc").expect("a JID");
        let config = SessionConfig {
            mode,
            accept: AcceptPolicy::All,
            tokens: CallDialect::Conference.advertised().tokens(),
            ..SessionConfig::new(jid, software, 7)
        };
        let mut session = Session::new(now, config);
        let peer = Jid::new("mac@im.test").expect("a JID");
        let offer = Offer {
            legacy: Some(ADDRESSES.to_owned()),
            conference: None,
        };
        let minute = Duration::from_secs(60);
        session.call(now, peer, offer, CallDialect::Legacy, None, minute);
        let mut world = Self { now, session };
        world.settle();
        world
    }

    fn settle(&mut self) {
        let mut outputs = 0;
        let mut calls: Vec<CallId> = Vec::new();
        while let Some(output) = self.session.poll_output() {
            outputs += 1;
            assert!(outputs < OUTPUTS, "one stanza is a bounded piece of work");
            match output {
                Output::Stanza(stanza) => {
                    let _ = String::from(&stanza);
                }
                Output::Event(ichat_xmpp::Event::Incoming { call, .. }) => calls.push(call),
                Output::Event(_) => {}
            }
        }
        for call in calls {
            // It may be over already.
            let _ = self.session.accept(self.now, call, ADDRESSES.to_owned());
            self.session.connected(self.now, call);
        }
        while self.session.poll_output().is_some() {}
        let contacts = self.session.contacts();
        let mut people: Vec<&BareJid> = contacts.iter().map(|contact| &contact.jid).collect();
        people.dedup();
        assert_eq!(people.len(), contacts.len(), "everyone is there once");
    }

    /// With time every call is over or accepted, and nothing is due any more.
    fn finish(mut self) {
        let mut moments = 0;
        while let Some(due) = self.session.poll_timeout() {
            moments += 1;
            assert!(moments < MOMENTS, "it comes to rest");
            self.now = due.max(self.now);
            self.session.handle_timeout(self.now);
            self.settle();
            let due = self.session.poll_timeout();
            assert!(due.is_none_or(|due| due > self.now), "what was due is done");
        }
        self.session.go_offline(self.now);
        while self.session.poll_output().is_some() {}
        assert_eq!(self.session.poll_timeout(), None);
    }
}
