//! One run from a seed, and what has to hold in it.

use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ichat_ice::PathKind;
use netsim::{Change, RouterPlan, RunError, Scenario, Stage, Tap, oracle};

use super::call::{BOTH, CALLEE, CALLER, Call};
use super::peer::{FRAME, Peer};
use super::plan::{Mishap, Plan};

/// Within that both sides have a path or know that there is none, and media flows again after a
/// mishap.
const BOUND: Duration = Duration::from_secs(60);
/// How long after the last news from each other both sides know what they have.
const SETTLED: Duration = Duration::from_secs(40);
/// How long media is watched.
const WATCHED: Duration = Duration::from_secs(2);
/// Most datagrams of one side within a second, but for media.
const BUSIEST_SECOND: usize = 250;

/// What became of a run.
#[derive(Clone, Debug)]
pub struct Report {
    pub seed: u64,
    /// What the oracle said of the network when the path was found.
    pub is_direct: bool,
    pub kinds: [Option<PathKind>; 2],
    /// From both lists known to a path on both sides.
    pub took: Option<Duration>,
    /// Whether a mishap happened before.
    pub is_disturbed_early: bool,
    /// The mishap in the call, and the longest silence at either side from its end on, until media
    /// goes both ways again; none if none, or not possible any more.
    pub recovered: Option<(&'static str, Duration)>,
    /// What media takes there and back, on the average of the call.
    pub round_trip: Duration,
    pub busiest_second: usize,
    pub checks: u64,
    pub virtual_time: Duration,
}

/// Why a run failed.
#[derive(Debug)]
pub enum Failure {
    /// Something stood still.
    Network(#[expect(dead_code, reason = "it is printed")] RunError),
    /// The oracle says that there is a path, or a relay was there, and a side has none.
    NoPath,
    /// There can be none, and a side says that it has one.
    FalseSuccess,
    /// There is none, and a side has not said so.
    NotTold,
    /// A side does not receive the other's media.
    Silence,
    /// Media was taken that is not the other side's.
    Strange,
    /// Too many datagrams.
    Storm,
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        Self::Network(error)
    }
}

/// Anything that a seed brings.
pub fn random(seed: u64, records: bool) -> Result<Report, String> {
    let scenario = Scenario::random(seed);
    let plan = Plan::random(seed);
    run(&scenario, &plan, records)
}

/// One run; a failure tells the whole story.
pub fn run(scenario: &Scenario, plan: &Plan, records: bool) -> Result<Report, String> {
    let stage = scenario.build(Instant::now()).unwrap();
    let mut run = Run::new(stage, scenario, plan);
    let capture = records.then(|| run.record(plan.seed));
    let result = run.go(plan);
    if records && result.is_ok() {
        println!(
            "{scenario}{plan:#?}\n{:?}\n{}",
            run.mishap,
            run.call.story()
        );
    }
    result.map_err(|failure| {
        let story = run.call.story();
        let Run { mishap, .. } = &run;
        format!(
            "seed {}: {failure:?}\n{scenario}{plan:#?}\n{mishap:?}\n{story}{capture:?}",
            plan.seed
        )
    })
}

/// A mishap by the first of its changes.
fn name(change: &Change) -> &'static str {
    match change {
        Change::AddressGone { .. } => "the loss of an address",
        Change::Join { .. } => "the loss of an address soon after a cable was plugged in",
        Change::Move { .. } => "a move to another network",
        Change::Link { .. } | Change::RouterLink { .. } => "an outage of up to two seconds",
        Change::Access { .. } => "a change of the line",
        Change::Reboot { .. } => "the restart of a NAT",
        Change::Renumber { .. } => "other addresses of a NAT",
    }
}

struct Run {
    call: Call,
    /// Draws mishaps; its network does not run.
    planner: Stage,
    /// The routers of the plan.
    routers: Vec<RouterPlan>,
    has_moved_behind_overloading: bool,
    mishap: Vec<(Duration, Change)>,
}

impl Run {
    fn new(stage: Stage, scenario: &Scenario, plan: &Plan) -> Self {
        let planner = stage.clone();
        Self {
            call: Call::new(stage, plan),
            planner,
            routers: scenario.routers.clone(),
            has_moved_behind_overloading: false,
            mishap: Vec::new(),
        }
    }

    /// Writes what both hosts send and receive to a capture.
    fn record(&mut self, seed: u64) -> PathBuf {
        let name = format!("ichat-ice-seed-{seed}.pcap");
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        for host in self.call.hosts {
            self.call.world.network_mut().tap(Tap::Host(host));
        }
        let file = File::create(&path).unwrap();
        self.call.world.record(Box::new(file)).unwrap();
        path
    }

    fn go(&mut self, plan: &Plan) -> Result<Report, Failure> {
        let over = match plan.mishap {
            Some(Mishap::Early(after)) => Some(self.befall(self.call.started + after, plan.seed)),
            Some(Mishap::InCall(_)) | None => None,
        };
        let early = over.is_some();
        self.call.introduce(plan)?;
        let known = self.call.now();
        if let Some(over) = over {
            // What is known by then may be about to prove wrong.
            self.call
                .run_until(over + Duration::from_secs(1), |_, _| false)?;
        }
        self.call.run_until(known + BOUND, |peers, _| {
            let settled = |peer: &Peer| peer.path().is_some() || peer.has_failed();
            peers.iter().all(|peer| settled(peer))
        })?;
        let took = self.call.now() - known;
        let is_direct = self.is_direct();
        let lent = self.lent();
        let connects = is_direct || lent != [false, false];
        let found = BOTH.map(|side| self.call.peer(side).path().is_some());
        match (connects, found) {
            (true, [true, true]) => {
                if !(early && self.flows_within(BOUND)?) {
                    self.talk()?;
                }
            }
            (true, _) => return Err(Failure::NoPath),
            (false, [false, false]) => {}
            // A path of before may not be known to be dead.
            (false, _) if early => {}
            (false, _) => return Err(Failure::FalseSuccess),
        }
        let kinds = BOTH.map(|side| self.call.peer(side).path().map(|path| path.kind));
        let mut recovered = None;
        if let (Some(Mishap::InCall(after)), [Some(_), Some(_)]) = (plan.mishap, kinds) {
            let at = self.call.now() + after;
            let until = self.befall(at, plan.seed);
            let name = self
                .mishap
                .first()
                .map_or("nothing", |(_, change)| name(change));
            recovered = self.recover(until)?.map(|took| (name, took));
        }
        self.check_order()?;
        Ok(Report {
            seed: plan.seed,
            is_disturbed_early: early,
            is_direct,
            kinds,
            took: (found == [true, true]).then_some(took),
            recovered,
            round_trip: BOTH
                .map(|side| self.call.peer(side).mean_delay())
                .iter()
                .sum(),
            busiest_second: BOTH
                .map(|side| self.call.peer(side).busiest_second)
                .into_iter()
                .max()
                .unwrap(),
            checks: BOTH
                .map(|side| self.call.peer(side).agent.counters().checks_sent)
                .into_iter()
                .max()
                .unwrap(),
            virtual_time: self.call.now() - self.call.started,
        })
    }

    /// Lets a mishap happen at a time; when it is over.
    fn befall(&mut self, at: Instant, seed: u64) -> Instant {
        let changes = self.planner.disturb(at, seed);
        let network = self.call.world.network_mut();
        for (when, change) in &changes {
            network.schedule(*when, change.clone());
            if let Change::Renumber { router } = change {
                let place = self
                    .planner
                    .routers
                    .iter()
                    .position(|known| known == router);
                let parent = |number: usize| self.routers.get(number)?.parent;
                let outer = std::iter::successors(place.and_then(parent), |at| parent(*at));
                self.has_moved_behind_overloading |=
                    outer.into_iter().any(|at| self.routers[at].nat.overloading);
            }
            self.mishap
                .push((*when - self.call.started, change.clone()));
        }
        changes.last().map_or(at, |(when, _)| *when)
    }

    /// Media both ways for a while: each side hears the other, and nobody else. Where a third of all
    /// is lost it may take a little until both sides are sure of the path.
    fn talk(&mut self) -> Result<(), Failure> {
        self.say(true);
        self.call.run_for(WATCHED / 2)?;
        let frames = usize::try_from(WATCHED.as_millis() / FRAME.as_millis()).unwrap();
        for _ in 0..3 {
            let from = self.call.now();
            self.call.run_for(WATCHED)?;
            let hears = |side| self.call.peer(side).heard_since(from) * 10 >= frames * 3;
            if hears(CALLER) && hears(CALLEE) {
                return Ok(());
            }
        }
        Err(Failure::Silence)
    }

    fn say(&mut self, talks: bool) {
        let now = self.call.now();
        for side in BOTH {
            self.call.peer_mut(side).talk(now, talks);
        }
    }

    /// Whether media goes both ways within a time; both talk.
    fn flows_within(&mut self, bound: Duration) -> Result<bool, Failure> {
        self.say(true);
        let deadline = self.call.now() + bound;
        let second = Duration::from_secs(1);
        Ok(self.call.run_until(deadline, |peers, now| {
            peers
                .iter()
                .all(|peer| peer.heard_since(now - second) >= 15)
        })?)
    }

    /// Media again after a mishap, and the longest silence until then.
    fn recover(&mut self, until: Instant) -> Result<Option<Duration>, Failure> {
        self.call.run_until(until, |_, _| false)?;
        // What was said before has been heard by then.
        self.call.run_for(Duration::from_secs(1))?;
        let connects = self.is_direct() || self.lent() != [false, false];
        if self.flows_within(BOUND)? {
            let now = self.call.now();
            let gaps = BOTH.map(|side| self.call.peer(side).longest_gap(until, now));
            return Ok(gaps.into_iter().max());
        }
        if connects {
            return Err(Failure::Silence);
        }
        Ok(None)
    }

    fn check_order(&self) -> Result<(), Failure> {
        for side in BOTH {
            let peer = self.call.peer(side);
            if peer.strange > 0 {
                return Err(Failure::Strange);
            }
            if peer.busiest_second > BUSIEST_SECOND {
                return Err(Failure::Storm);
            }
            // All is tried again when there is something new.
            let settled = self.call.learnt + SETTLED <= self.call.now();
            if settled && peer.path().is_none() && !peer.has_failed() {
                return Err(Failure::NotTold);
            }
        }
        Ok(())
    }

    /// What the oracle says of the network as it is now.
    ///
    /// Where a router has got another address behind a NAT that overloads ports, what it had mapped
    /// there before still holds its port for a while: a condition of the oracle does not hold.
    fn is_direct(&self) -> bool {
        if self.has_moved_behind_overloading {
            return false;
        }
        let network = self.call.world.network();
        let [caller, callee] = self.call.hosts.map(|host| network.vantages(host));
        oracle::verdict(&caller, &callee).is_direct()
    }

    /// Which sides have a relayed address.
    fn lent(&self) -> [bool; 2] {
        BOTH.map(|side| {
            let local = self.call.peer(side).gatherer.local_candidates();
            local.iter().any(|local| local.relayed)
        })
    }
}
