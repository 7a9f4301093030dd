//! A random scenario: its topology, what the oracle says, what two hosts achieve.
//!
//! `cargo run --example seed -- 42`

use std::time::{Duration, Instant};

use netsim::{Scenario, punch};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seed = std::env::args().nth(1).unwrap_or_else(|| "1".to_owned());
    let scenario = Scenario::random(seed.parse()?);
    print!("{scenario}");
    let stage = scenario.build(Instant::now())?;
    let outcome = punch(stage, Duration::from_secs(10))?;
    let what = if outcome.is_direct {
        "direct"
    } else {
        "no direct path"
    };
    println!("\n{what} after {:?} of checks", outcome.took);
    println!("{}", outcome.statistics);
    Ok(())
}
