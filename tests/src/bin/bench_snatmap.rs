//! How many requests a second a SNATMAP server answers on one processor, beside coturn's STUN
//! Binding, a plain server in Python and a bare echo loop, printed as a Markdown table.
//!
//! `scripts/bench-snatmap` starts it, on a processor of its own: the servers run on another one.
//! Nothing here asserts a figure, so nothing here can fail on a slow machine.

#[path = "../bench_snatmap/load.rs"]
mod load;
#[path = "../bench_snatmap/machine.rs"]
mod machine;
#[path = "../bench_snatmap/options.rs"]
mod options;
#[path = "../bench_snatmap/rival.rs"]
mod rival;
#[expect(dead_code, reason = "the other benchmark needs more of it")]
#[path = "../bench/spread.rs"]
mod spread;

use std::net::UdpSocket;
use std::process::ExitCode;
use std::time::Instant;

use load::Figures;
use options::Options;
use rival::Rival;
use spread::Spread;

/// What all others are held against.
const REFERENCE: Rival = Rival::Echo;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1).peekable();
    if words.peek().is_some_and(|word| word == rival::ECHO) {
        return echo(words.nth(1).as_deref());
    }
    let options = match Options::parse(words) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("bench_snatmap: {problem}\nStart it through scripts/bench-snatmap.");
            return ExitCode::from(2);
        }
    };
    let started = Instant::now();
    let before = machine::load();
    let mut results: Vec<(Rival, Vec<Figures>)> = Rival::ALL
        .iter()
        .map(|rival| (*rival, Vec::new()))
        .collect();
    for round in 0..options.rounds {
        // Another one first each time.
        let count = results.len();
        for step in 0..count {
            let (rival, figures) = &mut results[(round + step) % count];
            eprintln!(
                "[{:4.0} s] round {} of {}: {}",
                started.elapsed().as_secs_f64(),
                round + 1,
                options.rounds,
                rival.name()
            );
            let running = rival.start(&options);
            figures.push(load::measure(&running, rival.question(), options.window));
        }
    }
    print(&results);
    println!("{}", machine::report(&before, started.elapsed(), &options));
    ExitCode::SUCCESS
}

/// Sends back what comes, for ever: two calls of the system a datagram, and nothing else.
fn echo(address: Option<&str>) -> ExitCode {
    let Some(socket) = address.and_then(|address| UdpSocket::bind(address).ok()) else {
        eprintln!("bench_snatmap: no address to echo at");
        return ExitCode::from(2);
    };
    let mut octets = [0; 2048];
    loop {
        if let Ok((len, source)) = socket.recv_from(&mut octets) {
            // A datagram that is lost is a datagram that is not counted.
            let _ = socket.send_to(&octets[..len], source);
        }
    }
}

fn print(results: &[(Rival, Vec<Figures>)]) {
    let reference = results.iter().find(|(rival, _)| *rival == REFERENCE);
    let reference = reference.map_or(&[][..], |(_, figures)| figures.as_slice());
    println!(
        "| server | replies a second | of the echo loop | its processor is busy | replies a second of its processor time | of the echo loop | octets out ÷ in |\n|---|---:|---:|---:|---:|---:|---:|"
    );
    for (rival, figures) in results {
        let spread = |value: fn(&Figures) -> f64| figures.iter().map(value).collect::<Spread>();
        let ratio = |value: fn(&Figures) -> f64| {
            let pairs = figures.iter().zip(reference);
            pairs
                .map(|(ours, theirs)| 100.0 * value(ours) / value(theirs))
                .collect::<Spread>()
        };
        println!(
            "| {} | {} | {} | {} | {} | {} | {} |",
            rival.name(),
            spread(Figures::thousands_a_second).show("k"),
            ratio(Figures::thousands_a_second).show("%"),
            spread(Figures::busy_percent).show("%"),
            spread(Figures::thousands_a_processor_second).show("k"),
            ratio(Figures::thousands_a_processor_second).show("%"),
            spread(Figures::reflection).show(""),
        );
    }
    println!();
}
