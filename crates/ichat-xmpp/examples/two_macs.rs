//! Two sessions on one link-local stream: one calls, the other answers, every stanza is printed.
//!
//! `two_macs legacy` (the default), `two_macs conference` and `two_macs auto` ring in that dialect.
//! What stands for an invitation here is only the beginning of one: sessions do not look into it.

use std::error::Error;
use std::time::{Duration, Instant};

use ichat_xmpp::{
    CallDialect, Dialect, Event, FullJid, Jid, Mode, Offer, Output, Session, SessionConfig,
    Software,
};

const ADDRESSES: &str =
    "00000000656e3000000000000000000000000000c0a8010200000000000000000000000040120000";
const INVITATION: &str = "62706c6973743030d5";

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
    let dialect = match std::env::args().nth(1).as_deref() {
        None | Some("legacy") => CallDialect::Legacy,
        Some("conference") => CallDialect::Conference,
        Some("auto") => CallDialect::Auto,
        Some(other) => {
            return Err(format!("expected legacy, conference or auto, found {other}").into());
        }
    };
    let now = Instant::now();
    let mut ann = session(now, "ann@desk/x", "bob@sofa", 1)?;
    let mut bob = session(now, "bob@sofa/x", "ann@desk", 2)?;
    let offer = Offer {
        legacy: Some(ADDRESSES.to_owned()),
        conference: Some(INVITATION.to_owned()),
    };
    let minute = Duration::from_secs(60);
    ann.call(now, Jid::new("bob@sofa")?, offer, dialect, None, minute);

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
                    if let Event::Incoming { call, dialect, .. } = event {
                        let answer = match dialect {
                            Dialect::Legacy => ADDRESSES,
                            Dialect::Conference => INVITATION,
                        };
                        bob.accept(now, call, answer.to_owned())?;
                    }
                }
            }
        }
    }
    Ok(())
}
