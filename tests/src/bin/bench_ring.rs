//! How long a request takes until it rings here, beside what the server takes alone.
//!
//! `scripts/bench-ring` starts it, with the program to measure in `ICHAT_CALL_BIN`. All goes
//! through one Prosody on the loopback interface, in turn, round after round: the same request
//! from one scripted client to another, which answers at once (what the server takes), and to ours,
//! which answers as any IQ is answered and rings. It rings when another program has read so.
//! Nothing here asserts a time.

#[path = "../bench/machine.rs"]
mod machine;
#[path = "../bench/procfs.rs"]
#[expect(dead_code, reason = "the other benchmark watches processes too")]
mod procfs;
#[path = "../bench/spread.rs"]
#[expect(dead_code, reason = "the other benchmark changes what it measured")]
mod spread;

use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use machine::Machine;
use scenarios::SOON;
use scenarios::ichat_call::{self, IchatCall, text};
use scenarios::prosody::{Account, Prosody};
use scenarios::xmpp::{Client, attribute, has};
use spread::Spread;

/// Rounds that are not counted: caches fill.
const WARM_UP: usize = 20;

/// What everything has between two rounds, so that none disturbs the next.
const PAUSE: Duration = Duration::from_millis(3);

/// A file with the hex text of the captured invitation.
const INVITATION: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../crates/ichat-invitation/tests/vectors/invitation-2010.hex"
);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rounds = match arguments.as_slice() {
        [] => 300,
        [rounds] => rounds.parse().unwrap_or(0),
        _ => 0,
    };
    if rounds == 0 {
        eprintln!("bench-ring: start it through scripts/bench-ring, with the number of rounds");
        return ExitCode::from(2);
    }
    let started = Instant::now();
    let machine = Machine::observe();
    let server = Prosody::own();
    let invitation = std::fs::read_to_string(INVITATION).expect("the captured invitation");
    let legacy = legacy();
    let conference = format!(
        "<isAudioOnly>0</isAudioOnly><AVChatConferenceData>{}</AVChatConferenceData>",
        invitation.trim()
    );
    let columns = [legacy, conference].map(|content| measure(&server, &content, rounds));
    let ours = ours_with_ours(&server, rounds.min(200));
    print!("{}", table(&columns, &ours));
    print!("\n{}", machine.report(started.elapsed()));
    ExitCode::SUCCESS
}

/// The content of a request as a Mac with two addresses sends it.
fn legacy() -> String {
    let record = |ip: &str| format!("{:08}{:0<32}{ip:0<32}40120000", 0, "656e30");
    let list = record("c0000201") + &record("7f000001");
    format!(
        "<VCNewCallerIPPortData>\n{list}</VCNewCallerIPPortData><isAudioOnly>1</isAudioOnly>\
         <extSIPPort>0</extSIPPort><extIPAddr>127.0.0.1</extIPAddr>"
    )
}

fn stanza(kind: &str, to: &str, id: &str, content: &str) -> String {
    format!(
        "<iq type='set' id='{id}' to='{to}'><query xmlns='apple:iq:vc:{kind}'>{content}\
         <VCProtocolVersion>1</VCProtocolVersion></query></iq>"
    )
}

/// The times of one form of request, in milliseconds.
#[derive(Debug, Default)]
struct Column {
    octets: usize,
    /// From client to client, and the result back.
    round_trip: Spread,
    /// The way there alone.
    one_way: Spread,
    /// Until ours has answered.
    answered: Spread,
    /// Until it rings.
    ringing: Spread,
    /// The same beyond what the server took in the same round.
    beyond: Beyond,
}

#[derive(Debug, Default)]
struct Beyond {
    answered: Spread,
    ringing_one_way: Spread,
    ringing_round_trip: Spread,
}

/// Somebody who answers every request at once, and tells when it came.
fn echo(account: &Account) -> (String, Receiver<Instant>) {
    let mut client = Client::sign_in(account, "bench-ring-echo1");
    let jid = client.jid.clone();
    let (told, came) = mpsc::channel();
    thread::spawn(move || {
        loop {
            let is_request = |stanza: &str| has(stanza, "type", "set");
            let Some(request) = client.try_wait(Duration::from_secs(3600), is_request) else {
                return;
            };
            let at = Instant::now();
            let (from, id) = (attribute(&request, "from"), attribute(&request, "id"));
            let (from, id) = (from.unwrap_or_default(), id.unwrap_or_default());
            client.send(&format!("<iq type='result' id='{id}' to='{from}'/>"));
            if told.send(at).is_err() {
                return;
            }
        }
    });
    (jid, came)
}

/// Ours: it rings, and nobody answers it.
fn ours(account: &Account) -> (IchatCall, String) {
    let we = ichat_call::answer()
        .account(account)
        .set("--resource", "bench-ring-ours1")
        .set("--allow", "nobody@im.test")
        .set("--timeout", "1h")
        .flag("--auto")
        .spawn();
    let jid = text(&we.wait_for("online", SOON), "jid").to_owned();
    (we, jid)
}

/// When this event of this call was read.
fn read_at(we: &IchatCall, event: &str, call: usize) -> Instant {
    we.process().wait_for_line(event, SOON, |line| {
        let found = line.event.as_ref()?;
        (found["event"] == event && found["call"] == call).then_some(line.at)
    })
}

fn measure(server: &Prosody, content: &str, rounds: usize) -> Column {
    let accounts = ["call", "echo", "ours"].map(|name| server.account(name));
    server.befriend(&accounts.each_ref());
    let [caller, other, account] = accounts;
    let mut caller = Client::sign_in_callable(&caller, "iChat");
    let (echo, came) = echo(&other);
    let (we, jid) = ours(&account);
    let mut column = Column {
        octets: stanza("request", &jid, "round0001", content).len(),
        ..Column::default()
    };
    for round in 0..WARM_UP + rounds {
        let id = format!("round{round:04}");
        let mut ask = |to: &str| {
            let request = stanza("request", to, &id, content);
            let start = Instant::now();
            caller.send(&request);
            let answer = caller.wait("an answer", |answer| has(answer, "id", &id));
            let took = start.elapsed();
            assert!(has(&answer, "type", "result"), "{answer}");
            (start, took)
        };
        let (start, round_trip) = ask(&echo);
        let one_way = came.recv().expect("it tells when") - start;
        thread::sleep(PAUSE);
        let (start, answered) = ask(&jid);
        let ringing = read_at(&we, "incoming", round + 1) - start;
        caller.send(&stanza("cancel", &jid, &format!("cancel{round:04}"), ""));
        read_at(&we, "ended", round + 1);
        thread::sleep(PAUSE);
        if round < WARM_UP {
            continue;
        }
        column.round_trip.push_ms(round_trip);
        column.one_way.push_ms(one_way);
        column.answered.push_ms(answered);
        column.ringing.push_ms(ringing);
        let beyond =
            |ours: Duration, server: Duration| (ours.as_secs_f64() - server.as_secs_f64()) * 1000.0;
        let sums = &mut column.beyond;
        sums.answered.push(beyond(answered, round_trip));
        sums.ringing_one_way.push(beyond(ringing, one_way));
        sums.ringing_round_trip.push(beyond(ringing, round_trip));
    }
    column
}

/// From the moment when our caller tells that it rings to that when our callee does.
fn ours_with_ours(server: &Prosody, calls: usize) -> Spread {
    let (amy, ben) = server.pair();
    let (callee, jid) = ours(&ben);
    let mut times = Spread::default();
    for call in 1..=calls {
        let caller = ichat_call::call(&jid).account(&amy).spawn();
        let rings = read_at(&callee, "incoming", call);
        let sent = read_at(&caller, "ringing", 1);
        // Who reads may be told of the one before it is told of the other.
        let late = rings.saturating_duration_since(sent).as_secs_f64();
        let early = sent.saturating_duration_since(rings).as_secs_f64();
        times.push((late - early) * 1000.0);
        caller.process().interrupt();
        read_at(&callee, "ended", call);
        caller.finish(SOON);
    }
    times
}

/// One of a column's figures.
type Figure = fn(&Column) -> &Spread;

/// Median, least and greatest, and what 99 of 100 stay below.
fn cell(spread: &Spread) -> String {
    let most = spread.quantile(0.99).unwrap_or(f64::NAN);
    format!("{}, 99 % below {most:.2}", spread.show("ms"))
}

fn table(columns: &[Column; 2], ours: &Spread) -> String {
    let [legacy, conference] = columns;
    let mut lines = vec![
        format!(
            "| figure | legacy request, {} octets | conference request, {} octets | measured |",
            legacy.octets, conference.octets
        ),
        "|---|---:|---:|---:|".to_owned(),
    ];
    let figures: [(&str, Figure); 7] = [
        (
            "Prosody alone: a request to another client, and its result",
            |c| &c.round_trip,
        ),
        ("— the way there alone", |c| &c.one_way),
        ("A request to ours, and its result", |c| &c.answered),
        ("— beyond Prosody's round trip", |c| &c.beyond.answered),
        ("Request to ringing, as another program reads it", |c| {
            &c.ringing
        }),
        ("— **beyond Prosody's way there**", |c| {
            &c.beyond.ringing_one_way
        }),
        ("— beyond Prosody's round trip", |c| {
            &c.beyond.ringing_round_trip
        }),
    ];
    for (what, of) in figures {
        lines.push(format!(
            "| {what} | {} | {} | {} |",
            cell(of(legacy)),
            cell(of(conference)),
            of(legacy).count()
        ));
    }
    lines.push(format!(
        "| Ours to ours: `ringing` there to `incoming` here | {} | – | {} |",
        cell(ours),
        ours.count()
    ));
    lines.push(String::new());
    lines.join("\n")
}
