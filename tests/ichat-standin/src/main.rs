//! A stand-in for Apple's iChat in tests.
//!
//! An independent second implementation of what `docs/protocol` says about the wire: raw XML over
//! TCP, SIP, RTP and RTCP over UDP, all of its own. It behaves like the iChat of the captures,
//! misbehaves by flags, checks everything that it is sent and ends with a verdict in JSON.

mod agent;
mod callable;
mod checks;
mod cli;
mod client;
mod dialog;
mod driver;
mod ending;
mod ipport;
mod leg;
mod media;
mod options;
mod presence;
mod random;
mod ring;
mod rtcp;
mod rtp;
mod sdp;
mod sip;
mod sip_checks;
mod sockets;
mod uac;
mod uas;
mod ulaw;
mod vc;
mod verdict;
mod xml;
mod xmpp;

use std::process::ExitCode;

fn main() -> ExitCode {
    let parsed = cli::parse(std::env::args().skip(1));
    match parsed {
        Ok(cli::Request::Help) => {
            print!("{}", cli::HELP);
            ExitCode::SUCCESS
        }
        Ok(cli::Request::Run(options)) => driver::run(*options),
        Err(message) => {
            eprintln!("ichat-standin: {message} (see --help)");
            ExitCode::from(2)
        }
    }
}
