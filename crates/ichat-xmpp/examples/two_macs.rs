//! Two sessions on one link-local stream: one calls, the other answers, every stanza is printed.

use std::error::Error;
use std::time::{Duration, Instant};

use ichat_xmpp::{Event, FullJid, Jid, Mode, Output, Session, SessionConfig, Software};

const ADDRESSES: &str =
    "00000000656e3000000000000000000000000000c0a8010200000000000000000000000040120000";

fn session(now: Instant, ours: &str, theirs: &str, seed: u64) -> Result<Session, Box<dyn Error>> {
    let software = Software {
        name: "two_macs".to_owned(),
        version: "1".to_owned(),
        os: None,
    };
    let mut config = SessionConfig::new(FullJid::new(ours)?, software, seed);
    config.mode = Mode::LinkLocal {
        peer: Jid::new(theirs)?,
    };
    Ok(Session::new(now, config))
}

fn main() -> Result<(), Box<dyn Error>> {
    let now = Instant::now();
    let mut ann = session(now, "ann@desk/x", "bob@sofa", 1)?;
    let mut bob = session(now, "bob@sofa/x", "ann@desk", 2)?;
    ann.call(
        now,
        Jid::new("bob@sofa")?,
        ADDRESSES.to_owned(),
        None,
        Duration::from_secs(60),
    );

    let mut quiet = false;
    while !quiet {
        quiet = true;
        while let Some(output) = ann.poll_output() {
            quiet = false;
            match output {
                Output::Stanza(stanza) => {
                    println!("ann -> {}", String::from(&stanza));
                    bob.handle_stanza(now, &stanza)?;
                }
                Output::Event(event) => println!("ann *  {event:?}"),
            }
        }
        while let Some(output) = bob.poll_output() {
            quiet = false;
            match output {
                Output::Stanza(stanza) => {
                    println!("bob -> {}", String::from(&stanza));
                    ann.handle_stanza(now, &stanza)?;
                }
                Output::Event(event) => {
                    println!("bob *  {event:?}");
                    if let Event::Incoming { call, .. } = event {
                        bob.accept(now, call, ADDRESSES.to_owned())?;
                    }
                }
            }
        }
    }
    Ok(())
}
