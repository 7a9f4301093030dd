//! How a run begins: sockets, the reflector, the sign-in.

use crate::agent::Agent;
use crate::checks::Book;
use crate::connectivity::Connectivity;
use crate::driver::Driver;
use crate::ending::Ending;
use crate::lan;
use crate::link::{Input, Link, join, sign_in};
use crate::losses::Losses;
use crate::offered::Offered;
use crate::options::Options;
use crate::random::Random;
use crate::snatmap::Reflector;
use crate::sockets::Sockets;
use crate::ulaw::Payloads;
use crate::verdict::{self, emit};
use serde_json::json;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Runs one call to its verdict.
pub(crate) fn run(options: Options) -> ExitCode {
    let start = Instant::now();
    match prepare(options, start) {
        Ok((mut driver, inputs)) => driver.run(&inputs),
        Err(message) => {
            emit(start, "error", json!({ "message": message }));
            let mut book = Book::default();
            book.faults.add(message);
            emit(
                start,
                "verdict",
                verdict::verdict(&book, &Ending::new("not-started")),
            );
            ExitCode::FAILURE
        }
    }
}

fn prepare(mut options: Options, start: Instant) -> Result<(Driver, Receiver<Input>), String> {
    if options.seed == 0 {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        options.seed = since.as_nanos() as u64 ^ u64::from(std::process::id()) << 32;
    }
    if options.mode.is_lan() {
        options.bind = options.bind.or_else(lan::own_address);
        if options.jid.is_empty() {
            options.jid = lan::default_name();
        }
    }
    let options = Rc::new(options);
    let payloads = match &options.send {
        Some(path) => {
            let octets =
                std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
            Payloads::File { octets, at: 0 }
        }
        None => Payloads::Pattern {
            salt: u32::from(!options.mode.is_caller()),
            counter: 0,
        },
    };
    let mut book = Book::default();
    let place = format!("{}:{}", options.local_address(), options.port);
    let sockets = Sockets::open(&options).map_err(|error| format!("{place}: {error}"))?;
    let local = sockets.local().map_err(|error| error.to_string())?;
    let mut random = Random::new(options.seed);
    let reflector = match options.snatmap {
        Some(server) => Some(reflect(server, start, &sockets, &mut random, &mut book)?),
        None => None,
    };
    let mapped = reflector.as_ref().and_then(|reflector| reflector.mapped);
    let chosen = Random::new(random.u64());
    let offered = Offered::new(&options, local.sip, mapped, chosen);
    let has_xmpp = options.mode.has_xmpp();
    let checks = Random::new(random.u64());
    let connectivity = has_xmpp.then(|| Connectivity::new(options.clone(), &offered, checks));
    let (sender, inputs) = channel();
    sockets
        .listen(&sender, Input::Datagram)
        .map_err(|error| error.to_string())?;
    let mut ports = json!({ "port": local.sip.port(), "rtp_port": local.rtp.port() });
    let agent = if options.mode.is_lan() {
        let jid = options.jid.clone();
        let random = Random::new(random.u64());
        let agent = Agent::new(Instant::now(), options.clone(), jid, offered, random);
        let lan = join(&options, agent.first_tokens(), sender)?;
        ports["lan_port"] = lan.port.into();
        Some((agent, Link::Lan(Box::new(lan))))
    } else if options.mode.signs_in() {
        Some(sign_in(
            &options,
            offered,
            Random::new(random.u64()),
            sender,
        )?)
    } else {
        None
    };
    emit(start, "ready", ports);
    let now = Instant::now();
    let driver = Driver {
        losses: Losses::new(&options),
        options,
        start,
        local,
        sockets,
        reflector,
        agent,
        connectivity,
        path: None,
        direct_at: None,
        leg: None,
        payloads: Some(payloads),
        random,
        book,
        ending: None,
        vanished: false,
        last_datagram: now,
    };
    Ok((driver, inputs))
}

/// Asks the reflector; that it does not answer is a fault, and no reason to stop.
fn reflect(
    server: SocketAddr,
    start: Instant,
    sockets: &Sockets,
    random: &mut Random,
    book: &mut Book,
) -> Result<Reflector, String> {
    let own = sockets.local().map_err(|error| error.to_string())?.sip;
    let mut reflector = Reflector::new(server, own, Random::new(random.u64()));
    if let Err(error) = reflector.ask(sockets.main(), &mut book.faults) {
        book.faults.add(error);
    }
    let mapped = reflector.mapped.map(|mapped| mapped.to_string());
    emit(start, "mapped", json!({ "address": mapped }));
    Ok(reflector)
}
