#![doc = include_str!("../README.md")]

pub mod caps;
#[cfg(feature = "client")]
pub mod client;
pub mod contacts;
pub mod disco;
mod fault;
pub mod lan;
mod message;
pub mod ns;
mod presence;
mod roster;
pub mod session;
mod stanza;
pub mod vc;

pub use caps::{Caps, CapsNode, Dialect, ExtToken};
pub use contacts::{Contact, ResourceInfo};
pub use disco::Software;
pub use fault::StanzaFault;
pub use lan::{LanAvailability, LanPresence, VcLetters};
pub use presence::{Availability, Show};
pub use roster::Subscription;
pub use session::{
    AcceptPolicy, CAPS_VERSION, CallId, Event, Mode, NotCallable, Output, Over, Session,
    SessionConfig, StateError,
};
pub use stanza::StanzaError;
pub use vc::ResponseCode;
pub use xmpp_parsers::jid::{BareJid, FullJid, Jid};
pub use {minidom::Element, xmpp_parsers::jid};
