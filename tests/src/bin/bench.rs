//! The figures of `docs/benchmarks.md`, measured on this machine and printed as a Markdown table.
//!
//! `scripts/bench` starts it: it builds the programs and installs the rivals first. Nothing here
//! asserts a time, so nothing here can fail on a slow machine.

#[path = "../bench/machine.rs"]
mod machine;
#[path = "../bench/options.rs"]
mod options;
#[path = "../bench/phone.rs"]
mod phone;
#[path = "../bench/procfs.rs"]
mod procfs;
#[path = "../bench/quality.rs"]
mod quality;
#[path = "../bench/relay.rs"]
mod relay;
#[path = "../bench/setup.rs"]
mod setup;
#[path = "../bench/sip_setup.rs"]
mod sip_setup;
#[path = "../bench/spread.rs"]
mod spread;
#[path = "../bench/table.rs"]
mod table;
#[path = "../bench/talk.rs"]
mod talk;

use std::process::ExitCode;
use std::time::Instant;

use machine::Machine;
use options::Options;
use table::Table;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("bench: {problem}\nStart it through scripts/bench.");
            return ExitCode::from(2);
        }
    };
    let started = Instant::now();
    let machine = Machine::observe();
    let mut table = Table::default();

    announce(started, "set-up through Prosody");
    setup::measure(&options, &mut table);
    announce(started, "set-up of plain SIP");
    sip_setup::measure(&options, &mut table);
    announce(started, "quality and pacing");
    let quality = quality::measure(&options);
    announce(started, "processor and memory");
    talk::measure(&options, &mut table);
    quality.report(&mut table);
    table.sizes(&options);

    print!("{table}\n{}", machine.report(started.elapsed()));
    ExitCode::SUCCESS
}

fn announce(started: Instant, what: &str) {
    eprintln!("bench: {:5.1} s: {what}", started.elapsed().as_secs_f64());
}
