//! How long a call of plain SIP takes to come up, ours and baresip's, in every pairing.

use std::net::SocketAddr;
use std::time::Duration;

use scenarios::baresip::{Answering, Baresip};
use scenarios::ichat_call::{self, IchatCall};
use scenarios::{SOON, ulaw};

use crate::options::Options;
use crate::relay::{Relay, SetUp};
use crate::spread::Spread;
use crate::table::Table;

/// Between calls, and from set-up to hang-up: all that a set-up started has come to rest.
const REST: Duration = Duration::from_millis(150);

/// Twenty calls in each of the four pairings.
pub(crate) fn measure(options: &Options, table: &mut Table) {
    let silence = vec![ulaw::SILENCE; 30 * 8000];
    let mut theirs = Baresip::start(Answering::Auto, &silence);
    let mut other = Baresip::start(Answering::Auto, &silence);
    let ours = ichat_call::answer().flag("--auto").spawn();

    let (to_ours, to_theirs) = (
        Relay::to(address(&ours.sip_uri())),
        Relay::to(address(&theirs.uri())),
    );
    let mut pairings: [Vec<SetUp>; 4] = Default::default();
    for _ in 0..options.calls {
        // In turns, so that what else the machine does meets all of them.
        pairings[0].push(we_call(&to_ours));
        pairings[1].push(they_call(&mut other, &to_theirs));
        pairings[2].push(we_call(&to_theirs));
        pairings[3].push(they_call(&mut theirs, &to_ours));
    }
    let mut direct = Spread::default();
    for _ in 0..options.calls {
        direct.extend(we_call_directly(&ours));
    }
    finish(ours);

    let [ours_ours, theirs_theirs, ours_theirs, theirs_ours] = &pairings;
    let whole = |calls: &[SetUp]| times(calls, |call| call.callee + call.caller);
    let row = "SIP set-up, INVITE to ACK, calling its own kind";
    table.row(row, &whole(ours_ours), &whole(theirs_theirs), "ms");
    let row = "— without the relay between, by its own account";
    table.ours(row, &direct, "ms");
    let row = "SIP set-up, INVITE to ACK, calling the other";
    table.row(row, &whole(ours_theirs), &whole(theirs_ours), "ms");
    let as_callee = |one: &[SetUp], two: &[SetUp]| times(one.iter().chain(two), |call| call.callee);
    let row = "— of it, the callee's part, INVITE to 200";
    let theirs = as_callee(theirs_theirs, ours_theirs);
    table.row(row, &as_callee(ours_ours, theirs_ours), &theirs, "ms");
    let as_caller = |one: &[SetUp], two: &[SetUp]| times(one.iter().chain(two), |call| call.caller);
    let row = "— of it, the caller's part, 200 to ACK";
    let theirs = as_caller(theirs_theirs, theirs_ours);
    table.row(row, &as_caller(ours_ours, ours_theirs), &theirs, "ms");
}

/// A new process for each call, as `ichat-call call` is used.
fn we_call(relay: &Relay) -> SetUp {
    let caller = ichat_call::call(&relay.uri())
        .set("--duration", "200ms")
        .spawn();
    let set_up = relay.set_up();
    relay.hang_up();
    caller.finish(SOON).assert_reason("hangup");
    std::thread::sleep(REST);
    set_up
}

/// What the caller itself says of a call without a relay between.
fn we_call_directly(ours: &IchatCall) -> Option<f64> {
    let caller = ichat_call::call(&ours.sip_uri()).set("--duration", "200ms");
    let caller = caller.spawn().finish(SOON);
    std::thread::sleep(REST);
    caller.last("connected")["setup_ms"].as_f64()
}

/// One process for all calls, as a telephone is used.
fn they_call(caller: &mut Baresip, relay: &Relay) -> SetUp {
    caller.dial(&relay.uri());
    let set_up = relay.set_up();
    std::thread::sleep(REST);
    caller.hang_up();
    relay.hang_up();
    std::thread::sleep(REST);
    set_up
}

fn finish(ours: IchatCall) {
    ours.process().interrupt();
    ours.finish(SOON);
}

fn times<'a>(
    calls: impl IntoIterator<Item = &'a SetUp>,
    part: impl Fn(&SetUp) -> Duration,
) -> Spread {
    let mut spread = Spread::default();
    for call in calls {
        spread.push_ms(part(call));
    }
    spread
}

fn address(uri: &str) -> SocketAddr {
    let (_, address) = uri
        .split_once('@')
        .expect("a URI of the harness has a user");
    address.parse().expect("and an address")
}
