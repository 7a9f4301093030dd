//! What went wrong once, in whole runs of the program, and shall not again.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::time::{Duration, Instant};

use scenarios::ichat_call::{self, IchatCall, text};
use scenarios::ports::{LOOPBACK, free_udp, silent_udp};
use scenarios::prosody::{Account, Prosody, Security};
use scenarios::standin::{self, VERDICT};
use scenarios::xmpp::{Client, has, text_of};
use scenarios::{SOON, requires, seconds};

/// A SIP peer that says what it is told, octet for octet.
struct Raw {
    socket: UdpSocket,
    to: SocketAddr,
}

impl Raw {
    fn new(to: SocketAddr) -> Self {
        let socket = silent_udp().0;
        socket
            .set_read_timeout(Some(SOON))
            .expect("a socket option");
        Self { socket, to }
    }

    fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("a bound socket")
    }

    fn send(&self, text: &str) {
        let sent = self.socket.send_to(text.as_bytes(), self.to);
        sent.expect("loopback takes it");
    }

    /// A request of the call `raw`, from somebody of this name and tag.
    fn request(&self, method: &str, from: &str, tag: &str, to_tag: &str, body: &str) -> String {
        let (own, to, length) = (self.address(), self.to, body.len());
        let cseq = if method == "BYE" { 2 } else { 1 };
        let via = format!("SIP/2.0/UDP {own};branch=z9hG4bK{method}{tag};rport");
        let port = own.port();
        format!(
            "{method} sip:user@{to} SIP/2.0\r\nVia: {via}\r\nFrom: \"{from}\" \
             <sip:user@{own}>;tag={tag}\r\nTo: <sip:user@{to}>{to_tag}\r\nCall-ID: raw-{port}\r\n\
             CSeq: {cseq} {method}\r\nContact: <sip:user@{own}>\r\nMax-Forwards: 70\r\n\
             Content-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    }

    fn invite(&self, from: &str) {
        let port = self.address().port();
        let body = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP 0\r\na=rtcp:{port}\r\n"
        );
        self.send(&self.request("INVITE", from, "raw", "", &body));
    }

    /// The next SIP message; media is passed over.
    fn sip(&self) -> String {
        self.sip_within(SOON).expect("a SIP message")
    }

    fn sip_within(&self, limit: Duration) -> Option<String> {
        let deadline = Instant::now() + limit;
        let mut octets = [0; 4096];
        loop {
            let left = deadline.checked_duration_since(Instant::now())?;
            let left = left.max(Duration::from_millis(1));
            let set = self.socket.set_read_timeout(Some(left));
            set.expect("a socket option");
            let count = self.socket.recv(&mut octets).ok()?;
            // A final answer, or a request: neither 100 and 180 nor media.
            let sip = std::str::from_utf8(&octets[..count]).unwrap_or_default();
            if sip.contains("SIP/2.0") && !sip.starts_with("SIP/2.0 1") {
                return Some(sip.to_owned());
            }
        }
    }
}

/// What a raw peer has to send to.
fn listening(we: &IchatCall) -> SocketAddr {
    let listening = we.wait_for("listening", SOON);
    text(&listening, "address").parse().expect("an address")
}

/// The same, from a program that writes for people.
fn uri_on_screen(we: &IchatCall) -> String {
    let line = we.wait_for_text("Waiting for SIP calls at", SOON);
    line.split_whitespace()
        .last()
        .unwrap_or_default()
        .to_owned()
}

/// An address list of a Mac's with these loopback ports.
fn list(ports: &[u16]) -> String {
    let record = |port: &u16| {
        let name = "656e3000000000000000000000000000";
        format!("00000000{name}7f000001{:024}{port:04x}0000", 0)
    };
    let list: String = ports.iter().map(record).collect();
    assert_eq!(list.len(), 80 * ports.len());
    list
}

#[test]
fn interrupted_in_its_second_call_our_callee_hangs_up_and_goes() {
    let we = ichat_call::answer().flag("--auto").spawn();
    let first = standin::sip_call(&we.sip_uri())
        .set("--duration", "0.3")
        .spawn();
    first.verdict(VERDICT).assert_ok().assert_ended("hangup");
    let second = standin::sip_call(&we.sip_uri()).spawn();
    we.process().wait_for_where("second stats", SOON, |event| {
        event["event"] == "stats" && event["call"] == 2
    });
    we.process().interrupt();
    let we = we.finish(seconds(5));
    we.assert_reason("hangup");
    assert_eq!(we.ended()["call"], 2, "{}", we.transcript);
    let second = second.verdict(VERDICT);
    second.assert_ok().assert_ended("remote-hangup");
    assert_eq!(second.count("byes"), 1, "{}", second.transcript());
}

#[test]
fn a_server_that_dies_during_a_call_to_us_is_told_once_and_neither_call_nor_program_ends() {
    requires!("prosody");
    let server = Prosody::own();
    let (ours, mac) = server.pair();
    let we = ichat_call::answer().account(&ours).flag("--auto").spawn();
    we.wait_for("online", SOON);
    let peer = standin::call(&mac, &ours.jid)
        .set("--duration", "3")
        .spawn();
    we.wait_for("stats", SOON);
    drop(server);
    let warning = we.wait_for_code("stream-lost", SOON);
    assert_eq!(
        (&warning["event"], &warning["call"]),
        (&"warning".into(), &1.into())
    );
    we.wait_for("ended", SOON);
    // Whoever waits for a server is idle, and goes when it is told to.
    we.process().interrupt();
    let we = we.finish(seconds(5));
    we.assert_reason("remote-hangup").assert_nothing_lost();
    assert!(we.ended()["duration_s"].as_f64() > Some(2.5));
    we.assert_no_error();
    assert_eq!(we.all("warning").len(), 1, "{}", we.transcript);
    assert_eq!(we.all("online").len(), 1, "{}", we.transcript);
    peer.verdict(VERDICT)
        .assert_heard_all()
        .assert_ended("hangup");
}

#[test]
fn who_takes_our_place_on_the_server_during_a_call_leaves_us_the_call_and_no_more() {
    requires!("prosody");
    let (ours, mac) = Prosody::shared().pair();
    let we = ichat_call::answer()
        .account(&ours)
        .flag("--auto")
        .set("--resource", "desk")
        .spawn();
    we.wait_for("online", SOON);
    let peer = standin::call(&mac, &ours.jid)
        .set("--duration", "2")
        .spawn();
    we.wait_for("connected", SOON);
    let _other = Client::sign_in(&ours, "desk");
    we.wait_for_code("conflict", SOON);
    let we = we.finish(seconds(20));
    assert_eq!(we.ended()["reason"], "remote-hangup", "{}", we.transcript);
    assert!(we.ended()["duration_s"].as_f64() > Some(1.5));
    we.assert_nothing_lost().assert_status(1);
    let codes: Vec<&str> = we
        .all("warning")
        .iter()
        .map(|event| text(event, "code"))
        .collect();
    assert_eq!(
        codes,
        ["conflict", "server-unreachable"],
        "{}",
        we.transcript
    );
    let last = we.events.last().expect("events");
    assert_eq!(last["event"], "error", "{}", we.transcript);
    assert_eq!(last["code"], "server-unreachable", "{}", we.transcript);
    assert_eq!(we.all("online").len(), 1, "{}", we.transcript);
    peer.verdict(VERDICT).assert_heard_all();
}

#[test]
fn who_mutes_one_call_stays_muted_in_the_next() {
    requires!("script");
    let we = ichat_call::answer()
        .for_people()
        .flag("--auto")
        .set("--input", "tone:440");
    let we = we.at_a_terminal().spawn();
    let uri = uri_on_screen(&we);
    let first = standin::sip_call(&uri).listens();
    let first = first.set("--duration", "1").spawn();
    we.wait_for_text("Connected with", SOON);
    std::thread::sleep(Duration::from_millis(300));
    we.press("m");
    we.wait_for_text("Muted", SOON);
    let first = first.verdict(VERDICT);
    assert!(!is_silent(&first.heard()), "it was heard before");
    let second = standin::sip_call(&uri).listens();
    let second = second.set("--duration", "0.5").spawn();
    let second = second.verdict(VERDICT);
    second.assert_ok().assert_heard_all();
    assert!(is_silent(&second.heard()), "{}", second.transcript());
    we.press("\u{3}");
    we.finish(seconds(5)).assert_status(0);
}

/// µ-law has two zeros.
fn is_silent(octets: &[u8]) -> bool {
    octets.iter().all(|octet| octet & 0x7f == 0x7f)
}

#[test]
fn a_peer_whose_first_address_is_also_ours_is_called_at_its_next() {
    requires!("prosody");
    let (ours, mac) = Prosody::shared().pair();
    let port = free_udp();
    let peer = standin::answer(&mac)
        .set("--ipports", format!("127.0.0.1:{port},self"))
        .spawn();
    peer.wait_online();
    let we = ichat_call::call(&mac.jid)
        .account(&ours)
        .set("--port", port.to_string())
        .set("--duration", "0.5")
        .spawn()
        .finish(seconds(20));
    we.assert_reason("hangup").assert_nothing_lost();
    peer.verdict(VERDICT).assert_ok().assert_heard_all();
}

#[cfg(unix)]
#[test]
fn a_reader_that_never_reads_our_events_holds_up_neither_sound_nor_interrupts() {
    let peer = standin::sip_answer().spawn();
    let we = ichat_call::call(&peer.uri()).unread().spawn();
    peer.wait_for("connected", SOON);
    std::thread::sleep(seconds(1));
    we.process().interrupt();
    we.finish(seconds(5)).assert_status(0);
    let peer = peer.verdict(VERDICT);
    peer.assert_ok()
        .assert_heard_all()
        .assert_ended("remote-hangup");
    assert!(peer.count("received") > 40, "{}", peer.transcript());
}

#[test]
fn a_call_that_ended_before_its_invite_does_not_take_the_next_callers() {
    requires!("prosody", "script");
    let (ours, mac) = Prosody::shared().pair();
    let we = ichat_call::answer()
        .account(&ours)
        .for_people()
        .flag("--auto")
        .flag("--sip");
    let we = we.at_a_terminal().spawn();
    let uri = uri_on_screen(&we);
    we.wait_for_text("Online as", SOON);
    let silent = standin::call(&mac, &ours.jid).flag("--no-invite").spawn();
    we.wait_for_text("Answering", SOON);
    we.press("q");
    we.wait_for_text("You hung up", SOON);
    let next = standin::sip_call(&uri).set("--duration", "0.5").spawn();
    we.wait_for_text("Connected with", SOON);
    next.verdict(VERDICT).assert_ok().assert_heard_all();
    we.press("\u{3}");
    we.finish(seconds(5)).assert_status(0);
    drop(silent);
}

#[test]
fn an_invite_that_cannot_be_answered_does_not_keep_the_next_caller_out() {
    let we = ichat_call::answer().flag("--auto").flag("--once").spawn();
    let raw = Raw::new(listening(&we));
    let invite = raw.request("INVITE", "nobody", "raw", "", "");
    let (before, after) = invite.split_once("Via:").expect("it has one");
    let (_, after) = after.split_once("\r\n").expect("a line");
    raw.send(&format!("{before}{after}"));
    let peer = standin::sip_call(&we.sip_uri())
        .set("--duration", "0.5")
        .spawn();
    let we = we.finish(seconds(20));
    we.assert_reason("remote-hangup");
    assert_eq!(we.all("incoming").len(), 1, "{}", we.transcript);
    assert_eq!(we.ended()["call"], 1, "{}", we.transcript);
    assert_ne!(we.last("accepted")["from"], "nobody", "{}", we.transcript);
    peer.verdict(VERDICT).assert_ok().assert_heard_all();
}

#[test]
fn a_call_goes_on_after_our_machine_slept_for_eleven_seconds() {
    let peer = standin::sip_answer().flags("--dead-air-end 0").spawn();
    let we = ichat_call::call(&peer.uri()).spawn();
    we.wait_for("stats", SOON);
    we.process().suspend();
    // Longer than the ten seconds after which silence ends a call.
    std::thread::sleep(seconds(11));
    we.process().resume();
    let stats = |event: &serde_json::Value| event["event"] == "stats";
    we.process()
        .wait_for_where("figures afterwards", SOON, |event| {
            stats(event) && event["t"].as_f64() > Some(12.0)
        });
    we.process().interrupt();
    let we = we.finish(seconds(5));
    we.assert_reason("hangup").assert_no("warning");
    let received: Vec<_> = we.events.iter().filter(|event| stats(event)).collect();
    assert!(received.len() >= 2, "{}", we.transcript);
    let peer = peer.verdict(VERDICT);
    peer.assert_ended("remote-hangup");
    assert_eq!(peer.field("lost"), 0, "{}", peer.transcript());
    // Of the gap, and of timestamps that went on meanwhile, it has to complain; of nothing else.
    let faults = peer.field("faults").as_array().cloned();
    let about_media = |fault: &serde_json::Value| fault.to_string().starts_with("\"RTP: ");
    let faults = faults.unwrap_or_default();
    assert!(faults.iter().all(about_media), "{}", peer.transcript());
}

#[test]
fn a_callers_name_cannot_steer_the_terminal() {
    requires!("script");
    let we = ichat_call::answer().for_people().at_a_terminal().spawn();
    let uri = uri_on_screen(&we);
    let address = uri.trim_start_matches("sip:user@").parse();
    let raw = Raw::new(address.expect("an address"));
    raw.invite("Eve\u{1b}]0;title\u{7}\u{9b}2J");
    let question = we.wait_for_text("Answer? [y]es [n]o [b]usy", SOON);
    assert!(question.contains("Eve"), "{question}");
    we.press("n");
    assert!(raw.sip().starts_with("SIP/2.0 603"));
    we.press("\u{3}\u{3}");
    let we = we.finish(seconds(5));
    let steering = we.output.chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(steering, None, "{:?}", we.output);
}

#[test]
fn interrupted_while_idle_after_a_declined_call_our_callee_goes_with_0() {
    let we = ichat_call::answer().flag("--decline").spawn();
    let peer = standin::sip_call(&we.sip_uri()).spawn();
    we.wait_for("ended", SOON);
    peer.verdict(VERDICT).assert_ok().assert_ended("declined");
    we.process().interrupt();
    we.finish(seconds(5))
        .assert_reason_and_status("declined", 0);
}

#[test]
fn interrupted_while_a_silent_server_is_signed_in_to_we_go_at_once() {
    let server = TcpListener::bind((LOOPBACK, 0)).expect("a port is free");
    let account = Account {
        jid: "amy@im.test".into(),
        password: "pass-of-amy-xyzzy".into(),
        server: server.local_addr().expect("a bound socket"),
        security: Security::Plain,
    };
    let answer = ichat_call::answer().flag("--auto");
    for (we, status) in [(ichat_call::call("mac@im.test"), 130), (answer, 0)] {
        let we = we.account(&account).spawn();
        let _stream = server.accept().expect("it connects");
        we.process().interrupt();
        let we = we.finish(seconds(2));
        we.assert_status(status)
            .assert_no("ended")
            .assert_no_error();
    }
}

#[test]
fn an_acceptance_without_an_address_that_can_be_used_is_taken_back() {
    requires!("prosody");
    for flags in ["--no-record", "--ipports 224.0.0.1:16402,127.0.0.1:0"] {
        let (we, peer) = crate::support::we_call(flags);
        we.assert_reason("failed")
            .assert_code("bad-address-list")
            .assert_no("connected");
        assert_eq!(we.all("warning").len(), 1, "{}", we.transcript);
        peer.assert_ok().assert_ended("cancelled");
        assert_eq!(peer.count("vc_cancels"), 1, "{}", peer.transcript());
        assert_eq!(peer.count("invites"), 0, "{}", peer.transcript());
    }
}

#[test]
fn nobody_can_be_asked_in_json_not_even_at_a_terminal() {
    requires!("script");
    let we = ichat_call::answer().at_a_terminal().spawn();
    let we = we.finish(SOON);
    we.assert_status(2);
    assert!(we.output.contains("--auto"), "{}", we.transcript);
}

#[test]
fn an_address_that_a_caller_adds_while_it_still_rings_may_call() {
    requires!("prosody", "script");
    let (ours, mac) = Prosody::shared().pair();
    let port = free_udp();
    let we = ichat_call::answer()
        .account(&ours)
        .for_people()
        .set("--port", port.to_string())
        .at_a_terminal()
        .spawn();
    let online = we.wait_for_text("Online as", SOON);
    let jid = online.split_whitespace().last().unwrap_or_default();
    let to = SocketAddr::new(LOOPBACK, port);
    let (stranger, added) = (Raw::new(to), Raw::new(to));
    let mut caller = Client::sign_in_callable(&mac, "iChat");
    let listed = list(&[free_udp()]);
    caller.send(&format!(
        "<iq type='set' id='r1' to='{jid}'><query xmlns='apple:iq:vc:request'>\
         <VCNewCallerIPPortData>{listed}</VCNewCallerIPPortData><isAudioOnly>1</isAudioOnly>\
         <extSIPPort>0</extSIPPort><extIPAddr>127.0.0.1</extIPAddr>\
         <VCProtocolVersion>1</VCProtocolVersion></query></iq>"
    ));
    we.wait_for_text("Answer? [y]es", SOON);
    let more = list(&[added.address().port()]);
    caller.send(&format!(
        "<iq type='set' id='c1' to='{jid}'><query xmlns='apple:iq:vc:counterProposal'>\
         <connectData>{more}</connectData><VCProtocolVersion>1</VCProtocolVersion></query></iq>"
    ));
    // Whatever the answer to this is, it comes after the proposal was read.
    caller.send(&format!(
        "<iq type='get' id='p1' to='{jid}'><ping xmlns='urn:xmpp:ping'/></iq>"
    ));
    caller.wait("the answer to a ping", |stanza| has(stanza, "id", "p1"));
    we.press("y");
    let response = caller.wait("response", |stanza| stanza.contains("apple:iq:vc:response"));
    assert_eq!(text_of(&response, "response").as_deref(), Some("0"));
    // Its name would let a caller in from anywhere.
    stranger.invite("somebody");
    let refusal = stranger.sip();
    assert!(refusal.starts_with("SIP/2.0 603"), "{refusal}");
    added.invite("somebody");
    let answer = added.sip();
    assert!(answer.starts_with("SIP/2.0 200"), "{answer}");
    we.press("\u{3}\u{3}");
    we.finish(seconds(5));
}

#[test]
fn a_request_with_the_call_id_of_the_call_before_and_other_tags_gets_one_answer() {
    let we = ichat_call::answer().flag("--auto").spawn();
    let raw = Raw::new(listening(&we));
    raw.invite("somebody");
    let answer = raw.sip();
    let (_, tag) = answer.split_once("\r\nTo: ").expect("a To");
    let (to, _) = tag.split_once("\r\n").expect("a line");
    let (_, tag) = to.split_once(";tag=").expect("a tag");
    let tag = format!(";tag={tag}");
    raw.send(&raw.request("ACK", "somebody", "raw", &tag, ""));
    we.wait_for("connected", SOON);
    raw.send(&raw.request("BYE", "somebody", "raw", &tag, ""));
    we.wait_for("ended", SOON);
    while raw.sip_within(Duration::from_millis(300)).is_some() {}
    raw.send(&raw.request("BYE", "somebody", "other", ";tag=other", ""));
    let reply = raw.sip();
    assert!(reply.starts_with("SIP/2.0 481"), "{reply}");
    let second = raw.sip_within(Duration::from_millis(500));
    assert_eq!(second, None, "one answer is enough");
    we.process().interrupt();
    we.finish(seconds(5)).assert_status(0);
}
