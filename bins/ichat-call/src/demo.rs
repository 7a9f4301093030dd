//! `demo`: a whole call on this machine. Two endpoints, a real stream between them, real SIP and
//! RTP over loopback; nothing on the way is played.

mod ladder;
mod report;

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ichat_audio::{SinkSpec, SourceSpec};
use ichat_endpoint::{
    Allowed, AnswerMode, EndpointConfig, Event, LinkLocal, Outcome, RunError, Signalling, Tapped,
    Target, Task, run,
};
use ichat_xmpp::client::link_local;
use ichat_xmpp::{FullJid, Jid};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::cli::DemoArgs;
use crate::failure::Failure;
use crate::output::{Form, Printer};
use crate::settings::software;

const ALICE: &str = "alice@this-machine/demo";
const BOB: &str = "bob@this-machine/demo";

/// What is said when no input is named (`assets/README.md`).
const SPEECH: &[u8] = include_bytes!("../assets/speech.wav");

/// What one endpoint saw.
#[derive(Debug)]
struct Side {
    outcome: Result<Outcome, RunError>,
    events: Vec<Event>,
    wire: Vec<(Instant, Tapped)>,
}

/// Runs the call and reports.
pub(crate) async fn demo(args: DemoArgs, printer: &mut Printer) -> Result<u8, Failure> {
    let spoken = Spoken::prepare(args.input.clone())?;
    if printer.form() == Form::Human {
        let seconds = args.duration.as_secs_f64();
        printer.line(&format!(
            "Two endpoints on this machine talk for {seconds} s …"
        ));
    }
    let (caller_stream, callee_stream) = streams().await?;
    let started = Instant::now();
    let caller = endpoint(
        caller_stream,
        Task::Call(Target::Jid(jid(BOB)?.into())),
        config(spoken.source.clone(), SinkSpec::Null, Some(args.duration)),
    );
    let callee = endpoint(
        callee_stream,
        Task::Answer {
            once: true,
            sip: false,
        },
        config(spoken.source.clone(), args.output.clone(), None),
    );
    let (alice, bob) = tokio::join!(caller, callee);
    let report = report::Report::new(started, &alice, &bob, &args.output);
    for side in [alice.outcome, bob.outcome] {
        side?;
    }
    match printer.form() {
        Form::Human => report.lines().iter().for_each(|line| printer.line(line)),
        Form::Json => printer.line(&report.json().to_string()),
    }
    Ok(u8::from(!report.is_good()))
}

fn jid(text: &str) -> Result<FullJid, Failure> {
    FullJid::new(text).map_err(|error| Failure::new("demo", format!("{text}: {error}")))
}

/// Two ends of an XMPP stream over TCP, as link-local clients open it (XEP-0174 §4).
async fn streams() -> Result<(Signalling, Signalling), Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new("demo", format!("cannot open a stream: {error}"))
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .map_err(|e| failed(&e))?;
    let address = listener.local_addr().map_err(|e| failed(&e))?;
    let (alice, bob) = (jid(ALICE)?, jid(BOB)?);
    let bare = |jid: &FullJid| Jid::from(jid.to_bare()).to_string();
    let (ours, theirs) = (bare(&alice), bare(&bob));
    let accept = async {
        let (stream, _) = listener.accept().await.map_err(|e| failed(&e))?;
        link_local::accept(stream, &theirs, None)
            .await
            .map_err(|e| failed(&e))
    };
    let connect = async {
        link_local::connect(address, &ours, &theirs, None)
            .await
            .map_err(|e| failed(&e))
    };
    let (callee, caller) = tokio::try_join!(accept, connect)?;
    let (to_bob, to_alice) = (bob.to_bare().into(), alice.to_bare().into());
    Ok((
        over(LinkLocal {
            connection: Box::new(caller),
            jid: alice,
            peer: to_bob,
        }),
        over(LinkLocal {
            connection: Box::new(callee),
            jid: bob,
            peer: to_alice,
        }),
    ))
}

fn over(link: LinkLocal) -> Signalling {
    Signalling {
        link: Some(link),
        ..Signalling::default()
    }
}

fn config(input: SourceSpec, output: SinkSpec, duration: Option<Duration>) -> EndpointConfig {
    EndpointConfig {
        bind: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
        input,
        output,
        duration,
        timeout: Duration::from_secs(10),
        answer: AnswerMode::Auto,
        allow: vec![Allowed::Anyone],
        software: software(),
        ..EndpointConfig::default()
    }
}

async fn endpoint(signalling: Signalling, task: Task, mut config: EndpointConfig) -> Side {
    let (tap, mut tapped) = mpsc::unbounded_channel();
    config.tap = Some(tap);
    let (happened, mut events) = mpsc::unbounded_channel();
    // Nobody sits at this endpoint: its commands end at once.
    let (_, wanted) = mpsc::unbounded_channel();
    let outcome = run(config, signalling, task, wanted, happened).await;
    let mut side = Side {
        outcome,
        events: Vec::new(),
        wire: Vec::new(),
    };
    while let Ok(event) = events.try_recv() {
        side.events.push(event);
    }
    while let Ok(seen) = tapped.try_recv() {
        side.wire.push(seen);
    }
    side
}

/// The input, and the file that holds it while the demo runs if it is ours.
#[derive(Debug)]
struct Spoken {
    source: SourceSpec,
    ours: Option<PathBuf>,
}

impl Spoken {
    fn prepare(input: Option<SourceSpec>) -> Result<Self, Failure> {
        if let Some(source) = input {
            return Ok(Self { source, ours: None });
        }
        let name = format!("ichat-call-demo-{}.wav", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, SPEECH)
            .map_err(|error| Failure::new("file", format!("{}: {error}", path.display())))?;
        Ok(Self {
            source: SourceSpec::File(path.clone()),
            ours: Some(path),
        })
    }
}

impl Drop for Spoken {
    fn drop(&mut self) {
        if let Some(path) = &self.ours
            && let Err(error) = std::fs::remove_file(path)
        {
            tracing::debug!(%error, "the demo's speech stays behind");
        }
    }
}
