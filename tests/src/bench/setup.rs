//! How long a call through an XMPP server takes to come up, both ends ours.

use scenarios::ichat_call::{self, Finished};
use scenarios::prosody::Prosody;
use scenarios::{SOON, seconds};

use crate::options::Options;
use crate::spread::Spread;
use crate::table::Table;

/// One callee that stays, and a new caller for each call.
pub(crate) fn measure(options: &Options, table: &mut Table) {
    let server = Prosody::own();
    let (amy, ben) = server.pair();
    let callee = ichat_call::answer().account(&ben).flag("--auto").spawn();
    callee.wait_for("online", SOON);

    let (mut request, mut ring, mut start) =
        (Spread::default(), Spread::default(), Spread::default());
    for call in 1..=options.calls {
        let caller = ichat_call::call(&ben.jid)
            .account(&amy)
            .set("--duration", "200ms")
            .spawn()
            .finish(seconds(20));
        caller.assert_reason("hangup");
        let connected = caller.last("connected");
        let at = |event: &str| caller.last(event)["t"].as_f64();
        request.extend(connected["setup_ms"].as_f64());
        ring.extend(
            at("connected")
                .zip(at("ringing"))
                .map(|(up, rung)| (up - rung) * 1000.0),
        );
        start.extend(at("connected").map(|up| up * 1000.0));
        callee
            .process()
            .wait_for_where("end of the call", SOON, |event| {
                event["event"] == "ended" && event["call"] == call
            });
    }
    callee.process().interrupt();
    let callee = callee.finish(SOON);

    let row = "Set-up through Prosody, request to connected";
    table.ours(row, &request, "ms");
    table.ours("— of it, from the stanza that rings", &ring, "ms");
    let row = "— the callee's part, answer to connected";
    table.ours(row, &answers(&callee), "ms");
    let row = "From the start of the program to connected, sign-in included";
    table.ours(row, &start, "ms");
}

fn answers(callee: &Finished) -> Spread {
    let calls = callee.all("connected");
    calls
        .iter()
        .filter_map(|event| event["setup_ms"].as_f64())
        .collect()
}
