//! A stand-in for Apple's iChat in tests.
//!
//! An independent second implementation of what `docs/protocol` says about the wire: raw XML over
//! TCP, invitations, STUN checks, SIP, RTP and RTCP over UDP, all of its own; only multicast DNS is
//! somebody else's. It behaves like the iChat of the captures, misbehaves by flags, checks everything that it is sent and ends with a verdict in JSON.

mod agent;
mod agree;
mod bplist;
mod callable;
mod candidate;
mod checks;
mod cli;
mod client;
mod connectivity;
mod dialog;
mod driver;
mod ending;
mod happenings;
mod invitation;
mod ipport;
mod lan;
mod lan_flood;
mod lan_hostile;
mod lan_record;
mod lan_stream;
mod leg;
mod link;
mod losses;
mod media;
mod neighbours;
mod offered;
mod options;
mod pairs;
mod presence;
mod random;
mod ring;
mod rtcp;
mod rtp;
mod sdp;
mod sip;
mod sip_checks;
mod snatmap;
mod sockets;
mod start;
mod stun;
mod typedstream;
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
        Ok(cli::Request::Flood(bind, count)) => match lan_flood::run(bind, count) {
            Ok(()) => ExitCode::SUCCESS,
            Err(message) => {
                eprintln!("ichat-standin: {message}");
                ExitCode::FAILURE
            }
        },
        Ok(cli::Request::Run(options)) => start::run(*options),
        Err(message) => {
            eprintln!("ichat-standin: {message} (see --help)");
            ExitCode::from(2)
        }
    }
}
