//! The command line, as `docs/contract.md` has it.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use ichat_audio::{SinkSpec, SourceSpec};
use ichat_xmpp::CallDialect;

use crate::snatmap::{QueryArgs, ServeArgs};

/// Audio calls between Apple's iChat and today's machines.
///
/// Calls with a Mac are not encrypted: whoever sits on the way can listen.
#[derive(Debug, Parser)]
#[command(
    name = "ichat-call",
    version,
    max_term_width = 100,
    args_override_self = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// TOML file whose keys are the long options; without it, config.toml in the platform's
    /// configuration folder is read if it is there
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,
    /// Tell more on standard error: -v what happens, -vv every state, -vvv every datagram
    #[arg(short, long, action = ArgAction::Count, global = true)]
    pub(crate) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Sign in, ring PEER, talk, hang up
    Call(CallArgs),
    /// Sign in, show as callable, and wait for calls; without an account, for plain SIP calls
    Answer(AnswerArgs),
    /// Who is on the roster (or the local network), online, callable or why not
    Contacts(ContactsArgs),
    /// Decode what goes over the wire: invitations, address lists, stanzas, SIP, SDP
    Inspect(InspectArgs),
    /// The reverse of `inspect --json`: hex, or octets with --raw
    Compose(ComposeArgs),
    /// A SNATMAP server, or a question to one: where a NAT lets us be seen
    #[command(subcommand)]
    Snatmap(SnatmapCommand),
    /// Audio devices, their rates, the default ones
    Devices(DevicesArgs),
    /// A whole call on this machine: no account, no server, no sound card
    Demo(DemoArgs),
    /// Check configuration, sign-in, network and audio, and say what to do
    Doctor(DoctorArgs),
}

impl Command {
    /// Whether `--json` is on, on the command line or in the configuration file.
    pub(crate) fn wants_json(&self) -> bool {
        match self {
            Self::Call(args) => args.talk.json,
            Self::Answer(args) => args.talk.json,
            Self::Contacts(args) => args.json,
            Self::Inspect(args) => args.json,
            Self::Devices(args) => args.json,
            Self::Demo(args) => args.json,
            Self::Doctor(args) => args.json,
            Self::Snatmap(SnatmapCommand::Serve(args)) => args.json,
            Self::Snatmap(SnatmapCommand::Query(args)) => args.json,
            Self::Compose(_) => false,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct CallArgs {
    /// A JID (mac@example.org, with or without resource), sip:user@host:port, or with --lan a
    /// name on the local network (its part before the @ will do) or an address
    pub(crate) peer: String,
    #[command(flatten)]
    pub(crate) account: AccountArgs,
    #[command(flatten)]
    pub(crate) talk: TalkArgs,
}

#[derive(Debug, Args)]
pub(crate) struct AnswerArgs {
    /// End after the first call, however it ends
    #[arg(long)]
    pub(crate) once: bool,
    /// With an account: take plain SIP calls too (without one, that is all it does)
    #[arg(long)]
    pub(crate) sip: bool,
    #[command(flatten)]
    pub(crate) account: AccountArgs,
    #[command(flatten)]
    pub(crate) talk: TalkArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ContactsArgs {
    #[command(flatten)]
    pub(crate) account: AccountArgs,
    /// JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) account: AccountArgs,
    /// Local address for media, may be given again [default: all usable ones]
    #[arg(long, value_name = "ADDR")]
    pub(crate) bind: Vec<IpAddr>,
    /// UDP port; 0 = any [default: 16402, then lower to 16393, then any]
    #[arg(long, value_name = "N")]
    pub(crate) port: Option<u16>,
    /// SNATMAP server to ask, may be given again
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(crate) snatmap: Vec<String>,
    /// STUN server to ask, may be given again: two servers tell more of a NAT than one
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(crate) stun: Vec<String>,
    /// TURN relay to ask, may be given again: turn:USER@HOST; turn:HOST with the user
    /// that our XMPP server says. Those that the server offers are asked in any case
    #[arg(long, value_name = "URI")]
    pub(crate) turn: Vec<String>,
    /// File with the user's password at the relay in its first line (also ICHAT_CALL_TURN_PASSWORD)
    #[arg(long, value_name = "FILE", requires = "turn")]
    pub(crate) turn_password_file: Option<PathBuf>,
    /// JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// A file, `-` for standard input, or the text itself: a stanza; an invitation, a property
    /// list, a typedstream, candidates or an address list, in hex or in octets; a SIP message, SDP.
    /// Which of these it is, is seen by itself
    #[arg(default_value = "-", allow_hyphen_values = true)]
    pub(crate) input: OsString,
    /// One JSON value in place of the tree; `compose` makes the octets of it again
    #[arg(long)]
    pub(crate) json: bool,
    /// A hexdump in which every octet has a name, in place of the tree
    #[arg(long, conflicts_with = "json")]
    pub(crate) dump: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ComposeArgs {
    /// What `inspect --json` printed; standard input without it. Its `content` may be changed; if it
    /// was not, or is null, the octets in `raw` are written
    pub(crate) file: Option<PathBuf>,
    /// Octets in place of hex, to a terminal too
    #[arg(long)]
    pub(crate) raw: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SnatmapCommand {
    /// Serve SNATMAP to old Macs
    Serve(ServeArgs),
    /// Ask a server for our mapped address
    Query(QueryArgs),
}

#[derive(Debug, Args)]
pub(crate) struct DevicesArgs {
    /// JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// What is said: a WAV file, tone:HZ or silence; a spoken sentence without it
    #[arg(long, value_name = "SOURCE")]
    pub(crate) input: Option<SourceSpec>,
    /// Where it is heard: a WAV file, speaker or null
    #[arg(long, value_name = "SINK", default_value = "ichat-call-demo.wav")]
    pub(crate) output: SinkSpec,
    /// How long to talk: a number and ms, s, m or h
    #[arg(long, value_name = "T", default_value = "6s", value_parser = parse_duration)]
    pub(crate) duration: Duration,
    /// The report as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Account options.
#[derive(Debug, Args)]
#[command(next_help_heading = "Account")]
pub(crate) struct AccountArgs {
    /// Our account
    #[arg(long, env = "ICHAT_CALL_JID")]
    pub(crate) jid: Option<String>,
    /// File with the password in its first line (also ICHAT_CALL_PASSWORD, or asked for)
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// HOST or HOST:PORT to connect to in place of the domain's; STARTTLS, on port 5223 direct TLS
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(crate) server: Option<String>,
    /// Our resource [default: ichat-call- and 4 random hex digits]
    #[arg(long, value_name = "NAME")]
    pub(crate) resource: Option<String>,
    /// `off` only toward loopback, or with --insecure
    #[arg(long, value_enum, default_value_t = TlsChoice::Required)]
    pub(crate) tls: TlsChoice,
    /// Allow --tls off toward any server: passwords and calls can be read on the way
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Trust the certificates of this authority, in PEM, in place of the system's
    #[arg(long, value_name = "FILE", conflicts_with = "pin")]
    pub(crate) ca: Option<PathBuf>,
    /// Trust the server whose public key (SubjectPublicKeyInfo) has this SHA-256, in hex, and nothing else
    #[arg(long, value_name = "SHA256", value_parser = parse_pin)]
    pub(crate) pin: Option<Pin>,
    /// Bonjour: call and be called on the local network, without account and server
    #[arg(long)]
    pub(crate) lan: bool,
    /// Our name on the local network; without it, the login name at this machine's name
    #[arg(long, value_name = "USER@MACHINE", requires = "lan")]
    pub(crate) name: Option<String>,
    /// Every stanza into this file, passwords removed
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
}

/// What `call` and `answer` share.
#[derive(Debug, Args)]
#[command(next_help_heading = "Call")]
pub(crate) struct TalkArgs {
    /// In which form to ring, and be rung: legacy, which real Macs are known to take; conference,
    /// with connectivity checks; auto: legacy, and conference where that form is refused. Whatever
    /// comes is answered in kind
    #[arg(long, value_enum, default_value_t = DialectChoice::Legacy)]
    pub(crate) dialect: DialectChoice,
    /// Local address for media, may be given again [default: all usable ones]
    #[arg(long, value_name = "ADDR")]
    pub(crate) bind: Vec<IpAddr>,
    /// UDP port; 0 = any [default: 16402, then lower to 16393, then any]
    #[arg(long, value_name = "N")]
    pub(crate) port: Option<u16>,
    /// SNATMAP server that tells our mapped address
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(crate) snatmap: Option<String>,
    /// STUN server that tells our mapped address
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(crate) stun: Option<String>,
    /// TURN relay for calls in the conference dialect that find no direct way: turn:USER@HOST
    /// (the user also in ICHAT_CALL_TURN_USERNAME); turn:HOST with the user that our XMPP server
    /// says; `server` for what it offers
    #[arg(long, value_name = "URI")]
    pub(crate) turn: Option<String>,
    /// File with the user's password at the relay in its first line (also ICHAT_CALL_TURN_PASSWORD)
    #[arg(long, value_name = "FILE", requires = "turn")]
    pub(crate) turn_password_file: Option<PathBuf>,
    /// Prefer this codec, may be given again: pcmu, pcma (gsm, aac-eld, aac-ld and opus are not
    /// built yet)
    #[arg(long, value_name = "NAME")]
    pub(crate) codec: Vec<String>,
    /// What the peer hears: mic, mic:NAME, FILE.wav, tone:HZ, silence
    #[arg(long, value_name = "SOURCE", default_value = "mic")]
    pub(crate) input: SourceSpec,
    /// Play the input file again and again
    #[arg(long = "loop")]
    pub(crate) looped: bool,
    /// Where the peer is heard: speaker, speaker:NAME, FILE.wav, null
    #[arg(long, value_name = "SINK", default_value = "speaker")]
    pub(crate) output: SinkSpec,
    /// Record both sides: 48 kHz stereo, left local, right remote
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// Hang up after this long connected: a number and ms, s, m or h
    #[arg(long, value_name = "T", value_parser = parse_duration)]
    pub(crate) duration: Option<Duration>,
    /// Give up ringing, or waiting to become a contact
    #[arg(long, value_name = "T", default_value = "60s", value_parser = parse_duration)]
    pub(crate) timeout: Duration,
    /// Answer without asking
    #[arg(long, group = "reply")]
    pub(crate) auto: bool,
    /// Decline without asking
    #[arg(long, group = "reply")]
    pub(crate) decline: bool,
    /// Be busy without asking
    #[arg(long, group = "reply")]
    pub(crate) busy: bool,
    /// Whom --auto answers: a JID, contacts or anyone, may be given again
    /// [default: contacts with --input mic, else anyone]
    #[arg(long, value_name = "WHO")]
    pub(crate) allow: Vec<String>,
    /// People who ask to see our presence (a Mac must see us to call us)
    /// [default: ask on a terminal; all with --auto unless --input mic; else none]
    #[arg(long, value_enum)]
    pub(crate) accept: Option<AcceptChoice>,
    /// Never ask a peer who is no contact for its presence
    #[arg(long)]
    pub(crate) no_subscribe: bool,
    /// Events as JSON, one object a line, on standard output
    #[arg(long)]
    pub(crate) json: bool,
    /// Every datagram of the media port into this file
    #[arg(long, value_name = "FILE")]
    pub(crate) pcap: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TlsChoice {
    Required,
    Off,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DialectChoice {
    Legacy,
    Conference,
    Auto,
}

impl From<DialectChoice> for CallDialect {
    fn from(choice: DialectChoice) -> Self {
        match choice {
            DialectChoice::Legacy => Self::Legacy,
            DialectChoice::Conference => Self::Conference,
            DialectChoice::Auto => Self::Auto,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AcceptChoice {
    None,
    Ask,
    All,
}

/// The SHA-256 of a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pin(pub(crate) [u8; 32]);

fn parse_pin(text: &str) -> Result<Pin, String> {
    let digits: String = text
        .trim_start_matches("sha256:")
        .chars()
        .filter(|c| !c.is_whitespace() && *c != ':')
        .collect();
    let mut octets = [0; 32];
    hex::decode_to_slice(&digits, &mut octets)
        .map_err(|_| format!("expected 64 hex digits, found {} characters", digits.len()))?;
    Ok(Pin(octets))
}

/// A number and `ms`, `s`, `m` or `h`; bare, seconds.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let split = text
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds_per_unit = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        other => return Err(format!("unknown unit {other:?}: expected ms, s, m or h")),
    };
    let number: f64 = number
        .trim()
        .parse()
        .map_err(|_| format!("expected a number, found {number:?}"))?;
    Duration::try_from_secs_f64(number * seconds_per_unit)
        .ok()
        .filter(|duration| *duration <= Duration::from_secs(365 * 24 * 3600))
        .ok_or_else(|| format!("{text:?} is not between 0 and a year"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(parse_duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration("1.5m"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("2h"), Ok(Duration::from_secs(7200)));
        for bad in ["", "x", "-1s", "5d", "1e300h", "nan"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_pin_is_64_hex_digits_with_or_without_colons() {
        let plain = "ab".repeat(32);
        let colons = vec!["AB"; 32].join(":");
        assert_eq!(parse_pin(&plain), parse_pin(&colons));
        assert!(parse_pin("abcd").is_err());
    }
}
