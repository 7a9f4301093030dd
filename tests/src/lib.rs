//! Whole calls against real servers and real peers: the harness.
//!
//! The scenarios in `tests/` start the programs as a user does, as child processes: `ichat-call`,
//! its counterpart `ichat-standin`, Prosody, ejabberd, baresip, SIPp, tshark. The harness starts them at
//! free ports of the loopback interface, knows that they are ready because they answer, waits for
//! events instead of sleeping, stops what it started by its process id, and shows the whole
//! transcript of every program of a scenario that fails.
//!
//! ```no_run
//! use scenarios::{ichat_call, prosody::Prosody, standin, seconds};
//!
//! let (ours, mac) = Prosody::shared().pair();
//! let peer = standin::answer(&mac).spawn();
//! peer.wait_online();
//! let call = ichat_call::call(&mac.jid).account(&ours).set("--duration", "1").spawn();
//! call.wait_for("connected", seconds(10));
//! call.finish(seconds(10)).assert_reason("hangup");
//! peer.verdict(seconds(10)).assert_ok();
//! ```
//!
//! What a scenario needs and does not find is skipped with a line on standard error, and is a
//! failure where the variable `CI` is set: see [`requires!`], [`requires_network!`] and
//! [`requires_internet!`].

pub mod account;
pub mod avahi;
pub mod baresip;
pub mod binary;
pub mod contrib;
pub mod coturn;
pub mod ejabberd;
pub mod finch;
pub mod finished;
pub mod home;
pub mod ichat_call;
pub mod internet;
pub mod nat;
pub mod netns;
pub mod old_tls;
pub mod pcap;
pub mod ports;
pub mod process;
pub mod program;
pub mod prosody;
pub mod pulse;
pub mod relay;
pub mod scratch;
pub mod server;
pub mod sipp;
pub mod stalls;
pub mod standin;
pub mod tls;
pub mod tone;
pub mod transcript;
pub mod ulaw;
pub mod wav;
pub mod wireshark;
pub(crate) mod wiring;
pub mod xmpp;

use std::time::Duration;

/// So many seconds.
pub const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// How long anything may take that happens at once on an idle machine. Long enough for a busy one.
pub const SOON: Duration = seconds(15);
