//! A SIP user agent under a script: a peer that does as it likes, our own commands, and time.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ichat_sip::message::{HeaderName, Message, Method, Request, Response};
use ichat_sip::{Config, Event, Output, Route, UserAgent};

use crate::script::Script;
use crate::sip::is_ours;

/// Steps of a script that are done.
const MAX_STEPS: usize = 128;
/// Outputs of one datagram or command.
const OUTPUTS: usize = 8;
/// Outputs of one moment: 64 addresses are tried, 32 requests wait.
const MOMENT_OUTPUTS: usize = 128;
/// Moments of one step of at most 65 s.
const MAX_MOMENTS: usize = 20_000;
/// What the peer asks for.
const METHODS: [&str; 8] = [
    "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "MESSAGE", "INFO", "REFER",
];
/// The most that a message of ours has beyond what the peer's had.
const BODY: &[u8] = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n";

pub(crate) fn run(octets: &[u8]) {
    let mut script = Script::new(octets);
    let Some(role) = script.octet() else {
        return;
    };
    let mut world = World::new();
    let routes: Vec<Route> = (2..2 + role % 4).map(route).collect();
    if !routes.is_empty() {
        let invited = world
            .agent
            .invite(world.now, &routes, "user", BODY.to_vec());
        assert_eq!(invited, Ok(()));
        world.drain(OUTPUTS, &[]);
    }
    for _ in 0..MAX_STEPS {
        let Some(step) = script.octet() else {
            break;
        };
        world.step(step, &mut script);
    }
    world.finish();
}

fn route(last: u8) -> Route {
    let address = |last| SocketAddr::from(([192, 0, 2, last], 16402));
    Route {
        local: address(1),
        remote: address(last),
    }
}

/// A user agent, and what was said.
struct World {
    now: Instant,
    agent: UserAgent,
    /// Requests and responses of ours, and datagrams of the peer's.
    requests: Vec<Request>,
    responses: Vec<Response>,
    heard: Vec<Vec<u8>>,
    longest: usize,
    ended: bool,
}

impl World {
    fn new() -> Self {
        let config = Config {
            local_name: "me@im.test".to_owned(),
            remote_name: "mac@im.test".to_owned(),
            user: "user".to_owned(),
            user_agent: "ichat-call".to_owned(),
            seed: 3,
        };
        Self {
            now: Instant::now(),
            agent: UserAgent::new(config),
            requests: Vec::new(),
            responses: Vec::new(),
            heard: Vec::new(),
            longest: 0,
            ended: false,
        }
    }

    fn step(&mut self, step: u8, script: &mut Script<'_>) {
        match step % 8 {
            0 => self.pass(script.milliseconds()),
            1 => {
                let octets = script.datagram().to_vec();
                self.deliver(script, octets);
            }
            2 | 3 => self.respond(script),
            4 | 5 => self.request(script),
            6 => self.repeat(script),
            _ => self.command(script),
        }
    }

    /// Time passes, and whatever is due is done when it is.
    fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        let mut moments = 0;
        while let Some(due) = self.agent.poll_timeout().filter(|due| *due <= end) {
            moments += 1;
            assert!(moments < MAX_MOMENTS, "it comes to rest");
            self.now = due.max(self.now);
            self.agent.handle_timeout(self.now);
            self.drain(MOMENT_OUTPUTS, &[]);
            let due = self.agent.poll_timeout();
            assert!(due.is_none_or(|due| due > self.now), "what was due is done");
        }
        self.now = end;
    }

    /// The peer answers a request of ours.
    fn respond(&mut self, script: &mut Script<'_>) {
        let Some(place) = script.place(self.requests.len()) else {
            return;
        };
        let request = &self.requests[self.requests.len() - 1 - place];
        let status = 100 + script.number() % 600;
        let tag = script.octet().unwrap_or(0) % 4;
        let tag = if tag == 0 {
            String::new()
        } else {
            tag.to_string()
        };
        let mut response = Response::to(request, status, &tag);
        if tag == "3" {
            let contact = "<sip:user@198.51.100.9:16402>";
            response.headers.push(HeaderName::Contact, contact);
            response.headers.push(HeaderName::RecordRoute, "<sip:h;lr>");
        }
        self.deliver(script, response.encode());
    }

    /// The peer asks for something, in the dialog or beside it.
    fn request(&mut self, script: &mut Script<'_>) {
        let method = METHODS[script.place(METHODS.len()).unwrap_or(0)];
        let cseq = script.octet().unwrap_or(0) % 8;
        let flags = script.octet().unwrap_or(0);
        let call_id = self.agent.call_id().unwrap_or("x@y").to_owned();
        let our_tag = self.our_tag().filter(|_| flags & 1 != 0);
        let our_tag = our_tag.map_or(String::new(), |tag| format!(";tag={tag}"));
        let tag = flags >> 1 & 3;
        let branch = flags >> 3 & 3;
        let body = if flags & 32 == 0 { "" } else { "v=0\r\n" };
        let text = format!(
            "{method} sip:user@192.0.2.1:16402 SIP/2.0\r\n\
             Via: SIP/2.0/UDP 192.0.2.2:16402;branch=z9hG4bK{branch}\r\n\
             To: <sip:user@192.0.2.1:16402>{our_tag}\r\n\
             From: \"mac@im.test\" <sip:user@192.0.2.2:16402>;tag={tag}\r\n\
             Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n\r\n{body}"
        );
        self.deliver(script, text.into_bytes());
    }

    /// Our tag in the dialog, as a peer knows it.
    fn our_tag(&self) -> Option<String> {
        let from = self.requests.first().map(|first| first.headers.from());
        let mut tags = self.responses.iter().map(|response| response.headers.to());
        let to = tags.find(|to| to.as_ref().is_ok_and(|to| to.tag().is_some()));
        let party = from.or(to)?.ok()?;
        party.tag().map(str::to_owned)
    }

    /// What was heard is heard again, maybe with another octet.
    fn repeat(&mut self, script: &mut Script<'_>) {
        let Some(place) = script.place(self.heard.len()) else {
            return;
        };
        let mut octets = self.heard[self.heard.len() - 1 - place].clone();
        let at = usize::from(script.number());
        if let Some(octet) = octets.get_mut(at) {
            *octet = script.octet().unwrap_or(0);
        }
        self.deliver(script, octets);
    }

    fn deliver(&mut self, script: &mut Script<'_>, octets: Vec<u8>) {
        let route = route(2 + script.octet().unwrap_or(0) % 4);
        let _ = self.agent.handle_datagram(self.now, route, &octets);
        self.longest = self.longest.max(octets.len());
        self.drain(OUTPUTS, &octets);
        self.heard.push(octets);
    }

    fn command(&mut self, script: &mut Script<'_>) {
        let (now, agent) = (self.now, &mut self.agent);
        match script.octet().unwrap_or(0) % 10 {
            0 => agent.ring(now),
            1 | 2 => {
                let _ = agent.answer(now, BODY.to_vec());
            }
            3 => {
                let _ = agent.reject(now, script.number() % 800);
            }
            4 => agent.bye(now),
            5 => agent.message(now, "text/plain", b"ping".to_vec()),
            6 => agent.reinvite(now, BODY.to_vec()),
            7 => agent.move_to(route(2 + script.octet().unwrap_or(0) % 4)),
            8 => {
                let flags = script.octet().unwrap_or(0);
                agent.add_route(now, route(2 + flags % 32), flags & 128 != 0);
            }
            _ => agent.media_arrived(),
        }
        self.drain(OUTPUTS, &[]);
    }

    /// Takes all that comes out: not too much, readable, and after the last event none more.
    fn drain(&mut self, limit: usize, answers: &[u8]) {
        let mut outputs = 0;
        while let Some(output) = self.agent.poll_output() {
            outputs += 1;
            assert!(outputs <= limit, "more than {limit} outputs");
            let octets = match output {
                Output::Transmit { octets, .. } => octets,
                Output::Event(event) => {
                    assert!(!self.ended, "{event:?} after the last event");
                    self.ended = is_last(&event);
                    continue;
                }
            };
            is_ours(&octets, &vec![0; self.longest.max(answers.len())]);
            match Message::parse(&octets) {
                Ok(Message::Request(request)) => {
                    assert!(!matches!(request.method, Method::Other(_)));
                    self.requests.push(request);
                }
                Ok(Message::Response(response)) => self.responses.push(response),
                Err(_) => {}
            }
        }
    }

    /// Whatever was said: who hangs up comes to an end, with one last event.
    fn finish(mut self) {
        self.agent.bye(self.now);
        self.drain(OUTPUTS, &[]);
        for _ in 0..10 {
            self.pass(Duration::from_secs(60));
        }
        assert_eq!(self.agent.poll_timeout(), None, "nothing is due for ever");
        assert!(self.agent.is_ended() && self.ended);
    }
}

fn is_last(event: &Event) -> bool {
    match event {
        Event::Cancelled | Event::RemoteBye | Event::Ended | Event::Failed { .. } => true,
        Event::Incoming { .. }
        | Event::Progress { .. }
        | Event::Answered { .. }
        | Event::Confirmed
        | Event::LateAnswer { .. }
        | Event::Reoffer { .. }
        | Event::ReofferCancelled
        | Event::ReofferRejected { .. }
        | Event::Message { .. } => false,
    }
}
