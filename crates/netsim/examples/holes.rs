//! Which NATs connect to which: a matrix of what two hosts achieve, held against the oracle.
//!
//! `cargo run --example holes`

use std::time::{Duration, Instant};

use netsim::{Dependence, Nat, PortAssignment, RunError, Scenario, TopologyError, punch};

/// Long enough where nothing is lost.
const PATIENCE: Duration = Duration::from_secs(2);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sides = sides();
    println!("Mapping M and filtering F are endpoint independent (EI), address dependent (AD) or");
    println!("address and port dependent (APD). + direct, . only with a relay.\n");
    print!("{:28}", "");
    for number in 0..sides.len() {
        print!("{number:>3}");
    }
    println!();
    for (number, (name, caller)) in sides.iter().enumerate() {
        print!("{number:>2} {name:25}");
        for (_, callee) in &sides {
            print!("{:>3}", outcome(caller, callee)?);
        }
        println!();
    }
    Ok(())
}

/// Nothing, mapping × filtering with random ports, and Linux.
fn sides() -> Vec<(String, Vec<Nat>)> {
    let kinds = Dependence::ALL.into_iter().flat_map(|mapping| {
        Dependence::ALL.map(|filtering| Nat {
            ports: PortAssignment::Random,
            ..Nat::new(mapping, filtering)
        })
    });
    let mut sides = vec![("public".to_owned(), Vec::new())];
    sides.extend(kinds.map(|nat| {
        let name = format!("{}M / {}F", nat.mapping, nat.filtering);
        (name, vec![nat])
    }));
    sides.push(("Linux masquerade".to_owned(), vec![Nat::linux()]));
    let double = vec![Nat::carrier_grade(), Nat::linux()];
    sides.push(("Linux behind a carrier's".to_owned(), double));
    sides
}

/// What happens; an exclamation mark where the oracle says otherwise.
fn outcome(caller: &[Nat], callee: &[Nat]) -> Result<&'static str, Failure> {
    let stage = Scenario::of_chains(1, &[], caller, callee).build(Instant::now())?;
    let outcome = punch(stage, PATIENCE)?;
    Ok(match (outcome.is_direct, outcome.verdict.is_direct()) {
        (true, true) => "+",
        (false, false) => ".",
        (true, false) => "+!",
        (false, true) => ".!",
    })
}

/// Why there is no outcome.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the network cannot be built")]
    Topology(#[from] TopologyError),
    #[error("the run ended early")]
    Run(#[from] RunError),
}
