//! Calls that ring when the server goes.

use std::net::UdpSocket;
use std::time::Instant;

use scenarios::ichat_call::{self, IchatCall};
use scenarios::ports::silent_udp;
use scenarios::prosody::Account;
use scenarios::standin::{self, Standin, VERDICT};
use scenarios::transcript::Line;
use scenarios::xmpp::{Client, text_of};
use scenarios::{SOON, seconds};

use serde_json::Value;

use super::own::Own;
use super::{BACK, assert_was_back, back};
use crate::stanzas::{is_vc, request};

/// A ring, from before the server goes to its end.
pub(super) trait Ring {
    /// The server is there again.
    fn go_on(&mut self) {}
    /// Waits until it has ended as it should; the server was killed then.
    fn end(self: Box<Self>, killed: Instant);
}

/// Every ring of this theme, ringing.
pub(super) fn all(server: &mut Own) -> Vec<Box<dyn Ring>> {
    vec![
        Box::new(DeviceReturns::begin(server)),
        Box::new(DeviceStaysAway::begin(server)),
        Box::new(CallerReturns::begin(server)),
        Box::new(CallerStaysAway::begin(server)),
        Box::new(BothAreOurs::begin(server)),
    ]
}

fn call(from: &Account, to: &str, timeout: &str) -> IchatCall {
    ichat_call::call(to)
        .account(from)
        .set("--timeout", timeout)
        .spawn()
}

/// A program that asks its user.
fn asking(account: &Account) -> IchatCall {
    let we = ichat_call::answer().account(account).for_people();
    we.set("--timeout", "60").at_a_terminal().spawn()
}

/// We ring a device, and it is there again: it rings once more, and answers.
struct DeviceReturns {
    we: IchatCall,
    rings: Standin,
    mac: Account,
    answers: Option<Standin>,
}

impl DeviceReturns {
    fn begin(server: &mut Own) -> Self {
        let (ours, mac) = server.pair();
        let rings = standin::answer(&mac).flag("--no-answer").spawn();
        rings.wait_online();
        let we = call(&ours, &mac.jid, "60");
        rings.wait_for("incoming", SOON);
        let answers = None;
        Self {
            we,
            rings,
            mac,
            answers,
        }
    }
}

impl Ring for DeviceReturns {
    fn go_on(&mut self) {
        self.answers = Some(standin::answer(&self.mac).spawn());
    }

    fn end(self: Box<Self>, killed: Instant) {
        back(&self.we, killed);
        self.we.wait_for("stats", BACK);
        self.we.process().interrupt();
        let we = self.we.finish(seconds(10));
        we.assert_reason("hangup").assert_nothing_lost();
        assert_was_back(&we);
        assert_eq!(we.all("accepted").len(), 1, "{}", we.transcript);
        let answers = self.answers.expect("it is back").verdict(VERDICT);
        answers.assert_heard_all().assert_ended("remote-hangup");
        // A device that has kept the ring over the outage hears first that it is over; this one
        // has started anew.
        assert_eq!(answers.count("requests"), 1, "{}", answers.transcript());
        let faults = answers.field("faults").as_array().cloned();
        let faults = faults.unwrap_or_default();
        let is_about_cancel = |fault: &Value| fault.to_string().contains("who did not ring");
        assert!(
            faults.len() == 1 && faults.iter().all(is_about_cancel),
            "{}",
            answers.transcript()
        );
        self.rings.verdict(VERDICT).assert_ended("stream-lost");
    }
}

/// We ring a device, and it does not return.
struct DeviceStaysAway {
    we: IchatCall,
    rings: Standin,
}

impl DeviceStaysAway {
    fn begin(server: &mut Own) -> Self {
        let (ours, mac) = server.pair();
        let rings = standin::answer(&mac).flag("--no-answer").spawn();
        rings.wait_online();
        let we = call(&ours, &mac.jid, "30");
        rings.wait_for("incoming", SOON);
        Self { we, rings }
    }
}

impl Ring for DeviceStaysAway {
    fn end(self: Box<Self>, killed: Instant) {
        back(&self.we, killed);
        let we = self.we.finish(seconds(45));
        let reason = we.ended()["reason"].as_str();
        assert!(
            matches!(reason, Some("not-callable" | "no-answer")),
            "{}",
            we.transcript
        );
        we.assert_status(4);
        assert_was_back(&we);
        self.rings.verdict(VERDICT).assert_ended("stream-lost");
    }
}

/// A caller rings here, and is there again, without a word about its call: our answer reaches it.
/// It is a stranger, or we would be told whether it is there before we are when we return.
struct CallerReturns {
    we: IchatCall,
    mac: Account,
    caller: Client,
    _socket: UdpSocket,
}

impl CallerReturns {
    fn begin(server: &mut Own) -> Self {
        let (ours, mac) = (server.account("amy"), server.account("mac"));
        let we = asking(&ours);
        let online = we.wait_for_text("Online as", SOON);
        let jid = online.split_whitespace().last().unwrap_or_default();
        let mut caller = Client::sign_in_callable(&mac, "iChat");
        let (socket, address) = silent_udp();
        caller.send(&request(jid, "r1", address));
        we.wait_for_text("Answer? [y]es", SOON);
        Self {
            we,
            mac,
            caller,
            _socket: socket,
        }
    }
}

impl Ring for CallerReturns {
    fn go_on(&mut self) {
        self.caller = Client::sign_in_callable(&self.mac, "iChat");
    }

    fn end(mut self: Box<Self>, killed: Instant) {
        back(&self.we, killed);
        self.we.press("y");
        let response = self
            .caller
            .wait("a response", |stanza| is_vc(stanza, "response"));
        assert_eq!(text_of(&response, "response").as_deref(), Some("0"));
        self.we.wait_for_text("Answering", SOON);
        self.we.press("q");
        self.we.wait_for_text("You hung up", SOON);
        self.we.press("\u{3}");
        self.we.finish(seconds(5)).assert_status(0);
    }
}

/// A caller rings here, and does not return.
struct CallerStaysAway {
    we: IchatCall,
    _caller: Client,
    _socket: UdpSocket,
}

impl CallerStaysAway {
    fn begin(server: &mut Own) -> Self {
        let (ours, mac) = server.pair();
        let we = ichat_call::answer()
            .account(&ours)
            .set("--timeout", "6")
            .set("--resource", "desk")
            .set("--allow", "nobody@im.test")
            .flag("--auto")
            .flag("--once")
            .spawn();
        we.wait_for("online", SOON);
        let mut caller = Client::sign_in_callable(&mac, "iChat");
        let (socket, address) = silent_udp();
        caller.send(&request(&format!("{}/desk", ours.jid), "r1", address));
        we.wait_for("incoming", SOON);
        Self {
            we,
            _caller: caller,
            _socket: socket,
        }
    }
}

impl Ring for CallerStaysAway {
    fn end(self: Box<Self>, _: Instant) {
        let we = self.we.finish(seconds(15));
        // That a contact is not there any more is learned from a server that is there again.
        let reason = we.ended()["reason"].as_str();
        assert!(
            matches!(reason, Some("no-answer" | "cancelled")),
            "{}",
            we.transcript
        );
        we.assert_status(4).assert_no_error();
        let (rang, ended) = (we.last("incoming"), we.ended());
        let rang_for = ended["t"].as_f64().zip(rang["t"].as_f64());
        let rang_for = rang_for.map_or(0.0, |(ended, rang)| ended - rang);
        assert!(rang_for < 7.5, "{}", we.transcript);
    }
}

/// Ours at both ends: the caller rings anew, and the user is asked anew.
pub(super) struct BothAreOurs {
    pub(super) caller: IchatCall,
    pub(super) callee: IchatCall,
}

impl BothAreOurs {
    fn begin(server: &mut Own) -> Self {
        let (amy, ben) = server.pair();
        Self::of(&amy, &ben)
    }

    pub(super) fn of(amy: &Account, ben: &Account) -> Self {
        let callee = asking(ben);
        callee.wait_for_text("Online as", SOON);
        let caller = call(amy, &ben.jid, "60");
        callee.wait_for_text("Answer? [y]es", SOON);
        Self { caller, callee }
    }

    /// Both are there again; the call rings once more, and is taken.
    pub(super) fn talk(self, killed: Instant) {
        let Self { caller, callee } = self;
        let is_asked =
            |line: &Line| (line.at > killed && line.text.contains("Answer? [y]es")).then_some(());
        let asked = callee.process();
        asked.wait_for_line("second question", SOON, is_asked);
        callee.press("y");
        caller.wait_for("stats", SOON);
        caller.process().interrupt();
        let caller = caller.finish(seconds(10));
        caller.assert_reason("hangup").assert_nothing_lost();
        assert_was_back(&caller);
        callee.wait_for_text("The other side hung up", SOON);
        callee.press("\u{3}");
        let callee = callee.finish(seconds(5));
        callee.assert_status(0);
        let cancelled = callee.output.matches("Cancelled.").count();
        assert_eq!(cancelled, 1, "{}", callee.transcript);
    }
}

impl Ring for BothAreOurs {
    fn end(self: Box<Self>, killed: Instant) {
        back(&self.caller, killed);
        back(&self.callee, killed);
        let rings_or_ended = |line: &Line| {
            let event = line.event.as_ref().filter(|_| line.at > killed)?;
            match event["event"].as_str()? {
                "ringing" => Some(true),
                "ended" => Some(false),
                _ => None,
            }
        };
        let caller = self.caller.process();
        if caller.wait_for_line("second ring", SOON, rings_or_ended) {
            return self.talk(killed);
        }
        // The callee took so long to return that its caller had stopped to look for it.
        let caller = self.caller.finish(seconds(5));
        caller.assert_reason("not-callable");
        self.callee.wait_for_text("Cancelled.", SOON);
        self.callee.press("\u{3}");
        self.callee.finish(seconds(5)).assert_status(0);
    }
}
