//! Every kind of NAT against every other, in both dialects, whoever calls: the table of
//! `scripts/nat-matrix`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use scenarios::internet::Internet;
use scenarios::nat::Nat;
use scenarios::{requires, requires_internet};

use super::calls::{Between, Call, Dialect, Scene};

/// One call of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Case {
    dialect: Dialect,
    between: Between,
    relay: bool,
    caller: Nat,
    callee: Nat,
}

impl Case {
    fn all() -> Vec<Self> {
        let mut cases = Vec::new();
        for dialect in [Dialect::Conference, Dialect::Legacy] {
            for (between, relay) in [
                (Between::Ours, false),
                (Between::Ours, true),
                (Between::OursAndMac, false),
                (Between::OursAndMac, true),
                (Between::MacAndOurs, false),
                (Between::MacAndOurs, true),
            ] {
                // Without checks there is no telling when a relay is needed: none is asked.
                if relay && dialect == Dialect::Legacy {
                    continue;
                }
                for caller in Nat::ALL {
                    cases.extend(Nat::ALL.map(|callee| Self {
                        dialect,
                        between,
                        relay,
                        caller,
                        callee,
                    }));
                }
            }
        }
        cases
    }

    fn group(&self) -> String {
        let relay = if self.relay { ", with a relay" } else { "" };
        format!("{}: {}{relay}", self.dialect, self.between)
    }

    fn title(&self) -> String {
        format!("{}: {} to {}", self.group(), self.caller, self.callee)
    }

    /// Whether they reach each other without a relay, and why not.
    fn is_direct(&self) -> bool {
        let Self { caller, callee, .. } = self;
        match self.dialect {
            Dialect::Conference => caller.reaches(*callee),
            // The INVITE goes to the address that the reflector saw of the callee, from which a
            // pinhole went to the one that it saw of the caller; or, if that is one of ours, to
            // where the pinhole came from.
            Dialect::Legacy => {
                let independent =
                    caller.is_endpoint_independent() && callee.is_endpoint_independent();
                let followed = self.between != Between::MacAndOurs && caller.lets_strangers_in();
                callee.lets_strangers_in() || independent || followed
            }
        }
    }

    fn run(&self, internet: &Internet) -> Call {
        let homes = [self.caller, self.callee].map(|nat| internet.home(nat));
        let hosts = [homes[0].host(), homes[1].host()];
        let mut scene = Scene::new(internet, self.dialect, hosts);
        if self.relay {
            scene = scene.relayed_by(internet.relay_with_users());
        }
        scene.call(self.between)
    }
}

/// What a call came to.
#[derive(Clone, Debug)]
struct Cell {
    text: String,
    /// How long the checks of ours took.
    checks_ms: Vec<f64>,
    /// What it was not to come to.
    complaint: Option<String>,
    transcript: String,
}

impl Cell {
    fn new(case: &Case, internet: &Internet) -> Self {
        let run = || Self::of(case, &case.run(internet));
        // One that breaks the contract does not keep the others from being tried.
        std::panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Self {
            text: "**broken**".to_owned(),
            checks_ms: Vec::new(),
            complaint: Some("it broke the contract, as told above".to_owned()),
            transcript: String::new(),
        })
    }

    fn of(case: &Case, call: &Call) -> Self {
        let complaint = call.complaint();
        let kinds: Vec<&str> = call.ends.iter().filter_map(|end| end.kind()).collect();
        let is_relayed = kinds.contains(&"relay");
        let (text, complaint) = match complaint {
            None => {
                let mut kinds = kinds;
                kinds.dedup();
                let wrong = match (is_relayed, case.is_direct()) {
                    (true, true) => Some("relayed, though they reach each other".to_owned()),
                    (false, false) => Some("direct, though it seemed impossible".to_owned()),
                    (true, false) | (false, true) => None,
                };
                (kinds.join("/"), wrong)
            }
            // With a relay, all get through.
            Some(_) if !case.is_direct() && !case.relay && call.came_to_nothing() => {
                ("–".to_owned(), None)
            }
            Some(why) => ("**fails**".to_owned(), Some(why)),
        };
        let ours = call.ends.iter().filter(|end| end.ours.is_some());
        Self {
            text,
            checks_ms: ours.filter_map(|end| end.checks_ms).collect(),
            complaint,
            transcript: call.transcript(),
        }
    }
}

#[test]
#[ignore = "hundreds of calls, some minutes: scripts/nat-matrix"]
fn every_nat_against_every_other() {
    requires_internet!();
    requires!("turnserver");
    let internet = Internet::shared();
    internet.relay_with_users();
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let jobs = variable("NAT_MATRIX_JOBS").parse().unwrap_or(6);
    let only = variable("NAT_MATRIX_ONLY");
    let mut cases = Case::all();
    cases.retain(|case| case.title().contains(&only));
    let (next, started) = (AtomicUsize::new(0), Instant::now());
    let cells: Mutex<BTreeMap<Case, Cell>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let cell = Cell::new(case, internet);
                    cells.lock().unwrap().insert(*case, cell);
                }
            });
        }
    });
    let mut cells = cells.into_inner().unwrap();
    // A machine that was too busy for a moment has an excuse, once.
    for (case, cell) in &mut cells {
        if cell.complaint.is_some() {
            *cell = Cell::new(case, internet);
        }
    }
    let report = report(&cells);
    match std::env::var_os("NAT_MATRIX_FILE") {
        Some(path) => std::fs::write(path, report).expect("the report can be written"),
        None => eprintln!("{report}"),
    }
    let wrong: Vec<_> = cells
        .iter()
        .filter(|(_, cell)| cell.complaint.is_some())
        .collect();
    for (case, cell) in &wrong {
        let why = cell.complaint.as_deref().unwrap_or_default();
        eprintln!(
            "=== {}: {} to {}: {why}\n{}",
            case.group(),
            case.caller,
            case.callee,
            cell.transcript
        );
    }
    let took = started.elapsed().as_secs();
    assert!(
        wrong.is_empty(),
        "{} of {} calls are not as they should be ({took} s)",
        wrong.len(),
        cells.len()
    );
}

/// What the words in the tables mean.
const LEGEND: &str = "\
The caller's NAT on the left, the callee's above. Both know a reflector. In the conference dialect
the kind of the way that checks found: `host` both addresses as they are, `srflx` as the reflector saw
the peer, `prflx` from where the peer's checks came, `relay` through a TURN server; in the legacy
dialect, which has no checks, `direct`. A dash: no way, and there can be none. A symmetric NAT shows the
peer another port than the reflector saw; whoever lets nobody in but from where it has sent before does
not hear it. An older iChat that calls does not follow the pinholes of a callee behind such a NAT.

";

/// The tables, one for each group, the caller's NAT on the left.
fn report(cells: &BTreeMap<Case, Cell>) -> String {
    let mut groups: BTreeMap<String, BTreeMap<(Nat, Nat), &Cell>> = BTreeMap::new();
    for (case, cell) in cells {
        let group = groups.entry(case.group()).or_default();
        group.insert((case.caller, case.callee), cell);
    }
    let mut text = String::from(LEGEND);
    for (name, group) in groups {
        let _ = writeln!(text, "### {name}\n");
        let head: Vec<String> = Nat::ALL.iter().map(ToString::to_string).collect();
        let _ = writeln!(
            text,
            "| caller's NAT, callee's NAT | {} |",
            head.join(" | ")
        );
        let _ = writeln!(text, "|---|{}", "---|".repeat(head.len()));
        for caller in Nat::ALL {
            let row = Nat::ALL.map(|callee| match group.get(&(caller, callee)) {
                Some(cell) => cell.text.as_str(),
                None => "",
            });
            let _ = writeln!(text, "| **{caller}** | {} |", row.join(" | "));
        }
        let mut times: Vec<f64> = group
            .values()
            .flat_map(|cell| cell.checks_ms.clone())
            .collect();
        times.sort_by(f64::total_cmp);
        if let Some(longest) = times.last().filter(|longest| **longest > 0.0) {
            let median = times[times.len() / 2];
            let _ = writeln!(
                text,
                "\nA path was found after {median:.0} ms (median), {longest:.0} ms at most."
            );
        }
        text.push('\n');
    }
    text
}
