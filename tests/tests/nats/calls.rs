//! A call between two hosts of an internet, through its XMPP server: the caller sings one tone,
//! the callee another.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use scenarios::coturn::{Coturn, PASSWORD, USER};
use scenarios::ichat_call::{self, Finished, IchatCall, text};
use scenarios::internet::Internet;
use scenarios::netns::Host;
use scenarios::prosody::{Account, DOMAIN, RELAYED};
use scenarios::standin::{self, Standin, Verdict};
use scenarios::{SOON, pcap, seconds, tone, ulaw, wav::Wav};

/// What the caller sings, and what the callee does.
const TONES: [f64; 2] = [500.0, 800.0];
/// The file with what one of ours heard.
const HEARD: &str = "heard.wav";
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
            duration: "1.5",
            reflected: [true; 2],
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
            false => {
                let call = standin::call(accounts[0], &accounts[1].jid);
                Running::Mac(self.mac(call.set("--duration", self.duration), 0))
            }
        };
        meanwhile(&caller);
        let caller = caller.end(TONES[1]);
        Call {
            ends: [caller, callee.end(TONES[0])],
        }
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
        let mut program = program
            .set("--bind", host.ipv4().to_string())
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

/// What one program came to.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) reason: String,
    /// The kinds of the ways that the call took, in their order. A stand-in tells none.
    pub(crate) kinds: Vec<String>,
    /// How long the caller's tone was heard, in seconds, and how much of what was heard it was.
    heard: (f64, f64),
    received: u64,
    lost: u64,
    /// What is wrong whatever the call came to.
    faults: Vec<String>,
    pub(crate) transcript: String,
    pub(crate) ours: Option<Finished>,
    pub(crate) mac: Option<Verdict>,
}

impl End {
    fn of_ours(finished: Finished, hz: f64) -> Self {
        let paths = finished.all("path");
        let kinds = paths.iter().map(|path| text(path, "kind").to_owned());
        let ended = finished.all("ended").pop();
        let reason = ended.map_or("no call", |ended| text(ended, "reason"));
        let count = |name: &str| ended.and_then(|ended| ended[name].as_u64()).unwrap_or(0);
        let file = finished.path(HEARD);
        let heard = match file.exists() {
            true => {
                let wav = Wav::read(&file);
                heard(&wav.samples, wav.sample_rate_hz, hz)
            }
            false => (0.0, 0.0),
        };
        Self {
            reason: reason.to_owned(),
            kinds: kinds.collect(),
            heard,
            received: count("received"),
            lost: count("lost"),
            faults: Vec::new(),
            transcript: finished.transcript.clone(),
            ours: Some(finished),
            mac: None,
        }
    }

    fn of_mac(verdict: Verdict, hz: f64) -> Self {
        let samples: Vec<i16> = verdict.heard().into_iter().map(ulaw::decode).collect();
        let faults = verdict.field("faults").as_array().cloned();
        let faults = faults.unwrap_or_default().into_iter();
        Self {
            reason: verdict
                .field("ended")
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            kinds: Vec::new(),
            heard: heard(&samples, 8000, hz),
            received: verdict.count("received"),
            lost: verdict.count("lost"),
            faults: faults.map(|fault| fault.to_string()).collect(),
            transcript: verdict.transcript().to_owned(),
            ours: None,
            mac: Some(verdict),
        }
    }

    /// What is wrong with it, if it was to be a good call that ended so.
    fn complaint(&self, reason: &str, losses: bool) -> Option<String> {
        let (loud, share) = self.heard;
        if self.reason != reason {
            return Some(format!("it ended with {} instead of {reason}", self.reason));
        }
        // A machine that is too busy to be in time costs a little of the tone, not the other's
        // voice.
        if self.received == 0 || loud < 1.0 || share < 0.3 {
            return Some(format!(
                "it heard {loud:.1} s, {share:.2} of it the other's tone, in {} packets",
                self.received
            ));
        }
        if self.lost > 0 && !losses {
            return Some(format!("it lost {} packets", self.lost));
        }
        (!self.faults.is_empty()).then(|| self.faults.join(", "))
    }

    /// The longest time between two packets with sound that came in, in milliseconds.
    ///
    /// # Panics
    /// If none came.
    pub(crate) fn longest_gap_ms(&self, our_addresses: &[IpAddr]) -> u64 {
        if let Some(mac) = &self.mac {
            return mac.count("max_gap_ms");
        }
        let ours = self.ours.as_ref().expect("one of ours or a stand-in");
        let datagrams = pcap::read(&ours.path("media.pcap")).into_iter();
        let times: Vec<u64> = datagrams
            .filter(|datagram| our_addresses.contains(&datagram.destination.ip()))
            .filter(|datagram| datagram.rtp().is_some())
            .map(|datagram| u64::from(datagram.at.0) * 1000 + u64::from(datagram.at.1) / 1_000_000)
            .collect();
        let gaps = times.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
        gaps.max().expect("packets came")
    }

    /// The kind of the last way.
    pub(crate) fn kind(&self) -> Option<&str> {
        self.kinds.last().map(String::as_str)
    }
}

/// The seconds that were not silent, and how much of them is this tone.
fn heard(samples: &[i16], sample_rate_hz: u32, hz: f64) -> (f64, f64) {
    (
        tone::loud_seconds(samples, sample_rate_hz),
        tone::share(samples, sample_rate_hz, hz),
    )
}

/// What a call came to: the caller, and the callee.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) ends: [End; 2],
}

impl Call {
    /// What is wrong with it, if the caller was to hang up after a good call.
    pub(crate) fn complaint(&self) -> Option<String> {
        self.complaint_but_for(false)
    }

    fn complaint_but_for(&self, losses: bool) -> Option<String> {
        let [caller, callee] = &self.ends;
        let of = |end: &End, name: &str, reason: &str| {
            let complaint = end.complaint(reason, losses);
            complaint.map(|why| format!("{name}: {why}"))
        };
        of(caller, "the caller", "hangup").or_else(|| of(callee, "the callee", "remote-hangup"))
    }

    /// Both talked and were heard, and the caller hung up.
    #[track_caller]
    pub(crate) fn assert_talked(&self) -> &Self {
        if let Some(why) = self.complaint() {
            panic!("{why}\n{}", self.transcript());
        }
        self
    }

    /// The same, though packets may have been lost.
    #[track_caller]
    pub(crate) fn assert_talked_with_losses(&self) -> &Self {
        if let Some(why) = self.complaint_but_for(true) {
            panic!("{why}\n{}", self.transcript());
        }
        self
    }

    /// The last way of ours was of one of these kinds.
    #[track_caller]
    pub(crate) fn assert_kind(&self, kinds: &[&str]) -> &Self {
        for end in self.ends.iter().filter(|end| end.ours.is_some()) {
            let fits = end.kind().is_some_and(|kind| kinds.contains(&kind));
            assert!(
                fits,
                "{:?}, not {kinds:?}\n{}",
                end.kind(),
                self.transcript()
            );
        }
        self
    }

    /// Nobody heard anything.
    pub(crate) fn is_silent(&self) -> bool {
        self.ends.iter().all(|end| end.received == 0)
    }

    /// What both said.
    pub(crate) fn transcript(&self) -> String {
        let [caller, callee] = &self.ends;
        format!("{}\n{}", caller.transcript, callee.transcript)
    }
}
