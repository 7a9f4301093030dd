//! Whole calls: `ichat-call` against the stand-in, against itself, and against programs that no
//! one here wrote, through a real server. Each name says what holds.

mod bad_input;
mod callee_endings;
mod caller_endings;
#[cfg(feature = "in-work")]
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
#[cfg(feature = "in-work")]
mod nats;
mod old_macs;
mod presence;
#[cfg(feature = "in-work")]
mod prosodies;
mod recordings;
mod recovery;
mod regressions;
#[cfg(feature = "in-work")]
mod restarts;
#[cfg(feature = "in-work")]
mod ringing;
mod servers;
mod sign_in;
mod signals;
mod sip_peers;
#[cfg(feature = "in-work")]
mod sites;
mod snatmap;
#[cfg(feature = "in-work")]
mod stanzas;
mod support;
mod two_of_ours;
mod usage;
