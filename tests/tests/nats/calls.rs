//! A call between two hosts of an internet, through its XMPP server: the caller sings one tone,
//! the callee another.

use std::fmt;
use std::path::PathBuf;

use scenarios::coturn::{Coturn, PASSWORD, USER};
use scenarios::ichat_call::{self, IchatCall};
use scenarios::internet::Internet;
use scenarios::netns::Host;
use scenarios::prosody::{Account, DOMAIN, RELAYED};
use scenarios::standin::{self, Standin};
use scenarios::{SOON, seconds, ulaw, wav::Wav};

use super::ends::HEARD;
pub(crate) use super::ends::{Call, End, Network};

/// What the caller sings, and what the callee does.
const TONES: [f64; 2] = [500.0, 800.0];
/// However a call ends: ringing, checks, the INVITE and what follows have their own limits.
const LIMIT: std::time::Duration = seconds(120);

/// The form of the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Dialect {
    Legacy,
    Conference,
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Legacy => "legacy",
            Self::Conference => "conference",
        })
    }
}

/// Whose program calls whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Between {
    /// Ours call ours.
    Ours,
    /// Ours call the stand-in.
    OursAndMac,
    /// The stand-in calls ours.
    MacAndOurs,
    /// Two stand-ins.
    Macs,
}

impl Between {
    fn calls(self) -> bool {
        matches!(self, Self::Ours | Self::OursAndMac)
    }

    fn answers(self) -> bool {
        matches!(self, Self::Ours | Self::MacAndOurs)
    }
}

impl fmt::Display for Between {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ours => "ours calls ours",
            Self::OursAndMac => "ours calls the stand-in",
            Self::MacAndOurs => "the stand-in calls ours",
            Self::Macs => "the stand-in calls the stand-in",
        })
    }
}

/// Who calls whom from where, and how.
#[derive(Clone, Debug)]
pub(crate) struct Scene<'a> {
    internet: &'a Internet,
    dialect: Dialect,
    hosts: [&'a Host; 2],
    domain: &'a str,
    duration: &'a str,
    /// Who knows the reflector: ours, stand-ins.
    reflected: [bool; 2],
    /// The stand-in is at its IPv6 address.
    ipv6: bool,
    options: Vec<(&'a str, String)>,
    environment: Vec<(&'static str, PathBuf)>,
    flags: String,
}

impl<'a> Scene<'a> {
    /// The first host calls the second.
    pub(crate) fn new(internet: &'a Internet, dialect: Dialect, hosts: [&'a Host; 2]) -> Self {
        Self {
            internet,
            dialect,
            hosts,
            domain: DOMAIN,
            duration: "2.5",
            reflected: [true; 2],
            ipv6: false,
            options: Vec::new(),
            environment: Vec::new(),
            flags: String::new(),
        }
    }

    /// At another domain of the server.
    fn at(mut self, domain: &'a str) -> Self {
        self.domain = domain;
        self
    }

    /// So many seconds long.
    pub(crate) fn lasting(mut self, duration: &'a str) -> Self {
        self.duration = duration;
        self
    }

    /// With this option for ours.
    pub(crate) fn with(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.options.push((name, value.into()));
        self
    }

    /// Ours use the relay that their server tells of.
    pub(crate) fn relayed(self) -> Self {
        self.at(RELAYED).with("--turn", "server")
    }

    /// Ours use this relay, which knows them.
    pub(crate) fn relayed_by(mut self, relay: &Coturn) -> Self {
        let password = ("ICHAT_CALL_TURN_PASSWORD", PASSWORD.into());
        self.environment.push(password);
        self.with("--turn", format!("turn:{USER}@{}", relay.address()))
    }

    /// With these flags for a stand-in.
    pub(crate) fn flags(mut self, flags: &str) -> Self {
        self.flags.push(' ');
        self.flags.push_str(flags);
        self
    }

    /// Ours know no SNATMAP server.
    pub(crate) fn unreflected(mut self) -> Self {
        self.reflected[0] = false;
        self
    }

    /// The stand-in knows no SNATMAP server.
    pub(crate) fn with_an_unreflected_mac(mut self) -> Self {
        self.reflected[1] = false;
        self
    }

    /// The stand-in has nothing but IPv6, for which it needs no reflector.
    pub(crate) fn with_an_ipv6_mac(mut self) -> Self {
        self.ipv6 = true;
        self.with_an_unreflected_mac()
    }

    /// The call, from the ring to the end.
    pub(crate) fn call(&self, between: Between) -> Call {
        self.call_and(between, |_| ())
    }

    /// The same; `meanwhile` runs when the caller, if it is one of ours, has been started.
    pub(crate) fn call_and(&self, between: Between, meanwhile: impl FnOnce(&Running)) -> Call {
        let accounts = self.internet.prosody().pair_at(self.domain);
        let accounts = [&accounts.0, &accounts.1];
        let callee = match between.answers() {
            true => Running::Ours(self.answering(accounts[1])),
            false => Running::Mac(self.mac(standin::answer(accounts[1]), 1)),
        };
        callee.wait_online();
        let caller = match between.calls() {
            true => Running::Ours(self.calling(accounts)),
            false => Running::Mac(self.mac_that_calls(accounts)),
        };
        meanwhile(&caller);
        let caller = caller.end(TONES[1]);
        Call {
            ends: [caller, callee.end(TONES[0])],
        }
    }

    /// A stand-in of the first account calls the second.
    pub(crate) fn mac_that_calls(&self, [from, to]: [&Account; 2]) -> Standin {
        let call = standin::call(from, &to.jid);
        self.mac(call.set("--duration", self.duration), 0)
    }

    fn calling(&self, [from, to]: [&Account; 2]) -> IchatCall {
        let call = ichat_call::call(&to.jid).set("--duration", self.duration);
        self.ours(call, from, 0)
    }

    fn answering(&self, account: &Account) -> IchatCall {
        let answer = ichat_call::answer().flag("--auto").flag("--once");
        self.ours(answer, account, 1)
    }

    fn ours(&self, program: ichat_call::Invocation, account: &Account, place: usize) -> IchatCall {
        // As a user would: all addresses, the port that is best for old Macs.
        let mut program = program
            .account(account)
            .flag("--insecure")
            .unset("--bind")
            .unset("--port")
            .set("--dialect", self.dialect.to_string())
            .set("--input", format!("tone:{}", TONES[place]))
            .set_file("--output", HEARD)
            .captured()
            .environment(&self.environment)
            .on(self.hosts[place]);
        if self.reflected[0] {
            program = program.set("--snatmap", self.internet.snatmap().to_string());
        }
        for (name, value) in &self.options {
            program = match value.is_empty() {
                true => program.flag(name),
                false => program.set(name, value),
            };
        }
        program.spawn()
    }

    fn mac(&self, program: standin::Invocation, place: usize) -> Standin {
        let host = self.hosts[place];
        let song = Wav::tone(8000, TONES[place], 30.0).samples.into_iter();
        let song: Vec<u8> = song.map(ulaw::encode).collect();
        let bind = if self.ipv6 { host.ipv6() } else { host.ipv4() };
        let mut program = program
            .set("--bind", bind.to_string())
            .set("--port", "16402")
            .says(&song)
            .listens()
            .on(host)
            .flags(&self.flags)
            .trusts_any_source();
        if self.reflected[1] {
            program = program.reflected_by(self.internet.snatmap());
        }
        match self.dialect {
            Dialect::Legacy => program.flag("--pinholes"),
            Dialect::Conference => program.conference(),
        }
        .spawn()
    }
}

/// One program of a call.
#[derive(Debug)]
pub(crate) enum Running {
    Ours(IchatCall),
    Mac(Standin),
}

impl Running {
    /// Waits for an event.
    pub(crate) fn wait_for(&self, event: &str) -> serde_json::Value {
        match self {
            Self::Ours(program) => program.wait_for(event, LIMIT),
            Self::Mac(program) => program.wait_for(event, LIMIT),
        }
    }

    /// Waits until a second has passed, as it counts them.
    pub(crate) fn wait_a_second(&self) {
        match self {
            Self::Ours(program) => drop(program.wait_for("stats", LIMIT)),
            // It does not count.
            Self::Mac(_) => std::thread::sleep(seconds(1)),
        }
    }

    fn wait_online(&self) {
        match self {
            Self::Ours(program) => drop(program.wait_for("online", SOON)),
            Self::Mac(program) => drop(program.wait_online()),
        }
    }

    /// Waits for its end; it was to hear this tone.
    fn end(self, hz: f64) -> End {
        match self {
            Self::Ours(program) => End::of_ours(program.finish(LIMIT), hz),
            Self::Mac(program) => End::of_mac(program.verdict(LIMIT), hz),
        }
    }
}
