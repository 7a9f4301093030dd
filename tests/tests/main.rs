//! Whole calls: `ichat-call` against the stand-in, against itself, and against programs that no
//! one here wrote, through a real server. Each name says what holds.

mod bad_input;
mod callee_endings;
mod caller_endings;
mod conference;
mod demo;
mod devices;
mod doctor;
mod ejabberd;
mod harness;
mod inspect;
mod lan;
mod lan_losses;
mod lan_others;
mod long_calls;
mod nats;
mod old_macs;
mod presence;
mod prosodies;
mod recordings;
mod recovery;
mod regressions;
mod restarts;
mod ringing;
mod secrets;
mod servers;
mod sign_in;
mod signals;
mod sip_peers;
mod sites;
mod snatmap;
mod stanzas;
mod support;
mod two_of_ours;
mod usage;
