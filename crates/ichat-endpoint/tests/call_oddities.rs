//! A call and a peer that does what few peers do, in virtual time.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test that fails shall say so where it fails"
)]

mod common;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ichat_endpoint::call::{Call, Output};
use ichat_endpoint::{Event, Reason};
use ichat_rtp::DatagramKind;
use ichat_sip::sdp::{self, Direction, Format, Local};
use ichat_sip::{Config, Event as SipEvent, Output as SipOutput, Route, UserAgent};

use common::{Pair, alice, at, bob, config, is_sip, names, summary};

/// Bob is a call of ours, Alice a user agent that is told what to say.
struct Told {
    now: Instant,
    alice: UserAgent,
    bob: Call,
    alice_events: Vec<SipEvent>,
    bob_events: Vec<Event>,
    /// What Bob sent, with where to.
    sent: Vec<(SocketAddr, Vec<u8>)>,
    invite: Vec<u8>,
}

fn from_bob() -> Route {
    Route {
        local: bob(),
        remote: alice(),
    }
}

fn from_alice() -> Route {
    Route {
        local: alice(),
        remote: bob(),
    }
}

fn user_agent() -> UserAgent {
    UserAgent::new(Config {
        local_name: "alice@im.test".into(),
        remote_name: "bob@im.test".into(),
        user: "user".into(),
        user_agent: "test/1".into(),
        seed: 7,
    })
}

/// A description with its media there.
fn media_at(address: SocketAddr, version: u64) -> Vec<u8> {
    sdp::offer(&Local {
        login: "-".into(),
        session_name: "alice@im.test".into(),
        session_id: 1,
        version,
        address: address.ip(),
        port: address.port(),
        formats: vec![Format::pcmu()],
        ssrc: 9,
        direction: Direction::SendRecv,
    })
}

impl Told {
    /// Alice invites Bob, with her media at `media`, and Bob answers.
    fn invited(media: SocketAddr) -> Self {
        let now = Instant::now();
        let bob = Call::await_invite(now, config("bob@im.test", "alice@im.test", 2), &[alice()]);
        let mut told = Self {
            now,
            alice: user_agent(),
            bob,
            alice_events: Vec::new(),
            bob_events: Vec::new(),
            sent: Vec::new(),
            invite: Vec::new(),
        };
        told.alice
            .invite(now, &[from_alice()], "user", media_at(media, 1))
            .unwrap();
        told.settle();
        assert!(told.bob.is_connected());
        told
    }

    /// Carries SIP to and fro until there is none.
    fn settle(&mut self) {
        loop {
            let mut quiet = true;
            while let Some(output) = self.alice.poll_output() {
                quiet = false;
                match output {
                    SipOutput::Transmit { octets, .. } => {
                        if is_sip(&octets, "INVITE") && self.invite.is_empty() {
                            self.invite.clone_from(&octets);
                        }
                        self.bob.handle_datagram(self.now, from_bob(), &octets);
                    }
                    SipOutput::Event(event) => self.alice_events.push(event),
                }
            }
            while let Some(output) = self.bob.poll_output() {
                quiet = false;
                match output {
                    Output::Transmit { route, octets } => {
                        if ichat_rtp::classify(&octets) == DatagramKind::Sip {
                            let _ = self.alice.handle_datagram(self.now, from_alice(), &octets);
                        }
                        self.sent.push((route.remote, octets));
                    }
                    Output::Event(event) => self.bob_events.push(event),
                }
            }
            if quiet {
                return;
            }
        }
    }

    /// Where Bob's next frame goes.
    fn next_frame_goes_to(&mut self) -> SocketAddr {
        self.sent.clear();
        self.now += Duration::from_millis(20);
        self.bob.send_frame(self.now, &[0; 160]);
        self.settle();
        let is_rtp = |octets: &[u8]| ichat_rtp::classify(octets) == DatagramKind::Rtp;
        let mut packets = self.sent.iter().filter(|(_, octets)| is_rtp(octets));
        packets.next().expect("a packet a frame").0
    }

    /// Alice says that her media is there now.
    fn move_media(&mut self, media: SocketAddr, version: u64) {
        self.alice.reinvite(self.now, media_at(media, version));
        self.settle();
        let answered = matches!(self.alice_events.last(), Some(SipEvent::Answered { .. }));
        assert!(answered, "{:?}", self.alice_events);
    }

    /// A packet of Alice's media from there.
    fn speak_from(&mut self, media: SocketAddr, sequence: u8) {
        let mut packet = vec![0x80, 0, 0, sequence, 0, 0, sequence, 0, 0, 0, 0, 9];
        packet.extend([0x55; 160]);
        let route = Route {
            local: bob(),
            remote: media,
        };
        self.bob.handle_datagram(self.now, route, &packet);
        self.settle();
    }

    /// What Bob says to a request.
    fn replies_to(&mut self, request: &[u8]) -> Vec<String> {
        self.sent.clear();
        self.bob.handle_datagram(self.now, from_bob(), request);
        self.settle();
        let sent = self.sent.iter();
        sent.map(|(_, octets)| String::from_utf8_lossy(octets).into_owned())
            .collect()
    }

    /// A request with the Call-ID of this call and tags of another.
    fn foreign(&self, method: &str, to_tag: &str) -> Vec<u8> {
        let invite = String::from_utf8(self.invite.clone()).unwrap();
        let call_id = invite
            .lines()
            .find(|line| line.starts_with("Call-ID:"))
            .unwrap();
        format!(
            "{method} sip:user@192.0.2.2:16402 SIP/2.0\r\n\
             Via: SIP/2.0/UDP 192.0.2.1:16402;branch=z9hG4bKother{method}\r\n\
             From: <sip:user@192.0.2.1>;tag=other\r\nTo: <sip:user@192.0.2.2>{to_tag}\r\n\
             {call_id}\r\nCSeq: 77 {method}\r\nContent-Length: 0\r\n\r\n"
        )
        .into_bytes()
    }
}

#[test]
fn media_that_moves_away_and_back_again_is_followed_at_once() {
    let elsewhere = at("192.0.2.1:20000");
    let mut call = Told::invited(alice());
    assert_eq!(call.next_frame_goes_to(), alice());
    call.move_media(elsewhere, 2);
    assert_eq!(call.next_frame_goes_to(), elsewhere);
    call.move_media(alice(), 3);
    assert_eq!(call.next_frame_goes_to(), alice());
    call.move_media(elsewhere, 4);
    assert_eq!(call.next_frame_goes_to(), elsewhere);
}

#[test]
fn media_that_moves_is_followed_although_packets_still_come_from_where_it_was() {
    let elsewhere = at("192.0.2.1:20000");
    let mut call = Told::invited(alice());
    call.speak_from(alice(), 1);
    call.move_media(elsewhere, 2);
    call.speak_from(elsewhere, 2);
    assert_eq!(call.next_frame_goes_to(), elsewhere);
    call.move_media(alice(), 3);
    assert_eq!(call.next_frame_goes_to(), alice());
    call.speak_from(alice(), 3);
    assert_eq!(call.next_frame_goes_to(), alice());
}

#[test]
fn a_reinvite_that_moves_nothing_leaves_media_where_packets_showed_it_to_be() {
    let described = at("192.0.2.1:20000");
    let mut call = Told::invited(described);
    call.speak_from(alice(), 1);
    assert_eq!(call.next_frame_goes_to(), alice());
    call.move_media(described, 2);
    assert_eq!(call.next_frame_goes_to(), alice());
}

#[test]
fn an_answer_that_gives_our_payload_type_to_another_codec_is_acknowledged_and_hung_up() {
    let now = Instant::now();
    let mut call = Call::dial(
        now,
        config("bob@im.test", "alice@im.test", 2),
        &[from_bob()],
        "user",
        now,
        None,
    );
    let mut peer = user_agent();
    let answer = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
                   m=audio 16402 RTP/AVP 0\r\na=rtpmap:0 G729/8000\r\n";
    let mut said = Vec::new();
    let mut events = Vec::new();
    let mut moved = true;
    while moved {
        moved = false;
        while let Some(output) = call.poll_output() {
            moved = true;
            match output {
                Output::Transmit { octets, .. } => {
                    let line = String::from_utf8_lossy(&octets).into_owned();
                    said.push(line.split(' ').next().unwrap().to_owned());
                    peer.handle_datagram(now, from_alice(), &octets).unwrap();
                }
                Output::Event(event) => events.push(event),
            }
        }
        while let Some(output) = peer.poll_output() {
            moved = true;
            match output {
                SipOutput::Transmit { octets, .. } => {
                    call.handle_datagram(now, from_bob(), &octets);
                }
                SipOutput::Event(SipEvent::Incoming { .. }) => {
                    peer.answer(now, answer.to_vec()).unwrap();
                }
                SipOutput::Event(_) => {}
            }
        }
    }
    assert_eq!(said, ["INVITE", "ACK", "BYE"]);
    assert_eq!(names(&events), ["bad-sdp", "failed"]);
    assert_eq!(summary(&events).reason, Reason::Failed);
}

#[test]
fn a_request_with_our_call_id_and_other_tags_gets_one_answer() {
    let mut call = Told::invited(alice());
    for (method, to_tag) in [
        ("BYE", ";tag=wrong"),
        ("BYE", ""),
        ("MESSAGE", ";tag=wrong"),
        ("INVITE", ";tag=wrong"),
        ("CANCEL", ";tag=wrong"),
        ("OPTIONS", ";tag=wrong"),
    ] {
        let request = call.foreign(method, to_tag);
        let replies = call.replies_to(&request);
        assert_eq!(replies.len(), 1, "{method}{to_tag}: {replies:?}");
        assert!(replies[0].starts_with("SIP/2.0 481"), "{replies:?}");
    }
    assert!(call.bob.is_connected());
    let request = call.foreign("ACK", ";tag=wrong");
    assert_eq!(call.replies_to(&request), Vec::<String>::new());
}

#[test]
fn a_second_caller_during_a_call_is_told_that_we_are_busy() {
    let mut call = Told::invited(alice());
    let now = call.now;
    let stranger = Route {
        local: at("198.51.100.9:5060"),
        remote: bob(),
    };
    // A caller that is a listed one's second program, and one that nobody knows.
    for source in [alice(), stranger.local] {
        let mut other = UserAgent::new(other_config(source.port()));
        other
            .invite(now, &[stranger], "user", media_at(source, 1))
            .unwrap();
        let Some(SipOutput::Transmit { octets, .. }) = other.poll_output() else {
            panic!("no INVITE")
        };
        let route = Route {
            local: bob(),
            remote: source,
        };
        call.sent.clear();
        call.bob.handle_datagram(now, route, &octets);
        call.settle();
        let [(to, reply)] = call.sent.as_slice() else {
            panic!("not one answer: {:?}", call.sent)
        };
        assert_eq!(*to, source);
        assert!(is_sip(reply, "SIP/2.0 486"), "{reply:?}");
    }
    assert!(call.bob.is_connected());
}

fn other_config(seed: u16) -> Config {
    Config {
        local_name: "carol@im.test".into(),
        remote_name: "bob@im.test".into(),
        user: "user".into(),
        user_agent: "test/1".into(),
        seed: seed.into(),
    }
}

#[test]
fn a_call_that_never_had_an_invite_does_not_take_that_of_the_next_caller() {
    let now = Instant::now();
    for by_timeout in [true, false] {
        let mut over =
            Call::await_invite(now, config("bob@im.test", "alice@im.test", 2), &[alice()]);
        if by_timeout {
            over.handle_timeout(over.poll_timeout().unwrap());
        } else {
            over.hang_up(now);
        }
        assert!(over.is_ended());
        while over.poll_output().is_some() {}
        let mut next = user_agent();
        next.invite(now, &[from_alice()], "user", media_at(alice(), 1))
            .unwrap();
        let Some(SipOutput::Transmit { octets, .. }) = next.poll_output() else {
            panic!("no INVITE")
        };
        assert!(!over.handle_late_sip(now, from_bob(), &octets));
        assert_eq!(over.poll_output(), None);
    }
}

#[test]
fn an_invite_without_via_begins_no_dialog() {
    let now = Instant::now();
    let invite = b"INVITE sip:user@192.0.2.2 SIP/2.0\r\nFrom: <sip:a@b>;tag=1\r\n\
                   To: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n";
    let call = Call::offered(
        now,
        config("bob@im.test", "alice@im.test", 2),
        from_bob(),
        invite,
        Duration::from_secs(20),
    );
    assert!(!call.has_dialog());
}

#[test]
fn a_machine_that_slept_goes_on_with_the_peer_that_kept_talking() {
    let mut pair = Pair::direct();
    pair.run(Duration::from_secs(1));
    // Bob's machine stops for 12 s, of which Alice sees nothing but silence.
    pair.now += Duration::from_secs(12);
    let now = pair.now;
    pair.bob.resume(now, 600);
    pair.bob.handle_timeout(now);
    pair.drain();
    assert!(pair.bob.is_connected());
    assert_eq!(pair.bob_events.iter().filter(|e| is_warning(e)).count(), 0);
}

fn is_warning(event: &Event) -> bool {
    matches!(event, Event::Warning { .. } | Event::Ended { .. })
}
