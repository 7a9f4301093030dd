//! `snatmap serve`: sockets opened, threads started, and ended in good order.

use std::net::{SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use ichat_endpoint::seed::Seed;
use ichat_ice::snatmap::PAGE_PATH;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::args::ServeArgs;
use super::desk::{Desk, Tally};
use super::listen::{self, Answering};
use super::site::Site;
use super::{http, worker};
use crate::failure::Failure;
use crate::output::{Form, Printer, json_object, seconds};
use crate::session::Signals;

/// Threads that answer at an address, at most. One is enough for some hundred thousand requests a
/// second.
const MAX_THREADS: usize = 4;

/// `ichat-call snatmap serve`: until a signal ends it.
pub(crate) async fn serve(args: ServeArgs, printer: &mut Printer) -> Result<u8, Failure> {
    let mut signals = Signals::new()?;
    // Nobody's failing to read what we print keeps us from ending.
    printer.live = true;
    let started = Instant::now();
    let threads = threads();
    let answering = listen::udp(&args.listen, threads)?;
    let pages = listen::tcp(&args.http)?;
    let addresses: Vec<SocketAddrV4> = answering.iter().map(|one| one.address).collect();
    let Some(first) = addresses.first().copied() else {
        return Err(Failure::usage("expected --listen ADDR:PORT, found none"));
    };
    let seed = Seed::from_system().next_u64();
    let sockets = answering.iter().map(|one| one.sockets.len()).sum();
    let desk = Arc::new(Desk::new(started, seed, args.rate, sockets));
    let team = Team::start(answering, &desk)?;
    let site = Arc::new(Site::new(
        Arc::clone(&desk),
        started,
        team.size(),
        args.advertise,
        first,
    ));
    for address in addresses {
        let text = format!("Answering SNATMAP requests at UDP {address}");
        listening(printer, address.into(), "snatmap", &text);
    }
    let mut servers = JoinSet::new();
    for listener in pages {
        let listener = TcpListener::from_std(listener).map_err(Failure::system)?;
        let address = listener.local_addr().map_err(Failure::system)?;
        let what = match site.location(address) {
            Some(location) => format!("it says {location}"),
            None => "it names the address that the Mac has reached".to_owned(),
        };
        let text = format!("Serving http://{address}{PAGE_PATH}: {what}");
        listening(printer, address, "http", &text);
        servers.spawn(http::serve(listener, Arc::clone(&site)));
    }
    let result = tokio::select! {
        () = signals.next() => Ok(0),
        () = desk.left() => Err(Failure::new("system", "a thread that answered requests is gone")),
        // A listener never ends.
        Some(ended) = servers.join_next() => Err(Failure::new(
            "system",
            match ended {
                Ok(()) => "the HTTP server has ended".to_owned(),
                Err(error) => format!("the HTTP server has ended: {error}"),
            },
        )),
    };
    servers.shutdown().await;
    team.stop();
    tell(&desk.tally(), started);
    result
}

/// Logs what became of all datagrams.
fn tell(tally: &Tally, started: Instant) {
    let datagrams = &tally.datagrams;
    tracing::info!(
        uptime = seconds(started.elapsed()),
        answered = datagrams.answered,
        limited = datagrams.limited,
        wrong_length = datagrams.wrong_length,
        wrong_kind = datagrams.wrong_kind,
        responses = datagrams.responses,
        unanswerable = datagrams.unanswerable,
        octets_in = datagrams.octets_in,
        octets_out = datagrams.octets_out,
        send_failures = tally.send_failures,
        "the server ends"
    );
}

/// How many threads shall answer at an address: one a processor, where the system spreads the
/// sources among them.
fn threads() -> usize {
    if cfg!(target_os = "linux") {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        processors.min(MAX_THREADS)
    } else {
        1
    }
}

/// Tells where we are.
fn listening(printer: &mut Printer, address: SocketAddr, service: &str, text: &str) {
    tracing::debug!(%address, service, "listening");
    match printer.form() {
        Form::Json => {
            let fields = json_object([
                ("address", json!(address.to_string())),
                ("service", json!(service)),
            ]);
            printer.event("listening", fields);
        }
        Form::Human => printer.line(text),
    }
}

/// The threads that answer.
#[derive(Debug)]
struct Team {
    threads: Vec<JoinHandle<()>>,
    stop: watch::Sender<()>,
}

impl Team {
    /// Starts a thread for each socket. If one cannot be had, those before it end.
    fn start(answering: Vec<Answering>, desk: &Arc<Desk>) -> Result<Self, Failure> {
        let (stop, stopped) = watch::channel(());
        let threads = answering
            .into_iter()
            .flat_map(|one| one.sockets)
            .map(|socket| worker::start(socket, Arc::clone(desk), stopped.clone()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(Failure::system)?;
        Ok(Self { threads, stop })
    }

    fn size(&self) -> usize {
        self.threads.len()
    }

    /// Ends all threads and waits for them.
    fn stop(self) {
        drop(self.stop);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a thread that answered requests had panicked");
            }
        }
    }
}
