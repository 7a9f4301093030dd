//! From options to what an endpoint wants.

use std::io::IsTerminal;
use std::net::IpAddr;
use std::path::Path;

use ichat_audio::{CodecName, CodecNameError, SinkSpec, SourceSpec, distinct_files};
use ichat_endpoint::lan_presence;
use ichat_endpoint::seed::Seed;
use ichat_endpoint::{Allowed, AnswerMode, EndpointConfig, PortChoice, Signalling, Target};
use ichat_xmpp::client::lan::LanConfig;
use ichat_xmpp::client::{ConnectConfig, TlsMode, Trace, Trust};
use ichat_xmpp::{AcceptPolicy, BareJid, CAPS_VERSION, Caps, CapsNode, Dialect, Jid};
use secrecy::SecretString;

use crate::cli::{AcceptChoice, AccountArgs, DialectChoice, TalkArgs, TlsChoice};
use crate::failure::Failure;

/// The TCP port that iChat listens on, on the local network
/// (docs/protocol/xmpp.md, without a server \[P\]).
const LAN_PORT: u16 = 5298;

/// SIP's default port (RFC 3261 §19.1.2).
const SIP_PORT: u16 = 5060;

/// Whether somebody sits there who can be asked: keys come from a terminal, and the question is
/// seen on one.
pub(crate) fn can_ask(json: bool) -> bool {
    !json && std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// What the endpoint shall do with calls and files.
pub(crate) fn endpoint_config(
    talk: &TalkArgs,
    trace: Option<&Path>,
) -> Result<EndpointConfig, Failure> {
    if talk.dialect != DialectChoice::Legacy {
        return Err(Failure::not_yet(
            "the conference dialect (--dialect conference or auto)",
        ));
    }
    for (given, name) in [
        (talk.snatmap.is_some(), "--snatmap"),
        (talk.stun.is_some(), "--stun"),
        (talk.turn.is_some(), "--turn"),
    ] {
        if given {
            return Err(Failure::not_yet(name));
        }
    }
    let codecs = talk
        .codec
        .iter()
        .map(|name| codec(name))
        .collect::<Result<Vec<_>, _>>()?;
    files(talk, trace)?;
    let has_microphone = matches!(talk.input, SourceSpec::Mic(_));
    let allow = if talk.allow.is_empty() {
        vec![if has_microphone {
            Allowed::Contacts
        } else {
            Allowed::Anyone
        }]
    } else {
        talk.allow
            .iter()
            .map(|who| allowed(who))
            .collect::<Result<_, _>>()?
    };
    let accept = match talk.accept {
        Some(AcceptChoice::None) => AcceptPolicy::None,
        Some(AcceptChoice::Ask) => AcceptPolicy::Ask,
        Some(AcceptChoice::All) => AcceptPolicy::All,
        None if talk.auto && !has_microphone => AcceptPolicy::All,
        None if can_ask(talk.json) => AcceptPolicy::Ask,
        None => AcceptPolicy::None,
    };
    Ok(EndpointConfig {
        bind: talk.bind.clone(),
        port: match talk.port {
            None => PortChoice::Preferred,
            Some(0) => PortChoice::Any,
            Some(port) => PortChoice::Exactly(port),
        },
        input: talk.input.clone(),
        looped: talk.looped,
        output: talk.output.clone(),
        record: talk.record.clone(),
        codecs,
        duration: talk.duration,
        timeout: talk.timeout,
        answer: match (talk.auto, talk.decline, talk.busy) {
            (true, _, _) => AnswerMode::Auto,
            (_, true, _) => AnswerMode::Decline,
            (_, _, true) => AnswerMode::Busy,
            (false, false, false) => AnswerMode::Ask,
        },
        allow,
        accept,
        subscribe: !talk.no_subscribe,
        pcap: talk.pcap.clone(),
        software: software(),
        tap: None,
    })
}

/// The name and version that peers see.
pub(crate) fn software() -> (String, String) {
    (
        env!("CARGO_PKG_NAME").into(),
        env!("CARGO_PKG_VERSION").into(),
    )
}

fn codec(name: &str) -> Result<CodecName, Failure> {
    name.parse().map_err(|error: CodecNameError| Failure {
        code: error.code(),
        message: format!("--codec {name}: {error}"),
        status: 2,
    })
}

/// No file may be read and written, or written twice.
fn files(talk: &TalkArgs, trace: Option<&Path>) -> Result<(), Failure> {
    let mut uses: Vec<(&'static str, &Path)> = Vec::new();
    if let SourceSpec::File(path) = &talk.input {
        uses.push(("--input", path));
    }
    if let SinkSpec::File(path) = &talk.output {
        uses.push(("--output", path));
    }
    uses.extend(talk.record.as_deref().map(|path| ("--record", path)));
    uses.extend(talk.pcap.as_deref().map(|path| ("--pcap", path)));
    uses.extend(trace.map(|path| ("--trace", path)));
    distinct_files(&uses).map_err(Failure::usage)
}

fn allowed(who: &str) -> Result<Allowed, Failure> {
    match who {
        "contacts" => Ok(Allowed::Contacts),
        "anyone" => Ok(Allowed::Anyone),
        jid => BareJid::new(jid).map(Allowed::Jid).map_err(|error| {
            Failure::usage(format!(
                "--allow {who}: expected a JID, contacts or anyone: {error}"
            ))
        }),
    }
}

/// The account and how to reach its server.
pub(crate) fn server(
    account: &AccountArgs,
    trace: Option<Trace>,
) -> Result<Box<ConnectConfig>, Failure> {
    let Some(jid) = &account.jid else {
        return Err(Failure::usage(
            "no account: give --jid me@example.org, set ICHAT_CALL_JID, or put jid = \"…\" into the configuration file",
        ));
    };
    let given = Jid::new(jid)
        .map_err(|error| Failure::usage(format!("--jid {jid}: not a JID: {error}")))?;
    if given.node().is_none() {
        return Err(Failure::usage(format!(
            "--jid {jid}: expected user@server, found no user"
        )));
    }
    let resource = account
        .resource
        .clone()
        .or_else(|| {
            given
                .resource()
                .map(|resource| resource.as_str().to_owned())
        })
        .unwrap_or_else(|| format!("ichat-call-{:04x}", Seed::from_system().next_u16()));
    let server = account.server.as_deref().map(host_and_port).transpose()?;
    let trust = match (&account.ca, &account.pin) {
        (Some(file), _) => Trust::CaFile(file.clone()),
        (None, Some(pin)) => Trust::Pin(pin.0),
        (None, None) => Trust::System,
    };
    Ok(Box::new(ConnectConfig {
        jid: given.to_bare(),
        password: password(account, jid)?,
        resource: Some(resource),
        server,
        tls: match account.tls {
            TlsChoice::Required => TlsMode::Required,
            TlsChoice::Off => TlsMode::Off,
        },
        insecure: account.insecure,
        trust,
        trace,
    }))
}

/// Whether a command wants the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Account {
    /// It cannot do without.
    Needed,
    /// It uses one that is named.
    IfGiven,
    /// It needs none, whatever the configuration says: nobody is asked for a password.
    Unused,
}

/// How calls are signalled: through the server as `wanted`, and on the local network with `--lan`.
pub(crate) fn signalling(
    account: &AccountArgs,
    bind: &[IpAddr],
    wanted: Account,
) -> Result<Signalling, Failure> {
    let trace = match &account.trace {
        Some(path) => Some(Trace::create(path).map_err(|error| {
            Failure::usage(format!(
                "cannot write the trace {}: {error}",
                path.display()
            ))
        })?),
        None => None,
    };
    let wants_server = match wanted {
        Account::Needed => true,
        Account::IfGiven => account.jid.is_some(),
        Account::Unused => false,
    };
    let server = if wants_server {
        Some(server(account, trace.clone())?)
    } else {
        None
    };
    let lan = if account.lan {
        Some(lan(account, bind, trace)?)
    } else {
        None
    };
    Ok(Signalling {
        server,
        link: None,
        lan,
    })
}

/// What we announce on the local network, and where we listen.
fn lan(account: &AccountArgs, bind: &[IpAddr], trace: Option<Trace>) -> Result<LanConfig, Failure> {
    let (user, host) = match &account.name {
        Some(name) => match name.split_once('@') {
            Some((user, host)) if !user.is_empty() && !host.is_empty() => {
                (user.to_owned(), host.to_owned())
            }
            _ => {
                return Err(Failure::usage(format!(
                    "--name {name}: expected USER@MACHINE"
                )));
            }
        },
        None => (login_name(), machine_name()),
    };
    let caps = Caps {
        node: CapsNode::IChat,
        version: CAPS_VERSION.into(),
        tokens: Dialect::Legacy.tokens(),
    };
    let presence = lan_presence(Some(user.clone()), caps);
    Ok(LanConfig {
        user,
        host,
        presence,
        bind: bind.to_vec(),
        port: LAN_PORT,
        trace,
    })
}

fn login_name() -> String {
    ["USER", "LOGNAME", "USERNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .unwrap_or_else(|| "user".into())
}

/// The machine's name without its domain.
fn machine_name() -> String {
    let name = gethostname::gethostname().to_string_lossy().into_owned();
    name.split('.')
        .next()
        .filter(|name| !name.is_empty())
        .unwrap_or("this-machine")
        .to_owned()
}

fn password(account: &AccountArgs, jid: &str) -> Result<SecretString, Failure> {
    if let Some(path) = &account.password_file {
        return password_from(path);
    }
    if let Ok(password) = std::env::var("ICHAT_CALL_PASSWORD") {
        return Ok(password.into());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage(
            "no password: give --password-file FILE, or set ICHAT_CALL_PASSWORD",
        ));
    }
    let prompt = format!("Password of {jid}: ");
    match rpassword::prompt_password(prompt) {
        Ok(password) => Ok(password.into()),
        Err(error) => Err(Failure::usage(format!(
            "cannot ask for the password: {error}"
        ))),
    }
}

fn password_from(path: &Path) -> Result<SecretString, Failure> {
    let text = zeroize::Zeroizing::new(std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(format!(
            "cannot read the password file {}: {error}",
            path.display()
        ))
    })?);
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(line.to_owned().into()),
        _ => Err(Failure::usage(format!(
            "{}: expected the password in the first line, found nothing",
            path.display()
        ))),
    }
}

/// `host`, `host:port`, `[v6]:port` or a bare IPv6 address.
pub(crate) fn host_and_port(text: &str) -> Result<(String, Option<u16>), Failure> {
    let bad = || Failure::usage(format!("{text}: expected HOST or HOST:PORT"));
    if text.parse::<std::net::Ipv6Addr>().is_ok() {
        return Ok((text.to_owned(), None));
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or_else(bad)?;
            (
                host,
                if rest.is_empty() {
                    None
                } else {
                    Some(rest.strip_prefix(':').ok_or_else(bad)?)
                },
            )
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = match port {
        Some(port) => Some(
            port.parse()
                .ok()
                .filter(|port| *port != 0)
                .ok_or_else(bad)?,
        ),
        None => None,
    };
    if host.is_empty() {
        return Err(bad());
    }
    Ok((host.to_owned(), port))
}

/// Whom `call` calls.
pub(crate) fn target(peer: &str, lan: bool) -> Result<Target, Failure> {
    if lan && !peer.starts_with("sip:") {
        if peer.trim().is_empty() {
            return Err(Failure::usage(
                "expected a name on the local network, found none",
            ));
        }
        return Ok(Target::Neighbour(peer.to_owned()));
    }
    let Some(rest) = peer.strip_prefix("sip:") else {
        let jid = Jid::new(peer)
            .map_err(|error| Failure::usage(format!("{peer}: not a JID: {error}")))?;
        if jid.node().is_none() {
            return Err(Failure::usage(format!(
                "{peer}: expected user@server, found no user"
            )));
        }
        return Ok(Target::Jid(jid));
    };
    let rest = rest.split([';', '?']).next().unwrap_or(rest);
    let (user, host) = rest.rsplit_once('@').unwrap_or(("user", rest));
    let user_is_plain = !user.is_empty()
        && user
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.!~*'()&=+$,;?/%".contains(c));
    if !user_is_plain {
        return Err(Failure::usage(format!(
            "{peer}: expected sip:user@host:port"
        )));
    }
    let (host, port) = host_and_port(host)?;
    Ok(Target::Sip {
        user: user.to_owned(),
        host,
        port: port.unwrap_or(SIP_PORT),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_jids_or_sip_uris() {
        assert!(matches!(
            target("mac@example.org", false),
            Ok(Target::Jid(_))
        ));
        assert!(matches!(
            target("mac@example.org/iChat", false),
            Ok(Target::Jid(_))
        ));
        let sip = |user: &str, host: &str, port| Target::Sip {
            user: user.into(),
            host: host.into(),
            port,
        };
        assert_eq!(
            target("sip:bob@127.0.0.1:5090", false).unwrap(),
            sip("bob", "127.0.0.1", 5090)
        );
        assert_eq!(
            target("sip:127.0.0.1", false).unwrap(),
            sip("user", "127.0.0.1", 5060)
        );
        assert_eq!(
            target("sip:bob@[::1]:5090;transport=udp", false).unwrap(),
            sip("bob", "::1", 5090)
        );
        for bad in [
            "",
            "example.org",
            "sip:",
            "sip:a@b:0",
            "sip:a@b:x",
            "sip:a b@c",
            "@example.org",
        ] {
            assert_eq!(target(bad, false).unwrap_err().status, 2, "{bad}");
        }
    }

    #[test]
    fn servers_have_an_optional_port() {
        assert_eq!(host_and_port("::1").unwrap(), ("::1".into(), None));
        assert_eq!(
            host_and_port("[::1]:5223").unwrap(),
            ("::1".into(), Some(5223))
        );
        assert_eq!(
            host_and_port("im.example.org").unwrap(),
            ("im.example.org".into(), None)
        );
        assert!(host_and_port("im.example.org:70000").is_err());
    }
}
