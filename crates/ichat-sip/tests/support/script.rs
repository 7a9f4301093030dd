//! A user agent and a peer that says whatever a test writes.

use std::time::Instant;

use ichat_sip::{
    Event, Output, Route, SipError, UserAgent,
    message::{HeaderName, Message, Request, Response},
};

use super::{config, route_to};

/// What came out: datagrams with their routes, and events.
#[derive(Debug, Default)]
pub struct Said {
    pub datagrams: Vec<(Route, Message)>,
    pub events: Vec<Event>,
}

impl Said {
    /// `200 INVITE`, `BYE`.
    pub fn labels(&self) -> Vec<String> {
        let label = |(_, message): &(Route, Message)| super::label(&message.encode());
        self.datagrams.iter().map(label).collect()
    }

    pub fn text(&self) -> String {
        let texts = self.datagrams.iter().map(|(_, message)| message.encode());
        let texts: Vec<_> = texts
            .map(|o| String::from_utf8(o).unwrap().replace('\r', ""))
            .collect();
        texts.join("\n----\n")
    }

    pub fn header(&self, at: usize, name: HeaderName) -> Option<String> {
        self.datagrams[at]
            .1
            .headers()
            .text(&name)
            .map(str::to_owned)
    }
}

pub struct Script {
    pub agent: UserAgent,
    pub now: Instant,
}

impl Script {
    pub fn new() -> Self {
        Self {
            agent: UserAgent::new(config("me@im.test", "mac@im.test", 1)),
            now: Instant::now(),
        }
    }

    /// We called, at 192.0.2.2, and this is our INVITE.
    pub fn calling() -> (Self, Request) {
        let mut script = Self::new();
        script
            .agent
            .invite(script.now, &[route_to(2)], "user", b"offer".to_vec())
            .unwrap();
        let said = script.said();
        let Message::Request(invite) = said.datagrams[0].1.clone() else {
            panic!()
        };
        (script, invite)
    }

    /// The peer at 192.0.2.2 says this.
    pub fn hear(&mut self, octets: &[u8]) -> Result<Said, (SipError, Said)> {
        self.hear_by(route_to(2), octets)
    }

    pub fn hear_by(&mut self, route: Route, octets: &[u8]) -> Result<Said, (SipError, Said)> {
        let result = self.agent.handle_datagram(self.now, route, octets);
        let said = self.said();
        match result {
            Ok(()) => Ok(said),
            Err(error) => Err((error, said)),
        }
    }

    /// What is to be said; also after this much time.
    pub fn said(&mut self) -> Said {
        let mut said = Said::default();
        while let Some(output) = self.agent.poll_output() {
            match output {
                Output::Transmit { route, octets } => {
                    said.datagrams
                        .push((route, Message::parse(&octets).unwrap()));
                }
                Output::Event(event) => said.events.push(event),
            }
        }
        said
    }

    pub fn wait(&mut self, millis: u64) -> Said {
        let end = self.now + super::ms(millis);
        while let Some(next) = self.agent.poll_timeout().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.agent.handle_timeout(self.now);
        }
        self.now = end;
        self.said()
    }
}

/// The peer's answer to a request of ours.
pub fn answer_to(request: &Request, status: u16, tag: &str, contact: &str, body: &str) -> Vec<u8> {
    let mut answer = Response::to(request, status, tag);
    if !contact.is_empty() {
        answer.headers.push(HeaderName::Contact, contact);
    }
    answer.body = body.as_bytes().to_vec();
    answer.encode()
}

/// A request of the peer's, whose From and To the test writes.
pub fn request_of(method: &str, cseq: u32, from: &str, to: &str, rest: &str) -> Vec<u8> {
    let (more, body) = rest.split_once("\n\n").unwrap_or((rest, ""));
    let more: String = more.lines().map(|line| format!("{line}\r\n")).collect();
    format!(
        "{method} sip:user@192.0.2.1:16402 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.2:16402;branch=z9hG4bK{method}{cseq}\r\n\
         Max-Forwards: 70\r\nTo: {to}\r\nFrom: {from}\r\nCall-ID: peer@192-0-2-2\r\n\
         CSeq: {cseq} {method}\r\n{more}\r\n{body}"
    )
    .into_bytes()
}
