//! A session on a table: stanzas as text, time by hand.

#![allow(dead_code, reason = "each test file uses its part")]

use std::time::{Duration, Instant};

use ichat_xmpp::*;

pub(crate) const ADDRESSES: &str =
    "00000000656e3000000000000000000000000000c0a8010200000000000000000000000040120000";

/// An invitation as far as anybody here looks at it.
pub(crate) const INVITATION: &str = "62706c6973743030d50102030405060708090a";

/// The id that a session of [`config`] begins its ids with.
const SALT: &str = "vc63cbe1e459320dd7-";

pub(crate) fn config(jid: &str) -> SessionConfig {
    let software = Software {
        name: "ichat-call".to_owned(),
        version: "0.1.0".to_owned(),
        os: Some("Debian".to_owned()),
    };
    SessionConfig::new(FullJid::new(jid).unwrap(), software, 7)
}

pub(crate) struct Table {
    pub(crate) session: Session,
    pub(crate) now: Instant,
    begun: Instant,
    ladder: String,
    /// What came out and was not looked at.
    unseen: Vec<String>,
}

impl Table {
    /// A session in its first moment.
    pub(crate) fn new(config: SessionConfig) -> Self {
        let now = Instant::now();
        Self {
            session: Session::new(now, config),
            now,
            begun: now,
            ladder: String::new(),
            unseen: Vec::new(),
        }
    }

    /// A session of me@im.test/pc whose roster has come, and whose first stanzas are out.
    pub(crate) fn online(roster: &str) -> Self {
        Self::online_with(config("me@im.test/pc"), roster)
    }

    pub(crate) fn online_with(config: SessionConfig, roster: &str) -> Self {
        let mut table = Self::new(config);
        let first = table.drain();
        let id = id_of(first.lines().next().unwrap());
        table.feed(&format!(
            "<iq type='result' id='{id}'><query xmlns='jabber:iq:roster'>{roster}</query></iq>"
        ));
        table.drain();
        table.ladder.clear();
        table
    }

    /// All that went in and came out since the account was ready.
    pub(crate) fn ladder(&mut self) -> String {
        self.pump();
        self.ladder.trim_end().to_owned()
    }

    fn note(&mut self, mark: &str, text: &str) {
        self.ladder.push_str(&format!("{mark} {text}\n"));
    }

    /// Takes a stanza that must be fine.
    pub(crate) fn feed(&mut self, text: &str) {
        self.try_feed(text).unwrap();
    }

    pub(crate) fn try_feed(&mut self, text: &str) -> Result<(), StanzaError> {
        self.pump();
        self.note("<-", &text.replace('\n', "\\n"));
        self.session.handle_stanza(self.now, &element(text))
    }

    /// Takes a stanza, and tells what comes of it.
    pub(crate) fn ask(&mut self, text: &str) -> String {
        self.feed(text);
        self.drain()
    }

    /// Lets time pass, from deadline to deadline.
    pub(crate) fn wait(&mut self, seconds: f64) {
        self.pump();
        let end = self.now + Duration::from_secs_f64(seconds);
        while let Some(due) = self.session.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.session.handle_timeout(self.now);
            self.note("--", &format!("{:.1} s", self.seconds()));
            self.pump();
            assert!(
                self.session.poll_timeout() > Some(self.now)
                    || self.session.poll_timeout().is_none()
            );
        }
        self.now = end;
        self.session.handle_timeout(self.now);
    }

    /// Seconds since the beginning.
    pub(crate) fn seconds(&self) -> f64 {
        (self.now - self.begun).as_secs_f64()
    }

    /// All that has come out since the last time, a line each; the ids are shortened to their counters.
    pub(crate) fn drain(&mut self) -> String {
        self.pump();
        std::mem::take(&mut self.unseen).join("\n")
    }

    fn pump(&mut self) {
        while let Some(output) = self.session.poll_output() {
            let (mark, text) = match output {
                Output::Stanza(stanza) => ("->", print(&stanza)),
                Output::Event(event) => ("**", shorten(&format!("{event:?}"))),
            };
            self.note(mark, &text);
            self.unseen.push(text);
        }
    }

    /// Calls for a minute in the legacy dialect.
    pub(crate) fn call(&mut self, peer: &str) -> CallId {
        self.call_in(CallDialect::Legacy, peer)
    }

    /// Calls for a minute.
    pub(crate) fn call_in(&mut self, dialect: CallDialect, peer: &str) -> CallId {
        let peer = Jid::new(peer).unwrap();
        let minute = Duration::from_secs(60);
        self.session
            .call(self.now, peer, offer(), dialect, None, minute)
    }

    /// Accepts with what the dialect wants.
    pub(crate) fn accept(&mut self, call: u32) {
        let call = CallId(call);
        self.session
            .accept(self.now, call, ADDRESSES.to_owned())
            .unwrap();
    }

    /// The stream is gone.
    pub(crate) fn lose(&mut self) {
        self.pump();
        self.note("--", "stream lost");
        self.session.stream_lost(self.now);
        self.pump();
    }

    /// Another stream stands, and its roster comes.
    pub(crate) fn return_with(&mut self, roster: &str) {
        self.pump();
        self.note("--", "reconnected");
        let jid = FullJid::new("me@im.test/pc2").unwrap();
        self.session.reconnected(self.now, jid);
        self.unseen.clear();
        let out = self.drain();
        let id = id_of(out.lines().next().unwrap());
        self.unseen.push(out);
        self.feed(&format!(
            "<iq type='result' id='{id}'><query xmlns='jabber:iq:roster'>{roster}</query></iq>"
        ));
        self.pump();
    }

    /// A device of that address shows up with iChat's capabilities.
    pub(crate) fn available(&mut self, from: &str, ext: &str) {
        self.feed(&presence(from, ext, ""));
    }
}

/// Ours, in both forms.
pub(crate) fn offer() -> Offer {
    Offer {
        legacy: Some(ADDRESSES.to_owned()),
        conference: Some(INVITATION.to_owned()),
    }
}

/// Address lists and random ids, shortened.
pub(crate) fn print(stanza: &Element) -> String {
    shorten(&String::from(stanza).replace(" xmlns='jabber:client'", ""))
}

pub(crate) fn shorten(text: &str) -> String {
    text.replace(ADDRESSES, "OURS")
        .replace(INVITATION, "INVITATION")
        .replace(SALT, "id")
}

/// The id that stands in a printed stanza, in full.
pub(crate) fn id_of(line: &str) -> String {
    let (_, rest) = line.split_once("id='id").unwrap();
    format!("{SALT}{}", rest.split_once('\'').unwrap().0)
}

pub(crate) fn element(text: &str) -> Element {
    let end = text.find([' ', '>', '/']).unwrap();
    format!("{} xmlns='jabber:client'{}", &text[..end], &text[end..])
        .parse()
        .unwrap()
}

pub(crate) fn presence(from: &str, ext: &str, inner: &str) -> String {
    format!(
        "<presence from='{from}'>{inner}<c xmlns='http://jabber.org/protocol/caps' node='apple:ichat:caps' ver='388' ext='{ext}'/></presence>"
    )
}

pub(crate) fn request(from: &str, id: &str) -> String {
    format!(
        "<iq type='set' from='{from}' to='me@im.test/pc' id='{id}'><query xmlns='apple:iq:vc:request'>\
         <VCNewCallerIPPortData>\n00ff</VCNewCallerIPPortData><isAudioOnly>1</isAudioOnly><extSIPPort>0</extSIPPort>\
         <extIPAddr>127.0.0.1</extIPAddr><VCProtocolVersion>1</VCProtocolVersion></query></iq>"
    )
}

pub(crate) fn response(from: &str, code: u32, addresses: &str) -> String {
    format!(
        "<iq type='set' from='{from}' to='me@im.test/pc' id='r{code}'><query xmlns='apple:iq:vc:response'>\
         <response>{code}</response><connectData>{addresses}</connectData><VCProtocolVersion>1</VCProtocolVersion></query></iq>"
    )
}

pub(crate) fn cancel(from: &str) -> String {
    format!(
        "<iq type='set' from='{from}' to='me@im.test/pc' id='c'><query xmlns='apple:iq:vc:cancel'>\
         <VCProtocolVersion>1</VCProtocolVersion></query></iq>"
    )
}

pub(crate) fn counter(from: &str, addresses: &str) -> String {
    format!(
        "<iq type='set' from='{from}' to='me@im.test/pc' id='p'><query xmlns='apple:iq:vc:counterProposal'>\
         <connectData>{addresses}</connectData><VCProtocolVersion>1</VCProtocolVersion></query></iq>"
    )
}

/// A request in the conference dialect, as far as it was captured.
pub(crate) fn invitation(from: &str, id: &str) -> String {
    format!(
        "<iq type='set' from='{from}' to='me@im.test/pc' id='{id}'><query xmlns='apple:iq:vc:request'>\
         <isAudioOnly>0</isAudioOnly><AVChatConferenceData>{INVITATION}</AVChatConferenceData></query></iq>"
    )
}

/// An answer with an invitation, in that child.
pub(crate) fn response_in(child: &str, from: &str) -> String {
    format!(
        "<iq type='set' from='{from}' to='me@im.test/pc' id='r0'><query xmlns='apple:iq:vc:response'>\
         <response>0</response><{child}>\n{INVITATION}</{child}><VCProtocolVersion>1</VCProtocolVersion></query></iq>"
    )
}

/// An error for the request with that id.
pub(crate) fn fault(from: &str, id: &str, condition: &str) -> String {
    format!(
        "<iq type='error' from='{from}' id='{id}'><error type='cancel'>\
         <{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    )
}

/// The ids of the requests among what came out, in full.
pub(crate) fn requests(out: &str) -> Vec<String> {
    out.lines()
        .filter(|line| line.contains("vc:request"))
        .map(id_of)
        .collect()
}
