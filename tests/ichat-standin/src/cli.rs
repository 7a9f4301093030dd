//! The command line.

use crate::options::{ContentLength, Dialect, Listed, Mode, Options, PeerKind, SipStyle};
use crate::presence;
use crate::typedstream::Processor;
use std::fmt::Display;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;
use std::time::Duration;

/// The text of `--help`.
pub(crate) const HELP: &str = include_str!("help.txt");
/// How long `--direct` waits for a path.
const DIRECT_AFTER: Duration = Duration::from_secs(2);

/// What the user wants.
#[derive(Debug)]
pub(crate) enum Request {
    Help,
    Run(Box<Options>),
    /// So many announcements from this address.
    Flood(IpAddr, u32),
}

/// The arguments that are left, and the value after `=` of the current one.
struct Arguments {
    rest: Vec<String>,
    name: String,
    inline: Option<String>,
}

impl Arguments {
    fn next(&mut self) -> Option<String> {
        (!self.rest.is_empty()).then(|| self.rest.remove(0))
    }

    fn text(&mut self) -> Result<String, String> {
        match self.inline.take() {
            Some(value) => Ok(value),
            None => self
                .next()
                .ok_or_else(|| format!("{} wants a value", self.name)),
        }
    }

    fn parsed<T: FromStr<Err: Display>>(&mut self) -> Result<T, String> {
        let text = self.text()?;
        text.parse()
            .map_err(|error| format!("{}: {text:?}: {error}", self.name))
    }

    /// A value that may be missing: after `=`, or a number that follows.
    fn optional(&mut self) -> Option<String> {
        let follows = self
            .rest
            .first()
            .is_some_and(|next| next.parse::<u64>().is_ok());
        self.inline
            .take()
            .or_else(|| follows.then(|| self.next()).flatten())
    }

    fn scaled(&mut self, unit: f64) -> Result<Duration, String> {
        let text = self.text()?;
        duration(&text, unit).ok_or_else(|| format!("{}: no time: {text:?}", self.name))
    }

    fn seconds(&mut self) -> Result<Duration, String> {
        self.scaled(1.0)
    }

    fn milliseconds(&mut self) -> Result<Duration, String> {
        self.scaled(0.001)
    }
}

/// A number in `unit` seconds, unless it says `ms` or `s` itself.
fn duration(text: &str, unit: f64) -> Option<Duration> {
    let (number, unit) = if let Some(number) = text.strip_suffix("ms") {
        (number, 0.001)
    } else if let Some(number) = text.strip_suffix('s') {
        (number, 1.0)
    } else {
        (text, unit)
    };
    let number: f64 = number.parse().ok()?;
    Duration::try_from_secs_f64(number * unit).ok()
}

/// Reads the arguments after the program's name.
///
/// # Errors
/// One line on what is wrong with them.
pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Request, String> {
    let mut arguments = Arguments {
        rest: arguments.collect(),
        name: String::new(),
        inline: None,
    };
    if arguments
        .rest
        .iter()
        .any(|argument| argument == "--help" || argument == "-h")
    {
        return Ok(Request::Help);
    }
    let mode = match arguments.next().as_deref() {
        Some("call") => Mode::Call,
        Some("answer") => Mode::Answer,
        Some("sip-call") => Mode::SipCall,
        Some("sip-answer") => Mode::SipAnswer,
        Some("lan-call") => Mode::LanCall,
        Some("lan-answer") => Mode::LanAnswer,
        Some("lan-flood") => return flood(&mut arguments),
        Some("help") => return Ok(Request::Help),
        Some(other) => return Err(format!("unknown command {other:?}")),
        None => return Err("a command is missing".into()),
    };
    let mut options = Options::new(mode);
    while let Some(argument) = arguments.next() {
        if !argument.starts_with("--") {
            match mode {
                Mode::SipCall if options.target.is_none() => {
                    options.target = Some(target(&argument)?);
                }
                Mode::LanCall if options.peer.is_empty() => options.peer = argument,
                _ => return Err(format!("unexpected {argument:?}")),
            }
            continue;
        }
        match argument.split_once('=') {
            Some((name, value)) => {
                arguments.name = name.to_owned();
                arguments.inline = Some(value.to_owned());
            }
            None => arguments.name = argument,
        }
        let name = arguments.name.clone();
        let known = common(&mut options, &name, &mut arguments)?
            || ringing(&mut options, &name, &mut arguments)?
            || conference(&mut options, &name, &mut arguments)?
            || lan(&mut options, &name, &mut arguments)?
            || sip(&mut options, &name, &mut arguments)?
            || media(&mut options, &name, &mut arguments)?;
        if !known {
            return Err(format!("unknown option {name}"));
        }
        if arguments.inline.take().is_some() {
            return Err(format!("{name} takes no value"));
        }
    }
    complete(options)
}

fn complete(mut options: Options) -> Result<Request, String> {
    let missing = |what: &str| Err(format!("{what} is missing"));
    if options.mode.is_lan() {
        if options.mode == Mode::LanCall && options.peer.is_empty() {
            return missing("NAME");
        }
        let named = options.jid.split_once('@');
        if named.is_some_and(|(user, host)| user.is_empty() || host.is_empty())
            || (named.is_none() && !options.jid.is_empty())
        {
            return Err(format!("--name: no user@host: {:?}", options.jid));
        }
    } else if options.mode.signs_in() {
        if options.xmpp.is_empty() {
            return missing("--xmpp");
        }
        if !options.jid.contains('@') {
            return missing("--jid");
        }
        if options.mode == Mode::Call && options.peer.is_empty() {
            return missing("--peer");
        }
        if !options.jid.contains('/') {
            options.jid.push_str("/iChat");
        }
    } else if options.jid.is_empty() {
        options.jid = "standin@localhost".into();
    }
    if options.mode == Mode::SipCall && options.target.is_none() {
        return missing("sip:user@HOST:PORT");
    }
    if options.conference.dialect == Dialect::Conference {
        let all = || presence::ALL_TOKENS.to_owned();
        options.vc.ext.get_or_insert_with(all);
    }
    for (name, percent) in [
        ("--drop-percent", options.checks.drop_percent),
        ("--lose-percent", options.lose_percent),
    ] {
        if percent > 100 {
            return Err(format!("{name}: at most 100"));
        }
    }
    if !matches!(options.media.packet_ms, 10 | 20 | 30 | 40) {
        return Err("--packet-ms: 10, 20, 30 or 40".into());
    }
    Ok(Request::Run(Box::new(options)))
}

/// `lan-flood ADDRESS COUNT`.
fn flood(arguments: &mut Arguments) -> Result<Request, String> {
    let usage = "lan-flood wants ADDRESS COUNT";
    let mut word = || arguments.next().ok_or(usage);
    let (bind, count) = (word()?, word()?);
    let bind = bind.parse().map_err(|_| usage)?;
    Ok(Request::Flood(bind, count.parse().map_err(|_| usage)?))
}

fn target(text: &str) -> Result<(String, SocketAddr), String> {
    let wrong = || format!("no sip:user@HOST:PORT: {text:?}");
    let rest = text.strip_prefix("sip:").ok_or_else(wrong)?;
    let (user, host) = rest.rsplit_once('@').unwrap_or(("user", rest));
    let address = host
        .to_socket_addrs()
        .map_err(|_| wrong())?
        .next()
        .ok_or_else(wrong)?;
    Ok((user.to_owned(), address))
}

fn listed(text: &str) -> Result<Vec<Listed>, String> {
    text.split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .map(|entry| match entry {
            "self" => Ok(Listed::Own),
            _ => entry
                .parse()
                .map(Listed::Other)
                .map_err(|_| format!("--ipports: no ADDRESS:PORT: {entry:?}")),
        })
        .collect()
}

fn common(options: &mut Options, name: &str, a: &mut Arguments) -> Result<bool, String> {
    match name {
        "--xmpp" => options.xmpp = a.text()?,
        "--jid" => options.jid = a.text()?,
        "--password" => options.password = a.text()?,
        "--peer" => options.peer = a.text()?,
        "--bind" => options.bind = Some(a.parsed()?),
        "--port" => options.port = a.parsed()?,
        "--send" => options.send = Some(a.text()?.into()),
        "--sent" => options.sent = Some(a.text()?.into()),
        "--received" => options.received = Some(a.text()?.into()),
        "--duration" => options.duration = Some(a.seconds()?),
        "--timeout" => options.timeout = a.seconds()?,
        "--lifetime" => options.lifetime = a.seconds()?,
        "--linger" => options.linger = a.seconds()?,
        "--seed" => options.seed = a.parsed()?,
        "--peer-ichat" => options.peer_kind = PeerKind::IChat,
        "--verbose" => options.verbose = true,
        _ => return Ok(false),
    }
    Ok(true)
}

fn ringing(options: &mut Options, name: &str, a: &mut Arguments) -> Result<bool, String> {
    let vc = &mut options.vc;
    let list = &mut options.list;
    match name {
        "--no-avavail-at-first" => {
            let text = a.optional().unwrap_or_else(|| "2000".into());
            let after = duration(&text, 0.001).ok_or_else(|| format!("{name}: {text:?}"))?;
            vc.avavail_after = Some(after);
        }
        "--no-avavail" => vc.no_avavail = true,
        "--ext" => vc.ext = Some(a.text()?),
        "--new-node" => vc.new_node = true,
        "--show" => vc.show = Some(a.text()?),
        "--priority" => vc.priority = a.parsed()?,
        "--no-auto-accept" => vc.no_auto_accept = true,
        "--no-subscribe" => vc.no_subscribe = true,
        "--message" => vc.message = Some(a.text()?),
        "--probe-iqs" => vc.probe_iqs = true,
        "--answer-after" => vc.answer_after = a.milliseconds()?,
        "--decline" => {
            let text = a.optional().unwrap_or_else(|| "1".into());
            vc.decline = Some(text.parse().map_err(|_| format!("--decline: {text:?}"))?);
        }
        "--busy" => vc.decline = Some(2),
        "--no-answer" => vc.no_answer = true,
        "--accept-blank" => vc.accept_blank = true,
        "--duplicate-response" => vc.duplicate_response = true,
        "--error-on-request" => vc.error_on_request = Some(a.text()?),
        "--error-echo" => vc.error_echo = true,
        "--cancel-after" => vc.cancel_after = Some(a.milliseconds()?),
        "--no-invite" => vc.no_invite = true,
        "--video-call" => vc.video_call = true,
        "--results" => vc.results = true,
        "--counter-proposal" => vc.counter_proposal = true,
        "--ipports" => list.ipports = Some(listed(&a.text()?)?),
        "--guards" => list.guards = true,
        "--garbage" => list.garbage = true,
        "--upper-hex" => list.upper_hex = true,
        "--broken-tail" => list.broken_tail = true,
        "--no-record" => list.no_record = true,
        "--no-hex" => list.no_hex = true,
        "--no-line-feed" => list.no_line_feed = true,
        "--line-feed" => list.no_line_feed = false,
        "--pinholes" => list.pinholes = true,
        _ => return Ok(false),
    }
    Ok(true)
}

fn dialect(a: &mut Arguments) -> Result<Dialect, String> {
    match a.text()?.as_str() {
        "legacy" => Ok(Dialect::Legacy),
        "conference" => Ok(Dialect::Conference),
        other => Err(format!("{}: unknown {other:?}", a.name)),
    }
}

fn conference(options: &mut Options, name: &str, a: &mut Arguments) -> Result<bool, String> {
    let checks = &mut options.checks;
    let conference = &mut options.conference;
    match name {
        "--dialect" => conference.dialect = dialect(a)?,
        "--powerpc" => conference.processor = Processor::PowerPc,
        "--conference-in-connect-data" => conference.in_connect_data = true,
        "--refuse-form" => conference.refuse_form = Some(dialect(a)?),
        "--both-forms" => conference.both_forms = true,
        "--late-candidate" => conference.late_candidate = Some(a.milliseconds()?),
        "--no-cookie" => checks.no_cookie = true,
        "--extra-attributes" => checks.extra_attributes = true,
        "--tamper-guard" => checks.tamper_guard = true,
        "--dead-candidate" => checks.dead_candidate = true,
        "--early-checks" => {
            checks.early = true;
            if a.inline.is_some() {
                checks.early_target = Some(a.parsed()?);
            }
        }
        "--drop-percent" => checks.drop_percent = a.parsed()?,
        "--ignore-checks" => checks.ignore = true,
        "--direct" => {
            let after = a.optional().map(|text| {
                duration(&text, 1.0).ok_or_else(|| format!("{name}: no time: {text:?}"))
            });
            checks.direct = Some(after.transpose()?.unwrap_or(DIRECT_AFTER));
        }
        "--snatmap" => {
            let text = a.text()?;
            let mut found = text
                .to_socket_addrs()
                .map_err(|e| format!("{name}: {text}: {e}"))?;
            let ipv4 = found.find(SocketAddr::is_ipv4);
            options.snatmap = Some(ipv4.ok_or_else(|| format!("{name}: {text}: no IPv4"))?);
            options.go_behind_nat();
        }
        "--behind-nat" => options.go_behind_nat(),
        "--any-source" => options.any_source = true,
        "--lossy" => options.lossy = true,
        "--lose-percent" => options.lose(a.parsed()?),
        "--peer-moves" => options.expect_moves(),
        _ => return Ok(false),
    }
    Ok(true)
}

fn lan(options: &mut Options, name: &str, a: &mut Arguments) -> Result<bool, String> {
    let lan = &mut options.lan;
    match name {
        "--name" => options.jid = a.text()?,
        "--lan-port" => lan.port = Some(a.parsed()?),
        "--no-from" => lan.no_from = true,
        "--no-version" => lan.no_version = true,
        "--no-ring" => lan.no_ring = true,
        "--second-stream" => lan.second_stream = true,
        "--silent-stream" => lan.silent_stream = true,
        "--endless-xml" => lan.endless_xml = true,
        "--vanish-without-goodbye" => lan.vanish_without_goodbye = true,
        _ => return Ok(false),
    }
    Ok(true)
}

fn sip(options: &mut Options, name: &str, a: &mut Arguments) -> Result<bool, String> {
    let sip = &mut options.sip;
    match name {
        "--drop-invite" => sip.drop_invite = a.parsed()?,
        "--drop-200" => sip.drop_200 = a.parsed()?,
        "--drop-ack" => sip.drop_ack = a.parsed()?,
        "--drop-bye" => sip.drop_bye = a.parsed()?,
        "--ring" => sip.ring = Some(a.milliseconds()?),
        "--sip-reject" => sip.reject = Some(a.parsed()?),
        "--reject-long-names" => sip.reject_long_names = true,
        "--pings" => sip.pings = Some(a.milliseconds()?.max(Duration::from_millis(10))),
        "--ping-muted" => sip.ping_muted = true,
        "--hold-after" => sip.hold_after = Some(a.milliseconds()?),
        "--probe-methods" => sip.probe_methods = true,
        "--sip-style" => {
            sip.style = match a.text()?.as_str() {
                "plain" => SipStyle::Plain,
                "compact" => SipStyle::Compact,
                "folded" => SipStyle::Folded,
                "line-feed" => SipStyle::LineFeed,
                "lower-case" => SipStyle::LowerCase,
                other => return Err(format!("--sip-style: unknown {other:?}")),
            }
        }
        "--no-content-length" => sip.content_length = ContentLength::Missing,
        "--long-content-length" => sip.content_length = ContentLength::TooLong,
        "--short-content-length" => sip.content_length = ContentLength::TooShort,
        "--no-audio" => sip.no_audio = true,
        "--video-offer" => sip.no_video = false,
        "--no-video-offer" => sip.no_video = true,
        "--no-aac" => sip.no_aac = true,
        "--separate-media" => sip.separate_media = true,
        _ => return Ok(false),
    }
    Ok(true)
}

fn media(options: &mut Options, name: &str, a: &mut Arguments) -> Result<bool, String> {
    let media = &mut options.media;
    match name {
        "--wait-for-rtp" => media.wait_for_rtp = true,
        "--no-wait-for-rtp" => media.wait_for_rtp = false,
        "--packet-ms" => media.packet_ms = a.parsed()?,
        "--silent-after" => media.silent_after = Some(a.milliseconds()?),
        "--mute-after" => media.mute_after = Some(a.milliseconds()?),
        "--unmute-after" => media.unmute_after = Some(a.milliseconds()?),
        "--vanish-after" => media.vanish_after = Some(a.milliseconds()?),
        "--dead-air-end" => media.dead_air_end = a.seconds()?,
        "--junk-rtp" => media.junk_rtp = true,
        "--lose-every" => media.lose_every = a.parsed()?,
        "--swap-every" => media.swap_every = a.parsed()?,
        "--double-every" => media.double_every = a.parsed()?,
        "--sequence" => media.sequence = Some(a.parsed()?),
        "--timestamp" => media.timestamp = Some(a.parsed()?),
        _ => return Ok(false),
    }
    Ok(true)
}

#[cfg(test)]
#[path = "cli_tests.rs"]
mod tests;
