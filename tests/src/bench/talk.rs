//! What a leg of a G.711 call costs: processor time and memory, ours and baresip's in the same call.

use std::time::Duration;

use scenarios::ichat_call::{self, IchatCall, Invocation};
use scenarios::wav::Wav;
use scenarios::{SOON, binary, ulaw};

use crate::options::Options;
use crate::phone::Phone;
use crate::procfs::{Busy, Memory, Pid};
use crate::spread::Spread;
use crate::table::Table;

/// From connected to the start of the measurement: the set-up is over.
const SETTLE: Duration = Duration::from_secs(1);

/// One program in one call.
#[derive(Clone, Copy, Debug)]
struct Leg {
    /// In per cent of a core.
    processor: f64,
    memory: Memory,
}

/// The legs of many calls.
#[derive(Debug, Default)]
struct Legs {
    processor: Spread,
    resident: Spread,
    private: Spread,
    most: Spread,
}

impl Legs {
    fn push(&mut self, leg: Leg) {
        self.processor.push(leg.processor);
        self.resident.push(leg.memory.resident);
        self.private.push(leg.memory.private);
        self.most.push(leg.memory.most);
    }
}

/// Calls between us and baresip with either as the caller, in turns, and calls between our own.
pub(crate) fn measure(options: &Options, table: &mut Table) {
    let (mut ours, mut theirs, mut own) = (Legs::default(), Legs::default(), Legs::default());
    let (mut ratio, mut foreign) = (Spread::default(), Spread::default());
    for run in 0..options.runs {
        let busy = Busy::start();
        let (we, they) = match run % 2 {
            0 => we_call(options.window),
            _ => they_call(options.window),
        };
        foreign.push(busy.cores() * 100.0 - we.processor - they.processor);
        ratio.push(we.processor / they.processor);
        ours.push(we);
        theirs.push(they);
        if run % 2 == 1 {
            for leg in we_call_us(options.window) {
                own.push(leg);
            }
        }
    }
    let none = Spread::default();
    let row = "Processor for a G.711 leg, in one call with each other";
    table.row(row, &ours.processor, &theirs.processor, "% of a core");
    table.row("— ratio, ichat-call to baresip", &ratio, &none, "");
    let row = "— all else that the machine did meanwhile";
    table.row(row, &foreign, &none, "% of a core");
    let row = "Processor for a G.711 leg, both ends ours";
    table.row(row, &own.processor, &none, "% of a core");
    let row = "Resident memory in the call";
    table.row(row, &ours.resident, &theirs.resident, "MiB");
    let row = "— of it heap and stacks";
    table.row(row, &ours.private, &theirs.private, "MiB");
    table.row("— at its most", &ours.most, &theirs.most, "MiB");
}

fn we_call(window: Duration) -> (Leg, Leg) {
    let them = Phone::answering(&speech(window));
    let us = saying(ichat_call::call(&them.uri()), window).spawn();
    us.wait_for("connected", SOON);
    let [we, they] = watch([pid(&us), them.pid()], window);
    us.process().interrupt();
    us.finish(SOON)
        .assert_reason("hangup")
        .assert_nothing_lost();
    (we, they)
}

fn they_call(window: Duration) -> (Leg, Leg) {
    let us = saying(ichat_call::answer(), window)
        .flag("--auto")
        .flag("--once")
        .spawn();
    let them = Phone::calling(&us.sip_uri(), &speech(window));
    us.wait_for("connected", SOON);
    let [we, they] = watch([pid(&us), them.pid()], window);
    drop(them);
    us.finish(SOON)
        .assert_reason("remote-hangup")
        .assert_nothing_lost();
    (we, they)
}

fn we_call_us(window: Duration) -> [Leg; 2] {
    let callee = saying(ichat_call::answer(), window)
        .flag("--auto")
        .flag("--once")
        .spawn();
    let caller = saying(ichat_call::call(&callee.sip_uri()), window).spawn();
    caller.wait_for("connected", SOON);
    let legs = watch([pid(&caller), pid(&callee)], window);
    caller.process().interrupt();
    caller
        .finish(SOON)
        .assert_reason("hangup")
        .assert_nothing_lost();
    callee
        .finish(SOON)
        .assert_reason("remote-hangup")
        .assert_nothing_lost();
    legs
}

fn watch(pids: [Pid; 2], window: Duration) -> [Leg; 2] {
    std::thread::sleep(SETTLE);
    let started = std::time::Instant::now();
    let before = pids.map(Pid::processor_time);
    std::thread::sleep(window);
    let after = pids.map(Pid::processor_time);
    let elapsed = started.elapsed().as_secs_f64();
    let [one, two] = pids.map(Pid::memory);
    let processor = |at: usize| (after[at] - before[at]).as_secs_f64() / elapsed * 100.0;
    [
        Leg {
            processor: processor(0),
            memory: one,
        },
        Leg {
            processor: processor(1),
            memory: two,
        },
    ]
}

/// Both say the same: noise that lasts longer than the call. G.711 takes as long for it as for words.
fn speech(window: Duration) -> Wav {
    let seconds = (window + SOON).as_secs() as usize;
    Wav::from_ulaw(&ulaw::noise(seconds * 8000, 1))
}

fn saying(invocation: Invocation, window: Duration) -> Invocation {
    let path = invocation.path("says.wav");
    speech(window).write(&path);
    invocation.set("--input", path)
}

fn pid(us: &IchatCall) -> Pid {
    let program = binary::ichat_call();
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    Pid::of(&name, &us.path("says.wav").to_string_lossy())
}
