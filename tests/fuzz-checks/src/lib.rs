//! What must hold for any octets that come from outside.
//!
//! Each function is the body of the fuzz target of its name, and is run by the ordinary tests over
//! the seed corpora and everything that fuzzing found (`tests/replay.rs`). A function returns when
//! all is well and panics when it is not; that the decoders end, with little memory and without a
//! panic of their own, is the first thing that is checked.
//!
//! Machines that live in time are driven by a script: the input is read as a list of steps, each of
//! which begins with an octet that says what it is (`script.rs`).

// Some modules are files of other packages, whose own tests are built where they live.
#![cfg(not(test))]

mod agent;
mod classify;
mod formats;
mod http;
mod script;
mod sdp;
mod session;
mod sip;
mod snatmap;
mod stanza;
mod stun;
mod user_agent;

pub use classify::classify;
pub use formats::{candidates, hex, invitation, ipport_list, property_list, typedstream};
pub use http::http;
pub use sip::sip;
pub use snatmap::snatmap;
pub use stanza::stanza;
pub use stun::stun;
