//! `ichat-standin`, the stand-in for an iChat, as a child process.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::netns::Host;
use crate::process::{Process, shell_status};
use crate::prosody::Account;
use crate::scratch::Scratch;
use crate::{SOON, binary, seconds};

/// A command line in the making.
#[derive(Debug)]
pub struct Invocation {
    arguments: Vec<OsString>,
    host: Option<Host>,
    scratch: Scratch,
}

/// Signs in, advertises, answers.
pub fn answer(account: &Account) -> Invocation {
    with_account("answer", account, "iChat")
}

/// Signs in, rings, sends the INVITE.
pub fn call(account: &Account, peer: &str) -> Invocation {
    with_account("call", account, "iChat").set("--peer", peer)
}

/// As [`answer`], at another device of the same account.
pub fn answer_at(account: &Account, resource: &str) -> Invocation {
    with_account("answer", account, resource)
}

/// Calls without XMPP.
pub fn sip_call(uri: &str) -> Invocation {
    new(&["sip-call", uri])
}

/// Answers without XMPP.
pub fn sip_answer() -> Invocation {
    new(&["sip-answer"])
}

/// Announces itself as `name` on the network of this host, answers.
pub fn lan_answer(host: &Host, name: &str) -> Invocation {
    new(&["lan-answer"]).set("--name", name).on(host)
}

/// The same, and rings whoever is announced as `peer`, or has that user part.
pub fn lan_call(host: &Host, name: &str, peer: &str) -> Invocation {
    new(&["lan-call", peer]).set("--name", name).on(host)
}

/// Announces so many neighbours that do not exist, each with an oversized record.
pub fn lan_flood(host: &Host, count: u32) -> Invocation {
    let address = host.ipv4().to_string();
    new(&["lan-flood", &address, &count.to_string()]).on(host)
}

fn with_account(mode: &str, account: &Account, resource: &str) -> Invocation {
    new(&[mode])
        .set("--xmpp", account.server.to_string())
        .set("--jid", format!("{}/{resource}", account.jid))
        .set("--password", &account.password)
}

fn new(words: &[&str]) -> Invocation {
    Invocation {
        arguments: words.iter().map(OsString::from).collect(),
        host: None,
        scratch: Scratch::new("ichat-standin"),
    }
}

impl Invocation {
    /// An option with a value.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.arguments.push(name.into());
        self.arguments.push(value.into());
        self
    }

    /// An option without one.
    #[must_use]
    pub fn flag(mut self, name: &str) -> Self {
        self.arguments.push(name.into());
        self
    }

    /// Options as one would type them.
    #[must_use]
    pub fn flags(mut self, words: &str) -> Self {
        self.arguments
            .extend(words.split_whitespace().map(OsString::from));
        self
    }

    /// Shows all tokens and rings with an invitation. It answers in kind whatever it shows.
    #[must_use]
    pub fn conference(self) -> Self {
        self.set("--dialect", "conference")
    }

    /// Shows no token of the conference dialect, and answers legacy requests with an error of the
    /// form.
    #[must_use]
    pub fn refuses_legacy(self) -> Self {
        self.set("--refuse-form", "legacy")
    }

    /// After so long without a path the listed addresses will do, for either side's INVITE.
    #[must_use]
    pub fn direct(self, after: Duration) -> Self {
        self.flag(&format!("--direct={}", after.as_secs_f64()))
    }

    /// Loses so many of its own and of the peer's checks and answers, by this seed.
    #[must_use]
    pub fn loses_checks(self, percent: u8, seed: u64) -> Self {
        self.set("--drop-percent", percent.to_string())
            .set("--seed", seed.to_string())
    }

    /// Behind a NAT, asks this reflector.
    #[must_use]
    pub fn reflected_by(self, server: SocketAddr) -> Self {
        self.set("--snatmap", server.to_string())
    }

    /// Behind a NAT, knows no reflector.
    #[must_use]
    pub fn behind_nat(self) -> Self {
        self.flag("--behind-nat")
    }

    /// The peer is behind a NAT that may show it at other addresses than it lists.
    #[must_use]
    pub fn trusts_any_source(self) -> Self {
        self.flag("--any-source")
    }

    /// Packets get lost between it and the peer.
    #[must_use]
    pub fn expects_losses(self) -> Self {
        self.flag("--lossy")
    }

    /// The peer gets another address in the call.
    #[must_use]
    pub fn expects_moves(self) -> Self {
        self.flag("--peer-moves")
    }

    /// Loses so many of all datagrams, its own and the peer's, by this seed.
    #[must_use]
    pub fn loses(self, percent: u8, seed: u64) -> Self {
        self.set("--lose-percent", percent.to_string())
            .set("--seed", seed.to_string())
    }

    /// Runs there.
    #[must_use]
    pub fn on(mut self, host: &Host) -> Self {
        self.host = Some(host.clone());
        self
    }

    /// Says these µ-law octets, then silence.
    #[must_use]
    pub fn says(self, octets: &[u8]) -> Self {
        let path = self.scratch.write("says.ulaw", octets);
        self.set("--send", path)
    }

    /// Writes down what it hears; see [`Verdict::heard`].
    #[must_use]
    pub fn listens(self) -> Self {
        let path = self.scratch.join("heard.ulaw");
        self.set("--received", path)
    }

    /// Writes down what it sends; see [`Verdict::said`].
    #[must_use]
    pub fn remembers(self) -> Self {
        let path = self.scratch.join("said.ulaw");
        self.set("--sent", path)
    }

    /// Starts it.
    pub fn spawn(self) -> Standin {
        let program = binary::ichat_standin();
        let mut command = match &self.host {
            Some(host) => host.command(program),
            None => Command::new(program),
        };
        command.args(&self.arguments).env("RUST_BACKTRACE", "1");
        let name = format!("ichat-standin {}", self.arguments[0].to_string_lossy());
        Standin {
            process: Process::spawn(&name, command),
            scratch: self.scratch,
        }
    }
}

/// A running stand-in.
#[derive(Debug)]
pub struct Standin {
    process: Process,
    scratch: Scratch,
}

impl Standin {
    /// Its process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The first event of this name, waited for.
    pub fn wait_for(&self, event: &str, limit: Duration) -> Value {
        self.process.wait_for(event, limit)
    }

    /// Waits until it is signed in and shows its presence.
    pub fn wait_online(&self) -> &Self {
        self.wait_for("online", SOON);
        self
    }

    /// Where its SIP listens.
    pub fn address(&self) -> SocketAddr {
        let ready = self.wait_for("ready", SOON);
        let port = ready["port"]
            .as_u64()
            .and_then(|port| u16::try_from(port).ok());
        SocketAddr::new(crate::ports::LOOPBACK, port.expect("ready tells the port"))
    }

    /// The URI to call it at.
    pub fn uri(&self) -> String {
        format!("sip:user@{}", self.address())
    }

    /// Waits until it has ended well, without a verdict.
    ///
    /// # Panics
    /// With the transcript, if it does not.
    pub fn exits(mut self, limit: Duration) {
        let status = shell_status(self.process.exit(limit));
        if status != 0 {
            self.process.fail(&format!("status {status}"));
        }
    }

    /// Waits for its end and its verdict.
    ///
    /// # Panics
    /// With the transcript, if there is none.
    pub fn verdict(mut self, limit: Duration) -> Verdict {
        let status = shell_status(self.process.exit(limit));
        let last = self.process.events().pop().unwrap_or_default();
        if last["event"] != "verdict" {
            self.process.fail("its last event is no verdict");
        }
        Verdict {
            last,
            status,
            transcript: self.process.transcript(),
            scratch: self.scratch,
        }
    }
}

/// What the stand-in saw.
#[derive(Debug)]
pub struct Verdict {
    last: Value,
    status: i32,
    transcript: String,
    scratch: Scratch,
}

impl Verdict {
    /// One field.
    pub fn field(&self, name: &str) -> &Value {
        &self.last[name]
    }

    /// A number; 0 if there is none.
    pub fn count(&self, name: &str) -> u64 {
        self.last[name].as_u64().unwrap_or(0)
    }

    /// Everything it said.
    pub fn transcript(&self) -> &str {
        &self.transcript
    }

    /// It found nothing wrong with us.
    pub fn assert_ok(&self) -> &Self {
        assert_eq!(self.last["ok"], true, "{}", self.transcript);
        assert_eq!(self.status, 0, "{}", self.transcript);
        self
    }

    /// Its call ended so.
    pub fn assert_ended(&self, reason: &str) -> &Self {
        assert_eq!(self.last["ended"], reason, "{}", self.transcript);
        self
    }

    /// Its call was in this dialect.
    pub fn assert_dialect(&self, dialect: &str) -> &Self {
        assert_eq!(self.last["dialect"], dialect, "{}", self.transcript);
        self
    }

    /// Its call went a way that checks had proven in both directions: ours answered by it, its
    /// own by us.
    pub fn assert_checked_path(&self) -> &Self {
        assert_eq!(self.last["path_kind"], "checked", "{}", self.transcript);
        for key in ["checks_succeeded", "checks_answered"] {
            assert!(self.count(key) > 0, "{key}\n{}", self.transcript);
        }
        self
    }

    /// Its call went to a listed address that no check had proven, or that needs none.
    pub fn assert_direct_path(&self) -> &Self {
        assert_eq!(self.last["path_kind"], "direct", "{}", self.transcript);
        self
    }

    /// Our address on the way that the call took.
    ///
    /// # Panics
    /// If there was no call.
    pub fn path(&self) -> SocketAddr {
        let path = self.last["path"]
            .as_str()
            .and_then(|path| path.parse().ok());
        path.unwrap_or_else(|| panic!("no path\n{}", self.transcript))
    }

    /// Our candidates as it read them: `address`, `base`, `kind`, `priority`, `id`, `tampered`,
    /// `processor`.
    pub fn candidates(&self) -> &[Value] {
        self.last["candidates"]
            .as_array()
            .map_or(&[], Vec::as_slice)
    }

    /// What the reflector told it.
    pub fn mapped(&self) -> Option<SocketAddr> {
        self.last["mapped"].as_str()?.parse().ok()
    }

    /// It heard us without a gap, from one SSRC, in step.
    pub fn assert_heard_all(&self) -> &Self {
        assert!(self.count("received") > 0, "{}", self.transcript);
        assert_eq!(self.last["lost"], 0, "{}", self.transcript);
        assert_eq!(self.last["ssrcs"], 1, "{}", self.transcript);
        assert_eq!(self.last["timestamps_ok"], true, "{}", self.transcript);
        self
    }

    /// What it heard, in the order of timestamps.
    ///
    /// # Panics
    /// If it was not told to listen.
    pub fn heard(&self) -> Vec<u8> {
        self.octets("heard.ulaw")
    }

    /// What it said.
    ///
    /// # Panics
    /// If it was not told to remember.
    pub fn said(&self) -> Vec<u8> {
        self.octets("said.ulaw")
    }

    fn octets(&self, name: &str) -> Vec<u8> {
        let path: PathBuf = self.scratch.join(name);
        std::fs::read(&path)
            .unwrap_or_else(|error| panic!("{path:?}: {error}\n{}", self.transcript))
    }
}

/// How long a stand-in may take from the end of a call to its verdict.
pub const VERDICT: Duration = seconds(10);
