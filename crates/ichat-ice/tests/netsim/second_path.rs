//! A host with two interfaces loses the one that the call uses.

use std::time::{Duration, Instant};

use ichat_ice::PathKind;
use netsim::{Access, Attachment, Change, Families, Link, Random, Scenario};

use super::call::{BOTH, CALLEE, CALLER, Call};
use super::matrix::{SOME_PORTS, behaviours, with_ports};
use super::plan::Plan;

/// Neither side may miss more.
const LONGEST_GAP: Duration = Duration::from_millis(500);
/// How long the call is up before, and how long it is watched afterwards.
const CALM: Duration = Duration::from_secs(3);

/// How an interface is lost.
#[derive(Clone, Copy, Debug)]
pub enum Loss {
    /// The host is told: an address is gone.
    Told,
    /// Nobody is told: nothing passes any more.
    Silent,
}

/// The longest that a side heard nothing; none if there was no second path.
pub fn run(seed: u64, loss: Loss) -> Option<Duration> {
    let scenario = scenario(seed);
    let plan = Plan::quiet(seed, false);
    let stage = scenario.build(Instant::now()).unwrap();
    let (caller, interfaces) = (stage.caller, stage.network.interfaces(stage.caller));
    let addresses = stage.network.addresses(caller);
    let mut call = Call::new(stage, &plan);
    call.introduce(&plan).unwrap();
    call.run_for(CALM).unwrap();
    if BOTH.iter().any(|side| call.peer(*side).path().is_none()) {
        return None;
    }
    let start = call.now();
    for side in BOTH {
        call.peer_mut(side).talk(start, true);
    }
    call.run_for(CALM).unwrap();
    let used = call.peer(CALLER).path().unwrap().local.ip();
    let reserve = call.peer(CALLER).agent.paths();
    let reserve = reserve.iter().any(|path| path.local.ip() != used);
    if !reserve || call.peer(CALLEE).agent.paths().len() < 2 {
        return None;
    }
    let place = addresses.iter().position(|address| *address == used);
    let change = match loss {
        Loss::Told => Change::AddressGone {
            host: caller,
            address: used,
        },
        Loss::Silent => Change::Link {
            interface: interfaces[place.unwrap()],
            up: false,
        },
    };
    let lost = call.now();
    call.world.network_mut().apply(change).unwrap();
    call.run_for(CALM).unwrap();
    let end = call.now();
    let gaps = BOTH.map(|side| call.peer(side).longest_gap(lost, end));
    let longest = gaps.into_iter().max().unwrap();
    let kinds = BOTH.map(|side| call.peer(side).path().map(|path| path.kind));
    assert!(
        longest <= LONGEST_GAP,
        "seed {seed}, {loss:?}: {gaps:?}\n{scenario}{}",
        call.story()
    );
    assert!(!kinds.contains(&Some(PathKind::Relay)));
    Some(longest)
}

/// Two interfaces behind the same NAT, or different ones; nothing is lost, and a round trip takes up
/// to 50 ms.
fn scenario(seed: u64) -> Scenario {
    let mut random = Random::of_part(seed, 0x2ad);
    let mut scenario = Scenario::new(seed);
    let nats = with_ports(&behaviours(), &SOME_PORTS);
    let mut router = |scenario: &mut Scenario| {
        let nat = random.pick(&nats).unwrap();
        let router = scenario.add_router(None, nat);
        scenario.routers[router].access = access(&mut random, 8);
        Some(router)
    };
    let wifi = router(&mut scenario);
    let mobile = router(&mut scenario);
    let peer = router(&mut scenario);
    let cable = random.pick(&[wifi, mobile, None]).unwrap();
    let mut attach = |router| Attachment {
        router,
        families: Families::V4,
        access: access(&mut random, 3),
    };
    scenario.caller.attachments = vec![attach(wifi), attach(cable)];
    scenario.callee.attachments = vec![attach(peer)];
    scenario
}

fn access(random: &mut Random, most_ms: u64) -> Access {
    let mut link = || Link {
        delay: Duration::from_millis(random.below(most_ms)),
        jitter: Duration::from_millis(random.below(3)),
        ..Link::default()
    };
    Access {
        up: link(),
        down: link(),
    }
}
